package live

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Alert is an alerting rule, as far as it decides when it fires.
type Alert struct {
	Team  string         `json:"team"`
	Group string         `json:"group"`
	Name  string         `json:"alert"`
	Pos   repolayout.Pos `json:"at"` // of the rule
	Kind  Kind           `json:"kind,omitempty"`

	Expr          string         `json:"expr"`
	For           model.Duration `json:"for,omitempty"`
	KeepFiringFor model.Duration `json:"keepFiringFor,omitempty"`
	Interval      model.Duration `json:"interval"`              // of the group
	Offset        model.Duration `json:"queryOffset,omitempty"` // of the group
	Limit         int            `json:"limit,omitempty"`       // of the group
	// Labels that the rule and its group give, with templates as they are written, and the team's.
	Labels map[string]string `json:"labels,omitempty"`
	// Records are the recording rules that the expression goes by and that the
	// same change adds or alters: of what they would have recorded nothing is known.
	Records []string `json:"records,omitempty"`
}

// Kind says what a change did to an alert.
type Kind string

// The kinds of changes; an alert that was not compared has none.
const (
	KindNew     Kind = "new"
	KindChanged Kind = "changed"
)

const defaultInterval = time.Minute // of Prometheus, for repos that name none

// Alerts lists the alerting rules that run in an environment, or those that are
// meant for every environment if it is nil, in the repo's order.
func Alerts(repo *repolayout.Repo, env *repolayout.Environment) []Alert {
	interval := durationOf(repo.Stack.Prometheus.EvaluationInterval, defaultInterval)
	var out []Alert
	for _, team := range repo.Teams {
		for _, file := range team.Rules {
			if !runsIn(file, env) {
				continue
			}
			for i := range file.Groups {
				out = append(out, groupAlerts(team.Name, &file.Groups[i], interval)...)
			}
		}
	}
	return out
}

func groupAlerts(team string, g *repolayout.RuleGroup, interval time.Duration) []Alert {
	if g.Interval > 0 {
		interval = time.Duration(g.Interval)
	}
	var offset model.Duration
	if g.QueryOffset != nil {
		offset = *g.QueryOffset
	}
	var out []Alert
	for i := range g.Rules {
		r := &g.Rules[i]
		if r.Alert == "" {
			continue
		}
		given := map[string]string{}
		maps.Copy(given, g.Labels)
		maps.Copy(given, r.Labels)
		given["team"] = team
		pos := g.Pos
		if i < len(g.RulePos) {
			pos = g.RulePos[i].Rule
		}
		out = append(out, Alert{
			Team: team, Group: g.Name, Name: r.Alert, Pos: pos, Expr: r.Expr, For: r.For,
			KeepFiringFor: r.KeepFiringFor, Interval: model.Duration(interval), Offset: offset, Limit: g.Limit, Labels: given,
		})
	}
	return out
}

// alertKey is what Prometheus knows an alert by: it loses its state if this changes.
type alertKey struct{ file, group, name string }

func (a *Alert) key() alertKey { return alertKey{a.Pos.File, a.Group, a.Name} }

// firesAs says whether two rules always fire alike. How an expression is laid out does not count.
func (a *Alert) firesAs(b *Alert) bool {
	return a.For == b.For && a.KeepFiringFor == b.KeepFiringFor && a.Interval == b.Interval && a.Offset == b.Offset &&
		a.Limit == b.Limit && maps.Equal(a.Labels, b.Labels) && sameExpr(a.Expr, b.Expr)
}

func sameExpr(a, b string) bool {
	if a == b {
		return true
	}
	x, okX := parse(a)
	y, okY := parse(b)
	return okX && okY && x.String() == y.String()
}

// Changed lists the alerts of head that base has not, or not so. An alert is
// the same by its file, group and name; with several of one name, those that are
// as before are told apart. Without a base, all are new.
func Changed(base, head *repolayout.Repo, env *repolayout.Environment) []Alert {
	if base == nil {
		base = new(repolayout.Repo)
	}
	before := map[alertKey][]Alert{}
	for _, a := range Alerts(base, envOf(base, env)) {
		before[a.key()] = append(before[a.key()], a)
	}
	after := Alerts(head, env)
	altered := alteredRecords(base, head, env)
	left := make([]Alert, 0, len(after))
	known := map[alertKey]bool{}
	for _, a := range after {
		same := before[a.key()]
		known[a.key()] = known[a.key()] || len(same) > 0
		if i := slices.IndexFunc(same, func(b Alert) bool { return a.firesAs(&b) }); i >= 0 {
			before[a.key()] = slices.Delete(slices.Clone(same), i, i+1)
			if len(altered.in(a.Expr)) == 0 {
				continue
			}
		}
		left = append(left, a)
	}
	for i := range left {
		a := &left[i]
		a.Kind = KindNew
		if known[a.key()] {
			a.Kind = KindChanged
		}
		a.Records = altered.in(a.Expr)
	}
	return left
}

// envOf is the environment of the same name as it is in another revision, if it is there.
func envOf(repo *repolayout.Repo, env *repolayout.Environment) *repolayout.Environment {
	if env == nil {
		return nil
	}
	return repo.Environment(env.Name)
}
