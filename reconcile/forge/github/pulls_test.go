package github

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
)

func TestPulls(t *testing.T) {
	s := newStub(t)
	c := newClient(t, s.options())
	for number := 1; number <= 5; number++ {
		p := s.addPull(number, number == 4)
		switch number {
		case 2:
			p["state"] = "closed"
		case 3:
			p["base"].(object)["ref"] = "next"
		case 5:
			p["head"].(object)["repo"] = nil // a fork that was deleted
		}
	}
	want := func(number int, fork bool) forge.Pull {
		p := forge.Pull{
			Number: number, Title: "raise the threshold", Author: "sam", Base: "main", Head: strings.Repeat("cd", 20),
			Fork: fork, Open: true, URL: "https://example.com/1", MergeRef: "refs/pull/1/merge",
		}
		p.URL = strings.Replace(p.URL, "1", string(rune('0'+number)), 1)
		p.MergeRef = strings.Replace(p.MergeRef, "1", string(rune('0'+number)), 1)
		return p
	}
	for range 3 {
		got, err := c.Pulls(t.Context(), "main")
		if diff := cmp.Diff([]forge.Pull{want(5, true), want(4, true), want(1, false)}, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	}
	// Two pages; asked again, they cost nothing.
	if len(s.heard()) != 6 || s.unchanged != 4 || s.used != 2 {
		t.Errorf("%d unchanged, %d used", s.unchanged, s.used)
	}
	s.pulls[0]["title"] = "lower\nit"
	got, err := c.Pulls(t.Context(), "main")
	if err != nil || got[2].Title != "lower it" {
		t.Errorf("%v %v", got, err)
	}
	if got, err := c.Pulls(t.Context(), "none"); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
}

func TestPull(t *testing.T) {
	s := newStub(t)
	p := s.addPull(1, false)
	c := newClient(t, s.options())
	for _, test := range []struct {
		state          string
		mergeable      any
		conflict, open bool
	}{
		{"open", nil, false, true}, {"open", true, false, true}, {"open", false, true, true}, {"closed", false, false, false}, {"closed", nil, false, false},
	} {
		p["state"], p["mergeable"] = test.state, test.mergeable
		got, err := c.Pull(t.Context(), 1)
		if err != nil || got.Conflict != test.conflict || got.Open != test.open || got.MergeRef != "refs/pull/1/merge" {
			t.Errorf("%+v: %+v %v", test, got, err)
		}
	}
	if _, err := c.Pull(t.Context(), 2); again(err) != -2 {
		t.Errorf("no such: %v", err)
	}
	s.setFault(func(w http.ResponseWriter, _ *http.Request) bool {
		refuse(w, http.StatusServiceUnavailable, "away")
		return true
	})
	if _, err := c.Pulls(t.Context(), "main"); again(err) != 0 {
		t.Errorf("away: %v", err)
	}
}
