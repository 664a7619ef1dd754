package validate

import (
	"fmt"
	"slices"
	"strings"

	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/pkg/labels"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/routes"
)

// mayInhibit says whether some inhibition rule's matchers of the severity let a
// page pass. Mostly none does, and then no alert need be looked at.
func mayInhibit(alertmanager []byte, pages []string) bool {
	c, err := amconfig.Load(string(alertmanager))
	if err != nil {
		return false // it is said already
	}
	for _, rule := range c.InhibitRules {
		targets := inhibit.NewInhibitRule(rule).TargetMatchers
		for _, page := range pages {
			if !slices.ContainsFunc(targets, func(m *labels.Matcher) bool { return m.Name == "severity" && !m.Matches(page) }) {
				return true
			}
		}
	}
	return false
}

// inhibited are the pages that another alert may keep quiet.
func (r *routed) inhibited(repo *repolayout.Repo, env *repolayout.Environment) []Finding {
	if !r.tree.inhibits {
		return nil
	}
	alerts := routes.Alerts(repo.WithTeams(wholeTeams(repo.Teams)), env)
	places := make(map[[2]string]repolayout.Pos, len(alerts))
	for i := range alerts {
		if key := [2]string{alerts[i].Team, alerts[i].Name}; places[key].File == "" {
			places[key] = alerts[i].Pos
		}
	}
	var out []Finding
	for _, i := range r.tree.routes().Inhibited(alerts, r.sender, routes.NewKnower(), gravest(r.severities)...) {
		f := Finding{
			Check: routingInhibited, Severity: Warning, Owner: i.Team, Pos: places[[2]string{i.Team, i.Alert}],
			Message: fmt.Sprintf("a page of alert %q may be kept quiet by %s (%s)", i.Alert, strings.Join(i.Sources, ", "), i.Rule),
			Hint:    "take the page's severity out of the rule's target_matchers, or let equal name the labels that tell the two apart",
		}
		if i.Undecided != "" {
			f.Message = fmt.Sprintf("which pages may be kept quiet was not found out: %s (%s)", i.Undecided, i.Rule)
		}
		out = append(out, f)
	}
	return out
}

func wholeTeams(teams []*repolayout.Team) []*repolayout.Team {
	out := make([]*repolayout.Team, len(teams))
	inParallel(len(teams), func(i int) { out[i] = teams[i].Whole() })
	return out
}
