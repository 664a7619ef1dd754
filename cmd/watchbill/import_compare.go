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
	sameManner int
	manners    []toldInAnotherWay
}

// toldOtherwise is an alert of which others are told than before.
type toldOtherwise struct {
	team, alert, severity string
	before, after         string
}

func (a *importAnswer) same() bool {
	return len(a.rules) == 0 && len(a.alerts) == 0 && len(a.manners) == 0 && len(validate.Blocking(a.findings)) == 0 &&
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
	is := after[0]
	a.pair(
		side{before, tree.Outcomes(before, sender, routes.NewKnower()), tree.Manners(before, sender, routes.NewKnower())},
		side{is.Alerts, router.Outcomes(after...), is.Tree.Manners(is.Alerts, is.Sender, routes.NewKnower())},
	)
}

// side is the alerts of the input or of the result, who is told of each, and how.
type side struct {
	alerts   []routes.Alert
	outcomes []routes.AlertOutcome
	manners  [][]routes.Manner
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
func (a *importAnswer) pair(was, is side) {
	left := map[string][]int{}
	for i := range is.alerts {
		id := alertID(&is.alerts[i])
		left[id] = append(left[id], i)
	}
	for i := range was.alerts {
		id, o := alertID(&was.alerts[i]), &was.outcomes[i]
		change := toldOtherwise{team: o.Team, alert: o.Alert, severity: o.Severity, before: whoIsTold(o), after: "the alert is not there"}
		if len(left[id]) > 0 {
			now := left[id][0]
			left[id] = left[id][1:]
			change.after = whoIsTold(&is.outcomes[now])
			a.compareManners(o, was.manners[i], is.manners[now])
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
			destination = carried(destination)
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

// carried is a destination, or what a webhook stands in the place of.
func carried(destination string) string {
	if kind, key, ok := strings.Cut(destination, " "); ok {
		if lost, is := importer.NotCarried(key); is && kind == "webhook" {
			return lost + " (not carried)"
		}
	}
	return destination
}
