package github

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
)

func deploy(t *testing.T, c *Client, of string, environment string, state forge.State, text string) {
	t.Helper()
	d := forge.Deployment{Commit: strings.Repeat(of, 20), Environment: environment, State: state, Text: text, URL: "https://example.com/"}
	if err := c.Deploy(t.Context(), d); err != nil {
		t.Error(err)
	}
}

func TestDeploy(t *testing.T) {
	as(t, func(t *testing.T, s *stub, opts func() Options, _ object) {
		c := newClient(t, opts())
		for range 2 {
			deploy(t, c, "aa", "prod", forge.Pending, "waiting")
		}
		deploy(t, c, "aa", "prod", forge.Success, "live "+strings.Repeat("on 2/2 Prometheus ", 10))
		deploy(t, c, "aa", "dev", forge.Error, "unproven")
		deploy(t, c, "bb", "prod", forge.Failure, "refused")
		deploy(t, c, "bb", "prod", forge.Success, "live")
		deploy(t, c, "bb", "dev", forge.Pending, "waiting")
		live := cut("live "+strings.Repeat("on 2/2 Prometheus ", 10), 140)
		want := []string{
			"aaaa in prod: in_progress waiting, success " + live + ", inactive ,",
			"aaaa in dev: error unproven,",
			"bbbb in prod: failure refused, success live,",
			"bbbb in dev: in_progress waiting,",
		}
		if diff := cmp.Diff(want, s.deployed()); diff != "" {
			t.Error(diff)
		}
		for i, production := range []any{true, false, true, false} {
			if got := s.deployments[i]["production_environment"]; got != production {
				t.Errorf("deployment %d: production %v", i, got)
			}
		}
		// After a restart it is all known.
		s.writes()
		c = newClient(t, opts())
		deploy(t, c, "bb", "prod", forge.Success, "live")
		deploy(t, c, "aa", "dev", forge.Error, "unproven")
		if n := s.writes(); n != 0 {
			t.Errorf("%d writes after a restart", n)
		}
		// A rollback makes what GitHub has set to inactive live again.
		deploy(t, c, "aa", "prod", forge.Success, "live again")
		deploy(t, c, "bb", "prod", forge.Success, "live")
		want[0] += " success live again, inactive ,"
		want[2] += " inactive , success live,"
		if diff := cmp.Diff(want, s.deployed()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDeployAfterALostAnswer(t *testing.T) {
	s := newStub(t)
	c := newClient(t, s.options())
	lost := 1
	s.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet || lost == 0 {
			return false
		}
		lost--
		s.createDeployment(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	})
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
	s := newStub(t)
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, s.inside(s.options()))
		d := forge.Deployment{Commit: commit, Environment: "prod", State: forge.Success, Text: "live"}
		for _, code := range []int{403, 404} {
			s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
				refuse(w, code, "Resource not accessible by "+r.Header.Get("Authorization"))
				return true
			})
			for range 5 {
				err := c.Deploy(t.Context(), d)
				if !errors.Is(err, forge.ErrUnsupported) || strings.Contains(err.Error(), "planted") || !strings.Contains(err.Error(), "Deployments: write") {
					t.Errorf("%d: %v", code, err)
				}
			}
			if n := len(s.heard()); n != 1 {
				t.Errorf("%d: tried %d times", code, n)
			}
			time.Sleep(refusal + time.Second)
		}
		s.setFault(nil)
		if err := c.Deploy(t.Context(), d); err != nil {
			t.Error(err)
		}
		for _, bad := range []forge.Deployment{{}, {Commit: commit, Environment: "prod", State: "done"}, {Commit: commit, State: forge.Success}, {Environment: "prod", State: forge.Success}} {
			if err := c.Deploy(t.Context(), bad); again(err) != -2 || errors.Is(err, forge.ErrUnsupported) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		s.setFault(func(w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, http.StatusBadGateway, "away")
			return true
		})
		d.Text = "changed"
		if err := c.Deploy(t.Context(), d); again(err) != 0 || errors.Is(err, forge.ErrUnsupported) {
			t.Errorf("away: %v", err)
		}
	})
}
