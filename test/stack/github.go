package stack

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/watchbill/watchbill/test/github"
)

const (
	// githubPort is that of the stand-in for GitHub inside the local cluster's network.
	githubPort = 8092
	// HookPort is where the daemon takes webhooks.
	HookPort = 9534
	// HookSecret signs them.
	HookSecret = Planted + "-webhook"

	githubOwner, githubName = "example", "monitoring"
	githubApp               = 7
)

// GitHub is a stand-in for GitHub that the daemon speaks to as an App. It knows
// the repository by name only; git is served beside it, as ever.
type GitHub struct {
	*github.Server
	// Repository is what it shows of the monitoring repo.
	Repository *github.Repo
	// Key is a line of the App's private key, to look for where it must not be.
	Key string
	end func() error
}

// Serve is an Options.Forge. The judge is the program that WATCHBILL_PRISM names.
func (g *GitHub) Serve(ctx context.Context, listen func(port int) (net.Listener, error)) (Forge, error) {
	var err error
	if g.Server, err = github.Start(ctx, github.Options{}); err != nil {
		return Forge{}, err
	}
	g.Repository = g.Repo(githubOwner, githubName)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return Forge{}, err
	}
	g.App(github.App{ID: githubApp, Key: &key.PublicKey})
	text := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	g.Key = strings.Split(text, "\n")[3]
	base, err := url.Parse(g.URL)
	if err != nil {
		return Forge{}, err
	}
	listener, err := listen(githubPort)
	if err != nil {
		return Forge{}, fmt.Errorf("listen for the forge: %w", err)
	}
	proxy := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: base.Scheme, Host: base.Host})
	}}}
	ended := make(chan error, 1)
	go func() { ended <- proxy.Serve(listener) }()
	g.end = func() error {
		err := proxy.Close()
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return errors.Join(err, g.Server.Close())
	}
	return Forge{
		Settings: map[string]string{
			"WATCHBILL_GITHUB_URL":          "http://" + listener.Addr().String() + base.Path,
			"WATCHBILL_GITHUB_REPOSITORY":   githubOwner + "/" + githubName,
			"WATCHBILL_GITHUB_APP_ID":       strconv.Itoa(githubApp),
			"WATCHBILL_GITHUB_APP_KEY_FILE": "/etc/watchbill/credentials/github-app-key",
			"WATCHBILL_WEBHOOK_LISTEN":      ":" + strconv.Itoa(HookPort),
			"WATCHBILL_WEBHOOK_SECRET_FILE": "/etc/watchbill/credentials/webhook-secret",
			"WATCHBILL_PULL_REQUESTS":       "true",
		},
		Credentials: map[string]string{"github-app-key": text, "webhook-secret": HookSecret},
	}, nil
}

// Close ends it.
func (g *GitHub) Close() error {
	if g.end == nil {
		return nil
	}
	return g.end()
}

// Propose makes a pull request of what is changed in the clone, or pushes to it,
// and leaves the clone as it was. It returns the head commit.
func (s *Stack) Propose(ctx context.Context, g *GitHub, pull github.Pull, message string) (string, error) {
	main, err := s.Repo.Head(ctx)
	if err != nil {
		return "", err
	}
	topic := fmt.Sprintf("topic-%d", pull.Number)
	if _, err := s.Repo.Git(ctx, "checkout", "--quiet", "-B", topic); err != nil {
		return "", err
	}
	if pull.Head, err = s.Repo.Commit(ctx, message); err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"checkout", "--quiet", "-B", topic + "-merge", main},
		{"merge", "--quiet", "--no-ff", "--message", "Merge " + pull.Head + " into " + main, topic},
	} {
		if _, err := s.Repo.Git(ctx, args...); err != nil {
			return "", err
		}
	}
	if pull.MergeCommit, err = s.Repo.Head(ctx); err != nil {
		return "", err
	}
	ref := fmt.Sprintf("refs/pull/%d/", pull.Number)
	for _, args := range [][]string{
		{"push", "--quiet", "--force", "origin", topic + ":" + ref + "head", topic + "-merge:" + ref + "merge"},
		{"checkout", "--quiet", Branch},
	} {
		if _, err := s.Repo.Git(ctx, args...); err != nil {
			return "", err
		}
	}
	yes := true
	pull.Base, pull.BaseCommit, pull.Branch, pull.Mergeable = Branch, main, topic, &yes
	g.Repository.SetPull(pull)
	return pull.Head, nil
}

// Hook delivers a webhook to the daemon, with GitHub's own example of such an
// event, changed to be of our repository by set.
func (s *Stack) Hook(ctx context.Context, event, secret string, set func(payload map[string]any)) (status int, answer string, err error) {
	to, err := s.HookURL(ctx)
	if err != nil {
		return 0, "", err
	}
	return s.HookTo(ctx, to, event, secret, set)
}

// HookTo delivers to one of [Stack.HookURLs], as Hook does.
func (s *Stack) HookTo(ctx context.Context, to, event, secret string, set func(payload map[string]any)) (status int, answer string, err error) {
	payloads, err := github.Payloads(event)
	if err != nil {
		return 0, "", err
	}
	var payload map[string]any
	if err := json.Unmarshal(payloads[0].Body, &payload); err != nil {
		return 0, "", err
	}
	if repository, ok := payload["repository"].(map[string]any); ok {
		repository["full_name"], repository["name"] = githubOwner+"/"+githubName, githubName
	}
	set(payload)
	body, err := json.Marshal(payload)
	if err != nil {
		return 0, "", err
	}
	request, err := github.Delivery(ctx, to, secret, event, body)
	if err != nil {
		return 0, "", err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: s.Cluster.Dial}}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(bytes.TrimSpace(text)), err
}

// HookURL is where the daemon takes webhooks, in the cluster's network.
func (s *Stack) HookURL(ctx context.Context) (string, error) {
	all, err := s.HookURLs(ctx)
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "", errors.New("no daemon runs")
	}
	return all[slices.Min(slices.Collect(maps.Keys(all)))], nil
}

// HookURLs are those of each of the daemon's pods, by name.
func (s *Stack) HookURLs(ctx context.Context) (map[string]string, error) {
	pods, err := s.Pods(ctx, Deployment)
	all := map[string]string{}
	for _, pod := range pods {
		all[pod.Name] = "http://" + net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(HookPort)) + "/hooks/github"
	}
	return all, err
}
