package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	gh "github.com/google/go-github/v92/github"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// AppOptions say which GitHub App, for which repository.
type AppOptions struct {
	Repo Repo
	// ID is the App's id or its client id.
	ID string
	// Installation is the App's installation at the repository's owner. Without
	// it GitHub is asked.
	Installation int64
	// Key is the App's private key in PEM; see KeyFile.
	Key func() ([]byte, error)
	// UserAgent and Transport as in Options.
	UserAgent string
	Transport http.RoundTripper
}

// KeyFile reads the App's private key from a file, anew each time.
func KeyFile(path string) func() ([]byte, error) {
	return func() ([]byte, error) { return os.ReadFile(path) }
}

// App asks GitHub for tokens of a GitHub App. A token lives for an hour, reaches
// the one repository and no more than Watchbill needs of what the App may do.
// It is good for the API and for git over HTTPS, with the user x-access-token.
type App struct {
	opts    AppOptions
	api     *gh.Client
	clock   *clock
	secrets *secrets

	turn    chan struct{} // held while what follows is used
	token   string
	expires time.Time // by GitHub's clock
	id      int64
	slug    string
}

// NewApp makes no request.
func NewApp(opts AppOptions) (*App, error) {
	if opts.ID == "" || opts.Key == nil {
		return nil, errors.New("setting up the GitHub App: it needs the App's id and its private key")
	}
	home, err := opts.Repo.base()
	if err != nil {
		return nil, err
	}
	a := &App{opts: opts, clock: &clock{}, secrets: &secrets{}, turn: make(chan struct{}, 1)}
	auth := &bearer{next: capped{base(opts.Transport)}, home: home, secrets: a.secrets, token: a.signed, renew: a.wrongClock}
	a.api, err = newAPI(home, opts.UserAgent, a.clock.watch(auth))
	return a, err
}

// early is how long before its end a token is renewed: longer than any request or fetch takes.
const early = 5 * time.Minute

// Token returns an installation token that is good for some minutes at least.
// Asked again, it is the same one until it is to be renewed.
func (a *App) Token(ctx context.Context) (string, error) {
	end, err := a.begin(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	if a.token == "" || a.clock.now().Add(early).After(a.expires) {
		if err := a.renew(ctx); err != nil {
			return "", err
		}
	}
	return a.token, nil
}

// identity is the App's id and the name that its comments bear, less "[bot]".
func (a *App) identity(ctx context.Context) (id int64, slug string, err error) {
	end, err := a.begin(ctx)
	if err != nil {
		return 0, "", err
	}
	defer end()
	if a.slug == "" {
		if _, err := a.installation(ctx); err != nil {
			return 0, "", err
		}
	}
	return a.id, a.slug, nil
}

func (a *App) begin(ctx context.Context) (end func(), err error) {
	select {
	case a.turn <- struct{}{}:
		return func() { <-a.turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a token of the GitHub App: %w", ctx.Err())
	}
}

// installation looks the App's installation up, and learns who the App is.
func (a *App) installation(ctx context.Context) (*gh.Installation, error) {
	var found *gh.Installation
	var err error
	if a.opts.Installation != 0 {
		found, _, err = a.api.Apps.GetInstallation(ctx, a.opts.Installation)
	} else {
		found, _, err = a.api.Apps.GetRepositoryInstallation(ctx, a.opts.Repo.Owner, a.opts.Repo.Name)
	}
	if err != nil {
		return nil, a.explain("finding the GitHub App's installation", err)
	}
	a.id, a.slug = found.GetAppID(), found.GetAppSlug()
	return found, nil
}

func (a *App) renew(ctx context.Context) error {
	found, err := a.installation(ctx)
	if err != nil {
		return err
	}
	fresh, _, err := a.api.Apps.CreateInstallationToken(ctx, found.GetID(), &gh.InstallationTokenOptions{
		Repositories: []string{a.opts.Repo.Name},
		Permissions:  narrow(found.GetPermissions()),
	})
	if err != nil {
		return a.explain("asking for a token of the GitHub App", err)
	}
	if fresh.GetToken() == "" {
		return errors.New("asking for a token of the GitHub App: the answer has none")
	}
	a.token, a.expires = fresh.GetToken(), fresh.GetExpiresAt().Time
	a.secrets.add(a.token)
	return nil
}

// narrow asks for what Watchbill needs, as far as the App has it: GitHub refuses
// to give more than that.
func narrow(has *gh.InstallationPermissions) *gh.InstallationPermissions {
	read := func(have *string) *string {
		if have == nil {
			return nil
		}
		return new("read")
	}
	return &gh.InstallationPermissions{
		Metadata: read(has.Metadata), Contents: read(has.Contents),
		Statuses: has.Statuses, PullRequests: has.PullRequests, Checks: has.Checks, Deployments: has.Deployments,
	}
}

// Refused is told of a token that GitHub, or git there, did not take. The next
// Token is another one.
func (a *App) Refused(ctx context.Context, token string) error {
	end, err := a.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if a.token == token {
		a.token = ""
	}
	return nil
}

func (a *App) refused(token string, answer *http.Response) bool {
	return a.Refused(answer.Request.Context(), token) == nil
}

// explain is as Client.explain; everything about an App may be mended while we run.
func (a *App) explain(doing string, err error) error {
	var answer *gh.ErrorResponse
	var after time.Duration
	var hint string
	if errors.As(err, &answer) {
		after = retryAfter(answer.Response)
		switch answer.Response.StatusCode {
		case http.StatusUnauthorized:
			hint = "check the App's id and that the key is one of its own"
		case http.StatusForbidden:
			hint = "check that the installation is not suspended"
		case http.StatusNotFound:
			hint = "check that the App is installed on the repository"
		case http.StatusUnprocessableEntity:
			hint = "check that the installation may see the repository"
		}
	}
	return &forge.RetryError{After: after, Err: say(a.secrets, doing, hint, err)}
}
