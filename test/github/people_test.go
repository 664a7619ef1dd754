package github

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A token reaches the repositories that it was asked for, and no other.
func TestTokensRepositories(t *testing.T) {
	s := Judge(t)
	s.Repo("example", "monitoring")
	s.Repo("example", "other")
	s.App(App{ID: 7, Key: &key().PublicKey})
	signed := sign(t, "7", s.now().Add(-time.Minute), 5*time.Minute)
	for path, want := range map[string]int{"/app/installations/1007": 200, "/app/installations/6": 404, "/repos/example/monitoring/installation": 200} {
		if status, _, body := ask(t, s, signed, "GET", path, ""); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	_, _, body := ask(t, s, signed, "POST", "/app/installations/1007/access_tokens", `{"repositories":["monitoring"]}`)
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(body), &made); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/repos/example/monitoring": 200, "/repos/example/other": 404} {
		if status, _, body := ask(t, s, made.Token, "GET", path, ""); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// Comments are of people with an id, and of Apps; a test can put one there that is of nobody.
func TestAuthors(t *testing.T) {
	s := Judge(t)
	r := s.Repo("example", "monitoring")
	r.SetPull(Pull{Number: 7, Head: sha})
	s.AllowToken(token, nil)
	r.AddComment(7, "octocat", "by name")
	r.SetComment(Comment{ID: 50, Pull: 7, By: User{Login: "octocat", ID: 99}, Body: "forged"})
	r.SetComment(Comment{Pull: 7, By: User{Login: "other[bot]"}, Body: "an App's"})
	r.SetComment(Comment{Pull: 7, By: User{Login: "watchbill[bot]", Type: "User"}, Body: "no App's"})
	ask(t, s, token, "POST", commentPath, `{"body":"ours"}`)
	r.SetComment(Comment{ID: 50, Pull: 7, By: User{Login: "octocat", ID: 98}, Body: "set anew"})
	list, _, err := client(t, s, token).Issues.ListComments(t.Context(), "example", "monitoring", 7, nil)
	if err != nil {
		t.Fatal(err)
	}
	us, _, err := client(t, s, token).Users.Get(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	ids := map[int64]bool{}
	for _, c := range list {
		whose := "another's"
		if c.GetUser().GetID() == us.GetID() {
			whose = "ours"
		}
		got = append(got, fmt.Sprint(c.GetUser().GetLogin(), " ", c.GetUser().GetType(), " ", whose, ": ", c.GetBody()))
		ids[c.GetID()] = true
	}
	want := []string{"octocat User ours: by name", "octocat User another's: set anew", "other[bot] Bot another's: an App's",
		"watchbill[bot] User another's: no App's", "octocat User ours: ours"}
	if diff := cmp.Diff(want, got); diff != "" || len(ids) != 5 {
		t.Errorf("authors (-want +got):\n%s ids %v", diff, ids)
	}
	if r.RemoveComments(7); len(r.Comments(7)) != 0 {
		t.Error("they are still there")
	}
}

// A check run is found by its App, and is cleared when a person asks for it again.
func TestCheckRunsOfAnApp(t *testing.T) {
	s := Judge(t)
	r := s.Repo("example", "monitoring")
	who := newToken(t, s, nil)
	ask(t, s, who, "POST", "/repos/example/monitoring/check-runs", quote(t, object{"name": "a", "head_sha": sha, "status": "completed", "conclusion": "failure"}))
	for app, want := range map[string]string{"7": `"total_count":1`, "8": `"total_count":0`} {
		if _, _, body := ask(t, s, who, "GET", "/repos/example/monitoring/commits/"+sha+"/check-runs?app_id="+app, ""); !strings.Contains(body, want) {
			t.Errorf("of App %s: %.100s", app, body)
		}
	}
	r.Rerequest(r.CheckRuns(sha)[0].ID)
	if run := r.CheckRuns(sha)[0]; run.Status != "queued" || run.Conclusion != "" || !run.Completed.IsZero() {
		t.Errorf("asked for again: %+v", run)
	}
}

// GitHub merges the default branch into what is deployed, unless told not to.
func TestAutoMerge(t *testing.T) {
	s := Judge(t)
	r := s.Repo("example", "monitoring")
	who := newToken(t, s, nil)
	for _, asked := range []object{{}, {"auto_merge": false}} {
		ask(t, s, who, "POST", "/repos/example/monitoring/deployments", quote(t, with(object{"ref": sha}, asked)))
	}
	if all := r.Deployments(); len(all) != 2 || !all[0].AutoMerge || all[1].AutoMerge {
		t.Errorf("%+v", all)
	}
}
