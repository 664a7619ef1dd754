package github

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Clients in a bubble reach a stand-in that is outside of it and goes by their time.
func TestBubble(t *testing.T) {
	for _, skew := range []time.Duration{0, -3 * time.Hour, 9000 * time.Hour} {
		s, way := JudgeBubble(t, skew)
		r := s.Repo("example", "monitoring")
		s.AllowToken(token, nil)
		synctest.Test(t, func(t *testing.T) {
			client := &http.Client{Transport: bearer{token, way}, Timeout: time.Minute}
			post := func() (*http.Response, error) {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+strings.TrimPrefix(statusPath, "/"), strings.NewReader(`{"state":"success"}`))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Content-Type", "application/json")
				return client.Do(request)
			}
			for range 3 {
				time.Sleep(time.Hour)
				s.SetRemaining(10, time.Now()) // what a test sets in the bubble harms nothing outside
				s.Mend()
				start := time.Now()
				answer, err := post()
				if err != nil {
					t.Fatal(err)
				}
				_, err = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if err != nil || answer.StatusCode != http.StatusCreated || answer.Request.URL.Path == "" {
					t.Errorf("%d %v", answer.StatusCode, err)
				}
				if !time.Now().Equal(start) {
					t.Errorf("it took %s", time.Since(start))
				}
				date, err := http.ParseTime(answer.Header.Get("Date"))
				if err != nil || !date.Equal(start.Add(skew)) {
					t.Errorf("skew %s: it is %s, and the answer says %s %v", skew, start, date, err)
				}
			}
			s.Fail(Failure{Fault: Lost})
			if answer, err := post(); err == nil {
				answer.Body.Close()
				t.Error("an answer")
			}
		})
		all := r.Statuses(sha)
		if len(all) != 3 || all[2].Created.Sub(all[0].Created) != 2*time.Hour {
			t.Errorf("%+v", all)
		}
	}
}
