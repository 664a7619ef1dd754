package hook

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// FuzzDelivery sends anything, rightly signed or not. Only what is signed is
// handed on, once, and with no more in it than a hint.
func FuzzDelivery(f *testing.F) {
	const id = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
	ours := `,"repository":{"full_name":"example/monitoring"}}`
	for event, body := range map[string]string{
		"push":         `{"ref":"refs/heads/main"` + ours,
		"pull_request": `{"action":"synchronize","number":7` + ours,
		"check_suite":  `{"action":"rerequested","check_suite":{"pull_requests":[{"number":4}]}` + ours,
		"check_run":    `{"action":"rerequested","check_run":{"pull_requests":[],"check_suite":{"pull_requests":[{"number":4}]}}` + ours,
		"ping":         `{"zen":"x"}`,
		"star":         `{}`,
	} {
		f.Add(event, id, "application/json", "", true, []byte(body))
		f.Add(event, id, "application/json", sign(body), false, []byte(body))
		f.Add(event, id, "application/x-www-form-urlencoded", "sha256=", false, []byte("payload="+body))
	}
	f.Add("push", "", "", "sha1=00", true, []byte(strings.Repeat("[", 20_000)))
	f.Add("push", id, "application/json", "", true, []byte("{\"ref\":\"refs/heads/\xff\u0000\",\"number\":-1e400"))
	for _, e := range examples(f) {
		f.Add(e.event, id, "application/json", "", true, []byte(e.body))
	}
	f.Fuzz(func(t *testing.T, event, delivery, media, signature string, right bool, body []byte) {
		if right {
			signature = sign(string(body))
		}
		signed := signature == sign(string(body))
		var handed []forge.Event
		s, err := New(Options{
			Hook: webhook(), Deliver: func(e forge.Event) { handed = append(handed, e) },
			MaxBody: 64 << 10, Log: slog.New(slog.DiscardHandler),
		})
		must(t, err)
		post := func() int {
			r := httptest.NewRequest(http.MethodPost, "/hooks/github", bytes.NewReader(body))
			r.Header = http.Header{
				"X-Github-Event": {event}, "X-Github-Delivery": {delivery}, "Content-Type": {media}, "X-Hub-Signature-256": {signature},
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			return w.Code
		}
		first, second := post(), post()
		if !slices.Contains([]int{200, 202, 400, 401, 413}, first) {
			t.Errorf("answered %d", first)
		}
		if (first == http.StatusUnauthorized) == signed && first != http.StatusRequestEntityTooLarge {
			t.Errorf("answered %d, signed: %v", first, signed)
		}
		if taken := first == http.StatusAccepted; taken != (len(handed) == 1) || len(handed) > 1 || (taken && second != http.StatusOK) {
			t.Errorf("answered %d and %d, handed on: %+v", first, second, handed)
		}
		for _, e := range handed {
			hint := (e.Kind == forge.Pushed && e.Branch != "" && len(e.Branch) < 1024 && e.Pull == 0 && !strings.ContainsAny(e.Branch, "\x00\n\r")) ||
				(e.Kind == forge.Proposed && e.Branch == "" && e.Pull >= 0)
			if !hint || e.Delivery != delivery || len(e.Delivery) > 100 {
				t.Errorf("handed on: %+v", e)
			}
		}
	})
}
