package github

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v92/github"
)

// Each fault is what GitHub's usual Go client takes it for, twice, and then all is well.
func TestFaults(t *testing.T) {
	status := func(err error) int {
		var answer *gh.ErrorResponse
		if errors.As(err, &answer) {
			return answer.Response.StatusCode
		}
		return 0
	}
	answers := func(want int) func(error) bool { return func(err error) bool { return status(err) == want } }
	for fault, is := range map[Fault]func(error) bool{
		BadGateway:   answers(http.StatusBadGateway),
		Unavailable:  answers(http.StatusServiceUnavailable),
		TooMany:      answers(http.StatusTooManyRequests),
		Unauthorized: answers(http.StatusUnauthorized),
		Forbidden:    answers(http.StatusForbidden),
		NotFound:     answers(http.StatusNotFound),
		Invalid:      answers(http.StatusUnprocessableEntity),
		Lost:         func(err error) bool { return err != nil && strings.Contains(err.Error(), "EOF") },
		SecondaryLimit: func(err error) bool {
			var limit *gh.AbuseRateLimitError
			return errors.As(err, &limit) && limit.GetRetryAfter() == time.Minute
		},
		PrimaryLimit: func(err error) bool {
			var limit *gh.RateLimitError
			return errors.As(err, &limit) && limit.Rate.Remaining == 0 && limit.Rate.Reset.After(time.Now())
		},
		HangUp:  func(err error) bool { return err != nil && strings.Contains(err.Error(), "EOF") },
		Garbage: func(err error) bool { return err != nil && strings.Contains(err.Error(), "unexpected end of JSON") },
	} {
		t.Run(string(fault), func(t *testing.T) {
			s := Judge(t)
			r := s.Repo("example", "monitoring")
			s.AllowToken(token, nil)
			s.Fail(Failure{Fault: fault, Method: "POST", Path: "/statuses/", Times: 2})
			var errs []error
			for range 2 {
				// The client remembers limits, so each is another one.
				_, _, err := client(t, s, token).Repositories.CreateStatus(t.Context(), "example", "monitoring", sha, gh.RepoStatus{State: new("success")})
				errs = append(errs, err)
			}
			for _, err := range errs {
				if !is(err) {
					t.Errorf("error %v", err)
				}
			}
			// In these it has come through all the same.
			want := 0
			if fault == HangUp || fault == Garbage {
				want = 2
			}
			if got := len(r.Statuses(sha)); got != want {
				t.Errorf("%d statuses came of it, want %d", got, want)
			}
			s.SetRemaining(hourly, time.Now().Add(time.Hour))
			if _, _, err := client(t, s, token).Repositories.CreateStatus(t.Context(), "example", "monitoring", sha, gh.RepoStatus{State: new("success")}); err != nil {
				t.Errorf("after it: %v", err)
			}
		})
	}
}

// A failure's answer can be another one than it usually is.
func TestFailuresAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		failure Failure
		status  int
		after   string // Retry-After, or empty if there is none
		words   string
	}{
		"as usual":       {Failure{Fault: SecondaryLimit}, 403, "60", "exceeded a secondary rate limit"},
		"status":         {Failure{Fault: SecondaryLimit, Status: 429}, 429, "60", `"status":"429"`},
		"words stay":     {Failure{Fault: SecondaryLimit, Status: 429}, 429, "60", "#about-secondary-rate-limits"},
		"header":         {Failure{Fault: SecondaryLimit, Header: map[string]string{"Retry-After": "90"}}, 403, "90", "secondary"},
		"no header":      {Failure{Fault: SecondaryLimit, Header: map[string]string{"Retry-After": ""}}, 403, "", "secondary"},
		"another header": {Failure{Fault: BadGateway, Header: map[string]string{"Retry-After": "3"}}, 502, "3", "<html>"},
		"message":        {Failure{Fault: NotFound, Status: 410, Message: "it was deleted"}, 410, "", `"message":"it was deleted"`},
		"credential":     {Failure{Fault: Forbidden, Message: "no, CREDENTIAL"}, 403, "", "no, " + token},
		"page":           {Failure{Fault: BadGateway, Status: 500, Message: "oops"}, 500, "", "oops"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Judge(t)
			s.Repo("example", "monitoring")
			s.AllowToken(token, nil)
			s.Fail(c.failure)
			status, header, body := ask(t, s, token, "POST", statusPath, `{"state":"success"}`)
			if _, is := header["Retry-After"]; is != (c.after != "") {
				t.Errorf("a header %v", is)
			}
			if status != c.status || header.Get("Retry-After") != c.after || !strings.Contains(body, c.words) {
				t.Errorf("%d, after %q: %s", status, header.Get("Retry-After"), body)
			}
		})
	}
}

// What is done meanwhile is done once the request has come, and before it is.
func TestMeanwhile(t *testing.T) {
	s := Judge(t)
	r := s.Repo("example", "monitoring")
	r.SetPull(Pull{Number: 7, Head: sha})
	s.AllowToken(token, nil)
	s.Fail(Failure{Method: "POST", Times: 1, Do: func() {
		if n := len(s.Requests()); n != 1 {
			t.Errorf("after %d requests", n)
		}
		r.AddComment(7, "somebody", "meanwhile")
	}})
	for range 2 {
		ask(t, s, token, "POST", commentPath, `{"body":"ours"}`)
	}
	var got []string
	for _, c := range r.Comments(7) {
		got = append(got, c.Body)
	}
	if diff := cmp.Diff([]string{"meanwhile", "ours", "ours"}, got); diff != "" {
		t.Errorf("comments (-want +got):\n%s", diff)
	}
}

// A request that hangs goes on when it is mended, and others do not wait for it.
func TestHangAndMend(t *testing.T) {
	s := Judge(t)
	r := s.Repo("example", "monitoring")
	s.AllowToken(token, nil)
	s.Fail(Failure{Fault: Hang, Method: "POST"})
	hung := make(chan int, 1)
	go func() {
		status, _, _ := ask(t, s, token, "POST", statusPath, `{"state":"success"}`)
		hung <- status
	}()
	posted := func(r Request) bool { return r.Method == http.MethodPost }
	if err := s.Await(t.Context(), func() bool { return slices.ContainsFunc(s.Requests(), posted) }); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := ask(t, s, token, "GET", "/user", ""); status != http.StatusOK {
		t.Errorf("another request is answered with %d", status)
	}
	if n := len(r.Statuses(sha)); n != 0 {
		t.Errorf("%d statuses came before it was mended", n)
	}
	s.Mend()
	if status := <-hung; status != http.StatusCreated {
		t.Errorf("it is answered with %d", status)
	}
}

// A delayed answer comes when the delay is taken back, or over.
func TestDelay(t *testing.T) {
	s := Judge(t)
	s.Repo("example", "monitoring")
	s.AllowToken(token, nil)
	s.Delay(time.Hour)
	late := make(chan int, 1)
	go func() {
		status, _, _ := ask(t, s, token, "GET", "/user", "")
		late <- status
	}()
	if err := s.Await(t.Context(), func() bool { return len(s.Requests()) == 1 }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-late:
		t.Error("it did not wait")
	default:
	}
	s.Mend()
	if status := <-late; status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	s.Delay(time.Nanosecond)
	if status, _, _ := ask(t, s, token, "GET", "/user", ""); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}

// All that came is remembered, also what was refused and what got no answer; no credential is.
func TestRequests(t *testing.T) {
	s := unjudged(t, nil)
	s.Repo("example", "monitoring")
	s.AllowToken(token, nil)
	app := newToken(t, s, nil)
	s.Fail(Failure{Fault: HangUp, Path: "/user", Times: 1})
	ask(t, s, token, "GET", "/user", "")
	ask(t, s, app, "POST", statusPath, `{"state":"success"}`)
	ask(t, s, "planted-unknown", "POST", statusPath, `{"state":"live"}`)
	ask(t, s, "", "GET", "/repos/example/monitoring/pulls?state=open", "")
	got := s.Requests()
	for i := range got {
		if got[i].Time.IsZero() {
			t.Error("no time")
		}
		got[i].Time = time.Time{}
	}
	want := []Request{
		{Method: "POST", Path: "/app/installations/1007/access_tokens", Query: map[string][]string{}, Auth: "app", Status: 201},
		{Method: "GET", Path: "/user", Query: map[string][]string{}, Auth: "token"},
		{Method: "POST", Path: statusPath, Query: map[string][]string{}, Auth: "installation", Body: `{"state":"success"}`, Status: 201},
		{Method: "POST", Path: statusPath, Query: map[string][]string{}, Auth: "unknown", Body: `{"state":"live"}`, Status: 422},
		{Method: "GET", Path: "/repos/example/monitoring/pulls", Query: map[string][]string{"state": {"open"}}, Auth: "none", Status: 401},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	for _, secret := range []string{token, app, "planted-unknown"} {
		if all := quote(t, got) + quote(t, s.Violations()); strings.Contains(all, secret) {
			t.Errorf("%s is in %s", secret, all)
		}
	}
}
