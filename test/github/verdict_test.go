package github

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// counter gives how often Prism was asked since the counter was asked last.
func counter(s *Server) func() int {
	before := s.front.judge.next
	return func() int {
		n := s.front.judge.next - before
		before += n
		return n
	}
}

// Prism is asked once about what is the same, and about anything else.
func TestVerdictsAreRemembered(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	s := JudgeAt(t, clock)
	r := s.Repo("example", "monitoring")
	r.SetPull(Pull{Number: 7, Head: sha})
	s.AllowToken(token, nil)
	s.AllowToken("another-token", nil)
	asked := counter(s)
	list := "/repos/example/monitoring/pulls?state=open&per_page=17" // no other test asks for so many
	who := token
	for _, step := range []struct {
		why          string
		do           func()
		asks, status int
	}{
		{"the first", func() {}, 1, 200},
		{"the same", func() {}, 0, 200},
		{"another answer", func() { r.SetPull(Pull{Number: 7, Head: sha, Title: "another"}) }, 1, 200},
		{"the same as that", func() {}, 0, 200},
		{"another status", func() { s.Fail(Failure{Fault: NotFound, Times: 1}) }, 1, 404},
		{"a page", func() { s.Fail(Failure{Fault: BadGateway, Times: 1}) }, 1, 502},
		{"the page, with another status", func() { s.Fail(Failure{Fault: BadGateway, Status: 500, Times: 1}) }, 1, 500},
		{"fewer requests left", func() { s.SetRemaining(100, now.Add(time.Minute)) }, 0, 200},
		{"another credential", func() { who = "another-token" }, 0, 200},
		{"another query", func() { list += "&page=1" }, 1, 200},
	} {
		step.do()
		status, _, body := ask(t, s, who, "GET", list, "")
		if n := asked(); n != step.asks || status != step.status {
			t.Errorf("%s: asked %d times, %d %.200s", step.why, n, status, body)
		}
	}
	another := JudgeAt(t, clock) // whose address is another
	another.Repo("example", "monitoring").SetPull(Pull{Number: 7, Head: sha, Title: "another"})
	another.AllowToken(token, nil)
	if status, _, _ := ask(t, another, token, "GET", list, ""); status != 200 || asked() != 0 {
		t.Errorf("another stand-in: %d", status)
	}
}

// What is not allowed is not remembered, and what is known is done once.
func TestViolationsAreNotRemembered(t *testing.T) {
	s := unjudged(t, nil)
	r := s.Repo("example", "monitoring")
	s.AllowToken(token, nil)
	asked := counter(s)
	var got []string
	post := func(body string) {
		status, _, _ := ask(t, s, token, "POST", statusPath, body)
		got = append(got, fmt.Sprint(status, ": asked ", asked(), " times, ", len(s.Violations()), " violations, ", len(r.Statuses(sha)), " statuses"))
	}
	for range 2 {
		post(`{"state":"live"}`)
	}
	for range 2 {
		post(`{"state":"success","description":"remembered"}`)
	}
	s.Fail(Failure{Fault: Incomplete})
	for range 2 {
		post(`{"state":"success","description":"remembered"}`)
	}
	s.Mend()
	post(`{"state":"success","description":"remembered"}`)
	want := []string{
		"422: asked 1 times, 1 violations, 0 statuses",
		"422: asked 1 times, 2 violations, 0 statuses",
		"201: asked 1 times, 2 violations, 1 statuses",
		"201: asked 1 times, 2 violations, 2 statuses",
		"500: asked 1 times, 3 violations, 3 statuses",
		"500: asked 1 times, 4 violations, 4 statuses",
		"201: asked 1 times, 4 violations, 5 statuses",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// GitHub's description has a word on the headers that are left out only where nothing is remembered.
func TestUnheeded(t *testing.T) {
	s := Judge(t)
	s.AllowToken(token, nil)
	asked := counter(s)
	for range 2 {
		if ask(t, s, token, "GET", rateLimitPath, ""); asked() != 1 {
			t.Errorf("not asked about %s", rateLimitPath)
		}
	}
	file, err := pkg("", "@octokit", "openapi", "generated", "api.github.com.json")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := readDescription(file)
	if err != nil {
		t.Fatal(err)
	}
	part, err := whole.subset()
	if err != nil {
		t.Fatal(err)
	}
	for path, operations := range part.Paths {
		for method, text := range operations {
			for _, name := range part.headers(t, text) {
				if slices.Contains(unheeded, http.CanonicalHeaderKey(name)) && path != rateLimitPath {
					t.Errorf("%s %s has a word on %s", method, path, name)
				}
			}
		}
	}
	if got := part.headers(t, part.Paths[rateLimitPath]["get"]); len(got) == 0 {
		t.Error("no header is found, where there are some")
	}
}

// headers are those of an operation's requests and answers.
func (d *description) headers(t *testing.T, operation json.RawMessage) []string {
	t.Helper()
	var o struct {
		Parameters []map[string]any
		Responses  map[string]map[string]any
	}
	if err := json.Unmarshal(operation, &o); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range o.Parameters {
		if p = d.resolve(t, p); p["in"] == "header" {
			names = append(names, p["name"].(string))
		}
	}
	for _, r := range o.Responses {
		headers, _ := d.resolve(t, r)["headers"].(map[string]any)
		for name := range headers {
			names = append(names, name)
		}
	}
	return names
}

// resolve follows a reference, if it is one.
func (d *description) resolve(t *testing.T, value map[string]any) map[string]any {
	t.Helper()
	ref, is := value["$ref"].(string)
	if !is {
		return value
	}
	kind, name, _ := strings.Cut(strings.TrimPrefix(ref, "#/components/"), "/")
	var found map[string]any
	if err := json.Unmarshal(d.Components[kind][name], &found); err != nil {
		t.Fatal(err)
	}
	return found
}
