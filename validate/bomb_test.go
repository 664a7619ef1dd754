package validate

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// TestBombs puts files before the checks that are made to hang or to crash
// them. The loader refuses some of them, so they go past it here.
func TestBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("large files take their time")
	}
	rule := func(expr string) string {
		return "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: " + expr + "\n"
	}
	aliases := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'l'; c++ {
		aliases += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	const mega = 1 << 20
	for name, content := range map[string]string{
		"10 MiB of rules":       "groups:\n- name: g\n  rules:\n" + strings.Repeat("  - {record: a, expr: up}\n", 10*mega/26),
		"many keys":             "groups:\n- name: g\n  rules: []\n" + strings.Repeat("  x: y\n", 2*mega/7),
		"many faults":           "groups:\n- name: g\n  rules:\n" + strings.Repeat("  - {alert: A, expr: 'up{'}\n", 2*mega/28),
		"many jobs":             "scrape_configs:\n" + strings.Repeat("- job_name: a\n", 2*mega/14),
		"10 MiB on one line":    rule(strings.Repeat("a+", 5*mega) + "a"),
		"a long sum":            rule(strings.Repeat("a+", maxOperators) + "a"),
		"a longer sum":          rule(strings.Repeat("a+", maxExpr/2-1) + "a"),
		"parentheses":           rule(strings.Repeat("(", maxExpr-1)),
		"parentheses, closed":   rule(strings.Repeat("(", maxExpr/2-1) + "a" + strings.Repeat(")", maxExpr/2-1)),
		"signs":                 rule("'" + strings.Repeat("-", maxExpr-2) + "a'"),
		"many sums":             rule("up{") + strings.Repeat("  - {alert: A, expr: '"+strings.Repeat("a+", maxOperators/2)+"a'}\n", 1000),
		"aggregations":          rule(strings.Repeat("sum(", maxExpr/5-1) + "a" + strings.Repeat(")", maxExpr/5-1)),
		"a heavy regexp":        rule(`a{b=~"((((x{0,9}){0,9}){0,9}){0,9}){0,9}"}`),
		"many alternatives":     rule(`a{b=~"` + strings.Repeat("(a|b|c|d)", 2000) + `"}`),
		"aliases":               aliases + "groups: *k\n",
		"aliased groups":        "x: &x {name: g, rulez: [" + strings.Repeat("a,", 1000) + "]}\ngroups: [" + strings.Repeat("*x,", mega/3) + "]\n",
		"an alias of itself":    "groups: &a [{name: g, rules: *a}]\n",
		"deep flow":             strings.Repeat("[", mega),
		"deep block":            strings.Repeat("- ", mega),
		"documents":             strings.Repeat("---\na\n", mega/6),
		"templates":             "groups: [{name: g, rules: [{alert: A, expr: up, annotations: {a: '" + strings.Repeat("{{if 1}}", maxText/8) + "'}}]}]",
		"templates, too many":   "groups: [{name: g, rules: [{alert: A, expr: up, annotations: {a: '" + strings.Repeat("{{if 1}}", maxText) + "'}}]}]",
		"templates in brackets": "groups: [{name: g, rules: [{alert: A, expr: up, annotations: {a: '{{" + strings.Repeat("(", maxText/2) + "}}'}}]}]",
	} {
		t.Run(name, func(t *testing.T) {
			start := cpuTime(t)
			file := &repolayout.File{Path: ruleFile, Content: []byte(content), Digest: name}
			groups := groupsOf(t, content)
			findings := New().Repo(&repolayout.Repo{Teams: []*repolayout.Team{{
				Name:   "payments",
				Rules:  []*repolayout.RuleFile{{File: file, Groups: groups}},
				Scrape: []*repolayout.ScrapeFile{{File: file, Jobs: jobsIn(content)}},
			}}})
			if took := cpuTime(t) - start; took > 15*time.Second {
				t.Errorf("it took %v of CPU time", took)
			}
			if len(findings) == 0 {
				t.Error("nothing is said of it")
			}
		})
	}
}

// cpuTime is what this process has used: the time on the wall is others' too.
func cpuTime(t *testing.T) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// groupsOf is what the loader makes of a rule file, whatever else it says of it.
func groupsOf(t *testing.T, content string) []repolayout.RuleGroup {
	repo, _ := load(ruleFile, content)
	for _, team := range repo.Teams {
		for _, f := range team.Rules {
			return f.Groups
		}
	}
	return nil
}

func jobsIn(content string) []repolayout.ScrapeJob {
	repo, _ := load("teams/payments/scrape/a.yaml", content)
	for _, team := range repo.Teams {
		for _, f := range team.Scrape {
			return f.Jobs
		}
	}
	return nil
}
