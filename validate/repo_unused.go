package validate

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"text/template/parse"

	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// unusedTemplates warns of notification templates that neither a receiver nor a
// template that is used calls. One that stands in for a template of
// Alertmanager's own is used by its name.
func (s *templateSet) unusedTemplates(repo *repolayout.Repo) []Finding {
	if len(repo.Templates) == 0 || s.text == nil || len(Blocking(s.findings)) > 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	used := map[string]bool{}
	for name := range s.own {
		s.use(name, used)
	}
	for text := range receiverTextsOf(repo) {
		s.use(text, used) // a bare name is a mistake that routing/template reports
		for _, name := range templatesIn(text) {
			s.use(name, used)
		}
	}
	var found []Finding
	for _, t := range s.text.Templates() {
		if t.Tree == nil {
			continue
		}
		f := s.files[t.ParseName]
		if f == nil || used[t.Name()] || t.Name() == t.ParseName || t.Name() == path.Base(t.ParseName) {
			continue
		}
		finding := Finding{
			Check: repoUnused, Severity: Warning, Pos: repolayout.Pos{File: f.Path},
			Message: fmt.Sprintf("nothing uses the template %q: no receiver names it, and no template that is used", clip(t.Name())),
			Hint:    fmt.Sprintf("name it in a receiver's title, text or description as '{{ template %q . }}', or delete it", clip(t.Name())),
		}
		if at := regexp.MustCompile(`\{\{-?\s*(?:define|block)\s+"(` + regexp.QuoteMeta(t.Name()) + `)"`).FindSubmatchIndex(f.Content); at != nil {
			finding.Line, finding.Column = lineColumn(f.Content, at[2])
			finding.EndLine, finding.EndColumn = lineColumn(f.Content, at[3])
		}
		found = append(found, finding)
	}
	return firstOf(Sort(found))
}

// use marks a template, and all that it calls.
func (s *templateSet) use(name string, used map[string]bool) {
	t := s.text.Lookup(name)
	if used[name] || t == nil || t.Tree == nil {
		return
	}
	used[name] = true
	eachNode(t.Root, func(n parse.Node) {
		if call, ok := n.(*parse.TemplateNode); ok {
			s.use(call.Name, used)
		}
	})
}

// templatesIn are the templates that a receiver's text calls.
func templatesIn(text string) (names []string) {
	tree := parse.New("text")
	tree.Mode = parse.SkipFuncCheck
	set := map[string]*parse.Tree{}
	if _, err := tree.Parse(text, "", "", set); err != nil {
		return nil // which routing/template reports
	}
	for _, t := range set {
		eachNode(t.Root, func(n parse.Node) {
			if call, ok := n.(*parse.TemplateNode); ok {
				names = append(names, call.Name)
			}
		})
	}
	return names
}

// receiverTextsOf are all texts of receivers that are templates.
func receiverTextsOf(repo *repolayout.Repo) map[string]bool {
	texts := map[string]bool{}
	add := func(receivers []repolayout.Receiver) {
		for _, r := range receivers {
			if r.Slack != nil {
				texts[r.Slack.Title], texts[r.Slack.Text], texts[r.Slack.Channel] = true, true, true
			}
			if r.PagerDuty != nil {
				texts[r.PagerDuty.Description] = true
			}
			if r.Email != nil {
				texts[r.Email.To] = true
			}
		}
	}
	add(repo.Stack.OnCall.Receivers)
	for _, t := range repo.Teams {
		for _, route := range t.Spec.Routes {
			add(route.Receivers)
		}
	}
	return texts
}

// foreignTests warns of test files that name no rule file of their team.
func foreignTests(t *repolayout.Team) []Finding {
	var found []Finding
	for _, f := range t.Tests {
		patterns, line, ok := ruleFilesOf(f.Content)
		if !ok {
			continue
		}
		others := map[string]bool{}
		mine := slices.ContainsFunc(patterns, func(pattern string) bool {
			return !strings.HasPrefix(path.Join(path.Dir(f.Path), pattern), "teams/") || ownRules(t, path.Join(path.Dir(f.Path), pattern), others)
		})
		if mine || len(patterns) == 0 || len(others) == 0 {
			continue
		}
		names := slices.Sorted(maps.Keys(others))
		found = append(found, Finding{
			Check: repoUnused, Severity: Warning, Owner: t.Name, Pos: repolayout.Pos{File: f.Path, Line: line, Column: 1},
			Message: fmt.Sprintf("these tests are of no rule of the team %s, but of %s", t.Name, strings.Join(names, " and ")),
			Hint:    fmt.Sprintf("move the file to teams/%s/tests/, or name rule files of %s, such as ../rules/*.yaml", names[0], t.Name),
		})
	}
	return found
}

// ownRules says whether a pattern is of the team's own folder, and else notes whose it is.
func ownRules(t *repolayout.Team, pattern string, others map[string]bool) bool {
	rest := strings.TrimPrefix(pattern, "teams/")
	name, _, inside := strings.Cut(rest, "/")
	if name == t.Name || !inside || strings.ContainsAny(name, `*?[\`) {
		return true
	}
	others[name] = true
	return false
}

var ruleFilesKey = regexp.MustCompile(`(?m)^rule_files[ \t]*:`)

// ruleFilesOf reads the one key of a test file, without the tests, which may be many.
func ruleFilesOf(content []byte) (patterns []string, line int, ok bool) {
	at := ruleFilesKey.FindIndex(content)
	if at == nil {
		return nil, 0, false
	}
	end := len(content)
	if next := nextKey.FindIndex(content[at[1]:]); next != nil {
		end = at[1] + next[0]
	}
	var head struct {
		RuleFiles []string `yaml:"rule_files"`
	}
	if yaml.Unmarshal(content[at[0]:end], &head) != nil {
		return nil, 0, false
	}
	line, _ = lineColumn(content, at[0])
	return head.RuleFiles, line, true
}

var nextKey = regexp.MustCompile(`(?m)^[A-Za-z_]`)
