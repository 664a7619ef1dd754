package github

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestBearerStaysAtHome(t *testing.T) {
	home, _ := url.Parse("https://api.example.com/")
	for address, want := range map[string]string{
		"https://api.example.com/x":       "Bearer planted",
		"http://api.example.com/x":        "",
		"https://api.example.com:8443/x":  "",
		"https://example.com/x":           "",
		"https://api.example.com.evil/x":  "",
		"https://objects.example.com/log": "",
	} {
		var got string
		b := &bearer{home: home, secrets: &secrets{}, token: func(context.Context) (string, error) { return "planted", nil },
			next: transportFunc(func(r *http.Request) (*http.Response, error) {
				got = r.Header.Get("Authorization")
				return httptest.NewRecorder().Result(), nil
			})}
		req := httptest.NewRequest(http.MethodGet, address, nil)
		answer, err := b.RoundTrip(req)
		if err != nil || got != want || req.Header.Get("Authorization") != "" {
			t.Errorf("%s: %q %v", address, got, err)
			continue
		}
		answer.Body.Close()
	}
}

func TestRedact(t *testing.T) {
	var s secrets
	for _, token := range []string{"", "planted1", "planted2", "planted1"} {
		s.add(token)
	}
	got := s.redact(`Bearer planted2, then planted1: proxyconnect "http://user:planted3@proxy:3128/": no; see https://example.com/a@b`)
	want := `Bearer REDACTED, then REDACTED: proxyconnect "http://REDACTED@proxy:3128/": no; see https://example.com/a@b`
	if got != want {
		t.Error(got)
	}
	for i := range 20 {
		s.add(strings.Repeat("x", i+1))
	}
	if len(s.values) > 8 {
		t.Errorf("%d kept", len(s.values))
	}
}

func TestCapped(t *testing.T) {
	for _, test := range []struct {
		size int
		err  error
	}{{0, nil}, {maxAnswer, nil}, {maxAnswer + 1, errTooLong}, {3 * maxAnswer, errTooLong}} {
		c := capped{transportFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{Body: io.NopCloser(io.LimitReader(zeros{}, int64(test.size)))}, nil
		})}
		answer, err := c.RoundTrip(nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if !errors.Is(err, test.err) || err == nil && len(body) != test.size {
			t.Errorf("%d bytes of %d: %v", len(body), test.size, err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
