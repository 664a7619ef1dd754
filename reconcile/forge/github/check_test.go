package github

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
	judge "github.com/watchbill/watchbill/test/github"
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

func TestCheck(t *testing.T) {
	s := newStand(t)
	c := newClient(t, s.appOptions())
	steps := []struct {
		say    forge.Check
		want   []string
		writes int
	}{
		{checkOf(forge.Pending, 0), []string{"in_progress 0 findings 0"}, 1},
		{checkOf(forge.Pending, 0), []string{"in_progress 0 findings 0"}, 0},
		{checkOf(forge.Failure, 120), []string{"completed failure 120 findings 120"}, 3},
		// Annotations cannot be taken away: a new run takes the place.
		{checkOf(forge.Failure, 100), []string{"completed failure 120 findings 120", "completed failure 100 findings 100"}, 2},
		{checkOf(forge.Success, 0), []string{"completed failure 120 findings 120", "completed failure 100 findings 100", "completed success 0 findings 0"}, 1},
		{checkOf(forge.Error, 0), []string{"completed failure 120 findings 120", "completed failure 100 findings 100", "completed cancelled 0 findings 0"}, 1},
	}
	for i, step := range steps {
		showCheck(t, c, step.say)
		if diff := cmp.Diff(step.want, s.runs()); diff != "" {
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
	if got := s.runs(); len(got) != 4 || got[3] != "in_progress 0 findings 0" {
		t.Errorf("%v", got)
	}
}

// A check that broke off in the middle goes on where it ended, and is no success before.
func TestCheckBrokenOff(t *testing.T) {
	for fault, half := range map[judge.Fault]string{judge.HangUp: "100", judge.Lost: "50"} { // the answer alone, or the request
		s := newStand(t)
		c := newClient(t, s.appOptions())
		s.Fail(judge.Failure{Fault: fault, Method: http.MethodPatch, Path: "/check-runs", Times: 1})
		want := checkOf(forge.Success, 130)
		if err := c.Check(t.Context(), want); again(err) != 0 {
			t.Errorf("%v", err)
		}
		if diff := cmp.Diff([]string{"in_progress 130 findings " + half}, s.runs()); diff != "" {
			t.Errorf("half of it: %s", diff)
		}
		showCheck(t, newClient(t, s.appOptions()), want)
		if diff := cmp.Diff([]string{"completed success 130 findings 130"}, s.runs()); diff != "" {
			t.Error(diff)
		}
	}
}

// GitHub clears a check run that a person asks for again.
func TestCheckAskedForAgain(t *testing.T) {
	s := newStand(t)
	want := checkOf(forge.Failure, 3)
	for _, restart := range []bool{true, false} {
		c := newClient(t, s.appOptions())
		showCheck(t, c, want)
		s.repo.Rerequest(s.repo.CheckRuns(commit)[0].ID)
		if restart {
			c = newClient(t, s.appOptions())
		} else {
			showCheck(t, c, checkOf(forge.Pending, 0))
		}
		showCheck(t, c, want)
		got := s.runs()
		if got[len(got)-1] != "completed failure 3 findings 3" {
			t.Errorf("after a restart %v: %v", restart, got)
		}
	}
	if n := len(s.runs()); n != 2 {
		t.Errorf("%d runs", n)
	}
}

func TestCheckUnsupported(t *testing.T) {
	s := newStand(t)
	if err := newClient(t, s.options()).Check(t.Context(), checkOf(forge.Success, 0)); !errors.Is(err, forge.ErrUnsupported) || s.count() != 0 {
		t.Errorf("with a token: %v, %d requests", err, s.count())
	}
	c := newClient(t, s.appOptions())
	if err := c.Check(t.Context(), forge.Check{Name: "a"}); again(err) != -2 || errors.Is(err, forge.ErrUnsupported) {
		t.Errorf("without a commit: %v", err)
	}
	s.Fail(judge.Failure{Fault: judge.Forbidden, Path: "check-runs", Message: "Resource not accessible by integration CREDENTIAL"})
	for range 3 {
		err := c.Check(t.Context(), checkOf(forge.Success, 0))
		if !errors.Is(err, forge.ErrUnsupported) || !strings.Contains(err.Error(), "Checks: write") || strings.Contains(err.Error(), "ghs_") {
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
