package main

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/watchbill/watchbill/reconcile/build"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/repo-layout/importer"
	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/routes"
)

// importAnswer is what an import came to.
type importAnswer struct {
	result   *importer.Result
	options  importer.Options
	repo     *repolayout.Repo
	findings []validate.Finding

	sameRules int
	rules     []importer.Difference
	// unrouted is why it was not compared who is told; empty if it was.
	unrouted   string
	sameAlerts int
	alerts     []toldOtherwise
}

// toldOtherwise is an alert of which others are told than before.
type toldOtherwise struct {
	team, alert, severity string
	before, after         string
}

func (a *importAnswer) same() bool {
	return len(a.rules) == 0 && len(a.alerts) == 0 && len(validate.Blocking(a.findings)) == 0 &&
		!slices.ContainsFunc(a.result.Notes, func(n importer.Note) bool { return n.Kind != importer.ToDo })
}

// compareRoutes asks both route trees about every alert.
func (a *importAnswer) compareRoutes(router *build.Router, fsys fs.FS) {
	if len(a.result.Alertmanager) == 0 {
		a.unrouted = "there was no Alertmanager configuration that could be read"
		return
	}
	tree, err := routes.Load(a.result.Alertmanager)
	if err != nil {
		a.unrouted = "the route tree that was read is too large to be asked"
		return
	}
	var sender *routes.Sender
	if len(a.result.Prometheus) > 0 {
		if sender, err = routes.ParseSender(a.result.Prometheus); err != nil {
			a.unrouted = "alert_relabel_configs: " + err.Error()
			return
		}
	}
	repo, findings := router.Load(fsys)
	if len(findings) > 0 {
		a.unrouted = "the result has errors"
		return
	}
	after, err := router.Routing(repo, a.options.Environment)
	if err != nil {
		a.unrouted = err.Error()
		return
	}
	before := readAlerts(a.result.Groups)
	a.pair(before, tree.Outcomes(before, sender, routes.NewKnower()), after[0].Alerts, router.Outcomes(after...))
}

// readAlerts are the alerts of the input.
func readAlerts(groups []importer.Group) []routes.Alert {
	var out []routes.Alert
	for i := range groups {
		g := &groups[i]
		for j := range g.Rules {
			if r := &g.Rules[j]; r.Alert != "" {
				out = append(out, routes.Alert{Team: g.Teams[j], Name: r.Alert, Group: g.Name, Pos: g.Pos, Expr: r.Expr, Static: g.Static(j)})
			}
		}
	}
	return out
}

// pair compares each alert with the one that it became.
func (a *importAnswer) pair(before []routes.Alert, was []routes.AlertOutcome, after []routes.Alert, is []routes.AlertOutcome) {
	left := map[string][]int{}
	for i := range after {
		id := alertID(&after[i])
		left[id] = append(left[id], i)
	}
	for i := range before {
		id := alertID(&before[i])
		change := toldOtherwise{team: was[i].Team, alert: was[i].Alert, severity: was[i].Severity, before: whoIsTold(&was[i]), after: "the alert is not there"}
		if len(left[id]) > 0 {
			change.after = whoIsTold(&is[left[id][0]])
			left[id] = left[id][1:]
		}
		if change.before == change.after {
			a.sameAlerts++
		} else {
			a.alerts = append(a.alerts, change)
		}
	}
}

// alertID tells alerts apart by all that import does not change.
func alertID(a *routes.Alert) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q %q", a.Team, a.Group, a.Name, a.Expr)
	for _, name := range slices.Sorted(maps.Keys(a.Static)) {
		if name != "team" && name != "namespace" {
			fmt.Fprintf(&b, " %q=%q", name, a.Static[name])
		}
	}
	return b.String()
}

// whoIsTold is where an alert goes, whatever the receivers are called.
func whoIsTold(o *routes.AlertOutcome) string {
	if o.Undecided != "" {
		return "undecided: " + o.Undecided
	}
	var out []string
	for _, to := range o.Told {
		for _, destination := range to.Destinations {
			if kind, key, ok := strings.Cut(destination, " "); ok {
				if lost, is := importer.NotCarried(key); is && kind == "webhook" {
					destination = lost + " (not carried)"
				}
			}
			if to.When == routes.Maybe {
				destination = "maybe " + destination
			}
			out = append(out, destination)
		}
	}
	slices.Sort(out)
	if out = slices.Compact(out); len(out) == 0 {
		return "nobody"
	}
	return strings.Join(out, ", ")
}
