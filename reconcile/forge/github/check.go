package github

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	gh "github.com/google/go-github/v92/github"

	"github.com/watchbill/watchbill/reconcile/forge"
)

type checkKey struct{ commit, name string }

const checkRight = `"Checks: write" of a GitHub App`

// What GitHub takes of a check run, in bytes and in annotations a request.
const (
	maxOutput      = 65535
	maxTitle       = 250
	maxAnnotations = 50
)

// Check implements forge.Forge with a check run. The digest of all that it shows
// is its external id, so that it is known again after a restart. Annotations can
// be added to a check run and never taken away; one that shows others than are
// wanted is therefore followed by a new one of the same name, which takes its
// place on GitHub.
//
// When a person asks for a check run again, GitHub clears it without a word to
// us but the webhook's: whoever hears that says Pending first.
func (c *Client) Check(ctx context.Context, ck forge.Check) error {
	if c.app == nil {
		return fmt.Errorf("%w: check runs need a GitHub App", forge.ErrUnsupported)
	}
	if ck.Commit == "" || ck.Name == "" {
		return errors.New("showing a check: it needs a commit and a name")
	}
	if err := c.may(checkRight); err != nil {
		return err
	}
	doing := "showing check " + ck.Name + " of " + ck.Commit
	end, err := c.begin(ctx, doing)
	if err != nil {
		return err
	}
	defer end()
	want := wanted(ck)
	place := checkKey{ck.Commit, ck.Name}
	if shown, ok := c.checks.load(place); ok && shown == want.digest {
		return nil
	}
	if err := c.spare(doing); err != nil {
		return err
	}
	c.checks.drop(place)
	if err := c.showCheck(ctx, want); err != nil {
		return c.unsupported(doing, checkRight, err)
	}
	c.checks.store(place, want.digest)
	return nil
}

// checkRun is a check run as it should be.
type checkRun struct {
	commit, name, url    string
	status, conclusion   string
	title, summary, text string
	annotations          []*gh.CheckRunAnnotation
	digest               string
}

func wanted(ck forge.Check) checkRun {
	run := checkRun{
		commit: ck.Commit, name: cut(ck.Name, maxTitle), url: link(ck.URL), status: "completed",
		title: cut(ck.Title, maxTitle), summary: cutMarkdown(ck.Summary, maxOutput, byteLen),
	}
	if run.title == "" {
		run.title = run.name // GitHub shows no output without a title
	}
	switch ck.State {
	case forge.Pending:
		run.status = "in_progress"
	case forge.Success, forge.Failure:
		run.conclusion = string(ck.State)
	default: // not the commit's fault, and yet no reason to merge it
		run.conclusion = "cancelled"
	}
	run.annotations, run.text = annotations(ck.Notes)
	// What is digested are plain values, which always marshal.
	content, _ := json.Marshal([]any{run.url, run.status, run.conclusion, run.title, run.summary, run.text, run.annotations})
	sum := sha256.Sum256(content)
	run.digest = "watchbill-" + hex.EncodeToString(sum[:])
	return run
}

func byteLen(s string) int { return len(s) }

// showCheck brings the newest run of the name to where it should be, or makes one.
func (c *Client) showCheck(ctx context.Context, want checkRun) error {
	have, err := c.newestRun(ctx, want)
	if err != nil {
		return err
	}
	shown := have.GetOutput().GetAnnotationsCount()
	switch {
	case have != nil && have.GetExternalID() == want.digest:
		if shown >= len(want.annotations) && have.GetStatus() == want.status {
			return nil
		}
		// It was broken off in the middle.
	case have != nil && shown == 0 && (have.GetStatus() != "completed" || want.status == "completed"):
	default:
		have, shown = nil, 0
	}
	rest := want.annotations[min(shown, len(want.annotations)):]
	if have == nil {
		first := rest[:min(len(rest), maxAnnotations)]
		rest = rest[len(first):]
		status, conclusion := want.stage(len(rest) == 0)
		made, _, err := c.api.Checks.CreateCheckRun(ctx, c.repo.Owner, c.repo.Name, gh.CreateCheckRunOptions{
			Name: want.name, HeadSHA: want.commit, DetailsURL: optional(want.url), ExternalID: &want.digest,
			Status: &status, Conclusion: optional(conclusion), Output: want.output(first),
		})
		if err != nil || len(rest) == 0 {
			return err
		}
		have = made
	}
	return c.extend(ctx, want, have.GetID(), rest)
}

// newestRun of this name is the one that GitHub shows; nil if there is none.
func (c *Client) newestRun(ctx context.Context, want checkRun) (*gh.CheckRun, error) {
	id, _, err := c.app.identity(ctx)
	if err != nil {
		return nil, err
	}
	list, _, err := c.api.Checks.ListCheckRunsForRef(ctx, c.repo.Owner, c.repo.Name, want.commit, &gh.ListCheckRunsOptions{
		CheckName: &want.name, AppID: &id, Filter: new("latest"),
	})
	if err != nil {
		return nil, err
	}
	var newest *gh.CheckRun
	for _, run := range list.CheckRuns {
		ours := run.GetName() == want.name && run.GetApp().GetID() == id
		if ours && (newest == nil || run.GetID() > newest.GetID()) {
			newest = run
		}
	}
	return newest, nil
}

// extend updates a run, with as many annotations in each request as GitHub
// takes. Only the last request concludes it.
func (c *Client) extend(ctx context.Context, want checkRun, id int64, rest []*gh.CheckRunAnnotation) error {
	for {
		batch := rest[:min(len(rest), maxAnnotations)]
		rest = rest[len(batch):]
		status, conclusion := want.stage(len(rest) == 0)
		_, _, err := c.api.Checks.UpdateCheckRun(ctx, c.repo.Owner, c.repo.Name, id, gh.UpdateCheckRunOptions{
			Name: want.name, DetailsURL: optional(want.url), ExternalID: &want.digest,
			Status: &status, Conclusion: optional(conclusion), Output: want.output(batch),
		})
		if err != nil || len(rest) == 0 {
			return err
		}
	}
}

// stage is the run's status and conclusion, which it has only when it is whole.
func (r checkRun) stage(whole bool) (status, conclusion string) {
	if whole {
		return r.status, r.conclusion
	}
	return "in_progress", ""
}

func (r checkRun) output(batch []*gh.CheckRunAnnotation) *gh.CheckRunOutput {
	return &gh.CheckRunOutput{Title: &r.title, Summary: &r.summary, Text: optional(r.text), Annotations: batch}
}
