package render

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// onCallReceiver is the one stream that a copy of every alert goes to.
const onCallReceiver = "on-call-alerts"

// alerting is one team's part of alertmanager.yml, as the text of list items.
type alerting struct {
	routes, receivers, mutes []byte
}

// AlertmanagerConfig is alertmanager.yml.
//
// Every alert meets a first route that copies it to on-call and lets it go on,
// and then at most one route of its team. Routes are flat, a team's severities
// beside each other: a route around them would need a receiver of its own for
// the alerts that none of them takes, and if that one were on-call, as the
// root's is, those alerts would reach on-call twice. The root's receiver is
// never asked, as the first route takes everything. Inhibited and silenced
// alerts reach nobody, on-call included.
func (r *Renderer) AlertmanagerConfig(repo *repolayout.Repo, _ *repolayout.Environment) ([]byte, error) {
	teams := make([]alerting, 0, len(repo.Teams))
	for _, t := range repo.Teams {
		part, err := teamAlerting(t)
		if err != nil {
			return nil, fmt.Errorf("render Alertmanager's configuration of team %s: %w", t.Name, err)
		}
		teams = append(teams, part)
	}
	return alertmanagerConfig(repo, teams)
}

// alertmanagerConfig joins texts instead of marshalling one value, so that only
// the part of a team that has changed is made anew.
func alertmanagerConfig(repo *repolayout.Repo, teams []alerting) ([]byte, error) {
	onCall, err := amReceiverOf(onCallReceiver, repo.Stack.OnCall.Receivers)
	if err != nil {
		return nil, fmt.Errorf("render the on-call receivers: %w", err)
	}
	var out bytes.Buffer
	section := func(head, indent string, v any) {
		out.WriteString(head)
		err = errors.Join(err, writeYAML(&out, indent, v))
	}
	section("route:\n", "  ", rootRoute(&repo.Stack))
	section("  routes:\n", "  ", []amRoute{{Receiver: onCallReceiver, Continue: true}})
	for _, t := range teams {
		out.Write(t.routes)
	}
	if rules := inhibitRules(repo.Stack.Severities); len(rules) > 0 {
		section("inhibit_rules:\n", "", rules)
	}
	head := "time_intervals:\n"
	for _, t := range teams {
		if len(t.mutes) > 0 {
			out.WriteString(head)
			head = ""
		}
		out.Write(t.mutes)
	}
	section("receivers:\n", "", []amReceiver{onCall})
	for _, t := range teams {
		out.Write(t.receivers)
	}
	section("", "", amTemplates{Templates: []string{"templates/*.tmpl"}})
	if err != nil {
		return nil, fmt.Errorf("write alertmanager.yml: %w", err)
	}
	return out.Bytes(), nil
}

// writeYAML writes v in the style of all our YAML, with every line indented.
func writeYAML(out *bytes.Buffer, indent string, v any) error {
	var text bytes.Buffer
	enc := yaml.NewEncoder(&text)
	enc.SetIndent(2)
	err := enc.Encode(v)
	for line := range bytes.Lines(text.Bytes()) {
		out.WriteString(indent)
		out.Write(line)
	}
	return err
}

func rootRoute(s *repolayout.Stack) amRoute {
	return amRoute{
		Receiver:       onCallReceiver,
		GroupBy:        s.Alertmanager.GroupBy,
		GroupWait:      s.Alertmanager.GroupWait,
		GroupInterval:  s.Alertmanager.GroupInterval,
		RepeatInterval: s.Alertmanager.RepeatInterval,
	}
}

// inhibitRules keep an alert quiet while the same one fires more gravely for the same team and namespace.
func inhibitRules(severities []string) []amInhibit {
	var rules []amInhibit
	for i := 0; i+1 < len(severities); i++ {
		rules = append(rules, amInhibit{
			SourceMatchers: []string{severityMatcher(severities[i : i+1])},
			TargetMatchers: []string{severityMatcher(severities[i+1:])},
			Equal:          []string{teamLabel, "alertname", "namespace"},
		})
	}
	return rules
}

// teamAlerting renders the routes and receivers of one team.
func teamAlerting(t *repolayout.Team) (alerting, error) {
	var routes []amRoute
	var receivers []amReceiver
	taken := map[string]int{}
	for _, r := range t.Spec.Routes {
		// Named by what it is for and not by its place: Alertmanager remembers by
		// receiver whom it has told, and would tell them again under another name.
		name := t.Name + "/default"
		matchers := []string{fmt.Sprintf("%s=%q", teamLabel, t.Name)}
		if len(r.Severities) > 0 {
			name = t.Name + "/" + strings.Join(r.Severities, "-")
			matchers = append(matchers, severityMatcher(r.Severities))
		}
		if taken[name]++; taken[name] > 1 {
			name = fmt.Sprintf("%s-%d", name, taken[name])
		}
		receiver, err := amReceiverOf(name, r.Receivers)
		if err != nil {
			return alerting{}, err
		}
		receivers = append(receivers, receiver)
		routes = append(routes, amRoute{
			Receiver: name, Matchers: matchers, GroupBy: r.GroupBy,
			GroupWait: r.GroupWait, GroupInterval: r.GroupInterval, RepeatInterval: r.RepeatInterval,
			Mute: muteNames(t.Name, r.Mute),
		})
	}
	if len(routes) == 0 {
		return alerting{}, nil // an empty list would be written as []
	}
	var routeText, receiverText, muteText bytes.Buffer
	err := errors.Join(writeYAML(&routeText, "  ", routes), writeYAML(&receiverText, "", receivers))
	if mutes := mutesOf(t); len(mutes) > 0 {
		err = errors.Join(err, writeYAML(&muteText, "", mutes))
	}
	return alerting{routes: routeText.Bytes(), receivers: receiverText.Bytes(), mutes: muteText.Bytes()}, err
}

// mutesOf names the team's mute times by the team, as Alertmanager knows them by
// name alone. The copy to on-call names none, and so always goes out.
func mutesOf(t *repolayout.Team) []amMute {
	var out []amMute
	for _, m := range t.Spec.MuteTimes {
		mute := amMute{Name: t.Name + "/" + m.Name}
		for _, i := range m.Times {
			times := amTime{Weekdays: i.Weekdays, DaysOfMonth: i.DaysOfMonth, Months: i.Months, Location: i.TimeZone}
			for _, clock := range i.Times {
				start, end, _ := strings.Cut(clock, "-")
				times.Times = append(times.Times, amClock{Start: start, End: end})
			}
			mute.Times = append(mute.Times, times)
		}
		out = append(out, mute)
	}
	return out
}

func muteNames(team string, mutes []string) []string {
	var out []string
	for _, name := range mutes {
		out = append(out, team+"/"+name)
	}
	return out
}

func severityMatcher(severities []string) string {
	if len(severities) == 1 {
		return fmt.Sprintf("severity=%q", severities[0])
	}
	quoted := make([]string, 0, len(severities))
	for _, s := range severities {
		quoted = append(quoted, regexp.QuoteMeta(s))
	}
	return fmt.Sprintf("severity=~%q", strings.Join(quoted, "|"))
}
