package github

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
	judge "github.com/watchbill/watchbill/test/github"
)

// again is how long to wait; -1 if there is no error, -2 if it is for good.
func again(err error) time.Duration {
	var retry *forge.RetryError
	switch {
	case err == nil:
		return -1
	case !errors.As(err, &retry):
		return -2
	}
	return retry.After.Round(time.Second)
}

func states(state forge.State, context string) forge.Status {
	return forge.Status{Commit: commit, Context: context, State: state, Text: "x"}
}

// Statuses win: what is left of the limit is theirs, and when that is used up too,
// nothing is sent until it is renewed.
func TestBudgetIsForStatuses(t *testing.T) {
	s := bubbleStand(t, 0)
	s.SetLimit(13)
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, s.appOptions())
		comment := forge.Comment{Pull: 1, Key: "validate", Body: "fine"}
		check := forge.Check{Commit: commit, Name: "watchbill/validate", State: forge.Success, Title: "fine"}
		deploy := forge.Deployment{Commit: commit, Environment: "prod", State: forge.Success, Text: "live"}
		if err := c.Comment(t.Context(), comment); err != nil { // list, create, list
			t.Fatal(err)
		}
		shown := forge.Deployment{Commit: commit, Environment: "dev", State: forge.Success, Text: "live"}
		if err := c.Deploy(t.Context(), shown); err != nil { // list, create, status
			t.Fatal(err)
		}
		for i := range 3 { // ask, write
			report(t, c, states(forge.Success, strconv.Itoa(i)))
		}
		if rate := c.RateLimit(); rate.Limit != 13 || rate.Remaining != 1 || time.Until(rate.Reset).Round(time.Minute) != time.Hour {
			t.Errorf("%+v", rate)
		}
		s.heard()
		edited := comment
		edited.Body = "changed"
		for what, err := range map[string]error{
			"comment": c.Comment(t.Context(), edited), "check": c.Check(t.Context(), check), "deployment": c.Deploy(t.Context(), deploy),
		} {
			if again(err) != time.Hour || !strings.Contains(err.Error(), "kept for statuses") {
				t.Errorf("%s: %v", what, err)
			}
		}
		// What is shown already needs no request, and so no patience.
		if err := errors.Join(c.Comment(t.Context(), comment), c.Deploy(t.Context(), shown)); err != nil {
			t.Error(err)
		}
		if heard := s.heard(); len(heard) > 0 {
			t.Errorf("sent all the same: %v", heard)
		}
		time.Sleep(10 * time.Minute)
		report(t, c, states(forge.Failure, "0"))
		if err := c.Report(t.Context(), states(forge.Failure, "1")); again(err) != 50*time.Minute {
			t.Errorf("with nothing left: %v", err)
		}
		if heard := s.heard(); len(heard) != 1 {
			t.Errorf("sent with nothing left: %v", heard)
		}
		time.Sleep(50*time.Minute + time.Second)
		report(t, c, states(forge.Failure, "1"))
		if err := c.Comment(t.Context(), edited); err != nil {
			t.Error(err)
		}
	})
}

// GitHub's times are differences to its own clock.
func TestBudgetWithAWrongClock(t *testing.T) {
	for _, skew := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		s := bubbleStand(t, skew)
		s.SetLimit(1)
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, s.options())
			if err := c.Report(t.Context(), states(forge.Success, "a")); again(err) != time.Hour {
				t.Errorf("clock off by %s: %v", skew, err)
			}
			time.Sleep(time.Hour + time.Second)
			s.SetLimit(10)
			report(t, c, states(forge.Success, "a"))
		})
	}
}

func TestSecondaryLimitWaitsEverLonger(t *testing.T) {
	s := bubbleStand(t, 0)
	limit := func(header string) {
		s.Mend()
		s.Fail(judge.Failure{Fault: judge.SecondaryLimit, Message: "slow down", Header: map[string]string{"Retry-After": header}})
	}
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, s.options())
		var waits []time.Duration
		for _, header := range []string{"", "", "", "90", "", "", "", "", ""} {
			limit(header)
			err := c.Report(t.Context(), states(forge.Success, "a"))
			waits = append(waits, again(err))
			s.heard()
			if in := c.Report(t.Context(), states(forge.Success, "b")); again(in) != again(err) || s.count() != 0 {
				t.Errorf("in the pause: %v", in)
			}
			time.Sleep(again(err) + time.Second)
		}
		want := []time.Duration{1, 2, 4, 0, 8, 16, 32, 60, 60}
		for i := range want {
			want[i] *= time.Minute
		}
		want[3] = 90 * time.Second
		if diff := cmp.Diff(want, waits); diff != "" {
			t.Error(diff)
		}
		s.Mend()
		report(t, c, states(forge.Success, "a"))
		limit("")
		if err := c.Report(t.Context(), states(forge.Success, "c")); again(err) != time.Minute {
			t.Errorf("after it went well: %v", err)
		}
	})
}
