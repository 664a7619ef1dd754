package review

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/routes"
)

// report is all that is found out about a change. It is data: status, notes,
// comment and page are made of it.
type report struct {
	pull forge.Pull
	base string // commit of the branch

	files     int // that differ
	findings  []validate.Finding
	elsewhere int // findings that the change has nothing to do with

	environments  []environmentChange
	routes        routes.Difference
	routesUnknown string // why who is told is not known
	retention     []retentionChange
	lost          []lostAlert
	fired         []firedIn
	tests         testsChange

	live         bool     // the running stack may be asked
	firingWanted bool     // rules differ, so that alerts may lose their state
	firingAsked  []string // environments whose alerts were asked for
	unanswered   []string // what was asked and not answered
}

// alertsDiffer says whether alerts come, or fire otherwise, in an environment.
func (r *report) alertsDiffer(environment string) bool {
	for i := range r.environments {
		c := &r.environments[i]
		if c.name == environment {
			return slices.ContainsFunc(c.rules, func(r ruleChange) bool { return r.alert && r.verb != removed })
		}
	}
	return false
}

// errors and warnings are how many the change has to do with.
func (r *report) count(s validate.Severity) int {
	n := 0
	for _, f := range r.findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

func (r *report) valid() bool { return r.count(validate.Error) == 0 }

// several is "1 alert" or "2 alerts".
func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// line is the answer in one line, as a status has it.
func (r *report) line() string {
	errors, warnings := r.count(validate.Error), r.count(validate.Warning)
	if errors == 0 {
		return fmt.Sprintf("valid: 0 errors, %s; %s", several(warnings, "warning"), r.changes())
	}
	text := inShort(validate.Blocking(r.findings)[0])
	if errors > 1 {
		text = fmt.Sprintf("%d errors, the first: %s", errors, text)
	}
	return text
}

// inShort is a finding where there is little room: a status has 140 characters.
func inShort(f validate.Finding) string {
	at := ""
	switch {
	case f.Line > 0:
		at = fmt.Sprintf("%s:%d: ", f.File, f.Line)
	case f.File != "":
		at = f.File + ": "
	}
	return redact(fmt.Sprintf("%s%s [%s]", at, f.Message, f.Check))
}

// changes says what changes, in few words.
func (r *report) changes() string {
	if len(r.environments) == 0 {
		return "changes nothing that runs"
	}
	var words []string
	say := func(n int, what, does string) {
		if n > 0 {
			words = append(words, several(n, what)+" "+does)
		}
	}
	rules := r.ruleCounts()
	for _, alert := range []bool{true, false} {
		what := "alert"
		if !alert {
			what = "recording rule"
		}
		for _, v := range []verb{added, changed, removed, moved} {
			say(rules[ruleKind{alert, v}], what, string(v))
		}
	}
	if len(words) == 0 {
		files, objects := r.textCounts()
		say(files, "file", string(changed))
		say(objects, "object", string(changed))
	}
	if len(words) == 0 {
		words = append(words, "no file or object differs")
	}
	if n := r.toldOtherwise(); n > 0 {
		words = append(words, "others are told of "+several(n, "alert"))
	}
	return strings.Join(words, ", ")
}

// textCounts counts each file and object once, in however many environments it differs.
func (r *report) textCounts() (files, objects int) {
	seen := map[string]bool{}
	count := func(changes []textChange, n *int) {
		for i := range changes {
			if !seen[changes[i].name] {
				seen[changes[i].name] = true
				*n++
			}
		}
	}
	for i := range r.environments {
		count(r.environments[i].files, &files)
		count(r.environments[i].objects, &objects)
	}
	return files, objects
}

// toldOtherwise counts the alerts that stay and of which others are told.
func (r *report) toldOtherwise() int {
	seen := map[[2]string]bool{}
	for _, c := range r.routes.Changes {
		if c.Kind == routes.Changed && len(newDestinations(c.Before, c.After))+len(newDestinations(c.After, c.Before)) > 0 {
			seen[[2]string{c.Team, c.Alert}] = true
		}
	}
	return len(seen)
}

type ruleKind struct {
	alert bool
	verb  verb
}

// ruleCounts counts each rule once, in however many environments it changes.
func (r *report) ruleCounts() map[ruleKind]int {
	seen := map[string]bool{}
	counts := map[ruleKind]int{}
	for i := range r.environments {
		nth := map[string]int{}
		for _, c := range r.environments[i].rules {
			key := c.key()
			nth[key]++
			if key = fmt.Sprint(key, "\x00", nth[key]); !seen[key] {
				seen[key] = true
				counts[ruleKind{c.alert, c.verb}]++
			}
		}
	}
	return counts
}

// answer makes the forms of the answer.
func (r *report) answer(url string) *answer {
	state := forge.Success
	if !r.valid() {
		state = forge.Failure
	}
	comment, page := r.comment(url), r.page()
	return (&answer{
		status: forge.Status{Commit: r.pull.Head, Context: Context, State: state, Text: r.line(), URL: url},
		check: &forge.Check{
			Commit: r.pull.Head, Name: Context, State: state, Title: r.title(), Summary: comment, URL: url, Notes: notes(r.findings),
		},
		comment: &forge.Comment{Pull: r.pull.Number, Key: commentKey, Body: comment},
		page:    page,
	}).seal()
}

// conflict is the answer where there is no merge to look at.
func conflict(p forge.Pull) *answer {
	text := fmt.Sprintf("conflicts with %s: merge %s into the branch, or rebase it, and push", p.Base, p.Base)
	body := fmt.Sprintf("### ❌ Conflicts with %s\n\nThere is no result of a merge to check. Merge %s into the branch, or rebase it, and push.\n", code(p.Base), code(p.Base))
	return short(p, forge.Failure, text, "Conflicts with "+p.Base, body)
}

// failed is the answer where there is none: that is not the change's fault, but
// where it is too large.
func failed(p forge.Pull, err error) *answer {
	text := "could not be checked: "
	var crash *panicked
	var large *tooLarge
	switch {
	case errors.As(err, &large):
		text += large.what
	case errors.As(err, &crash):
		text += "the review crashed; Watchbill's log says where. Run watchbill validate, and report the crash"
	case errors.Is(err, context.DeadlineExceeded):
		text += redact(err.Error()) + "; ask for the check again, or run watchbill validate"
	case errors.Is(err, errStale):
		text += err.Error() + "; it is tried again, and a push to the branch helps"
	default:
		text += redact(err.Error()) + "; it is tried again"
	}
	body := "### ⚠️ Could not be checked\n\n" + prose(text) + "\n"
	return short(p, forge.Error, text, "Could not be checked", body)
}

// short is an answer that has no report.
func short(p forge.Pull, state forge.State, text, title, body string) *answer {
	return (&answer{
		status:  forge.Status{Commit: p.Head, Context: Context, State: state, Text: text},
		check:   &forge.Check{Commit: p.Head, Name: Context, State: state, Title: title, Summary: body},
		comment: &forge.Comment{Pull: p.Number, Key: commentKey, Body: body},
		page:    body,
	}).seal()
}
