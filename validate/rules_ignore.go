package validate

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// A comment in a rule or scrape file silences one check for one rule or job:
//
//	# watchbill:ignore CHECK-ID [until=YYYY-MM-DD] reason
//
// It stands on a line of the rule or job or right above it; above a group, it
// speaks of the group's own keys, and above all of them of the file as a whole.
const ignoreMark = "watchbill:ignore"

var ignoreComment = regexp.MustCompile(`#[ \t]*` + ignoreMark + `\b[ \t]*([^\n\r]*)`)

// silence is one such comment.
type silence struct {
	at          repolayout.Pos
	owner       string
	check       string
	until       time.Time // the last day; zero is for ever
	first, last int       // the lines that it speaks of
	wrong, hint string    // why it silences nothing
}

// silencesOf reads the comments of a team's rule and scrape files.
func silencesOf(team *repolayout.Team) []silence {
	var out []silence
	for _, f := range team.Rules {
		if bytes.Contains(f.Content, []byte(ignoreMark)) {
			out = append(out, silencesIn(team.Name, f.File, startsOf(f))...)
		}
	}
	for _, f := range team.Scrape {
		if bytes.Contains(f.Content, []byte(ignoreMark)) {
			out = append(out, silencesIn(team.Name, f.File, jobStarts(f.Content))...)
		}
	}
	return out[:min(len(out), maxFindings*10)]
}

// silencesIn reads the comments of a file, given the lines at which its parts begin.
func silencesIn(owner string, f *repolayout.File, starts []int) []silence {
	var out []silence
	lines := bytes.Split(f.Content, []byte("\n"))
	for i, text := range lines {
		m := ignoreComment.FindSubmatchIndex(text)
		if m == nil {
			continue
		}
		if len(out) == maxFindings*10 {
			break
		}
		s := parseSilence(string(text[m[2]:m[3]]))
		s.owner = owner
		s.at = repolayout.Pos{File: f.Path, Line: i + 1, Column: len([]rune(string(text[:m[0]]))) + 1}
		s.first, s.last = linesOf(starts, lines, i+1)
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

// linesOf are those of the rule that a comment stands in or above. A line that
// is only a comment belongs to what follows, if nothing but comments is between.
func linesOf(starts []int, lines [][]byte, line int) (first, last int) {
	next := line
	for next <= len(lines) && isComment(lines[next-1]) {
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

func isComment(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) == 0 || line[0] == '#'
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
