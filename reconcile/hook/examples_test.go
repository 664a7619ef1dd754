package hook

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/forge/github"
)

// example is a payload that GitHub has published.
type example struct{ event, repository, body string }

// examples reads the index of @octokit/webhooks-examples, which lies beside the
// judge of GitHub's API; without that there are none.
func examples(t testing.TB) []example {
	t.Helper()
	prism := os.Getenv("WATCHBILL_PRISM")
	if prism == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(prism), "node_modules/@octokit/webhooks-examples/api.github.com/index.json"))
	must(t, err)
	var index []struct {
		Name     string
		Examples []json.RawMessage
	}
	must(t, json.Unmarshal(text, &index))
	var all []example
	for _, event := range index {
		for _, body := range event.Examples {
			var of struct {
				Repository struct {
					FullName string `json:"full_name"`
				}
			}
			must(t, json.Unmarshal(body, &of))
			all = append(all, example{event.Name, of.Repository.FullName, string(body)})
		}
	}
	return all
}

// TestExamples sends every payload that GitHub has published, as if it were of
// our repository and as if it were of another.
func TestExamples(t *testing.T) {
	all := examples(t)
	if len(all) == 0 {
		t.Skip("needs the example payloads, beside WATCHBILL_PRISM: run it by make test")
	}
	// Whose webhook it is stands in a header, for this test alone.
	r := serve(t, Options{Hook: hookFunc(func(h http.Header, body []byte) (forge.Event, error) {
		owner, name, _ := strings.Cut(h.Get("Ours"), "/")
		w := github.Webhook{
			Owner: owner, Name: name, Log: slog.New(slog.DiscardHandler),
			Secrets: func() ([][]byte, error) { return [][]byte{[]byte(plantedSecret)}, nil },
		}
		return w.Event(h, body)
	})})
	send := func(e example, ours, id string) {
		req := r.request(id, e.body)
		req.Header.Set("X-GitHub-Event", e.event)
		req.Header.Set("Ours", ours)
		if status, text := r.do(req); status != http.StatusOK && status != http.StatusAccepted {
			t.Errorf("%s of %s, ours is %s: answered %d %q", e.event, e.repository, ours, status, text)
		}
	}
	got := map[string]int{}
	for i, e := range all {
		send(e, "example/monitoring", fmt.Sprintf("%d-of-another", i))
		if n := len(r.delivered()); n > 0 {
			t.Fatalf("%s of %s is taken for ours", e.event, e.repository)
		}
		send(e, e.repository, strconv.Itoa(i))
		for _, what := range r.drain() {
			got[fmt.Sprintf("%s: %s %s %d", e.event, what.Kind, what.Branch, what.Pull)]++
		}
	}
	want := map[string]int{
		"push: push master 0": 2, "pull_request: proposal  2": 12, "check_suite: proposal  2": 2, "check_run: proposal  0": 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
