package storetest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/stores/storetest"
)

func TestStaleList(t *testing.T) {
	server := storetest.Versitygw(t)
	proxy := storetest.NewFaultProxy(t, server.Endpoint)
	b := storetest.Open(t, proxy.Before(server.Bucket(t)))
	storetest.Put(t, b, "a/one", "1")
	proxy.Break(storetest.Always(storetest.StaleList, storetest.IsList))
	for _, c := range []struct {
		prefix string
		put    string
		want   []string
	}{
		{"a/", "a/two", []string{"a/one"}}, // the first of its kind passes
		{"a/", "a/three", []string{"a/one"}},
		{"a", "", []string{"a/one", "a/three", "a/two"}}, // another listing
	} {
		if diff := cmp.Diff(c.want, storetest.Keys(t, b, c.prefix)); diff != "" {
			t.Errorf("below %s: %s", c.prefix, diff)
		}
		if c.put != "" {
			storetest.Put(t, b, c.put, "x")
		}
	}
	proxy.Break(nil)
	if diff := cmp.Diff([]string{"a/one", "a/three", "a/two"}, storetest.Keys(t, b, "a/")); diff != "" {
		t.Error(diff)
	}
}

// TestSlowBody: it takes its time and is whole.
func TestSlowBody(t *testing.T) {
	server := storetest.Versitygw(t)
	proxy := storetest.NewFaultProxy(t, server.Endpoint)
	b := storetest.Open(t, proxy.Before(server.Bucket(t)))
	storetest.Put(t, b, "k", "some text that is long enough")
	proxy.Break(storetest.Nth(0, 1, storetest.SlowBody, storetest.IsGet))
	began := time.Now()
	content, _ := storetest.Get(t, b, "k")
	if took := time.Since(began); content != "some text that is long enough" || took < 300*time.Millisecond {
		t.Errorf("%q after %s", content, took)
	}
}

func TestSprinkle(t *testing.T) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://127.0.0.1/b/k", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = 5
	rule, broken, row := storetest.Sprinkle(3, 2), 0, 0
	for n := range 1000 {
		switch rule(n, request) {
		case storetest.None:
			row = 0
		case storetest.CutDownload, storetest.SlowBody, storetest.StaleList:
			t.Fatal("a fault that does not fit a put")
		default:
			broken++
			if row++; row > 2 {
				t.Fatal("more than two in a row")
			}
		}
	}
	if broken < 200 || broken > 500 {
		t.Errorf("%d of 1000 broken", broken)
	}
}
