package validate

import (
	"bytes"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/ruletest"
)

// metricUse is a place in a rule, dashboard or test that reads a series by its name.
type metricUse struct {
	name        string
	by          string // who reads it, for messages
	environment string // as in a rule file; elsewhere is what is not evaluated in one
	at          Finding
	// In a rule, at is where its expression begins, of which the name is a part.
	inRule   bool
	from, to int
}

const elsewhere = "*"

// finding is one that stands where the team reads the series.
func (u *metricUse) finding(team *repolayout.Team) Finding {
	f := u.at
	if !u.inRule {
		return f
	}
	for _, file := range team.Whole().Rules {
		if file.Path != f.File {
			continue
		}
		for i := range file.Groups {
			g := &file.Groups[i]
			j := slices.IndexFunc(g.RulePos, func(at repolayout.RulePos) bool { return at.Expr == f.Pos })
			if j >= 0 {
				f.Mark(file.Content, f.Pos, g.Rules[j].Expr, u.from, u.to)
				return f
			}
		}
	}
	return f
}

// looksRecorded says whether a series has the name of a recording rule's: no
// program exposes names with a colon.
func looksRecorded(name string) bool { return strings.Contains(name, ":") }

// namesIn finds the names with a colon in an expression, without parsing it.
func namesIn(expr string) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		if !strings.Contains(expr, ":") {
			return
		}
		brackets := 0
		for at := 0; at < len(expr); at++ {
			switch c := expr[at]; {
			case c == '"' || c == '\'' || c == '`':
				for at++; at < len(expr) && expr[at] != c; at++ {
					if expr[at] == '\\' && c != '`' {
						at++
					}
				}
			case c == '#':
				for at < len(expr) && expr[at] != '\n' {
					at++
				}
			case c == '[':
				brackets++
			case c == ']':
				brackets--
			case isLetter(c) || c == '_' || c == ':':
				from := at
				for at+1 < len(expr) && isNamePart(expr[at+1]) {
					at++
				}
				if brackets <= 0 && looksRecorded(expr[from:at+1]) && !yield(from, at+1) {
					return
				}
			case c >= '0' && c <= '9': // 5m is no name
				for at+1 < len(expr) && isNamePart(expr[at+1]) {
					at++
				}
			}
		}
	}
}

func isNamePart(b byte) bool {
	return isLetter(b) || b == '_' || b == ':' || b >= '0' && b <= '9'
}

// ruleUses are the recorded series that a team's rules read, each once a rule.
func ruleUses(team *repolayout.Team) []metricUse {
	var uses []metricUse
	for _, file := range team.Rules {
		for i := range file.Groups {
			g := &file.Groups[i]
			for j := range g.Rules {
				before := len(uses)
				for from, to := range namesIn(g.Rules[j].Expr) {
					name := g.Rules[j].Expr[from:to]
					if !slices.ContainsFunc(uses[before:], func(u metricUse) bool { return u.name == name }) {
						uses = append(uses, ruleUse{file, g, j}.reads(team.Name, from, to))
					}
				}
			}
		}
	}
	return uses
}

// reads is the use of the series whose name is a part of the rule's expression.
func (u ruleUse) reads(team string, from, to int) metricUse {
	expr := u.rule().Expr
	use := metricUse{name: expr[from:to], by: nameOf(u.rule()), environment: u.file.Environment, at: Finding{Owner: team, Pos: u.at()}}
	if u.index < len(u.group.RulePos) && u.group.RulePos[u.index].Expr.Line > 0 {
		use.at.Pos = u.group.RulePos[u.index].Expr
		use.inRule, use.from, use.to = true, from, to
	}
	return use
}

var recordedWord = regexp.MustCompile(`[A-Za-z_]\w*:\w`)

// testUses are the series that the expressions of a test file read and that its
// tests do not bring themselves.
func testUses(team string, f *repolayout.File, wanted func(string) bool) []metricUse {
	parsed, _ := ruletest.Parse(f.Path, f.Content) // tests/failed says what is wrong with it
	if parsed == nil {
		return nil
	}
	var uses []metricUse
	for i := range parsed.Tests {
		test := &parsed.Tests[i]
		for j := range test.ExprTests {
			e := &test.ExprTests[j]
			for name := range selected(e.Expr, wanted) {
				if !slices.ContainsFunc(test.InputSeries, func(s ruletest.InputSeries) bool { return strings.Contains(s.Series, name) }) {
					uses = append(uses, metricUse{name: name, by: fmt.Sprintf("test %q", test.Name), environment: elsewhere, at: Finding{
						Owner: team, Pos: repolayout.Pos{File: f.Path, Line: e.Line, Column: e.Column},
					}})
				}
			}
		}
	}
	return uses
}

// selected are the wanted names that an expression selects, and where each stands first.
func selected(expr string, wanted func(string) bool) iter.Seq2[string, [2]int] {
	return func(yield func(string, [2]int) bool) {
		if tooMuch(expr) != "" {
			return
		}
		parsed, err := promQL.ParseExpr(expr)
		if err != nil {
			return
		}
		first := map[string][2]int{}
		var names []string
		parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
			if s, ok := n.(*parser.VectorSelector); ok && wanted(s.Name) {
				if _, seen := first[s.Name]; !seen {
					first[s.Name] = nameSpan(s, expr)
					names = append(names, s.Name)
				}
			}
			return nil
		})
		for _, name := range names {
			if !yield(name, first[name]) {
				return
			}
		}
	}
}

// nameSpan is where a selector's name stands, or the selector, where the name is among its matchers.
func nameSpan(s *parser.VectorSelector, expr string) [2]int {
	from, to := clamp(s.PosRange.Start, len(expr)), clamp(s.PosRange.End, len(expr))
	if strings.HasPrefix(expr[from:], s.Name) {
		to = from + len(s.Name)
	}
	return [2]int{from, max(from, to)}
}

// readTests looks for recorded series in the team's test files that no memory of this process holds.
func (m *teamMemory) readTests(known []*teamMemory) {
	m.tests = make(map[fileKey][]metricUse, len(m.team.Tests))
	for _, f := range m.team.Tests {
		key := testUsesKey(f)
		i := slices.IndexFunc(known, func(old *teamMemory) bool { _, ok := old.tests[key]; return ok && key.digest != "" })
		switch {
		case i >= 0:
			m.tests[key] = known[i].tests[key]
		case recordedWord.Match(f.Content):
			m.tests[key] = testUses(m.team.Name, f, looksRecorded)
		default:
			m.tests[key] = nil
		}
	}
}

func testUsesKey(f *repolayout.File) fileKey { return fileKey{path: f.Path, digest: f.Digest} }

// usesOfRecords are those of all the team's files.
func (m *teamMemory) usesOfRecords() []metricUse {
	uses := ruleUses(m.team)
	for _, f := range m.team.Dashboards {
		uses = append(uses, m.dashboards[dashboardKey(f)].uses...)
	}
	for _, f := range m.team.Tests {
		uses = append(uses, m.tests[testUsesKey(f)]...)
	}
	return uses
}

// federates says whether a team scrapes another Prometheus, whose recorded
// series can have any name.
func federates(team *repolayout.Team) bool {
	return slices.ContainsFunc(team.Scrape, func(f *repolayout.ScrapeFile) bool { return bytes.Contains(f.Content, []byte("federate")) })
}
