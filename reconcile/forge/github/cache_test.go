package github

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tagged is a server whose pages change when it is told.
type tagged struct {
	version int
	size    int
	heard   []string
}

func (s *tagged) RoundTrip(r *http.Request) (*http.Response, error) {
	tag := fmt.Sprintf(`"%d"`, s.version)
	answer := httptest.NewRecorder()
	answer.Header().Set("X-RateLimit-Remaining", fmt.Sprint(100-len(s.heard)))
	if r.Header.Get("If-None-Match") == "" {
		answer.Header().Set("X-RateLimit-Reset", "1")
	}
	switch {
	case r.Method != http.MethodGet && r.Header.Get("If-None-Match") == "":
		answer.WriteHeader(http.StatusCreated)
	case r.Header.Get("If-None-Match") == tag:
		answer.WriteHeader(http.StatusNotModified)
	default:
		answer.Header().Set("ETag", tag)
		answer.Header().Set("Link", "<next>")
		fmt.Fprint(answer, tag, strings.Repeat("x", s.size))
	}
	s.heard = append(s.heard, fmt.Sprint(r.Method, " ", answer.Code))
	return answer.Result(), nil
}

func ask(t *testing.T, c *cache, method, address string) (reply, string) {
	t.Helper()
	answer, err := c.RoundTrip(httptest.NewRequest(method, address, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header}, string(body)
}

// reply is what came beside a body.
type reply struct {
	StatusCode int
	Header     http.Header
}

func TestCache(t *testing.T) {
	s := &tagged{version: 1}
	c := newCache(s)
	for range 3 {
		answer, body := ask(t, c, "GET", "https://h/a")
		if body != `"1"` || answer.StatusCode != http.StatusOK || answer.Header.Get("Link") != "<next>" {
			t.Errorf("%d %q %v", answer.StatusCode, body, answer.Header)
		}
		if n, got := len(s.heard), answer.Header.Get("X-RateLimit-Reset"); (got == "1") != (n == 1) {
			t.Errorf("reset %q in answer %d", got, n)
		}
		if got, want := answer.Header.Get("X-RateLimit-Remaining"), fmt.Sprint(101-len(s.heard)); got != want {
			t.Errorf("%s remaining, not %s", got, want)
		}
	}
	s.version = 2
	if _, body := ask(t, c, "GET", "https://h/a"); body != `"2"` {
		t.Errorf("%q after a change", body)
	}
	ask(t, c, "POST", "https://h/a")
	ask(t, c, "GET", "https://h/a?page=2")
	ask(t, c, "GET", "https://h/a")
	want := []string{"GET 200", "GET 304", "GET 304", "GET 200", "POST 201", "GET 200", "GET 304"}
	if diff := cmp.Diff(want, s.heard); diff != "" {
		t.Error(diff)
	}
}

func TestCacheIsBounded(t *testing.T) {
	s := &tagged{version: 1, size: maxEntry + 10}
	c := newCache(s)
	if _, body := ask(t, c, "GET", "https://h/large"); len(body) != s.size+3 || len(c.kept) != 0 {
		t.Errorf("%d bytes passed on, %d kept", len(body), len(c.kept))
	}
	s.size = 3 << 20
	for i := range 10 {
		ask(t, c, "GET", fmt.Sprint("https://h/", i%7))
	}
	if c.size > maxCached || c.order.Len() != 5 || len(c.kept) != 5 {
		t.Errorf("%d bytes in %d", c.size, len(c.kept))
	}
	s.heard = nil
	ask(t, c, "GET", "https://h/2") // the newest
	ask(t, c, "GET", "https://h/3") // the oldest, gone
	ask(t, c, "GET", "https://h/6") // would be the oldest, but was asked for
	ask(t, c, "GET", "https://h/7")
	ask(t, c, "GET", "https://h/6")
	if diff := cmp.Diff([]string{"GET 304", "GET 200", "GET 304", "GET 200", "GET 304"}, s.heard); diff != "" {
		t.Error(diff)
	}
	s.size = 0
	for i := range 2 * remembered {
		ask(t, c, "GET", fmt.Sprint("https://h/small/", i))
	}
	if len(c.kept) != remembered || c.order.Len() != remembered {
		t.Errorf("%d and %d kept", len(c.kept), c.order.Len())
	}
}

// What is kept must not be what a caller may change.
func TestCacheKeepsItsOwn(t *testing.T) {
	c := newCache(&tagged{version: 1})
	for range 2 {
		answer, _ := ask(t, c, "GET", "https://h/a")
		answer.Header.Set("Link", "changed")
	}
	answer, body := ask(t, c, "GET", "https://h/a")
	if answer.Header.Get("Link") != "<next>" || body != `"1"` {
		t.Errorf("%v %q", answer.Header, body)
	}
}
