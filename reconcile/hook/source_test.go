package hook

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// hookFunc is a forge whose word is a function.
type hookFunc func(http.Header, []byte) (forge.Event, error)

func (f hookFunc) Event(h http.Header, body []byte) (forge.Event, error) { return f(h, body) }

// byHeader takes a delivery for signed that says so.
var byHeader = hookFunc(func(h http.Header, _ []byte) (forge.Event, error) {
	if h.Get("Signed") == "" {
		return forge.Event{}, forge.ErrForged
	}
	return forge.Event{Kind: forge.Pushed}, nil
})

// TestPace: each source has its own, forged deliveries cost more, and it comes back with time.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Options{Hook: byHeader, Deliver: func(forge.Event) {}, Rate: 2, Burst: 10, Penalty: 4, Log: slog.New(slog.DiscardHandler)})
		must(t, err)
		post := func(address string, signed bool) (int, string) {
			r := httptest.NewRequest(http.MethodPost, "/hooks/github", strings.NewReader("{}"))
			r.RemoteAddr = address
			if signed {
				r.Header.Set("Signed", "yes")
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			return w.Code, w.Header().Get("Retry-After")
		}
		count := func(address string, signed bool) (n int, again string) {
			for range 1000 {
				code, wait := post(address, signed)
				if code == http.StatusTooManyRequests {
					return n, wait
				}
				n++
			}
			return n, ""
		}
		wants := []struct {
			name, address string
			signed        bool
			wait          time.Duration
			want          int
			again         string
		}{
			{"a burst", "192.0.2.1:1000", true, 0, 10, "1"},
			{"another port is the same source", "192.0.2.1:2000", true, 0, 0, "1"},
			{"another address is another", "192.0.2.2:1000", true, 0, 10, "1"},
			{"after a second", "192.0.2.1:1000", true, time.Second, 2, "1"},
			{"forged ones cost five", "192.0.2.3:1000", false, 0, 2, "1"},
			{"all of it is back", "192.0.2.3:1000", true, time.Minute, 10, "1"},
			{"the same address in IPv6", "[::ffff:192.0.2.3]:1000", true, 0, 0, "1"},
			{"IPv6", "[2001:db8::1]:1000", true, 0, 10, "1"},
			{"its neighbor", "[2001:db8::2]:1000", true, 0, 0, "1"},
			{"another network", "[2001:db8:0:1::2]:1000", true, 0, 10, "1"},
			{"no address", "@", true, 0, 10, "1"},
		}
		for _, want := range wants {
			time.Sleep(want.wait)
			if n, again := count(want.address, want.signed); n != want.want || again != want.again {
				t.Errorf("%s: %d taken, then wait %q; want %d and %q", want.name, n, again, want.want, want.again)
			}
		}

		// A forged one on credit: its source waits for longer.
		_, _ = post("192.0.2.9:1", true)
		for range 2 {
			_, _ = post("192.0.2.9:1", false)
		}
		if code, again := post("192.0.2.9:1", true); code != http.StatusTooManyRequests || again != "1" {
			t.Errorf("on credit: %d, wait %q", code, again)
		}
		time.Sleep(time.Second)
		if code, _ := post("192.0.2.9:1", false); code != http.StatusUnauthorized {
			t.Errorf("a forged one: %d", code)
		}
		if code, again := post("192.0.2.9:1", true); code != http.StatusTooManyRequests || again != "3" {
			t.Errorf("on credit: %d, wait %q", code, again)
		}
	})
}

func TestSourcesAreBounded(t *testing.T) {
	s, err := New(Options{Hook: byHeader, Deliver: func(forge.Event) {}})
	must(t, err)
	address := netip.MustParseAddr("10.0.0.0")
	for range 3 * maxSources {
		s.source(address)
		address = address.Next()
	}
	if n := s.sources.Len(); n != maxSources {
		t.Errorf("%d sources, want %d", n, maxSources)
	}
}

func TestAddress(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	tests := []struct {
		name, peer string
		forwarded  []string
		proxies    []netip.Prefix
		want       string
	}{
		{"no proxy", "192.0.2.1:99", nil, proxies, "192.0.2.1"},
		{"a stranger's word", "192.0.2.1:99", []string{"203.0.113.5"}, proxies, "192.0.2.1"},
		{"nobody is believed by default", "10.0.0.1:99", []string{"203.0.113.5"}, nil, "10.0.0.1"},
		{"a proxy's word", "10.0.0.1:99", []string{"203.0.113.5"}, proxies, "203.0.113.5"},
		{"what stands before it is anyone's", "10.0.0.1:99", []string{"198.51.100.1, 203.0.113.5"}, proxies, "203.0.113.5"},
		{"two proxies", "10.0.0.1:99", []string{"198.51.100.1, 203.0.113.5, 10.0.0.2"}, proxies, "203.0.113.5"},
		{"two headers", "10.0.0.1:99", []string{"198.51.100.1", "203.0.113.5 ,10.0.0.2"}, proxies, "203.0.113.5"},
		{"none but proxies", "10.0.0.1:99", []string{"10.0.0.3, 10.0.0.2"}, proxies, "10.0.0.3"},
		{"no header", "10.0.0.1:99", nil, proxies, "10.0.0.1"},
		{"nonsense", "10.0.0.1:99", []string{"203.0.113.5, unknown"}, proxies, "10.0.0.1"},
		{"IPv6", "[fd00::1]:99", []string{"2001:db8::5"}, proxies, "2001:db8::5"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:99", []string{"::ffff:203.0.113.5"}, proxies, "203.0.113.5"},
		{"a zone", "[fe80::1%eth0]:99", nil, proxies, "fe80::1"},
	}
	for _, test := range tests {
		s := &Server{Options: Options{Proxies: test.proxies}}
		r := &http.Request{RemoteAddr: test.peer, Header: http.Header{}}
		if test.forwarded != nil {
			r.Header["X-Forwarded-For"] = test.forwarded
		}
		if diff := cmp.Diff(test.want, s.address(r).String()); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}
