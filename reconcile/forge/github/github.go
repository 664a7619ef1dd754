// Package github is the [forge.Forge] that GitHub is: github.com, and any GitHub
// Enterprise server.
//
// A [Client] speaks for one repository, with the token of a user or as a GitHub
// App ([App]). It writes commit statuses, keeps one comment on a pull request up
// to date, and, where the App may, shows check runs and deployments. It writes
// only what is not shown already, also after a restart: what stands there is
// asked first, and remembered.
//
// Every request goes through the same layers:
//
//	budget   waits out rate limits; keeps the last part of the limit for statuses
//	cache    asks only whether an answer has changed, which costs nothing
//	bearer   adds the token, for the API's own host alone; renews it when refused
//	capped   ends an answer that is too long
//
// Errors hold no token: what GitHub said is quoted as text with the token taken
// out. It does not retry; a *forge.RetryError says when to try again.
package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	gh "github.com/google/go-github/v92/github"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// Options say which repository, and who asks.
type Options struct {
	// Repo to report to, as ParseRepo finds it.
	Repo Repo
	// Token of a user is asked for at every request, so that it can be rotated;
	// see TokenFile.
	Token func(context.Context) (string, error)
	// App takes the place of Token. Only an App has check runs.
	App *App
	// UserAgent names us to GitHub. Default "watchbill".
	UserAgent string
	// Transport below all else. Default http.DefaultTransport, which heeds the
	// environment's proxies.
	Transport http.RoundTripper
}

// TokenFile reads a token from a file, anew each time.
func TokenFile(path string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
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

// Client is a repository on GitHub. It may be used concurrently; comments, check
// runs and deployments are written one at a time, as GitHub asks for.
type Client struct {
	repo    Repo
	api     *gh.Client
	app     *App
	budget  *budget
	secrets *secrets

	turn   chan struct{} // held while a comment, check run or deployment is written
	viewer *gh.User      // the token's user, once it is known; for who holds the turn

	statuses    memory[statusKey, forge.Status]
	comments    memory[commentKey, shownComment]
	checks      memory[checkKey, string]
	deployments memory[deploymentKey, shownDeployment]
	refused     memory[string, time.Time] // until when a feature is not tried
}

var _ forge.Forge = (*Client)(nil)

// New makes no request.
func New(opts Options) (*Client, error) {
	if opts.Repo.Owner == "" || opts.Repo.Name == "" {
		return nil, errors.New("setting up GitHub: the repository is not named; give it as OWNER/NAME")
	}
	if opts.Token == nil && opts.App == nil {
		return nil, errors.New("setting up GitHub: there is no token; give it as a file, or a GitHub App's key")
	}
	c := &Client{repo: opts.Repo, app: opts.App, budget: &budget{}, secrets: &secrets{}, turn: make(chan struct{}, 1)}
	auth := &bearer{next: capped{base(opts.Transport)}, token: opts.Token, secrets: c.secrets}
	if opts.App != nil {
		c.secrets = opts.App.secrets
		auth.token, auth.renew, auth.secrets = opts.App.Token, opts.App.refused, c.secrets
	}
	var err error
	if auth.home, err = opts.Repo.base(); err != nil {
		return nil, err
	}
	c.api, err = newAPI(auth.home, opts.UserAgent, &limited{next: newCache(auth), budget: c.budget})
	return c, err
}

func base(given http.RoundTripper) http.RoundTripper {
	if given != nil {
		return given
	}
	return http.DefaultTransport
}

// patience is how long one request may take.
const patience = time.Minute

func newAPI(home *url.URL, agent string, transport http.RoundTripper) (*gh.Client, error) {
	if agent == "" {
		agent = "watchbill"
	}
	address := home.String()
	api, err := gh.NewClient(
		gh.WithHTTPClient(&http.Client{Transport: transport, Timeout: patience}),
		gh.WithURLs(&address, &address),
		gh.WithUserAgent(agent),
		// The client's own check believes this machine's clock; see budget.
		gh.WithDisableRateLimitCheck(),
	)
	if err != nil {
		return nil, fmt.Errorf("setting up GitHub: %w", err)
	}
	return api, nil
}

// RateLimit is what GitHub last said of the primary rate limit.
type RateLimit struct {
	Limit, Remaining int
	// Reset is when Remaining becomes Limit again, by this machine's clock.
	Reset time.Time
}

// RateLimit is all zero before the first answer, and where the server has no limit.
func (c *Client) RateLimit() RateLimit { return c.budget.rate() }

// App is what the client acts as; nil with the token of a user.
func (c *Client) App() *App { return c.app }

// begin waits for the turn to write what is not a status. The caller calls end.
func (c *Client) begin(ctx context.Context, doing string) (end func(), err error) {
	select {
	case c.turn <- struct{}{}:
		return func() { <-c.turn }, nil
	case <-ctx.Done():
		return nil, &forge.RetryError{Err: fmt.Errorf("%s: %w", doing, ctx.Err())}
	}
}

// spare refuses while what is left of the rate limit is kept for statuses.
func (c *Client) spare(doing string) error {
	if wait := c.budget.low(); wait > 0 {
		return &forge.RetryError{After: wait, Err: errors.New(doing + ": what is left of GitHub's rate limit is kept for statuses")}
	}
	return nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
