package hook

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/forge/github"
)

// TestDeliveries: what becomes of each kind of delivery, over a real connection.
func TestDeliveries(t *testing.T) {
	mac := hmac.New(sha1.New, []byte(plantedSecret))
	mac.Write([]byte(push("main")))
	old := "sha1=" + hex.EncodeToString(mac.Sum(nil))
	ping := `{"zen":"x","repository":{"full_name":"example/monitoring"}}`
	deep := strings.Repeat(`{"a":`, 100_000)
	type change func(*http.Request)
	set := func(name string, values ...string) change {
		return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
	}
	tests := []struct {
		name, body string
		change     change
		status     int
		event      string
		result     string
		delivered  bool
	}{
		{"push", push("main"), nil, 202, "push", taken, true},
		{"ping", ping, set("X-GitHub-Event", "ping"), 200, "ping", taken, false},
		{"unknown event", `{}`, set("X-GitHub-Event", "star"), 200, "other", ignored, false},
		{"unsigned", push("main"), set("X-Hub-Signature-256"), 401, "unknown", forged, false},
		{"badly signed", push("main"), set("X-Hub-Signature-256", sign(push("other"))), 401, "unknown", forged, false},
		{"SHA-1 alone", push("main"), func(r *http.Request) {
			r.Header.Del("X-Hub-Signature-256")
			r.Header.Set("X-Hub-Signature", old)
		}, 401, "unknown", forged, false},
		{"two signatures", push("main"), set("X-Hub-Signature-256", sign(push("main")), sign(push("main"))), 401, "unknown", forged, false},
		{"two events", push("main"), set("X-GitHub-Event", "push", "ping"), 400, "unknown", malformed, false},
		{"two deliveries", push("main"), set("X-GitHub-Delivery", "a", "b"), 400, "unknown", malformed, false},
		{"two types", push("main"), set("Content-Type", "application/json", "application/json"), 400, "unknown", malformed, false},
		{"form", push("main"), set("Content-Type", "application/x-www-form-urlencoded"), 400, "unknown", malformed, false},
		{"no body", "", nil, 400, "unknown", malformed, false},
		{"malformed", `{"ref":`, nil, 400, "unknown", malformed, false},
		{"deep", deep, nil, 400, "unknown", malformed, false},
		{"compressed", push("main"), set("Content-Encoding", "gzip"), 415, "unknown", unsupported, false},
		{"plain, but said", push("main"), set("Content-Encoding", ""), 415, "unknown", unsupported, false},
		{"largest", push("main") + strings.Repeat(" ", 3<<20-len(push("main"))), nil, 202, "push", taken, true},
		{"too large", push("main") + strings.Repeat(" ", 3<<20-len(push("main"))+1), nil, 413, "unknown", tooLarge, false},
		{"too large, in chunks", push("main") + strings.Repeat(" ", 3<<20), func(r *http.Request) {
			r.ContentLength = -1
		}, 413, "unknown", tooLarge, false},
		{"in chunks", push("main"), func(r *http.Request) { r.ContentLength = -1 }, 202, "push", taken, true},
		{"another path", push("main"), func(r *http.Request) { r.URL.Path = "/hooks/github/" }, 404, "", "", false},
		{"another method", push("main"), func(r *http.Request) { r.Method = http.MethodPut }, 405, "", "", false},
		{"looked at", "", func(r *http.Request) { r.Method = http.MethodGet }, 405, "", "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := serve(t, Options{})
			req := r.request("72d3162e", test.body)
			if test.change != nil {
				test.change(req)
			}
			status, text := r.do(req)
			if status != test.status || text == "" {
				t.Errorf("answered %d %q, want %d", status, text, test.status)
			}
			if got := len(r.delivered()); (got == 1) != test.delivered || got > 1 {
				t.Errorf("%d delivered", got)
			}
			if test.result == "" {
				if n := testutil.CollectAndCount(r.metrics.deliveries); n != 0 {
					t.Errorf("%d metrics of what is no delivery", n)
				}
				return
			}
			if n := testutil.ToFloat64(r.metrics.deliveries.WithLabelValues(test.event, test.result)); n != 1 || testutil.CollectAndCount(r.metrics.deliveries) != 1 {
				t.Errorf("not counted as %s, %s", test.event, test.result)
			}
			if signed := testutil.ToFloat64(r.metrics.last) > 0; signed != (test.event != "unknown") {
				t.Errorf("last delivery: %v", signed)
			}
		})
	}
}

// TestCompressed: a bomb is not unpacked, and not even read.
func TestCompressed(t *testing.T) {
	r := serve(t, Options{})
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 64 {
		_, err := z.Write(make([]byte, 1<<20))
		must(t, err)
	}
	must(t, z.Close())
	req := r.request("bomb", bomb.String())
	req.Header.Set("Content-Encoding", "gzip")
	if status, _ := r.do(req); status != http.StatusUnsupportedMediaType {
		t.Errorf("answered %d", status)
	}
}

// TestReplayed: a delivery is taken once, and only one that was signed counts.
func TestReplayed(t *testing.T) {
	r := serve(t, Options{MaxDeliveries: 2})
	unsigned := r.request("a", push("main"))
	unsigned.Header.Del("X-Hub-Signature-256")
	steps := []struct {
		req    *http.Request
		status int
		text   string
	}{
		{unsigned, 401, "the signature is missing or wrong"},
		{r.request("a", push("main")), 202, "taken"},
		{r.request("a", push("main")), 200, "already taken"},
		{r.request("a", push("other")), 200, "already taken"},
		{r.request("b", push("main")), 202, "taken"},
		{r.request("c", push("main")), 202, "taken"}, // and a is forgotten
		{r.request("c", push("main")), 200, "already taken"},
	}
	for i, step := range steps {
		if status, text := r.do(step.req); status != step.status || text != step.text {
			t.Errorf("step %d: %d %q", i, status, text)
		}
	}
	want := []forge.Event{
		{Kind: forge.Pushed, Delivery: "a", Branch: "main"}, {Kind: forge.Pushed, Delivery: "b", Branch: "main"}, {Kind: forge.Pushed, Delivery: "c", Branch: "main"},
	}
	if diff := cmp.Diff(want, r.delivered()); diff != "" {
		t.Error(diff)
	}
	if n := r.taken.Len(); n != 2 {
		t.Errorf("%d deliveries are remembered, want 2", n)
	}
}

// TestRotation: the file is read anew, and while it cannot be, deliveries are
// refused with our own fault and the secret's file in the log alone.
func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets")
	r := serve(t, Options{Hook: &github.Webhook{Owner: "example", Name: "monitoring", Secrets: github.SecretFile(path)}})
	steps := []struct {
		name, file string
		status     int
	}{
		{"before", "another secret\n", 401},
		{"both", "another secret\n" + plantedSecret + "\n", 202},
		{"after", plantedSecret + "\n", 202},
		{"empty", "", 503},
		{"mended", plantedSecret, 202},
	}
	for _, step := range steps {
		must(t, os.WriteFile(path, []byte(step.file), 0o600))
		status, text := r.do(r.request(step.name, push("main")))
		if status != step.status || strings.Contains(text, path) {
			t.Errorf("%s: %d %q", step.name, status, text)
		}
	}
	if log := r.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "is empty; put in the secret") {
		t.Errorf("log: %s", log)
	}
}

// TestForgedAreToldOnce: strangers do not fill the log.
func TestForgedAreToldOnce(t *testing.T) {
	r := serve(t, Options{})
	for range 50 {
		req := r.request("x", push("main"))
		req.Header.Del("X-Hub-Signature-256")
		if status, _ := r.do(req); status != http.StatusUnauthorized {
			t.Fatalf("answered %d", status)
		}
	}
	if n := strings.Count(r.log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings", n)
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	for _, o := range []Options{{}, {Hook: &github.Webhook{}}, {Deliver: func(forge.Event) {}}} {
		if s, err := New(o); err == nil || s != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := New(Options{Hook: &github.Webhook{}, Deliver: func(forge.Event) {}}); err != nil {
		t.Error(err)
	}
}
