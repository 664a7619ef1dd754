package github

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchbill/watchbill/reconcile/forge"
	judge "github.com/watchbill/watchbill/test/github"
)

// In a month of polling in which nobody commits, nothing is written, and next to
// nothing is asked that counts.
func TestMonthWithoutCommits(t *testing.T) {
	as(t, func(t *testing.T) *stand { return bubbleStand(t, 0) }, func(t *testing.T, s *stand, opts func() Options, _ judge.User) {
		s.SetPageSize(100)
		for number := 1; number <= 5; number++ {
			s.repo.SetPull(judge.Pull{Number: number, Head: headCommit})
		}
		const polls = 30 * 24 * 6 // every ten minutes
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, opts())
			pollOnce(t, c)
			if n := s.writes(); n < 9 {
				t.Errorf("%d writes in the first pass", n)
			}
			for i := range polls {
				time.Sleep(10 * time.Minute)
				if i == polls/2 { // a restart
					c = newClient(t, opts())
				}
				pollOnce(t, c)
			}
		})
		counted, unchanged := 0, 0
		for _, r := range s.came() {
			switch {
			case r.Status == http.StatusNotModified:
				unchanged++
			case r.Auth != "app": // which is of another limit
				counted++
			}
		}
		if n := s.writes(); n != 0 {
			t.Errorf("%d writes in a month", n)
		}
		// An App's token is a new one every hour, and GitHub's entity tags go by the token.
		most := 50
		if opts().App != nil {
			most += 30 * 24 * 60 / 55
		}
		if counted > most || unchanged < polls-most {
			t.Errorf("%d requests that count and %d that do not", counted, unchanged)
		}
		t.Logf("%d polls: %d requests counted, %d did not", polls, counted, unchanged)
	})
}

// pollOnce is a pass over a repository with five pull requests in which all is as it was.
func pollOnce(t *testing.T, c *Client) {
	pulls, err := c.Pulls(t.Context(), "main")
	if err != nil || len(pulls) != 5 {
		t.Fatalf("%d pull requests, %v", len(pulls), err)
	}
	report(t, c, status(forge.Success, "live"))
	for _, p := range pulls {
		st := status(forge.Failure, "2 findings")
		st.Commit, st.Context = p.Head, "watchbill/validate"
		report(t, c, st)
		if err := c.Comment(t.Context(), forge.Comment{Pull: p.Number, Key: "validate", Body: "2 findings"}); err != nil {
			t.Fatal(err)
		}
		ck := checkOf(forge.Failure, 3)
		ck.Commit = p.Head
		if err := c.Check(t.Context(), ck); err != nil && c.App() != nil {
			t.Fatal(err)
		}
	}
	deploy(t, c, "ab", "prod", forge.Success, "live")
}
