package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/go-github/v92/github"
)

// GitHubOptions say which repository, and who asks.
type GitHubOptions struct {
	// Repo to report to, as ParseRepo finds it.
	Repo Repo
	// Token is asked for at every request, so that it can be rotated; see
	// TokenFile. It needs the right to write commit statuses, and no other.
	Token func() (string, error)
	// UserAgent names us to GitHub. Default "watchbill".
	UserAgent string
}

// TokenFile reads a token from a file, anew each time.
func TokenFile(path string) func() (string, error) {
	return func() (string, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("reading the forge's token: %w", err)
		}
		token := strings.TrimSpace(string(b))
		if token == "" {
			return "", fmt.Errorf("reading the forge's token: %s is empty", path)
		}
		return token, nil
	}
}

// GitHub writes commit statuses to github.com or a GitHub Enterprise server. It
// writes none that the commit shows already, also not after a restart: before
// the first one for a commit and context it asks what stands there.
type GitHub struct {
	repo   Repo
	client *github.Client
	auth   *bearer

	mu    sync.Mutex
	shown map[key]Status // what GitHub is known to show
	order []key          // oldest first, to bound shown
}

type key struct{ commit, context string }

// remembered is for how many commits and contexts GitHub knows what is shown.
const remembered = 1000

// NewGitHub makes no request.
func NewGitHub(opts GitHubOptions) (*GitHub, error) {
	if opts.Repo.Owner == "" || opts.Repo.Name == "" {
		return nil, errors.New("setting up GitHub: the repository is not named; give it as OWNER/NAME")
	}
	if opts.Token == nil {
		return nil, errors.New("setting up GitHub: there is no token; give it as a file")
	}
	base, err := url.Parse(opts.Repo.API)
	if err != nil || base.Host == "" || base.User != nil {
		return nil, errors.New("setting up GitHub: the API's address must be a URL such as https://api.github.com/, without a credential")
	}
	if !strings.HasSuffix(base.Path, "/") {
		base.Path += "/"
	}
	agent := opts.UserAgent
	if agent == "" {
		agent = "watchbill"
	}
	auth := &bearer{next: http.DefaultTransport, token: opts.Token, host: base.Host}
	address := base.String()
	client, err := github.NewClient(
		github.WithHTTPClient(&http.Client{Transport: auth}),
		github.WithURLs(&address, &address),
		github.WithUserAgent(agent),
		// How long to wait is Async's business; a huge answer must not silence us for days.
		github.WithMaxSecondaryRateLimitRetryAfterDuration(time.Hour),
	)
	if err != nil {
		return nil, fmt.Errorf("setting up GitHub: %w", err)
	}
	return &GitHub{repo: opts.Repo, client: client, auth: auth, shown: map[key]Status{}}, nil
}

// Report implements Reporter. A *RetryError says that it may go well later;
// every other error is for good.
func (g *GitHub) Report(ctx context.Context, s Status) error {
	if err := s.check(); err != nil {
		return err
	}
	s = fit(s)
	known, ok, err := g.current(ctx, s)
	if err != nil {
		return g.explain("reading", s, err)
	}
	if ok && known == s {
		return nil
	}
	_, _, err = g.client.Repositories.CreateStatus(ctx, g.repo.Owner, g.repo.Name, s.Commit, github.RepoStatus{
		State:       new(string(s.State)),
		Context:     &s.Context,
		Description: &s.Text,
		TargetURL:   optional(s.URL),
	})
	if err != nil {
		// It may have come through all the same; what is shown must be asked for.
		g.forget(s)
		return g.explain("writing", s, err)
	}
	g.remember(s)
	return nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// current is what the commit shows in the status's context.
func (g *GitHub) current(ctx context.Context, s Status) (Status, bool, error) {
	g.mu.Lock()
	known, ok := g.shown[key{s.Commit, s.Context}]
	g.mu.Unlock()
	if ok {
		return known, true, nil
	}
	// The combined status holds the newest of each context, where the list holds
	// every status ever written.
	opts := &github.ListOptions{PerPage: 100}
	for {
		combined, answer, err := g.client.Repositories.GetCombinedStatus(ctx, g.repo.Owner, g.repo.Name, s.Commit, opts)
		if err != nil {
			return Status{}, false, err
		}
		for _, old := range combined.Statuses {
			if old.GetContext() == s.Context {
				found := Status{Commit: s.Commit, Context: s.Context, State: State(old.GetState()), Text: old.GetDescription(), URL: old.GetTargetURL()}
				g.remember(found)
				return found, true, nil
			}
		}
		if opts.Page = answer.NextPage; opts.Page == 0 {
			return Status{}, false, nil
		}
	}
}

func (g *GitHub) remember(s Status) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := key{s.Commit, s.Context}
	if _, ok := g.shown[k]; !ok {
		g.order = append(g.order, k)
	}
	g.shown[k] = s
	if len(g.order) > remembered {
		delete(g.shown, g.order[0])
		g.order = g.order[1:]
	}
}

func (g *GitHub) forget(s Status) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := key{s.Commit, s.Context}
	delete(g.shown, k)
	for i := range g.order {
		if g.order[i] == k {
			g.order = append(g.order[:i:i], g.order[i+1:]...)
			break
		}
	}
}

// bearer adds the token to requests that go to the API's own host, and to no
// other that a redirect may lead to.
type bearer struct {
	next  http.RoundTripper
	token func() (string, error)
	host  string

	mu   sync.Mutex
	last string // for redact
}

// errToken is an error of the token's source, which may be mended meanwhile.
type errToken struct{ error }

func (e errToken) Unwrap() error { return e.error }

// RoundTrip implements http.RoundTripper.
func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host == b.host {
		token, err := b.token()
		if err != nil {
			return nil, errToken{err}
		}
		b.mu.Lock()
		b.last = token
		b.mu.Unlock()
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return b.next.RoundTrip(req)
}

// redact takes the token out of a text that somebody else wrote.
func (b *bearer) redact(text string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == "" {
		return text
	}
	return strings.ReplaceAll(text, b.last, "REDACTED")
}
