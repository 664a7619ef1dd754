package validate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

func TestIgnore(t *testing.T) {
	const (
		group = "groups:\n- name: g\n  rules:\n"
		form  = " (write: # watchbill:ignore CHECK-ID until=2027-01-31 why; until= may be left out)"
	)
	always := func(at, note string) string {
		return at + `: warning: alert "A": it always fires: no comparison, absent() or set operator leaves a series out` + note + ` [rules/comparison] (compare it with a threshold, such as ` + "`> 0`)"
	}
	said := func(at, what, hint string) string {
		return at + ": warning: watchbill:ignore: " + what + " [rules/ignore]" + hint
	}
	unused := func(at string) string {
		return said(at, "it silences nothing: rules/comparison finds nothing here", " (take the comment out)")
	}
	tests := []struct {
		name, content string
		want          []string
	}{
		{"above", group + "  # watchbill:ignore rules/comparison there only while it fails\n\n  # more\n  - alert: A\n    expr: up\n", nil},
		{"on the line", group + "  - alert: A\n    expr: up  # watchbill:ignore rules/comparison it is meant so\n", nil},
		{"inside", group + "  - alert: A\n    # watchbill:ignore rules/comparison it is meant so\n    expr: up\n", nil},
		{"until today", group + "  # watchbill:ignore rules/comparison until=2026-05-05 soon over\n  - {alert: A, expr: up}\n", nil},
		{"until yesterday", group + "  # watchbill:ignore rules/comparison until=2026-05-04 soon over\n  - {alert: A, expr: up}\n", []string{
			always("5:22", " (silenced at line 4 until 2026-05-04)"),
		}},
		{"of the rule before", group + "  - {alert: A, expr: up}\n  # watchbill:ignore rules/comparison it is meant so\n  - {alert: B, expr: up == 0}\n", []string{
			always("4:22", ""), unused("5:3"),
		}},
		{"after the last rule", group + "  - alert: A\n    expr: up\n  # watchbill:ignore rules/comparison it is meant so\n", nil},
		{"of another check", group + "  # watchbill:ignore rules/rate it is meant so\n  - {alert: A, expr: up}\n", []string{
			said("4:3", "it silences nothing: rules/rate finds nothing here", " (take the comment out)"), always("5:22", ""),
		}},
		{"two checks", group + "  # watchbill:ignore rules/comparison it is meant so\n  # watchbill:ignore rules/regexp so is this\n  - {alert: A, expr: 'up{a=~\"b\"}'}\n", nil},
		{"a group's label", "groups:\n# watchbill:ignore rules/severity it is only for a test\n- name: g\n  labels: {severity: page}\n  rules:\n  - {alert: A, expr: up}\n", []string{
			always("6:22", ""),
		}},
		{"two teams", group + "  # watchbill:ignore rules/recording-conflict the labels differ\n  - {record: shared, expr: up}\n", nil},
		{"before all groups", "# watchbill:ignore rules/comparison for all of them\n" + group + "  - {alert: A, expr: up}\n", []string{
			unused("1:1"), always("5:22", ""),
		}},
		{"wrong ones", group + `  # watchbill:ignore
  # watchbill:ignore rules/comparison
  # watchbill:ignore rules/comparison until=tomorrow it is meant so
  # watchbill:ignore rules/comparison until=2099-01-01
  # watchbill:ignore rules/comparision it is meant so
  # watchbill:ignore rules/syntax it is meant so
  - {alert: A, expr: up}
`, []string{
			said("4:3", "it names no check", form),
			said("5:3", "it gives no reason", form),
			said("6:3", `"tomorrow" is no day`, form),
			said("7:3", "it gives no reason", form),
			said("8:3", `there is no check "rules/comparision"`, ` (did you mean "rules/comparison"?)`),
			said("9:3", "rules/syntax cannot be silenced", " (what it finds would break what runs; mend it)"),
			always("10:22", ""),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := repoOf(map[string]string{ruleFile: tt.content})
			if strings.Contains(tt.content, "shared") {
				fsys = repoOf(map[string]string{
					ruleFile:                    tt.content,
					"teams/search/rules/a.yaml": group + "  # watchbill:ignore rules/recording-conflict the labels differ\n  - {record: shared, expr: up}\n",
				})
			}
			repo, problems := repolayout.NewLoader().Load(fsys)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			v := New()
			v.Now = func() time.Time { return time.Date(2026, 5, 5, 23, 59, 0, 0, time.UTC) }
			var got []string
			for _, line := range lines(v.Repo(repo)) {
				got = append(got, strings.TrimPrefix(line, "payments: "+ruleFile+":"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestIgnoreEnds goes from one day to the next with the same Validator, which
// has looked at the file already.
func TestIgnoreEnds(t *testing.T) {
	repo, _ := repolayout.NewLoader().Load(repoOf(map[string]string{
		ruleFile: "groups:\n- name: g\n  rules:\n  # watchbill:ignore rules/comparison until=2026-05-05 soon over\n  - {alert: A, expr: up}\n",
	}))
	v := New()
	for day, want := range []int{0, 0, 1, 1} {
		v.Now = func() time.Time { return time.Date(2026, 5, 4+day, 12, 0, 0, 0, time.UTC) }
		if got := v.Repo(repo); len(got) != want {
			t.Errorf("on day %d: %v, want %d findings", 4+day, got, want)
		}
	}
}

// TestIgnoreManyFindings does not call a comment unused whose finding may be among those left out.
func TestIgnoreManyFindings(t *testing.T) {
	rules := strings.Repeat("  - {alert: A, expr: up}\n", maxFindings+10)
	repo, _ := repolayout.NewLoader().Load(repoOf(map[string]string{
		ruleFile: "groups:\n- name: g\n  rules:\n" + rules + "  # watchbill:ignore rules/comparison it is meant so\n  - {alert: B, expr: up}\n",
	}))
	for _, f := range New().Repo(repo) {
		if f.Check == rulesIgnore {
			t.Error(fmt.Sprint(f))
		}
	}
}

// FuzzIgnore reads comments wherever they stand.
func FuzzIgnore(f *testing.F) {
	f.Add("groups:\n- name: g\n  rules:\n  # watchbill:ignore rules/comparison until=2026-05-05 soon over\n  - {alert: A, expr: up}\n")
	f.Add("# watchbill:ignore\r\n#watchbill:ignore \xff until=\n\n- a # watchbill:ignore rules/rate x")
	f.Fuzz(func(t *testing.T, content string) {
		team := &repolayout.Team{Name: "payments", Rules: []*repolayout.RuleFile{{
			File: &repolayout.File{Path: ruleFile, Content: []byte(content)}, Groups: groupsOf(t, content),
		}}}
		silences := silencesOf(team)
		for _, s := range silences {
			if s.at.Line < 1 || s.at.Column < 1 || s.wrong == "" && known(s.check) == isFixed(s.check) {
				t.Errorf("a comment that cannot be: %+v", s)
			}
		}
		finding := Finding{Check: rulesComparison, Severity: Warning, Pos: repolayout.Pos{File: ruleFile, Line: 1}}
		if got := silenced([]Finding{finding}, silences, time.Unix(0, 0)); len(got) > 1+len(silences) {
			t.Errorf("%d comments make %d findings of one", len(silences), len(got))
		}
	})
}
