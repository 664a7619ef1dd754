package github

import (
	"context"

	gh "github.com/google/go-github/v92/github"

	"github.com/watchbill/watchbill/reconcile/forge"
)

type statusKey struct{ commit, context string }

func keyOf(s forge.Status) statusKey { return statusKey{s.Commit, s.Context} }

const statusRight = `"Commit statuses: write"`

// Report implements forge.Reporter. A *forge.RetryError says that it may go well
// later; every other error is for good.
func (c *Client) Report(ctx context.Context, s forge.Status) error {
	if err := s.Check(); err != nil {
		return err
	}
	s = fit(s)
	known, ok, err := c.current(ctx, s)
	if err != nil {
		return c.explain("reading status "+s.Context+" of "+s.Commit, statusRight, err)
	}
	if ok && known == s {
		return nil
	}
	_, _, err = c.api.Repositories.CreateStatus(ctx, c.repo.Owner, c.repo.Name, s.Commit, gh.RepoStatus{
		State:       new(string(s.State)),
		Context:     &s.Context,
		Description: &s.Text,
		TargetURL:   optional(s.URL),
	})
	if err != nil {
		// It may have come through all the same; what is shown must be asked for.
		c.statuses.drop(keyOf(s))
		return c.explain("writing status "+s.Context+" of "+s.Commit, statusRight, err)
	}
	c.statuses.store(keyOf(s), s)
	return nil
}

// current is what the commit shows in the status's context.
func (c *Client) current(ctx context.Context, s forge.Status) (forge.Status, bool, error) {
	if known, ok := c.statuses.load(keyOf(s)); ok {
		return known, true, nil
	}
	// The combined status holds the newest of each context, where the list holds
	// every status ever written.
	opts := &gh.ListOptions{PerPage: 100}
	for {
		combined, answer, err := c.api.Repositories.GetCombinedStatus(ctx, c.repo.Owner, c.repo.Name, s.Commit, opts)
		if err != nil {
			return forge.Status{}, false, err
		}
		for _, old := range combined.Statuses {
			if old.GetContext() == s.Context {
				found := forge.Status{Commit: s.Commit, Context: s.Context, State: forge.State(old.GetState()), Text: old.GetDescription(), URL: old.GetTargetURL()}
				c.statuses.store(keyOf(s), found)
				return found, true, nil
			}
		}
		if opts.Page = answer.NextPage; opts.Page == 0 {
			return forge.Status{}, false, nil
		}
	}
}
