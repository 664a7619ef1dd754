package review

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHandler(t *testing.T) {
	w := newWorld(t, nil, map[string]string{"teams/payments/rules/queue.yaml": newAlert})
	w.once(t)
	for _, tc := range []struct {
		method, path string
		code         int
		has          string
	}{
		{http.MethodGet, "/pulls/7", http.StatusOK, "`PaymentsQueueLong` added"},
		{http.MethodGet, "/pulls/8", http.StatusNotFound, "no answer"},
		{http.MethodGet, "/pulls/x", http.StatusNotFound, "no answer"},
		{http.MethodGet, "/pulls/7/x", http.StatusNotFound, ""},
		{http.MethodPost, "/pulls/7", http.StatusMethodNotAllowed, ""},
	} {
		answer := httptest.NewRecorder()
		w.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), tc.method, tc.path, nil))
		if answer.Code != tc.code || !strings.Contains(answer.Body.String(), tc.has) {
			t.Errorf("%s %s: %d %.200s", tc.method, tc.path, answer.Code, answer.Body)
		}
		if h := answer.Header(); h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" && tc.code == http.StatusOK {
			t.Errorf("%s %s: %v", tc.method, tc.path, h)
		}
	}
}

// TestPagesAreBounded: the newest pull requests keep theirs.
func TestPagesAreBounded(t *testing.T) {
	r := New(Options{})
	for n := range 100 {
		r.setPage(n, strings.Repeat("x", pageRoom))
	}
	if _, ok := r.Page(99); !ok || len(r.pages) != maxPages/pageRoom {
		t.Errorf("%d pages, the newest among them: %v", len(r.pages), ok)
	}
}
