package github

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
	judge "github.com/watchbill/watchbill/test/github"
)

func deploy(t *testing.T, c *Client, of string, environment string, state forge.State, text string) {
	t.Helper()
	d := forge.Deployment{Commit: strings.Repeat(of, 20), Environment: environment, State: state, Text: text, URL: "https://example.com/"}
	if err := c.Deploy(t.Context(), d); err != nil {
		t.Error(err)
	}
}

func TestDeploy(t *testing.T) {
	as(t, newStand, func(t *testing.T, s *stand, opts func() Options, _ judge.User) {
		c := newClient(t, opts())
		for range 2 {
			deploy(t, c, "aa", "test", forge.Pending, "waiting")
		}
		long := "live " + strings.Repeat("on 2/2 Prometheus ", 10)
		deploy(t, c, "aa", "test", forge.Success, long)
		deploy(t, c, "aa", "dev", forge.Error, "unproven")
		deploy(t, c, "aa", "prod", forge.Success, "live")
		deploy(t, c, "bb", "test", forge.Failure, "refused")
		deploy(t, c, "bb", "test", forge.Success, "live")
		deploy(t, c, "bb", "dev", forge.Pending, "waiting")
		deploy(t, c, "bb", "prod", forge.Success, "live")
		// GitHub makes those before it inactive, but for those of production.
		want := []string{
			"aaaa in test: in_progress waiting, success " + cut(long, 140) + ", inactive ,",
			"aaaa in dev: error unproven,",
			"aaaa in prod: success live,",
			"bbbb in test: failure refused, success live,",
			"bbbb in dev: in_progress waiting,",
			"bbbb in prod: success live,",
		}
		if diff := cmp.Diff(want, s.deployed()); diff != "" {
			t.Error(diff)
		}
		for _, d := range s.repo.Deployments() {
			if d.Production != (d.Environment == "prod") || d.AutoMerge || d.Task != deployTask || d.Ref != d.Commit {
				t.Errorf("%+v", d)
			}
		}
		for _, r := range s.came() {
			if strings.HasSuffix(r.Path, "/deployments") && r.Method == http.MethodPost && !strings.Contains(r.Body, `"required_contexts":[]`) {
				t.Errorf("it would wait: %s", r.Body)
			}
		}
		// After a restart it is all known.
		s.writes()
		c = newClient(t, opts())
		deploy(t, c, "bb", "test", forge.Success, "live")
		deploy(t, c, "aa", "dev", forge.Error, "unproven")
		if n := s.writes(); n != 0 {
			t.Errorf("%d writes after a restart", n)
		}
		// A rollback makes what GitHub has set to inactive live again.
		deploy(t, c, "cc", "test", forge.Success, "live")
		deploy(t, c, "bb", "test", forge.Success, "live")
		deploy(t, c, "aa", "test", forge.Success, long)
		want[0] += " success " + cut(long, 140) + ","
		want[3] += " inactive , success live,"
		want = append(want, "cccc in test: success live,")
		if diff := cmp.Diff(want, s.deployed()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDeployAfterALostAnswer(t *testing.T) {
	s := newStand(t)
	c := newClient(t, s.options())
	s.Fail(judge.Failure{Fault: judge.HangUp, Method: http.MethodPost, Times: 1})
	d := forge.Deployment{Commit: commit, Environment: "prod", State: forge.Success, Text: "live"}
	if err := c.Deploy(t.Context(), d); again(err) != 0 {
		t.Errorf("lost answer: %v", err)
	}
	if err := c.Deploy(t.Context(), d); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"abab in prod: success live,"}, s.deployed()); diff != "" {
		t.Error(diff)
	}
}

// A right that is missing is asked for again after a while.
func TestDeployUnsupported(t *testing.T) {
	s := bubbleStand(t, 0)
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, s.options())
		d := forge.Deployment{Commit: commit, Environment: "prod", State: forge.Success, Text: "live"}
		for _, fault := range []judge.Fault{judge.Forbidden, judge.NotFound} {
			s.Mend()
			s.Fail(judge.Failure{Fault: fault, Message: "Resource not accessible by CREDENTIAL"})
			for range 5 {
				err := c.Deploy(t.Context(), d)
				if !errors.Is(err, forge.ErrUnsupported) || strings.Contains(err.Error(), "planted") || !strings.Contains(err.Error(), "Deployments: write") {
					t.Errorf("%s: %v", fault, err)
				}
			}
			if n := len(s.heard()); n != 1 {
				t.Errorf("%s: tried %d times", fault, n)
			}
			time.Sleep(refusal + time.Second)
		}
		s.Mend()
		if err := c.Deploy(t.Context(), d); err != nil {
			t.Error(err)
		}
		for _, bad := range []forge.Deployment{{}, {Commit: commit, Environment: "prod", State: "done"}, {Commit: commit, State: forge.Success}, {Environment: "prod", State: forge.Success}} {
			if err := c.Deploy(t.Context(), bad); again(err) != -2 || errors.Is(err, forge.ErrUnsupported) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		s.Fail(judge.Failure{Fault: judge.BadGateway})
		d.Text = "changed"
		if err := c.Deploy(t.Context(), d); again(err) != 0 || errors.Is(err, forge.ErrUnsupported) {
			t.Errorf("away: %v", err)
		}
	})
}
