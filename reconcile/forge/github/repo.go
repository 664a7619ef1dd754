package github

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// Repo is a repository on a GitHub.
type Repo struct {
	// API is the base of its REST API, e.g. "https://api.github.com/".
	API         string
	Owner, Name string
}

var (
	scpForm  = regexp.MustCompile(`^(?:[^@/\s]+@)?([^:/\s]+):([^/].*)$`)
	hostForm = regexp.MustCompile(`^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]+)?$`)
	nameForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
)

var (
	errNotGitHub = errors.New("finding the repository in its git URL: it is not of a GitHub; name the API and the repository explicitly")
	errNoName    = errors.New("finding the repository in its git URL: the path is not OWNER/NAME; name it explicitly")
)

// base is the API's address, with the slash at its end.
func (r Repo) base() (*url.URL, error) {
	base, err := url.Parse(r.API)
	if err != nil || base.Host == "" || base.User != nil {
		return nil, errors.New("setting up GitHub: the API's address must be a URL such as https://api.github.com/, without a credential")
	}
	if !strings.HasSuffix(base.Path, "/") {
		base.Path += "/"
	}
	return base, nil
}

// ParseRepo finds the repository that a git URL is of: https, ssh, or
// user@host:path. Any host but github.com and *.ghe.com is taken for a GitHub
// Enterprise server, for its name does not tell.
func ParseRepo(raw string) (Repo, error) {
	host, path, err := split(raw)
	if err != nil {
		return Repo{}, err
	}
	if !hostForm.MatchString(host) {
		return Repo{}, errNotGitHub
	}
	parts := strings.Split(strings.TrimSuffix(strings.Trim(path, "/"), ".git"), "/")
	if len(parts) != 2 {
		return Repo{}, errNoName
	}
	for _, part := range parts {
		if !nameForm.MatchString(part) || strings.Trim(part, ".") == "" {
			return Repo{}, errNoName
		}
	}
	return Repo{API: apiOf(host), Owner: parts[0], Name: parts[1]}, nil
}

// ParseName reads OWNER/NAME, for a repository whose URL does not tell.
func ParseName(name string) (owner, repo string, err error) {
	r, err := ParseRepo("https://github.com/" + name)
	if err != nil {
		return "", "", fmt.Errorf("reading the repository's name %q: it is not OWNER/NAME", clean(name))
	}
	return r.Owner, r.Name, nil
}

// split gives host, with its port if that one is of https, and path. Errors do
// not quote the URL, which may hold a credential.
func split(raw string) (host, path string, err error) {
	if !strings.Contains(raw, "://") {
		m := scpForm.FindStringSubmatch(raw)
		if m == nil {
			return "", "", errNotGitHub
		}
		return m[1], m[2], nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return "", "", errNotGitHub
	}
	switch u.Scheme {
	case "https", "http":
		return u.Host, u.Path, nil
	case "ssh":
		return u.Hostname(), u.Path, nil
	}
	return "", "", errNotGitHub
}

func apiOf(host string) string {
	name := strings.ToLower(host)
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	switch {
	case name == "github.com", name == "www.github.com", name == "ssh.github.com":
		return "https://api.github.com/"
	case strings.HasSuffix(name, ".ghe.com"):
		return "https://api." + name + "/"
	}
	return "https://" + host + "/api/v3/"
}
