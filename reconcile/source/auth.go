package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
)

// Auth is how the remote is told who asks. Every secret is read anew at each
// fetch, so that it can be rotated without a restart.
type Auth struct {
	// Username for basic authentication, default "x-access-token", which GitHub
	// wants with a token and most other hosts take; for ssh the default is the
	// URL's user, or "git".
	Username string
	// Password or access token, for basic authentication over https.
	Password Secret
	// Token gives a password that is made anew from time to time, in the place of
	// Password.
	Token func(context.Context) (string, error)
	// Refused, if set, is told of a Token that the remote did not take. Without an
	// error, Token is asked once more and is to give another one.
	Refused func(ctx context.Context, token string) error
	// BearerToken is sent as "Authorization: Bearer", for hosts that want it so.
	BearerToken Secret
	// SSHKey is the private key, a deploy key say, and SSHPassphrase what it is
	// locked with.
	SSHKey        Secret
	SSHPassphrase Secret
	// KnownHosts is a file in OpenSSH's format, required for ssh.
	KnownHosts string
}

// Secret says where a secret is to be found: in a file or in a variable of the
// environment. The zero value is no secret.
type Secret struct {
	File string
	Env  string
}

func (s Secret) set() bool { return s != Secret{} }

// Read returns the secret without the white space around it.
func (s Secret) Read() (string, error) {
	if !s.set() {
		return "", nil
	}
	text, from := os.Getenv(s.Env), "environment variable "+s.Env
	if s.File != "" {
		content, err := os.ReadFile(s.File)
		if err != nil {
			return "", fmt.Errorf("reading a secret: %w", err)
		}
		text, from = string(content), s.File
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", fmt.Errorf("reading a secret: %s is empty", from)
	}
	return text, nil
}

// parseURL takes the forms of a remote that git takes. It refuses credentials
// inside, for a URL is shown in logs, process lists and errors; the errors here
// therefore never quote it.
func parseURL(raw string) (*transport.Endpoint, error) {
	const noCredential = "the URL holds a credential; take it out and give it as a file or in the environment"
	if raw == "" {
		return nil, errors.New("reading the remote's URL: it is empty")
	}
	end, err := transport.NewEndpoint(raw)
	if err != nil {
		return nil, errors.New("reading the remote's URL: it is not one that `git clone` takes")
	}
	switch end.Protocol {
	case "https", "http":
		u, err := url.Parse(raw)
		if err != nil || u.Hostname() == "" {
			return nil, errors.New("reading the remote's URL: it names no host")
		}
		// A user alone may be a token, and so may a query.
		if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, errors.New("reading the remote's URL: " + noCredential)
		}
	case "ssh":
		if end.Password != "" || strings.Contains(end.User, ":") {
			return nil, errors.New("reading the remote's URL: " + noCredential)
		}
		if end.Host == "" || strings.HasPrefix(end.Host, "-") {
			return nil, errors.New("reading the remote's URL: it names no host")
		}
	case "file":
		if end.Host != "" || end.Path == "" {
			return nil, errors.New("reading the remote's URL: a file URL has three slashes and a path")
		}
	default:
		return nil, fmt.Errorf("reading the remote's URL: %s:// is not supported; use https://, ssh:// or a path", printable(end.Protocol, 20))
	}
	return end, nil
}

// check refuses what cannot work, or would tell a secret to everybody.
func (a Auth) check(end *transport.Endpoint, plainHTTP bool) error {
	web := 0
	for _, given := range []bool{a.Password.set(), a.BearerToken.set(), a.Token != nil} {
		if given {
			web++
		}
	}
	switch {
	case web > 1:
		return errors.New("reading credentials: more than one of a password, a bearer token and an App is given; keep one")
	case web > 0 && end.Protocol != "https" && end.Protocol != "http":
		return fmt.Errorf("reading credentials: a password or token is given for a remote of kind %s, which takes none", end.Protocol)
	case web > 0 && end.Protocol == "http" && !plainHTTP && !loopback(end.Host):
		return errors.New("reading credentials: http:// would send them readable by everyone; use https:// or allow it on purpose")
	case end.Protocol == "ssh" && (!a.SSHKey.set() || a.KnownHosts == ""):
		return errors.New("reading credentials: ssh needs a private key and a known_hosts file; give both")
	}
	return nil
}

func loopback(host string) bool {
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
