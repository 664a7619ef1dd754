package github

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
)

const plantedSecret = "planted-webhook-secret"

// webhook is of example/monitoring.
func webhook(secrets ...string) *Webhook {
	var keys [][]byte
	for _, s := range secrets {
		keys = append(keys, []byte(s))
	}
	return &Webhook{
		Owner: "example", Name: "monitoring", Log: slog.New(slog.DiscardHandler),
		Secrets: func() ([][]byte, error) { return keys, nil },
	}
}

func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// signed is a delivery as GitHub makes it.
func signed(event, body string) http.Header {
	h := http.Header{}
	h.Set("X-GitHub-Event", event)
	h.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
	h.Set("X-Hub-Signature-256", sign(plantedSecret, body))
	h.Set("Content-Type", "application/json")
	return h
}

const ours = `"repository":{"full_name":"Example/Monitoring"}`

func TestWebhookEvents(t *testing.T) {
	const id = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
	other := forge.Event{Kind: forge.Other, Delivery: id}
	pull := func(n int) forge.Event { return forge.Event{Kind: forge.Proposed, Delivery: id, Pull: n} }
	tests := []struct {
		name, event, body string
		want              forge.Event
	}{
		{"push", "push", `{"ref":"refs/heads/main",` + ours + `}`, forge.Event{Kind: forge.Pushed, Delivery: id, Branch: "main"}},
		{"push to a branch with slashes", "push", `{"ref":"refs/heads/refs/heads/a",` + ours + `}`, forge.Event{Kind: forge.Pushed, Delivery: id, Branch: "refs/heads/a"}},
		{"branch deleted", "push", `{"ref":"refs/heads/x","deleted":true,"after":"0000",` + ours + `}`, forge.Event{Kind: forge.Pushed, Delivery: id, Branch: "x"}},
		{"tag", "push", `{"ref":"refs/tags/v1",` + ours + `}`, other},
		{"another repository", "push", `{"ref":"refs/heads/main","repository":{"full_name":"example/website"}}`, other},
		{"opened", "pull_request", `{"action":"opened","number":7,` + ours + `}`, pull(7)},
		{"pushed to", "pull_request", `{"action":"synchronize","number":7,` + ours + `}`, pull(7)},
		{"another base", "pull_request", `{"action":"edited","number":7,` + ours + `}`, pull(7)},
		{"merged", "pull_request", `{"action":"closed","number":7,` + ours + `}`, pull(7)},
		{"labeled", "pull_request", `{"action":"labeled","number":7,` + ours + `}`, other},
		{"check asked again", "check_run", `{"action":"rerequested","check_run":{"pull_requests":[{"number":3}],"check_suite":{"pull_requests":[{"number":3}]}},` + ours + `}`, pull(3)},
		{"checks asked again", "check_suite", `{"action":"rerequested","check_suite":{"pull_requests":[{"number":4}]},` + ours + `}`, pull(4)},
		{"of a fork", "check_suite", `{"action":"rerequested","check_suite":{"pull_requests":[]},` + ours + `}`, pull(0)},
		{"of several", "check_suite", `{"action":"rerequested","check_suite":{"pull_requests":[{"number":4},{"number":5}]},` + ours + `}`, pull(0)},
		{"check made", "check_run", `{"action":"created","check_run":{"pull_requests":[{"number":3}]},` + ours + `}`, other},
		{"ping", "ping", `{"zen":"Keep it logically awesome.",` + ours + `}`, forge.Event{Kind: forge.Ping, Delivery: id}},
		{"ping of an organization", "ping", `{"zen":"x","organization":{}}`, forge.Event{Kind: forge.Ping, Delivery: id}},
		{"ping of another repository", "ping", `{"repository":{"full_name":"example/website"}}`, other},
		{"digits in the name", "projects_v2_item", `{"action":"created"}`, other},
		{"unknown", "star", `{"action":"created"}`, other},
		{"unknown and not JSON", "some_day", `<`, other},
	}
	for _, test := range tests {
		got, err := webhook(plantedSecret).Event(signed(test.event, test.body), []byte(test.body))
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", test.name, err, diff)
		}
	}
}

func TestWebhookMalformed(t *testing.T) {
	deep := strings.Repeat("[", 1<<20)
	tests := []struct{ name, event, body string }{
		{"empty", "push", ``},
		{"cut off", "push", `{"ref":"refs/heads/main",`},
		{"more than one", "push", `{"ref":"refs/heads/main",` + ours + `}{}`},
		{"deep", "push", deep},
		{"deep inside", "pull_request", `{"pull_request":` + strings.Repeat(`{"a":`, 20_000) + `1` + strings.Repeat(`}`, 20_000) + `,` + ours + `}`},
		{"no object", "push", `[]`},
		{"null", "push", `null`},
		{"no repository", "push", `{"ref":"refs/heads/main"}`},
		{"no ref", "push", `{` + ours + `}`},
		{"a ref of another kind", "push", `{"ref":7,` + ours + `}`},
		{"half a ref", "push", `{"ref":"refs/heads/",` + ours + `}`},
		{"no full ref", "push", `{"ref":"main",` + ours + `}`},
		{"long ref", "push", `{"ref":"refs/heads/` + strings.Repeat("x", 2000) + `",` + ours + `}`},
		{"ref with a line break", "push", `{"ref":"refs/heads/a\nb",` + ours + `}`},
		{"no number", "pull_request", `{"action":"opened",` + ours + `}`},
		{"negative number", "pull_request", `{"action":"opened","number":-1,` + ours + `}`},
		{"huge number", "pull_request", `{"action":"opened","number":99999999999999999999,` + ours + `}`},
		{"large number", "pull_request", `{"action":"opened","number":4294967296,` + ours + `}`},
		{"fraction", "pull_request", `{"action":"opened","number":1.5,` + ours + `}`},
		{"no number of a check's", "check_run", `{"action":"rerequested","check_run":{"pull_requests":[{}]},` + ours + `}`},
	}
	for _, test := range tests {
		got, err := webhook(plantedSecret).Event(signed(test.event, test.body), []byte(test.body))
		if err == nil || errors.Is(err, forge.ErrForged) || got != (forge.Event{}) {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
		if err != nil && err.Error() != "reading the payload of "+test.event+": "+errPayload.Error() {
			t.Errorf("%s: the error may hold some of the payload: %.300v", test.name, err)
		}
	}
}

// TestWebhookSignature: only what is signed by one of the secrets, with SHA-256
// and once, is looked at.
func TestWebhookSignature(t *testing.T) {
	body := `{"ref":"refs/heads/main",` + ours + `}`
	right := sign(plantedSecret, body)
	mac := hmac.New(sha1.New, []byte(plantedSecret))
	mac.Write([]byte(body))
	sha1Only := http.Header{"X-Hub-Signature": {"sha1=" + hex.EncodeToString(mac.Sum(nil))}}
	tests := []struct {
		name    string
		header  http.Header
		secrets []string
		body    string
		want    error
	}{
		{"right", http.Header{"X-Hub-Signature-256": {right}}, []string{plantedSecret}, body, nil},
		{"first of two", http.Header{"X-Hub-Signature-256": {right}}, []string{plantedSecret, "the next one"}, body, nil},
		{"second of two", http.Header{"X-Hub-Signature-256": {right}}, []string{"the next one", plantedSecret}, body, nil},
		{"GitHub's own example", http.Header{"X-Hub-Signature-256": {"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}}, []string{"It's a Secret to Everybody"}, "Hello, World!", nil},
		{"none", http.Header{}, []string{plantedSecret}, body, forge.ErrForged},
		{"empty", http.Header{"X-Hub-Signature-256": {""}}, []string{plantedSecret}, body, forge.ErrForged},
		{"SHA-1 alone", sha1Only, []string{plantedSecret}, body, forge.ErrForged},
		{"SHA-1 in the name of SHA-256", http.Header{"X-Hub-Signature-256": sha1Only["X-Hub-Signature"]}, []string{plantedSecret}, body, forge.ErrForged},
		{"twice", http.Header{"X-Hub-Signature-256": {right, right}}, []string{plantedSecret}, body, forge.ErrForged},
		{"no name", http.Header{"X-Hub-Signature-256": {strings.TrimPrefix(right, "sha256=")}}, []string{plantedSecret}, body, forge.ErrForged},
		{"upper case", http.Header{"X-Hub-Signature-256": {"sha256=" + strings.ToUpper(right[7:])}}, []string{plantedSecret}, body, forge.ErrForged},
		{"longer", http.Header{"X-Hub-Signature-256": {right + "00"}}, []string{plantedSecret}, body, forge.ErrForged},
		{"another secret", http.Header{"X-Hub-Signature-256": {sign("guessed", body)}}, []string{plantedSecret}, body, forge.ErrForged},
		{"empty secret", http.Header{"X-Hub-Signature-256": {sign("", body)}}, []string{""}, body, forge.ErrForged},
		{"no secrets", http.Header{"X-Hub-Signature-256": {sign("", body)}}, nil, body, forge.ErrForged},
		{"after rotation", http.Header{"X-Hub-Signature-256": {right}}, []string{"the next one"}, body, forge.ErrForged},
	}
	for _, test := range tests {
		h := signed("star", "")
		h.Del("X-Hub-Signature-256")
		for name, values := range test.header {
			h[name] = values
		}
		_, err := webhook(test.secrets...).Event(h, []byte(test.body))
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if test.name == "SHA-1 alone" && !strings.Contains(err.Error(), "SHA-1 alone is not taken") {
			t.Errorf("%s: the error does not say so: %v", test.name, err)
		}
		if err != nil && (strings.Contains(err.Error(), plantedSecret) || strings.Contains(err.Error(), right[7:])) {
			t.Errorf("%s: the error tells the secret or the signature: %v", test.name, err)
		}
	}
}

// TestWebhookFlips changes every bit of a delivery's body and signature, one at a time.
func TestWebhookFlips(t *testing.T) {
	body := []byte(`{"ref":"refs/heads/main",` + ours + `}`)
	signature := []byte(sign(plantedSecret, string(body)))
	w := webhook(plantedSecret)
	for _, text := range [][]byte{body, signature} {
		for i := range len(text) * 8 {
			text[i/8] ^= 1 << (i % 8)
			h := signed("star", "")
			h["X-Hub-Signature-256"] = []string{string(signature)}
			if _, err := w.Event(h, body); !errors.Is(err, forge.ErrForged) {
				t.Fatalf("bit %d: %v", i, err)
			}
			text[i/8] ^= 1 << (i % 8)
		}
	}
}

func TestWebhookHeaders(t *testing.T) {
	body := `{"ref":"refs/heads/main",` + ours + `}`
	tests := []struct {
		name, header string
		values       []string
		want         string
	}{
		{"charset", "Content-Type", []string{"application/json; charset=utf-8"}, ""},
		{"form", "Content-Type", []string{"application/x-www-form-urlencoded"}, "webhook's settings"},
		{"no type", "Content-Type", nil, "application/json"},
		{"two types", "Content-Type", []string{"application/json", "text/plain"}, "application/json"},
		{"no event", "X-Github-Event", nil, "X-Github-Event"},
		{"two events", "X-Github-Event", []string{"push", "ping"}, "X-Github-Event"},
		{"odd event", "X-Github-Event", []string{"push\x00"}, "X-Github-Event"},
		{"no delivery", "X-Github-Delivery", nil, "X-Github-Delivery"},
		{"empty delivery", "X-Github-Delivery", []string{""}, "X-Github-Delivery"},
		{"two deliveries", "X-Github-Delivery", []string{"a", "b"}, "X-Github-Delivery"},
		{"long delivery", "X-Github-Delivery", []string{strings.Repeat("a", 200)}, "X-Github-Delivery"},
	}
	for _, test := range tests {
		h := signed("push", body)
		h[test.header] = test.values
		_, err := webhook(plantedSecret).Event(h, []byte(body))
		if (err != nil) != (test.want != "") || (err != nil && !strings.Contains(err.Error(), test.want)) || errors.Is(err, forge.ErrForged) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// TestSecretFile rotates a secret: old, both, new.
func TestSecretFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets")
	body := `{"ref":"refs/heads/main",` + ours + `}`
	w := webhook()
	w.Secrets = SecretFile(path)
	takes := func(secret string) bool {
		h := signed("push", body)
		h.Set("X-Hub-Signature-256", sign(secret, body))
		_, err := w.Event(h, []byte(body))
		return err == nil
	}
	steps := []struct {
		name, file string
		old, fresh bool
	}{
		{"before", "the old secret\n", true, false},
		{"both", "the new secret\nthe old secret\n", true, true},
		{"after", "the new secret", false, true},
		{"lines of Windows", "\r\n  the new secret\r\n\r\n", false, true},
	}
	for _, step := range steps {
		if err := os.WriteFile(path, []byte(step.file), 0o600); err != nil {
			t.Fatal(err)
		}
		if takes("the old secret") != step.old || takes("the new secret") != step.fresh {
			t.Errorf("%s: old %v, new %v", step.name, takes("the old secret"), takes("the new secret"))
		}
	}

	faults := map[string]string{
		"":                                 "is empty",
		"\n \n":                            "is empty",
		"planted-a\nplanted-b\nplanted-c":  "has 3 lines",
		strings.Repeat("planted\n", 10240): "far too large",
	}
	for file, want := range faults {
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		wantLater(t, w, body, want)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	wantLater(t, w, body, "no such file")
}

// wantLater checks that our own fault is not taken for a forgery.
func wantLater(t *testing.T, w *Webhook, body, want string) {
	t.Helper()
	_, err := w.Event(signed("push", body), []byte(body))
	var later *forge.RetryError
	if !errors.As(err, &later) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "planted") {
		t.Errorf("error: %v, want one about %q", err, want)
	}
}

// TestWebhookTellsOtherRepositories: a webhook of the wrong repository is found in the log.
func TestWebhookTellsOtherRepositories(t *testing.T) {
	var log bytes.Buffer
	w := webhook(plantedSecret)
	w.Log = slog.New(slog.NewTextHandler(&log, nil))
	body := `{"ref":"refs/heads/main","repository":{"full_name":"example/planted"}}`
	if _, err := w.Event(signed("push", body), []byte(body)); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); !strings.Contains(text, "want=example/monitoring") || strings.Contains(text, "planted") {
		t.Errorf("log: %s", text)
	}
}
