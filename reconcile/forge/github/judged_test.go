package github

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
	judge "github.com/watchbill/watchbill/test/github"
)

// These tests go through GitHub's own description of its API, which judges each
// request and each answer.

// judged is a stand with more to look at.
func judged(t *testing.T) *stand {
	s := newStand(t)
	s.SetPageSize(100)
	r := s.repo
	r.AddCommit(commit)
	r.SetBranch("main", commit)
	r.AddCommit(headCommit, commit)
	r.SetPull(judge.Pull{Number: 1, Head: headCommit, Closed: true})
	r.SetPull(judge.Pull{Number: 7, Head: headCommit, Mergeable: new(true)})
	r.SetPull(judge.Pull{Number: 8, Head: headCommit, Fork: "somebody/monitoring", Mergeable: new(false)})
	r.SetPull(judge.Pull{Number: 9, Head: headCommit, Merged: true})
	return s
}

// twice runs a test with a token and as an App; open is a client anew.
func twice(t *testing.T, test func(t *testing.T, s *stand, open func() *Client)) {
	as(t, judged, func(t *testing.T, s *stand, opts func() Options, _ judge.User) {
		test(t, s, func() *Client { return newClient(t, opts()) })
	})
}

func TestJudgedWords(t *testing.T) {
	twice(t, func(t *testing.T, s *stand, open func() *Client) {
		c, r := open(), s.repo
		pass := func() {
			report(t, c, status(forge.Pending, "rendering"))
			done := status(forge.Success, "live \U0001F600 "+strings.Repeat("on 2/2 Prometheus ", 20))
			done.URL = "https://example.com/x?y=z"
			report(t, c, done)
			long := strings.Repeat("```\nä line of a diff\n```\n", 5000)
			if err := c.Comment(t.Context(), forge.Comment{Pull: 7, Key: "validate", Body: long}); err != nil {
				t.Error(err)
			}
			for _, state := range []forge.State{forge.Pending, forge.Failure, forge.Error, forge.Success} {
				deploy(t, c, "ab", "prod", state, "because "+string(state))
			}
		}
		pass()
		if got := r.Status(commit, "watchbill/prod"); got.State != "success" || !strings.HasPrefix(got.Description, "live ? on") {
			t.Errorf("%+v", got)
		}
		comments := r.Comments(7)
		if len(comments) != 1 || !strings.HasPrefix(comments[0].Body, "<!-- watchbill validate -->\n```") || !strings.Contains(comments[0].Body, "Cut here") {
			t.Errorf("%d comments", len(comments))
		}
		if d := r.Deployments(); len(d) != 1 || len(d[0].Statuses) != 4 || d[0].State() != "success" || !d[0].Production || d[0].Task != deployTask {
			t.Errorf("%+v", d)
		}
		for i, st := range r.Deployments()[0].Statuses {
			if want := []string{"in_progress", "failure", "error", "success"}[i]; st.State != want {
				t.Errorf("deployment status %d: %s", i, st.State)
			}
		}
		// After a restart, the newest of each is known, and nothing is written.
		c = open()
		s.heard()
		done := r.Status(commit, "watchbill/prod")
		report(t, c, forge.Status{Commit: commit, Context: "watchbill/prod", State: forge.Success, Text: done.Description, URL: done.TargetURL})
		if err := c.Comment(t.Context(), forge.Comment{Pull: 7, Key: "validate", Body: strings.TrimPrefix(comments[0].Body, marker("validate"))}); err != nil {
			t.Error(err)
		}
		deploy(t, c, "ab", "prod", forge.Success, "because success")
		if n := s.writes(); n != 0 {
			t.Errorf("%d writes after a restart", n)
		}
		if rate := c.RateLimit(); rate.Limit != 5000 || rate.Remaining >= 5000 || rate.Reset.IsZero() {
			t.Errorf("%+v", rate)
		}
	})
}

func TestJudgedPulls(t *testing.T) {
	twice(t, func(t *testing.T, s *stand, open func() *Client) {
		c, r := open(), s.repo
		got, err := c.Pulls(t.Context(), "main")
		if err != nil || len(got) != 2 {
			t.Fatalf("%v %v", got, err)
		}
		want := forge.Pull{
			Number: 7, Title: "Amazing new feature", Author: "octocat", Base: "main", Head: headCommit, Open: true,
			URL: "https://github.com/example/monitoring/pull/7", MergeRef: "refs/pull/7/merge",
		}
		if diff := cmp.Diff(want, got[1]); diff != "" || !got[0].Fork {
			t.Errorf("%+v %s", got[0], diff)
		}
		for number, want := range map[int][3]bool{7: {true, false, false}, 8: {true, true, true}, 9: {false, false, false}} {
			p, err := c.Pull(t.Context(), number)
			if got := [3]bool{p.Open, p.Conflict, p.Fork}; err != nil || got != want {
				t.Errorf("%d: %+v %v", number, p, err)
			}
		}
		for number := 100; number < 220; number++ {
			r.SetPull(judge.Pull{Number: number, Head: headCommit})
		}
		if got, err := c.Pulls(t.Context(), "main"); err != nil || len(got) != 122 {
			t.Errorf("%d %v", len(got), err)
		}
	})
}

func TestJudgedCommentAmongOthers(t *testing.T) {
	twice(t, func(t *testing.T, s *stand, open func() *Client) {
		r := s.repo
		for i := range 70 {
			r.AddComment(7, "sam", fmt.Sprint(marker("validate"), "forged ", i))
		}
		for _, body := range []string{"first", "second"} {
			if err := open().Comment(t.Context(), forge.Comment{Pull: 7, Key: "validate", Body: body}); err != nil {
				t.Error(err)
			}
		}
		all := r.Comments(7)
		if len(all) != 71 || all[70].Body != marker("validate")+"second" || !strings.Contains(all[69].Body, "forged 69") {
			t.Errorf("%d comments, the last %+v", len(all), all[len(all)-1])
		}
		if err := open().Comment(t.Context(), forge.Comment{Pull: 99, Key: "validate", Body: "x"}); err == nil {
			t.Error("no such pull request")
		}
	})
}

func TestJudgedChecks(t *testing.T) {
	s := judged(t)
	c := newClient(t, s.appOptions())
	steps := []forge.Check{checkOf(forge.Pending, 0), checkOf(forge.Failure, 120), checkOf(forge.Error, 0), checkOf(forge.Success, 0)}
	steps[1].Notes[3].EndLine = 9
	steps[1].Notes[4].Column, steps[1].Notes[4].EndColumn = 3, 7
	steps[1].Notes[5].File, steps[1].URL, steps[1].Summary = "", "https://example.com/", strings.Repeat("ä line\n", 20000)
	for _, ck := range steps {
		for range 2 {
			showCheck(t, c, ck)
		}
		c = newClient(t, s.appOptions())
		showCheck(t, c, ck)
	}
	if diff := cmp.Diff([]string{"completed failure 120 findings 119", "completed success 0 findings 0"}, s.runs()); diff != "" {
		t.Error(diff)
	}
	if err := newClient(t, s.options()).Check(t.Context(), steps[0]); !errors.Is(err, forge.ErrUnsupported) {
		t.Errorf("with a token: %v", err)
	}
}

// With the right to write statuses alone, statuses go on and the rest says what is missing.
func TestJudgedRights(t *testing.T) {
	twice(t, func(t *testing.T, s *stand, open func() *Client) {
		least := map[string]string{"metadata": "read", "statuses": "write"}
		s.AllowToken(planted, least)
		s.grant(least)
		c := open()
		report(t, c, status(forge.Success, "live"))
		if err := c.Deploy(t.Context(), forge.Deployment{Commit: commit, Environment: "prod", State: forge.Success}); !errors.Is(err, forge.ErrUnsupported) {
			t.Errorf("deployment: %v", err)
		}
		if err := c.Check(t.Context(), checkOf(forge.Success, 0)); !errors.Is(err, forge.ErrUnsupported) {
			t.Errorf("check: %v", err)
		}
		err := c.Comment(t.Context(), forge.Comment{Pull: 7, Key: "validate", Body: "x"})
		if again(err) < 0 || !strings.Contains(err.Error(), "Pull requests: write") {
			t.Errorf("comment: %v", err)
		}
	})
}

func TestJudgedFaults(t *testing.T) {
	twice(t, func(t *testing.T, s *stand, open func() *Client) {
		for i, fault := range []judge.Fault{judge.BadGateway, judge.Unavailable, judge.SecondaryLimit, judge.TooMany, judge.HangUp, judge.Garbage} {
			c := open()
			st := status(forge.Success, "live")
			st.Context = fmt.Sprint("watchbill/", i)
			for _, method := range []string{"GET", "POST"} {
				s.Fail(judge.Failure{Fault: fault, Method: method, Path: "/status"})
				err := c.Report(t.Context(), st)
				if again(err) < 0 || strings.Contains(err.Error(), planted) || strings.Contains(err.Error(), "ghs_") {
					t.Errorf("%s at %s: %v", fault, method, err)
				}
				s.Mend()
				c = open()
			}
			report(t, c, st)
			if got := s.repo.Status(commit, st.Context); got.State != "success" {
				t.Errorf("%s: %+v", fault, got)
			}
		}
		statuses := len(s.repo.Statuses(commit))
		if statuses != 6 {
			t.Errorf("%d statuses for 6 contexts", statuses)
		}
		c := open()
		report(t, c, status(forge.Pending, "rendering"))
		s.RevokeTokens()
		err := c.Report(t.Context(), status(forge.Success, "live"))
		if c.App() == nil && (again(err) < 0 || !strings.Contains(err.Error(), "current")) || c.App() != nil && err != nil {
			t.Errorf("revoked: %v", err)
		}
	})
}
