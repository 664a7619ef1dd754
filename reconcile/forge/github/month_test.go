package github

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// In a month of polling in which nobody commits, nothing is written, and next to
// nothing is asked that counts.
func TestMonthWithoutCommits(t *testing.T) {
	as(t, func(t *testing.T, s *stub, opts func() Options, _ object) {
		s.pageSize = 100
		for number := 1; number <= 5; number++ {
			s.addPull(number, false)
		}
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, s.inside(opts()))
			pass := func() {
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
			pass()
			written, asked, used := s.writes(), 0, s.used
			if written < 9 {
				t.Errorf("%d writes in the first pass", written)
			}
			const polls = 30 * 24 * 6 // every ten minutes
			for i := range polls {
				time.Sleep(10 * time.Minute)
				if i == polls/2 { // a restart
					c = newClient(t, s.inside(opts()))
				}
				before := s.used
				pass()
				asked += max(s.used-before, 0)
			}
			if n := s.writes(); n != 0 {
				t.Errorf("%d writes in a month", n)
			}
			// An App's token is a new one every hour, and GitHub's entity tags go by the token.
			most := 50
			if c.App() != nil {
				most += 30 * 24 * 60 / 55
			}
			if asked > most || s.unchanged < polls-most {
				t.Errorf("%d requests that count and %d that do not, after %d", asked, s.unchanged, used)
			}
			t.Logf("%d polls: %d requests counted, %d did not", polls, asked, s.unchanged)
		})
		if strings.Contains(strings.Join(s.heard(), "\n"), "POST") {
			t.Error("written at the end")
		}
	})
}
