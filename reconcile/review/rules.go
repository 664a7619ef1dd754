package review

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"go.yaml.in/yaml/v3"

	"github.com/watchbill/watchbill/render/bundle"
)

const rulesFolder = bundle.Prometheus + "/rules/"

// ruleChange is a rule that differs.
type ruleChange struct {
	verb  verb
	alert bool
	name  string
	group string
	from  string   // where a moved rule was: its group, or its file and group
	what  []string // of a changed one: "for 5m → 10m"
}

// rule is a rule as it is rendered.
type rule struct {
	rulefmt.Rule
	file, group string
	labels      labels.Labels // with the group's
}

func (r *rule) name() string { return r.Alert + r.Record } // one of them is empty

// identity is what Prometheus knows a rule by within its group: a rule with the
// same one takes over the state of the one before, whatever its expression.
func (r *rule) identity() string { return r.name() + r.labels.String() }

// rulesOf reads the rules of a rendered file.
func rulesOf(file, content string) []rule {
	var groups rulefmt.RuleGroups
	if err := yaml.Unmarshal([]byte(content), &groups); err != nil {
		return nil // what was rendered of valid rules can be read
	}
	var out []rule
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			all := map[string]string{}
			maps.Copy(all, g.Labels)
			maps.Copy(all, r.Labels)
			out = append(out, rule{r, strings.TrimPrefix(file, bundle.Prometheus+"/"), g.Name, labels.FromMap(all)})
		}
	}
	return out
}

// compareRules compares the rules in the files that differ.
func compareRules(before, after map[string]string, files []textChange) []ruleChange {
	var b, a []rule
	for _, f := range files {
		if strings.HasPrefix(f.name, rulesFolder) {
			b = append(b, rulesOf(f.name, before[f.name])...)
			a = append(a, rulesOf(f.name, after[f.name])...)
		}
	}
	p := pairing{}
	b, a = p.pair(b, a, func(r *rule) string { return r.place() + r.identity() })
	b, a = p.pair(b, a, func(r *rule) string { return r.place() + r.kind() + r.name() })
	b, a = p.pair(b, a, func(r *rule) string { return r.team() + r.kind() + r.name() })
	for i := range b {
		p.changes = append(p.changes, ruleChange{verb: removed, alert: b[i].Alert != "", name: b[i].name(), group: b[i].group})
	}
	for i := range a {
		p.changes = append(p.changes, ruleChange{verb: added, alert: a[i].Alert != "", name: a[i].name(), group: a[i].group})
	}
	slices.SortStableFunc(p.changes, func(x, y ruleChange) int { return strings.Compare(x.key(), y.key()) })
	return p.changes
}

func (r *ruleChange) key() string {
	kind := "1"
	if r.alert {
		kind = "0"
	}
	return kind + string(r.verb) + "\x00" + r.group + "\x00" + r.name
}

func (r *rule) place() string { return r.file + "\x00" + r.group + "\x00" }

func (r *rule) kind() string {
	if r.Alert != "" {
		return "alert "
	}
	return "record "
}

// team is the folder of the file: rules/payments/errors.yaml is payments'.
func (r *rule) team() string {
	parts := strings.SplitN(r.file, "/", 3)
	return parts[min(1, len(parts)-1)] + "\x00"
}

// pairing holds rules against each other that are the same one by some key.
type pairing struct{ changes []ruleChange }

// pair returns the rules that found no partner.
func (p *pairing) pair(before, after []rule, key func(*rule) string) (b, a []rule) {
	waiting := map[string][]int{}
	for i := range before {
		waiting[key(&before[i])] = append(waiting[key(&before[i])], i)
	}
	paired := make([]bool, len(before))
	for i := range after {
		k := key(&after[i])
		if len(waiting[k]) == 0 {
			a = append(a, after[i])
			continue
		}
		n := waiting[k][0]
		waiting[k], paired[n] = waiting[k][1:], true
		p.compare(&before[n], &after[i])
	}
	for i := range before {
		if !paired[i] {
			b = append(b, before[i])
		}
	}
	return b, a
}

func (p *pairing) compare(b, a *rule) {
	c := ruleChange{verb: changed, alert: a.Alert != "", name: a.name(), group: a.group, what: differences(b, a)}
	switch {
	case b.file != a.file:
		c.verb, c.from = moved, b.file+", group "+b.group
	case b.group != a.group:
		c.verb, c.from = moved, "group "+b.group
	case len(c.what) == 0:
		return
	}
	p.changes = append(p.changes, c)
}

// differences says in which parts two rules differ.
func differences(b, a *rule) []string {
	var out []string
	if b.Expr != a.Expr {
		out = append(out, "expr")
	}
	length := func(what string, before, after model.Duration) {
		if before != after {
			out = append(out, fmt.Sprintf("%s %s → %s", what, before, after))
		}
	}
	length("for", b.For, a.For)
	length("keep_firing_for", b.KeepFiringFor, a.KeepFiringFor)
	if !labels.Equal(b.labels, a.labels) {
		out = append(out, labelDifferences(b.labels, a.labels))
	}
	if !maps.Equal(b.Annotations, a.Annotations) {
		out = append(out, "annotations")
	}
	return out
}

// labelDifferences says so of severity, which decides who is told, and else only that there is one.
func labelDifferences(b, a labels.Labels) string {
	if was, is := b.Get("severity"), a.Get("severity"); was != is {
		return fmt.Sprintf("severity %s → %s", orNone(was), orNone(is))
	}
	return "labels"
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
