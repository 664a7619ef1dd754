package github

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func quote(t *testing.T, value any) string {
	t.Helper()
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// newToken is an installation's, of an App that is made for it.
func newToken(t *testing.T, s *Server, rights map[string]string) string {
	t.Helper()
	s.App(App{ID: 7, Key: &key().PublicKey, Rights: rights})
	status, _, body := ask(t, s, sign(t, "7", s.now().Add(-time.Minute), 5*time.Minute), "POST", "/app/installations/1007/access_tokens", "")
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusCreated {
		t.Fatal(status, body, err)
	}
	return made.Token
}

// GitHub refuses more than its description says.
func TestRules(t *testing.T) {
	const (
		checks      = "/repos/example/monitoring/check-runs"
		deployments = "/repos/example/monitoring/deployments"
	)
	note := func(from, to int, column *int) string {
		return quote(t, object{"name": "a", "head_sha": sha, "output": object{"title": "t", "summary": "s", "annotations": []object{
			with(object{"path": "a", "start_line": from, "end_line": to, "annotation_level": "failure", "message": "m"}, map[bool]object{true: {"start_column": column}}[column != nil]),
		}}})
	}
	for name, c := range map[string]struct {
		who, method, path, body string
		status                  int
		words                   string
	}{
		"description of 140":        {"token", "POST", statusPath, quote(t, object{"state": "error", "description": strings.Repeat("é", 140)}), 201, ""},
		"description of 141":        {"token", "POST", statusPath, quote(t, object{"state": "error", "description": strings.Repeat("é", 141)}), 422, "maximum is 140"},
		"emoji":                     {"token", "POST", statusPath, `{"state":"error","description":"😀"}`, 422, "above 0xffff"},
		"context of 256":            {"token", "POST", statusPath, quote(t, object{"state": "error", "context": strings.Repeat("a", 256)}), 422, "maximum is 255"},
		"1001st status":             {"token", "POST", statusPath, `{"state":"error","context":"full"}`, 422, "maximum number of statuses"},
		"short id":                  {"token", "POST", "/repos/example/monitoring/statuses/0123", `{"state":"error"}`, 422, "No commit found for SHA: 0123"},
		"unknown commit":            {"token", "POST", "/repos/example/monitoring/statuses/" + strings.Repeat("a", 40), `{"state":"error"}`, 422, "No commit found"},
		"unknown repo":              {"token", "GET", "/repos/example/other", "", 404, "Not Found"},
		"check run without an App":  {"token", "POST", checks, note(1, 1, nil), 403, "You must authenticate via a GitHub App"},
		"check run":                 {"app", "POST", checks, note(1, 2, nil), 201, ""},
		"columns on one line":       {"app", "POST", checks, note(1, 1, new(1)), 201, ""},
		"columns on two lines":      {"app", "POST", checks, note(1, 2, new(1)), 422, "only for annotations of one line"},
		"line zero":                 {"app", "POST", checks, note(0, 1, nil), 422, "start at 1"},
		"completed, without result": {"app", "POST", checks, quote(t, object{"name": "a", "head_sha": sha, "status": "completed"}), 422, "conclusion is required"},
		"blank title":               {"app", "POST", checks, quote(t, object{"name": "a", "head_sha": sha, "output": object{"title": " ", "summary": "s"}}), 422, "title cannot be blank"},
		"summary of 65535 bytes":    {"app", "POST", checks, quote(t, object{"name": "a", "head_sha": sha, "output": object{"title": "t", "summary": strings.Repeat("é", 32767) + "s"}}), 201, ""},
		"summary of 65536 bytes":    {"app", "POST", checks, quote(t, object{"name": "a", "head_sha": sha, "output": object{"title": "t", "summary": strings.Repeat("é", 32768)}}), 422, "65535 bytes"},
		"annotation of no file":     {"app", "POST", checks, strings.Replace(note(1, 1, nil), `"path":"a"`, `"path":""`, 1), 422, "cannot be blank"},
		"blank comment":             {"token", "POST", commentPath, `{"body":" "}`, 422, "cannot be blank"},
		"comment of 65536":          {"token", "POST", commentPath, quote(t, object{"body": strings.Repeat("é", 65536)}), 201, ""},
		"comment of 65537":          {"token", "POST", commentPath, quote(t, object{"body": strings.Repeat("é", 65537)}), 422, "maximum is 65536"},
		"comment on no pull":        {"token", "POST", "/repos/example/monitoring/issues/8/comments", `{"body":"a"}`, 404, "Not Found"},
		"deployment, red statuses":  {"app", "POST", deployments, quote(t, object{"ref": sha}), 409, "Commit status checks failed"},
		"deployment all the same":   {"app", "POST", deployments, quote(t, object{"ref": sha, "required_contexts": []string{}}), 201, ""},
		"deployment, one missing":   {"app", "POST", deployments, quote(t, object{"ref": sha, "required_contexts": []string{"a"}}), 409, "Commit status checks failed"},
		"deployment of no commit":   {"app", "POST", deployments, quote(t, object{"ref": "nonsense"}), 422, "No ref found"},
		"nobody":                    {"", "POST", statusPath, `{"state":"error"}`, 401, "Requires authentication"},
		"somebody":                  {"unknown", "POST", statusPath, `{"state":"error"}`, 401, "Bad credentials"},
		"App without installation":  {"signed", "POST", statusPath, `{"state":"error"}`, 403, "not accessible by integration"},
		"token as an App":           {"token", "GET", "/app", "", 401, "JSON web token"},
		"App as a person":           {"app", "GET", "/user", "", 403, "not accessible by integration"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Judge(t)
			r := s.Repo("example", "monitoring")
			r.AddCommit(sha)
			r.SetPull(Pull{Number: 7, Head: sha})
			for range maxStatuses {
				r.statuses = append(r.statuses, Status{Commit: sha, Context: "full", State: "error"})
			}
			s.AllowToken(token, nil)
			who := map[string]string{"token": token, "unknown": "another-token"}[c.who]
			switch c.who {
			case "app":
				who = newToken(t, s, nil)
			case "signed":
				newToken(t, s, nil)
				who = sign(t, "7", time.Now().Add(-time.Minute), 5*time.Minute)
			}
			status, _, body := ask(t, s, who, c.method, c.path, c.body)
			if status != c.status || !strings.Contains(body, c.words) {
				t.Errorf("status %d, want %d with %q: %.300s", status, c.status, c.words, body)
			}
		})
	}
}

// A token has the rights that it was given, and no other.
func TestRights(t *testing.T) {
	writes := map[string][2]string{
		"statuses":      {statusPath, `{"state":"error"}`},
		"pull_requests": {commentPath, `{"body":"a"}`},
		"deployments":   {"/repos/example/monitoring/deployments", `{"ref":"` + sha + `","required_contexts":[]}`},
		"checks":        {"/repos/example/monitoring/check-runs", `{"name":"a","head_sha":"` + sha + `"}`},
	}
	for right := range writes {
		for _, level := range []string{"read", "write"} {
			s := Judge(t)
			s.Repo("example", "monitoring").SetPull(Pull{Number: 7, Head: sha})
			who := newToken(t, s, map[string]string{right: level})
			for other, request := range writes {
				status, _, body := ask(t, s, who, "POST", request[0], request[1])
				want := http.StatusForbidden
				if other == right && level == "write" {
					want = http.StatusCreated
				}
				if status != want {
					t.Errorf("with %s: %s, %s answers %d, want %d: %.200s", right, level, request[0], status, want, body)
				}
			}
			if status, _, _ := ask(t, s, who, "GET", "/repos/example/monitoring", ""); status != http.StatusOK {
				t.Errorf("with %s: %s, the repository answers %d", right, level, status)
			}
		}
	}
}

// What an App signs is looked at, and what it gets for it ends.
func TestAppsTokens(t *testing.T) {
	now := time.Now()
	s := JudgeAt(t, func() time.Time { return now })
	s.Repo("example", "monitoring")
	s.TokenLife(10 * time.Minute)
	s.App(App{ID: 7, Key: &key().PublicKey, Rights: map[string]string{"statuses": "write"}})
	s.App(App{ID: 8, Key: &key().PublicKey, Suspended: true})
	s.App(App{ID: 9})
	s.App(App{ID: 10, ClientID: "Iv1.planted", Key: &key().PublicKey, Installation: 5})
	const path = "/app/installations/1007/access_tokens"
	at := now.Add(-time.Minute)
	good := sign(t, "7", at, 5*time.Minute)
	for name, c := range map[string]struct {
		who, path, body string
		status          int
	}{
		"good":                   {good, path, "", 201},
		"of ten minutes":         {sign(t, "7", now, 10*time.Minute), path, "", 201},
		"with fewer rights":      {good, path, `{"permissions":{"statuses":"read"}}`, 201},
		"with more rights":       {good, path, `{"permissions":{"contents":"write"}}`, 422},
		"another's installation": {good, "/app/installations/1008/access_tokens", "", 404},
		"by client id":           {sign(t, "Iv1.planted", at, 5*time.Minute), "/app/installations/5/access_tokens", "", 201},
		"another's client id":    {sign(t, "Iv1.other", at, 5*time.Minute), "/app/installations/5/access_tokens", "", 401},
		"without an id":          {sign(t, "", at, 5*time.Minute), path, "", 401},
		"of one repository":      {good, path, `{"repositories":["monitoring"]}`, 201},
		"of no repository":       {good, path, `{"repositories":["nonsense"]}`, 422},
		"suspended":              {sign(t, "8", at, 5*time.Minute), "/app/installations/1008/access_tokens", "", 403},
		"expired":                {sign(t, "7", at, 30*time.Second), path, "", 401},
		"of eleven minutes":      {sign(t, "7", now, 11*time.Minute), path, "", 401},
		"issued in the future":   {sign(t, "7", now.Add(time.Minute), time.Minute), path, "", 401},
		"no such App":            {sign(t, "6", at, 5*time.Minute), path, "", 401},
		"App without a key":      {sign(t, "9", at, 5*time.Minute), path, "", 401},
		"forged":                 {good[:len(good)-8] + "AAAAAAAA", path, "", 401},
		"not signed":             {"a.b.c", path, "", 401},
	} {
		t.Run(name, func(t *testing.T) {
			if status, _, body := ask(t, s, c.who, "POST", c.path, c.body); status != c.status {
				t.Errorf("status %d, want %d: %.200s", status, c.status, body)
			}
		})
	}
	who := newToken(t, s, nil)
	for _, step := range []struct {
		later  time.Duration
		status int
	}{{0, 201}, {9 * time.Minute, 201}, {time.Minute, 401}} {
		now = now.Add(step.later)
		if status, _, body := ask(t, s, who, "POST", statusPath, `{"state":"error"}`); status != step.status {
			t.Errorf("%s later: status %d, want %d: %s", step.later, status, step.status, body)
		}
	}
}

func TestLimit(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	s := JudgeAt(t, func() time.Time { return now })
	s.Repo("example", "monitoring")
	s.AllowToken(token, nil)
	s.SetLimit(13)
	s.SetRemaining(2, now.Add(time.Minute))
	type seen struct {
		Status    int
		Remaining string
	}
	var got []seen
	get := func(path string) {
		status, header, _ := ask(t, s, token, "GET", path, "")
		got = append(got, seen{status, header.Get("X-RateLimit-Remaining")})
		if reset := header.Get("X-RateLimit-Reset"); reset != fmt.Sprint(s.reset.Unix()) {
			t.Errorf("reset %s", reset)
		}
	}
	for range 3 {
		get("/user")
	}
	get("/rate_limit")
	now = now.Add(time.Minute)
	get("/user")
	want := []seen{{200, "1"}, {200, "0"}, {403, "0"}, {200, "0"}, {200, "12"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	// What an App asks for itself is of another limit.
	s.SetLimit(1)
	for range 2 {
		newToken(t, s, nil)
	}
	if s.remaining != 1 {
		t.Errorf("%d requests left after an App's own", s.remaining)
	}
}

// Who has the answer already is told so, and that costs nothing of the limit.
func TestConditional(t *testing.T) {
	s := Judge(t)
	r := s.Repo("example", "monitoring")
	r.SetPull(Pull{Number: 7, Head: sha})
	s.AllowToken(token, nil)
	s.AllowToken("another", nil)
	who := token
	get := func(tag string) (int, string, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"repos/example/monitoring/pulls", nil)
		if err != nil {
			t.Fatal(err)
		}
		if tag != "" {
			request.Header.Set("If-None-Match", tag)
		}
		answer, err := bearer{who, &http.Transport{DisableKeepAlives: true}}.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode, answer.Header.Get("ETag"), answer.Header.Get("X-RateLimit-Remaining")
	}
	first, tag, left := get("")
	again, same, stillLeft := get(tag)
	if first != 200 || again != 304 || tag == "" || same != tag || stillLeft != left {
		t.Errorf("%d %s %s, then %d %s %s", first, tag, left, again, same, stillLeft)
	}
	who = "another"
	if others, newer, _ := get(tag); others != 200 || newer == tag {
		t.Errorf("with another credential %d %s", others, newer)
	}
	who = token
	r.SetPull(Pull{Number: 8, Head: sha})
	if changed, newer, _ := get(tag); changed != 200 || newer == tag {
		t.Errorf("after a change %d %s", changed, newer)
	}
}

func TestPages(t *testing.T) {
	s := Judge(t)
	r := s.Repo("example", "monitoring")
	r.SetPull(Pull{Number: 7, Head: sha})
	for i := range 5 {
		r.AddComment(7, "octocat", fmt.Sprint(i))
	}
	s.AllowToken(token, nil)
	s.SetPageSize(2)
	c := client(t, s, token)
	for page, want := range map[string]string{
		"1": `</repos/example/monitoring/issues/7/comments?page=2&per_page=2>; rel="next", </repos/example/monitoring/issues/7/comments?page=3&per_page=2>; rel="last"`,
		"3": `</repos/example/monitoring/issues/7/comments?page=1&per_page=2>; rel="first", </repos/example/monitoring/issues/7/comments?page=2&per_page=2>; rel="prev"`,
	} {
		_, header, _ := ask(t, s, token, "GET", commentPath+"?per_page=2&page="+page, "")
		if got := strings.ReplaceAll(header.Get("Link"), strings.TrimSuffix(s.URL, "/"), ""); got != want {
			t.Errorf("page %s links to %s", page, got)
		}
	}
	if _, header, _ := ask(t, s, token, "GET", commentPath+"?per_page=100", ""); !strings.Contains(header.Get("Link"), "page=3") {
		t.Errorf("pages of more than there is: %s", header.Get("Link"))
	}
	var got []string
	for comment, err := range c.Issues.ListCommentsIter(t.Context(), "example", "monitoring", 7, nil) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, comment.GetBody())
	}
	if diff := cmp.Diff([]string{"0", "1", "2", "3", "4"}, got); diff != "" {
		t.Errorf("comments (-want +got):\n%s", diff)
	}
}

// What is deployed to an environment ends what was there before, unless it is production.
func TestDeploymentsEndEachOther(t *testing.T) {
	for environment, want := range map[string]string{"staging": "inactive", "production": "success"} {
		s := Judge(t)
		r := s.Repo("example", "monitoring")
		who := newToken(t, s, nil)
		for range 2 {
			ask(t, s, who, "POST", "/repos/example/monitoring/deployments", quote(t, object{"ref": sha, "environment": environment, "required_contexts": []string{}}))
			all := r.Deployments()
			ask(t, s, who, "POST", fmt.Sprintf("/repos/example/monitoring/deployments/%d/statuses", all[len(all)-1].ID), `{"state":"success"}`)
		}
		var got []string
		for _, d := range r.Deployments() {
			got = append(got, d.State())
		}
		if diff := cmp.Diff([]string{want, "success"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", environment, diff)
		}
	}
}

// Await returns when a client's request has changed what it waits for, and gives up with its context.
func TestAwait(t *testing.T) {
	s := Judge(t)
	r := s.Repo("example", "monitoring")
	s.AllowToken(token, nil)
	done := make(chan error, 1)
	go func() {
		done <- s.Await(t.Context(), func() bool { return r.Status(sha, "default").State == "success" })
	}()
	for _, state := range []string{"pending", "success"} {
		ask(t, s, token, "POST", statusPath, quote(t, object{"state": state}))
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Await(ctx, func() bool { return false }); err == nil {
		t.Error("it came true")
	}
}
