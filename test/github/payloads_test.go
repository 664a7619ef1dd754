package github

import (
	"encoding/json"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v92/github"
)

func needPrism(t *testing.T) {
	t.Helper()
	if os.Getenv("WATCHBILL_PRISM") == "" {
		t.Skip("WATCHBILL_PRISM is not set: `make test` builds what GitHub's examples lie beside, and runs this test with it")
	}
}

// How many examples there are of each event, and how many of them do not fit GitHub's own schema.
func TestPayloads(t *testing.T) {
	needPrism(t)
	all, err := Payloads("push", "pull_request", "check_run", "check_suite", "ping")
	if err != nil {
		t.Fatal(err)
	}
	type count struct{ Right, Wrong int }
	got := map[string]count{}
	for _, p := range all {
		c := got[p.Event]
		if p.Wrong == nil {
			c.Right++
		} else {
			c.Wrong++
		}
		got[p.Event] = c
	}
	want := map[string]count{"push": {6, 1}, "pull_request": {28, 1}, "check_run": {6, 3}, "check_suite": {8, 1}, "ping": {3, 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("examples (-want +got):\n%s", diff)
	}
}

func TestCheckPayload(t *testing.T) {
	needPrism(t)
	all, err := Payloads("push")
	if err != nil {
		t.Fatal(err)
	}
	whole := all[len(all)-1].Body
	var lacking map[string]any
	if err := json.Unmarshal(whole, &lacking); err != nil {
		t.Fatal(err)
	}
	delete(lacking, "ref")
	body, err := json.Marshal(lacking)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		event string
		body  []byte
		right bool
	}{
		"example":        {"push", whole, true},
		"without ref":    {"push", body, false},
		"of other event": {"pull_request", whole, false},
		"no such event":  {"nonsense", whole, false},
		"half of it":     {"push", whole[:100], false},
	} {
		if err := CheckPayload(c.event, c.body); (err == nil) != c.right {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The request is one that GitHub's usual Go client takes for a signed one.
func TestDelivery(t *testing.T) {
	for secret, right := range map[string]bool{"planted-secret": true, "another": false} {
		r, err := Delivery(t.Context(), "http://127.0.0.1/webhook", secret, "push", []byte(`{"ref":"refs/heads/main"}`))
		if err != nil {
			t.Fatal(err)
		}
		body, err := gh.ValidatePayload(r, []byte("planted-secret"))
		if (err == nil) != right {
			t.Errorf("%s: %v", secret, err)
		}
		if right && string(body) != `{"ref":"refs/heads/main"}` {
			t.Errorf("body %q", body)
		}
		if right && (gh.WebHookType(r) != "push" || len(gh.DeliveryID(r)) != 36) {
			t.Errorf("headers %v", r.Header)
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}
}
