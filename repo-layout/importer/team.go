package importer

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

var severityForm = regexp.MustCompile(`^[a-z0-9]([_a-z0-9-]*[a-z0-9])?$`)

// gravity is how grave the words are that people use, the gravest first.
var gravity = []string{
	"emergency", "disaster", "fatal", "page", "p0", "p1", "critical", "crit", "high", "major", "p2", "error", "", "p3", "warning", "warn",
	"medium", "minor", "p4", "low", "notice", "ticket", "p5", "info", "informational", "debug", "none",
}

// severities are those that routes and alerts name, the gravest first.
func (im *importing) severities(asked []string, alerts map[cell][]model.LabelSet) []string {
	found := map[string]bool{}
	for _, s := range asked {
		found[s] = true
	}
	for _, samples := range alerts {
		for _, labels := range samples {
			found[string(labels[severityLabel])] = true
		}
	}
	var out []string
	for _, s := range slices.Sorted(maps.Keys(found)) {
		switch {
		case severityForm.MatchString(s):
			out = append(out, s)
		case s != "":
			im.note(Changed, repolayout.Pos{}, "write it as a lower-case word in the rules, and list it under severities in watchbill.yaml", "no route can ask for the severity %q", s)
		}
	}
	if len(out) == 0 {
		return repolayout.DefaultStack().Severities
	}
	rank := func(s string) int {
		if i := slices.Index(gravity, s); i >= 0 {
			return i
		}
		return slices.Index(gravity, "") // a word of their own is somewhere in the middle
	}
	slices.SortStableFunc(out, func(a, b string) int { return rank(a) - rank(b) })
	return out
}

// writeTeam writes one team.yaml: a route for each set of people, and a last one
// for every other severity.
func (im *importing) writeTeam(team string, cells map[string]told) {
	spec := repolayout.TeamSpec{Owner: team}
	rest := cells[""]
	byKey, names := map[string]int{}, map[string]string{} // of mute times in the original, by ours
	for _, severity := range im.stack.Severities {
		t := cells[severity]
		if len(t.route.Receivers) == 0 || t.key() == rest.key() {
			continue
		}
		i, ok := byKey[t.key()]
		if !ok {
			i = len(spec.Routes)
			byKey[t.key()] = i
			spec.Routes = append(spec.Routes, im.withMutes(&spec, names, t))
		}
		spec.Routes[i].Severities = append(spec.Routes[i].Severities, severity)
	}
	if len(rest.route.Receivers) > 0 {
		spec.Routes = append(spec.Routes, im.withMutes(&spec, names, rest))
	}
	if len(spec.Routes) == 0 {
		spec.Routes = []repolayout.TeamRoute{im.nobody(team)}
	}
	const head = "# yaml-language-server: $schema=../../.schemas/team.json\n"
	im.write("teams/"+team+"/team.yaml", append([]byte(head), encodeSpec(spec)...))
}

// withMutes gives a route its mute times, and the team their definitions.
func (im *importing) withMutes(spec *repolayout.TeamSpec, names map[string]string, t told) repolayout.TeamRoute {
	route := t.route
	for _, name := range t.mutes {
		as := slug(path.Base(name))
		if before, taken := names[as]; as == "" || taken && before != name {
			as = "mute-" + slug(name)
		}
		if _, known := names[as]; !known {
			m, ok := im.muteTime(name, as)
			if !ok {
				continue
			}
			spec.MuteTimes = append(spec.MuteTimes, m)
			names[as] = name
		}
		if !slices.Contains(route.Mute, as) {
			route.Mute = append(route.Mute, as)
		}
	}
	return route
}

// nobody is a route to begin with, where nothing says who is told.
func (im *importing) nobody(team string) repolayout.TeamRoute {
	im.silent = append(im.silent, team)
	key := im.keys.of("nobody\x00"+team, team+"-webhook-url", "the URL that is told of the alerts of team "+team+", which the input does not have", repolayout.Pos{})
	return repolayout.TeamRoute{Receivers: []repolayout.Receiver{{Webhook: &repolayout.Webhook{URLKey: key}}}}
}

// noteSilent names the teams of which nothing says who is told.
func (im *importing) noteSilent() {
	if len(im.silent) == 0 {
		return
	}
	kind, why := ToDo, "the input does not say who is told"
	if im.routing != nil {
		why = "nobody but those of every alert is told today, as far as team and severity tell alerts apart,"
	}
	if im.routing != nil && slices.ContainsFunc(im.silent, im.alerting) {
		kind = Changed
	}
	im.note(kind, repolayout.Pos{}, "put their real receivers there", "%s of the alerts of %s; a webhook stands in team.yaml in their place", why, strings.Join(im.silent, ", "))
}

// alerting says whether a team has an alert.
func (im *importing) alerting(team string) bool {
	for i := range im.res.Groups {
		g := &im.res.Groups[i]
		for j := range g.Rules {
			if g.Rules[j].Alert != "" && g.Teams[j] == team {
				return true
			}
		}
	}
	return false
}
