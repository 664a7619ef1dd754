package github

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
)

func notes(n int) []forge.Note {
	list := make([]forge.Note, n)
	for i := range list {
		list[i] = forge.Note{File: "teams/a/rules/a.yaml", Line: i + 1, Failure: i%2 == 1, Title: "rules/for", Message: fmt.Sprint("finding ", i)}
	}
	return list
}

func checkOf(state forge.State, n int) forge.Check {
	return forge.Check{Commit: commit, Name: "watchbill/validate", State: state, Title: fmt.Sprint(n, " findings"), Summary: "**text**", Notes: notes(n)}
}

func showCheck(t *testing.T, c *Client, ck forge.Check) {
	t.Helper()
	if err := c.Check(t.Context(), ck); err != nil {
		t.Error(err)
	}
}

// runs are what the check runs show, as "status conclusion title annotations".
func (s *stub) shownRuns() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, r := range s.runs {
		list = append(list, fmt.Sprint(r["status"], " ", r["conclusion"], " ", r["output"].(object)["title"], " ", len(s.annotations[r["id"].(int)])))
	}
	return list
}

func (s *stub) writes() int {
	n := 0
	for _, request := range s.heard() {
		if !strings.HasPrefix(request, "GET") && !strings.HasSuffix(request, "/access_tokens") {
			n++
		}
	}
	return n
}

func TestCheck(t *testing.T) {
	s := newStub(t)
	c := newClient(t, s.appOptions())
	steps := []struct {
		say    forge.Check
		want   []string
		writes int
	}{
		{checkOf(forge.Pending, 0), []string{"in_progress <nil> 0 findings 0"}, 1},
		{checkOf(forge.Pending, 0), []string{"in_progress <nil> 0 findings 0"}, 0},
		{checkOf(forge.Failure, 120), []string{"completed failure 120 findings 120"}, 3},
		// Annotations cannot be taken away: a new run takes the place.
		{checkOf(forge.Failure, 100), []string{"completed failure 120 findings 120", "completed failure 100 findings 100"}, 2},
		{checkOf(forge.Success, 0), []string{"completed failure 120 findings 120", "completed failure 100 findings 100", "completed success 0 findings 0"}, 1},
		{checkOf(forge.Error, 0), []string{"completed failure 120 findings 120", "completed failure 100 findings 100", "completed cancelled 0 findings 0"}, 1},
	}
	for i, step := range steps {
		showCheck(t, c, step.say)
		if diff := cmp.Diff(step.want, s.shownRuns()); diff != "" {
			t.Errorf("step %d: %s", i, diff)
		}
		if n := s.writes(); n != step.writes {
			t.Errorf("step %d: %d writes", i, n)
		}
		showCheck(t, c, step.say)
		if n := s.count(); n != 0 {
			t.Errorf("step %d: %d requests for what is shown", i, n)
		}
		// After a restart, nothing is written.
		showCheck(t, newClient(t, s.appOptions()), step.say)
		if n := s.writes(); n != 0 {
			t.Errorf("step %d: %d writes after a restart", i, n)
		}
	}
	// What is completed does not become pending; a new run does.
	showCheck(t, c, checkOf(forge.Pending, 0))
	if got := s.shownRuns(); len(got) != 4 || got[3] != "in_progress <nil> 0 findings 0" {
		t.Errorf("%v", got)
	}
}

// A check that broke off in the middle goes on where it ended, and is no success before.
func TestCheckBrokenOff(t *testing.T) {
	for _, lost := range []bool{false, true} { // the answer alone, or the request
		s := newStub(t)
		c := newClient(t, s.appOptions())
		var writes int
		s.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/check-runs") || r.Method == http.MethodGet {
				return false
			}
			if writes++; writes != 2 {
				return false
			}
			if lost {
				r.SetPathValue("id", r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
				s.updateRun(httptest.NewRecorder(), r)
			}
			panic(http.ErrAbortHandler)
		})
		want := checkOf(forge.Success, 130)
		if err := c.Check(t.Context(), want); again(err) != 0 {
			t.Errorf("%v", err)
		}
		if got := s.shownRuns(); len(got) != 1 || !strings.HasPrefix(got[0], "in_progress <nil>") {
			t.Errorf("half of it: %v", got)
		}
		showCheck(t, newClient(t, s.appOptions()), want)
		if diff := cmp.Diff([]string{"completed success 130 findings 130"}, s.shownRuns()); diff != "" {
			t.Error(diff)
		}
	}
}

// GitHub clears a check run that a person asks for again.
func TestCheckAskedForAgain(t *testing.T) {
	s := newStub(t)
	want := checkOf(forge.Failure, 3)
	for _, restart := range []bool{true, false} {
		c := newClient(t, s.appOptions())
		showCheck(t, c, want)
		s.runs[0]["status"], s.runs[0]["conclusion"] = "queued", nil
		if restart {
			c = newClient(t, s.appOptions())
		} else {
			showCheck(t, c, checkOf(forge.Pending, 0))
		}
		showCheck(t, c, want)
		got := s.shownRuns()
		if got[len(got)-1] != "completed failure 3 findings 3" {
			t.Errorf("after a restart %v: %v", restart, got)
		}
	}
	if n := len(s.runs); n != 2 {
		t.Errorf("%d runs", n)
	}
}

func TestCheckUnsupported(t *testing.T) {
	s := newStub(t)
	if err := newClient(t, s.options()).Check(t.Context(), checkOf(forge.Success, 0)); !errors.Is(err, forge.ErrUnsupported) || s.count() != 0 {
		t.Errorf("with a token: %v, %d requests", err, s.count())
	}
	c := newClient(t, s.appOptions())
	if err := c.Check(t.Context(), forge.Check{Name: "a"}); again(err) != -2 || errors.Is(err, forge.ErrUnsupported) {
		t.Errorf("without a commit: %v", err)
	}
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "check-runs") {
			refuse(w, http.StatusForbidden, "Resource not accessible by integration "+r.Header.Get("Authorization"))
			return true
		}
		return false
	})
	for range 3 {
		err := c.Check(t.Context(), checkOf(forge.Success, 0))
		if !errors.Is(err, forge.ErrUnsupported) || !strings.Contains(err.Error(), "Checks: write") || strings.Contains(err.Error(), "planted") {
			t.Errorf("without the right: %v", err)
		}
	}
	if n := strings.Count(strings.Join(s.heard(), "\n"), "check-runs"); n != 1 {
		t.Errorf("tried %d times", n)
	}
}

func TestAnnotations(t *testing.T) {
	long := strings.Repeat("ä", 70000)
	at, text := annotations([]forge.Note{
		{File: "a.yaml", Line: 3, Column: 5, Title: "one\nline", Message: "message"},
		{File: "a.yaml", Line: 3, EndLine: 3, Column: 5, EndColumn: 2, Failure: true, Message: "backwards"},
		{File: "a.yaml", Line: 3, EndLine: 4, Column: 5, EndColumn: 2, Message: "over two lines"},
		{File: "b.yaml", Line: 0, EndLine: -1, Message: long, Title: long},
		{File: "b.yaml", Line: 1, Message: " "},
		{Title: "repo/stack", Message: "of no\nfile"},
	})
	type shown struct {
		Path, Level, Title, Message string
		Lines                       [2]int
		Columns                     [2]int
	}
	var got []shown
	for _, a := range at {
		got = append(got, shown{a.GetPath(), a.GetAnnotationLevel(), a.GetTitle(), a.GetMessage(), [2]int{a.GetStartLine(), a.GetEndLine()}, [2]int{a.GetStartColumn(), a.GetEndColumn()}})
	}
	want := []shown{
		{"a.yaml", "warning", "one line", "message", [2]int{3, 3}, [2]int{5, 5}},
		{"a.yaml", "failure", "", "backwards", [2]int{3, 3}, [2]int{5, 5}},
		{"a.yaml", "warning", "", "over two lines", [2]int{3, 4}, [2]int{}},
		{"b.yaml", "warning", cut(long, maxNoteTitle), cutMarkdown(long, maxMessage, byteLen), [2]int{1, 1}, [2]int{}},
		{"b.yaml", "warning", "", "see the title", [2]int{1, 1}, [2]int{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := len(want[3].Message); n > maxMessage || n < maxMessage-100 {
		t.Errorf("the message has %d bytes", n)
	}
	if text != "Findings without a file:\n\n- repo/stack of no file" {
		t.Errorf("%q", text)
	}
	at, text = annotations(notes(maxNotes + 50))
	failures := 0
	for _, a := range at {
		if a.GetAnnotationLevel() == "failure" {
			failures++
		}
	}
	if len(at) != maxNotes || failures != (maxNotes+50)/2 || text != "50 more are not shown at their lines." {
		t.Errorf("%d annotations, %d of them failures: %q", len(at), failures, text)
	}
}
