package github

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
	judge "github.com/watchbill/watchbill/test/github"
)

func TestPulls(t *testing.T) {
	s := newStand(t)
	opts := s.options()
	opts.Transport = meddler{changes: deletedFork}
	c := newClient(t, opts)
	for number := 1; number <= 5; number++ {
		p := judge.Pull{Number: number, Title: "raise the threshold", Author: "sam", Head: headCommit}
		switch number {
		case 2:
			p.Closed = true
		case 3:
			p.Base = "next"
		case 4, 5:
			p.Fork = "sam/monitoring"
		}
		s.repo.SetPull(p)
	}
	want := func(number int, fork bool) forge.Pull {
		return forge.Pull{
			Number: number, Title: "raise the threshold", Author: "sam", Base: "main", Head: headCommit, Fork: fork, Open: true,
			URL:      fmt.Sprint("https://github.com/example/monitoring/pull/", number),
			MergeRef: fmt.Sprintf("refs/pull/%d/merge", number),
		}
	}
	for range 3 {
		got, err := c.Pulls(t.Context(), "main")
		if diff := cmp.Diff([]forge.Pull{want(5, true), want(4, true), want(1, false)}, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	}
	// Two pages; asked again, they cost nothing.
	var answers []int
	for _, r := range s.came() {
		answers = append(answers, r.Status)
	}
	if diff := cmp.Diff([]int{200, 200, 304, 304, 304, 304}, answers); diff != "" || c.RateLimit().Remaining != 4998 {
		t.Errorf("%+v %s", c.RateLimit(), diff)
	}
	s.repo.SetPull(judge.Pull{Number: 1, Title: "lower\nit", Head: headCommit})
	got, err := c.Pulls(t.Context(), "main")
	if err != nil || got[2].Title != "lower it" {
		t.Errorf("%v %v", got, err)
	}
	if got, err := c.Pulls(t.Context(), "none"); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
}

// deletedFork is how GitHub shows pull request 5 when its fork is gone. Its description does not say so.
func deletedFork(_ *http.Request, body []byte) []byte {
	var list []map[string]any
	if err := json.Unmarshal(body, &list); err != nil {
		return body // of a 304
	}
	for _, p := range list {
		if p["number"] == 5.0 {
			p["head"].(map[string]any)["repo"] = nil
		}
	}
	changed, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return changed
}

func TestPull(t *testing.T) {
	s := newStand(t)
	c := newClient(t, s.options())
	for _, test := range []struct {
		closed         bool
		mergeable      *bool
		conflict, open bool
	}{
		{false, nil, false, true}, {false, new(true), false, true}, {false, new(false), true, true}, {true, new(false), false, false}, {true, nil, false, false},
	} {
		s.repo.SetPull(judge.Pull{Number: 1, Head: headCommit, Closed: test.closed, Mergeable: test.mergeable})
		got, err := c.Pull(t.Context(), 1)
		if err != nil || got.Conflict != test.conflict || got.Open != test.open || got.MergeRef != "refs/pull/1/merge" {
			t.Errorf("%+v: %+v %v", test, got, err)
		}
	}
	if _, err := c.Pull(t.Context(), 2); again(err) != -2 {
		t.Errorf("no such: %v", err)
	}
	s.Fail(judge.Failure{Fault: judge.Unavailable})
	if _, err := c.Pulls(t.Context(), "main"); again(err) != 0 {
		t.Errorf("away: %v", err)
	}
}
