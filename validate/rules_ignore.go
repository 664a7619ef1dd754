package validate

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// A comment in a YAML file of the repo silences one check for one rule, job or key:
//
//	# watchbill:ignore CHECK-ID [until=YYYY-MM-DD] reason
//
// It stands on a line of the rule or job or right above it; above a group, it
// speaks of the group's own keys, and above all of them of the file as a whole. In
// files that hold neither it speaks of the key or list item of its line, or of the next.
const ignoreMark = repolayout.IgnoreMark

// silence is one such comment.
type silence struct {
	at          repolayout.Pos
	owner       string
	check       string
	until       time.Time // the last day; zero is for ever
	first, last int       // the lines that it speaks of
	wrong, hint string    // why it silences nothing
}

// silencesOf reads the comments of a team's files.
func silencesOf(team *repolayout.Team) []silence {
	out := silencesIn(team.Name, team.Spec.Ignores)
	for _, f := range team.Rules {
		out = append(out, silencesIn(team.Name, repolayout.Ignores(f.File, linesOf(func() []int { return startsOf(f) })))...)
	}
	for _, f := range team.Scrape {
		out = append(out, silencesIn(team.Name, repolayout.Ignores(f.File, linesOf(func() []int { return jobStarts(f.Content) })))...)
	}
	for _, f := range team.Tests {
		out = append(out, silencesIn(team.Name, repolayout.Ignores(f, nil))...)
	}
	return out[:min(len(out), maxFindings*10)]
}

// silencesOfRepo reads the comments of all files that are no team's.
func silencesOfRepo(repo *repolayout.Repo) []silence {
	out := silencesIn("", repo.Stack.Ignores)
	for _, e := range repo.Environments {
		out = append(out, silencesIn("", e.Ignores)...)
	}
	for _, f := range repo.Patches {
		out = append(out, silencesIn("", repolayout.Ignores(f, nil))...)
	}
	return out[:min(len(out), maxFindings*10)]
}

func silencesIn(owner string, comments []repolayout.Ignore) []silence {
	var out []silence
	for _, c := range comments {
		s := parseSilence(c.Text)
		s.owner, s.at, s.first, s.last = owner, c.Pos, c.First, c.Last
		out = append(out, s)
	}
	return out
}

// parseSilence reads what follows the mark.
func parseSilence(text string) silence {
	const form = "write: # " + ignoreMark + " CHECK-ID until=2027-01-31 why; until= may be left out"
	words := strings.Fields(text)
	var s silence
	if len(words) > 0 {
		s.check, words = words[0], words[1:]
	}
	if len(words) > 0 {
		if date, ok := strings.CutPrefix(words[0], "until="); ok {
			day, err := time.Parse(time.DateOnly, date)
			if err != nil {
				s.wrong, s.hint = fmt.Sprintf("%q is no day", date), form
			}
			s.until, words = day, words[1:]
		}
	}
	switch {
	case s.wrong != "":
	case s.check == "":
		s.wrong, s.hint = "it names no check", form
	case !known(s.check) && !isFixed(s.check):
		s.wrong, s.hint = fmt.Sprintf("there is no check %q", s.check), didYouMean(s.check, checkIDs())
	case isFixed(s.check):
		s.wrong, s.hint = s.check+" cannot be silenced", "what it finds would break what runs; mend it"
	case len(words) == 0:
		s.wrong, s.hint = "it gives no reason", form
	}
	return s
}

// startsOf are the lines at which groups and rules begin, sorted.
func startsOf(f *repolayout.RuleFile) []int {
	var starts []int
	for i := range f.Groups {
		starts = append(starts, f.Groups[i].Pos.Line)
		for j := range f.Groups[i].RulePos {
			starts = append(starts, f.Groups[i].RulePos[j].Rule.Line)
		}
	}
	slices.Sort(starts)
	return slices.Compact(starts)
}

// linesOf are those of the rule that a comment stands in or above, given where
// rules begin. A line that is only a comment belongs to what follows, if nothing
// but comments is between.
func linesOf(read func() []int) func(lines [][]byte, line int) (first, last int) {
	known := sync.OnceValue(read)
	return func(lines [][]byte, line int) (first, last int) {
		starts, next := known(), line
		for next <= len(lines) && repolayout.OnlyComment(lines[next-1]) {
			next++
		}
		i, found := slices.BinarySearch(starts, next)
		if !found {
			i, found = slices.BinarySearch(starts, line)
		}
		if !found {
			i--
		}
		if i < 0 {
			return 0, 0
		}
		last = len(lines)
		if i+1 < len(starts) {
			last = starts[i+1] - 1
		}
		return starts[i], last
	}
}

// silenced takes out what the comments silence, and reports those that silence
// nothing, or no longer.
func silenced(findings []Finding, silences []silence, today time.Time) []Finding {
	if len(silences) == 0 {
		return findings
	}
	byFile := map[string][]int{}
	for i := range silences {
		byFile[silences[i].at.File] = append(byFile[silences[i].at.File], i)
	}
	used := make([]bool, len(silences))
	full := map[string]int{}
	kept := findings[:0:0]
	for _, f := range findings {
		full[f.File]++
		hidden := false
		for _, i := range byFile[f.File] {
			s := &silences[i]
			if s.wrong != "" || s.check != f.Check || f.Line < s.first || f.Line > s.last {
				continue
			}
			used[i] = true
			if s.ended(today) {
				f.Message += fmt.Sprintf(" (silenced at line %d until %s)", s.at.Line, s.until.Format(time.DateOnly))
			} else {
				hidden = true
			}
		}
		if !hidden {
			kept = append(kept, f)
		}
	}
	for i := range silences {
		if s := &silences[i]; s.wrong != "" {
			kept = append(kept, s.finding(s.wrong, s.hint))
		} else if !used[i] && full[s.at.File] < maxFindings && !madeElsewhere(s.check) { // else its finding may be among those left out, or be made elsewhere
			kept = append(kept, s.finding("it silences nothing: "+s.check+" finds nothing here", "take the comment out"))
		}
	}
	return kept
}

func (s *silence) ended(today time.Time) bool {
	return !s.until.IsZero() && !today.Before(s.until.AddDate(0, 0, 1))
}

func (s *silence) finding(what, hint string) Finding {
	return Finding{
		Check: rulesIgnore, Severity: Warning, Pos: s.at, Owner: s.owner, Hint: hint,
		Message: ignoreMark + ": " + what,
	}
}
