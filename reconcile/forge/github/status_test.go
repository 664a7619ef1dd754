package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
	judge "github.com/watchbill/watchbill/test/github"
)

func TestWritesEachStateOnce(t *testing.T) {
	s := newStand(t)
	g := newClient(t, s.options())
	long := "refused by Prometheus: " + strings.Repeat("words of the process ", 20)
	for range 2 {
		report(t, g, status(forge.Pending, "rendering"))
	}
	report(t, g, status(forge.Pending, "waiting for proof"))
	report(t, g, status(forge.Failure, long))
	report(t, g, status(forge.Failure, long))
	other := status(forge.Success, "live \U0001F600")
	other.Context, other.URL = "watchbill/dev", "https://example.com/x"
	report(t, g, other)
	want := []string{
		"watchbill/prod pending rendering",
		"watchbill/prod pending waiting for proof",
		"watchbill/prod failure " + cut(long, 140),
		"watchbill/dev success live ?",
	}
	if diff := cmp.Diff(want, s.texts()); diff != "" {
		t.Error(diff)
	}
	if n := len([]rune(cut(long, 140))); n > 140 || n < 120 {
		t.Errorf("cut to %d characters", n)
	}
	if got := s.repo.Status(commit, "watchbill/dev").TargetURL; got != other.URL {
		t.Errorf("target URL %s", got)
	}
	if n := s.count(); n != 4+2 { // and one question for each context
		t.Errorf("%d requests", n)
	}
	// After a restart GitHub is asked, and answers on its second page.
	for _, context := range []string{"a", "b", "c"} {
		st := status(forge.Success, "x")
		st.Context = context
		report(t, g, st)
	}
	before := len(s.texts())
	g = newClient(t, s.options())
	report(t, g, status(forge.Failure, long))
	if n := len(s.texts()); n != before {
		t.Errorf("said again after a restart: %v", s.texts()[before:])
	}
	report(t, g, status(forge.Success, "live"))
	if n := len(s.texts()); n != before+1 {
		t.Error("a new state was not written after a restart")
	}
}

func TestStatusErrors(t *testing.T) {
	after := func(seconds string) map[string]string { return map[string]string{"Retry-After": seconds} }
	tests := []struct {
		name        string
		failure     judge.Failure
		retry       bool
		least, most time.Duration
		says        string
	}{
		{"primary limit", judge.Failure{Fault: judge.PrimaryLimit}, true, 9 * time.Minute, 10 * time.Minute, "used up"},
		{"secondary limit", judge.Failure{Fault: judge.SecondaryLimit, Header: after("42")}, true, 42 * time.Second, 42 * time.Second, "fewer requests"},
		{"secondary limit, absurd", judge.Failure{Fault: judge.SecondaryLimit, Status: 429, Header: after("9999999")}, true, time.Hour, time.Hour, "fewer requests"},
		{"secondary limit, no time", judge.Failure{Fault: judge.SecondaryLimit, Header: after("")}, true, time.Minute, time.Minute, "fewer requests"},
		{"unnamed limit", judge.Failure{Fault: judge.TooMany, Header: after("7")}, true, 7 * time.Second, 7 * time.Second, ""},
		{"forbidden", judge.Failure{Fault: judge.Forbidden, Message: "Resource not accessible by CREDENTIAL"}, true, 0, 0, "by REDACTED"},
		{"forbidden, a hint", judge.Failure{Fault: judge.Forbidden}, true, 0, 0, "has the right"},
		{"unauthorized", judge.Failure{Fault: judge.Unauthorized, Message: "Bad credentials CREDENTIAL"}, true, 0, 0, "is current"},
		{"server error", judge.Failure{Fault: judge.BadGateway, Status: 500, Message: "oops CREDENTIAL"}, true, 0, 0, "500"},
		{"bad gateway", judge.Failure{Fault: judge.BadGateway, Header: after("3")}, true, 3 * time.Second, 3 * time.Second, "502"},
		{"not found", judge.Failure{Fault: judge.NotFound}, false, 0, 0, "repository's name"},
		{"too many statuses", judge.Failure{Fault: judge.Invalid, Message: "Validation Failed CREDENTIAL"}, false, 0, 0, "force-push"},
		{"broken off", judge.Failure{Fault: judge.Lost}, true, 0, 0, "EOF"},
	}
	for _, test := range tests {
		for _, method := range []string{"GET", "POST"} {
			t.Run(test.name+" at "+method, func(t *testing.T) {
				s := newStand(t)
				s.SetRemaining(5000, time.Now().Add(10*time.Minute))
				test.failure.Method = method
				s.Fail(test.failure)
				err := newClient(t, s.options()).Report(t.Context(), status(forge.Success, "live"))
				var retry *forge.RetryError
				if err == nil || errors.As(err, &retry) != test.retry || !strings.Contains(err.Error(), test.says) {
					t.Fatalf("retry %v: %v", retry != nil, err)
				}
				if retry != nil && (retry.After < test.least || retry.After > test.most) {
					t.Errorf("again after %v", retry.After)
				}
				showsNoToken(t, err)
			})
		}
	}
}

func showsNoToken(t *testing.T, err error) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		if shown := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(shown, planted) {
			t.Errorf("the token is shown: %s", shown)
		}
	}
}

// An answer without an end is left, and not asked for again.
func TestStatusWithAnEndlessAnswer(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		s := newStand(t)
		opts := s.options()
		opts.Transport = meddler{answers: func(r *http.Request) *http.Response {
			if r.Method != method {
				return nil
			}
			answer := httptest.NewRecorder()
			fmt.Fprintf(answer, `{"x":"%s"}`, strings.Repeat("x", maxAnswer))
			return answer.Result()
		}}
		err := newClient(t, opts).Report(t.Context(), status(forge.Success, "live"))
		if again(err) != -2 || !strings.Contains(err.Error(), "8 MiB") {
			t.Errorf("%s: %v", method, err)
		}
		showsNoToken(t, err)
	}
}

// A write that got no answer is asked for before it is repeated.
func TestStatusAfterALostAnswer(t *testing.T) {
	for _, fault := range []judge.Fault{judge.HangUp, judge.Lost} { // the answer alone, or the request
		s := newStand(t)
		g := newClient(t, s.options())
		s.Fail(judge.Failure{Fault: fault, Method: http.MethodPost, Times: 1})
		if err := g.Report(t.Context(), status(forge.Success, "live")); again(err) != 0 {
			t.Fatalf("lost answer: %v", err)
		}
		report(t, g, status(forge.Success, "live"))
		if n := len(s.texts()); n != 1 {
			t.Errorf("%s: written %d times", fault, n)
		}
		if n := s.writes(); n != map[judge.Fault]int{judge.HangUp: 1, judge.Lost: 2}[fault] {
			t.Errorf("%s: %d writes", fault, n)
		}
	}
}

// The whole way: a burst of states against a GitHub that stumbles, and no token
// in any log.
func TestStatusesInABurst(t *testing.T) {
	s := newStand(t)
	s.Fail(judge.Failure{Fault: judge.BadGateway, Times: 3, Message: "no luck with CREDENTIAL"})
	var log bytes.Buffer
	a := forge.NewAsync(newClient(t, s.options()), forge.AsyncOptions{
		FirstWait: time.Millisecond,
		Log:       slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	for i := range 20 {
		report(t, a, status(forge.Pending, fmt.Sprint("stage ", i)))
	}
	report(t, a, status(forge.Success, "live on 2/2 Prometheus, 3/3 Alertmanager in 0.9 s"))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := a.Close(ctx); err != nil {
		t.Fatal(err)
	}
	got := s.texts()
	if got[len(got)-1] != "watchbill/prod success live on 2/2 Prometheus, 3/3 Alertmanager in 0.9 s" {
		t.Errorf("written: %v", got)
	}
	for i, text := range got[:len(got)-1] {
		if !strings.Contains(text, "pending") || i > 0 && text == got[i-1] {
			t.Errorf("written: %v", got)
		}
	}
	if !strings.Contains(log.String(), "tried again") || strings.Contains(log.String(), planted) {
		t.Errorf("log: %s", &log)
	}
}
