package github

import (
	"context"
	"fmt"

	gh "github.com/google/go-github/v92/github"

	"github.com/watchbill/watchbill/reconcile/forge"
)

const readPullsRight = `"Pull requests: read"`

// maxPulls is how many open pull requests are looked at, the newest first.
const maxPulls = 1000

// Pulls implements forge.Forge. While nothing changes it costs nothing of the
// rate limit. GitHub's list does not tell of conflicts; Pull does.
func (c *Client) Pulls(ctx context.Context, branch string) ([]forge.Pull, error) {
	opts := &gh.PullRequestListOptions{State: "open", Base: branch, Sort: "created", Direction: "desc"}
	opts.PerPage = 100
	var pulls []forge.Pull
	for len(pulls) < maxPulls {
		page, answer, err := c.api.PullRequests.List(ctx, c.repo.Owner, c.repo.Name, opts)
		if err != nil {
			return nil, c.explain("listing pull requests against "+branch, readPullsRight, err)
		}
		for _, p := range page {
			pulls = append(pulls, pull(p))
		}
		if opts.Page = answer.NextPage; opts.Page == 0 {
			break
		}
	}
	return pulls, nil
}

// Pull implements forge.Forge.
func (c *Client) Pull(ctx context.Context, number int) (forge.Pull, error) {
	p, _, err := c.api.PullRequests.Get(ctx, c.repo.Owner, c.repo.Name, number)
	if err != nil {
		return forge.Pull{}, c.explain(fmt.Sprintf("reading pull request %d", number), readPullsRight, err)
	}
	return pull(p), nil
}

func pull(p *gh.PullRequest) forge.Pull {
	head, base := p.GetHead(), p.GetBase()
	return forge.Pull{
		Number: p.GetNumber(), Title: clean(p.GetTitle()), URL: p.GetHTMLURL(), Author: p.GetUser().GetLogin(),
		Base: base.GetRef(), Head: head.GetSHA(),
		MergeRef: fmt.Sprintf("refs/pull/%d/merge", p.GetNumber()),
		// Null means that GitHub is still trying; the merge reference then holds
		// the result for an earlier head, or none.
		Conflict: p.Mergeable != nil && !*p.Mergeable && p.GetState() == "open",
		// A fork that was deleted since has no repository.
		Fork: head.GetRepo().GetID() != base.GetRepo().GetID(),
		Open: p.GetState() == "open",
	}
}
