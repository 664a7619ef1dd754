package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
)

func TestWritesEachStateOnce(t *testing.T) {
	s := newStub(t)
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
	if got := s.statuses[3]["target_url"]; got != other.URL {
		t.Errorf("target URL %v", got)
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
	reply := func(code int, header map[string]string, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			for k, v := range header {
				w.Header().Set(k, v)
			}
			w.WriteHeader(code)
			fmt.Fprint(w, strings.ReplaceAll(body, "TOKEN", r.Header.Get("Authorization")))
			return true
		}
	}
	reset := strconv.FormatInt(time.Now().Add(10*time.Minute).Unix(), 10)
	const secondary = `{"message":"secondary","documentation_url":"https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`
	tests := []struct {
		name        string
		fault       func(http.ResponseWriter, *http.Request) bool
		retry       bool
		least, most time.Duration
		says        string
	}{
		{"primary limit", reply(403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "5000", "X-RateLimit-Reset": reset}, `{"message":"limit"}`), true, 9 * time.Minute, 10 * time.Minute, "used up"},
		{"secondary limit", reply(403, map[string]string{"Retry-After": "42"}, secondary), true, 42 * time.Second, 42 * time.Second, "fewer requests"},
		{"secondary limit, absurd", reply(429, map[string]string{"Retry-After": "9999999"}, secondary), true, time.Hour, time.Hour, "fewer requests"},
		{"secondary limit, no time", reply(403, map[string]string{"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": reset}, secondary), true, time.Minute, time.Minute, "fewer requests"},
		{"unnamed limit", reply(429, map[string]string{"Retry-After": "7"}, `{}`), true, 7 * time.Second, 7 * time.Second, ""},
		{"forbidden", reply(403, nil, `{"message":"Resource not accessible by TOKEN"}`), true, 0, 0, "has the right"},
		{"unauthorized", reply(401, nil, `{"message":"Bad credentials TOKEN"}`), true, 0, 0, "is current"},
		{"server error", reply(500, nil, `oops TOKEN`), true, 0, 0, "500"},
		{"bad gateway", reply(502, map[string]string{"Retry-After": "3"}, `<html>`), true, 3 * time.Second, 3 * time.Second, "502"},
		{"not found", reply(404, nil, `{"message":"Not Found"}`), false, 0, 0, "repository's name"},
		{"too many statuses", reply(422, nil, `{"message":"Validation Failed TOKEN","errors":[{"message":"This SHA and context has reached the maximum number of statuses."}]}`), false, 0, 0, "force-push"},
		{"endless", reply(200, nil, `{"x":"`+strings.Repeat("x", maxAnswer)+`"}`), false, 0, 0, "8 MiB"},
		{"broken off", func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, true, 0, 0, "EOF"},
	}
	for _, test := range tests {
		for _, method := range []string{"GET", "POST"} {
			t.Run(test.name+" at "+method, func(t *testing.T) {
				s := newStub(t)
				s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
					return r.Method == method && test.fault(w, r)
				})
				err := newClient(t, s.options()).Report(t.Context(), status(forge.Success, "live"))
				var retry *forge.RetryError
				if err == nil || errors.As(err, &retry) != test.retry || !strings.Contains(err.Error(), test.says) {
					t.Fatalf("retry %v: %v", retry != nil, err)
				}
				if retry != nil && (retry.After < test.least || retry.After > test.most) {
					t.Errorf("again after %v", retry.After)
				}
				for e := err; e != nil; e = errors.Unwrap(e) {
					if shown := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(shown, s.token) {
						t.Errorf("the token is shown: %s", shown)
					}
				}
			})
		}
	}
}

// A write that got no answer is asked for before it is repeated.
func TestStatusAfterALostAnswer(t *testing.T) {
	for _, came := range []bool{true, false} {
		s := newStub(t)
		g := newClient(t, s.options())
		s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				if came {
					s.createStatus(httptest.NewRecorder(), withSHA(r))
				}
				panic(http.ErrAbortHandler)
			}
			return false
		})
		if err := g.Report(t.Context(), status(forge.Success, "live")); again(err) != 0 {
			t.Fatalf("lost answer: %v", err)
		}
		s.setFault(nil)
		report(t, g, status(forge.Success, "live"))
		if n := len(s.texts()); n != 1 {
			t.Errorf("it came through %v: written %d times", came, n)
		}
	}
}

func withSHA(r *http.Request) *http.Request {
	r.SetPathValue("sha", r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
	return r
}

// The whole way: a burst of states against a GitHub that stumbles, and no token
// in any log.
func TestStatusesInABurst(t *testing.T) {
	s := newStub(t)
	failing := 3
	s.setFault(stumble(&failing))
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
	if !strings.Contains(log.String(), "tried again") || strings.Contains(log.String(), s.token) {
		t.Errorf("log: %s", &log)
	}
}
