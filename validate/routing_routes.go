package validate

import (
	"fmt"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/routes"
)

// The ids of what is found in the routes. They never change.
const (
	routingProof          = "routing/proof"
	routingUnreachable    = "routing/unreachable"
	routingShadowed       = "routing/shadowed"
	routingTwice          = "routing/twice"
	routingUnusedReceiver = "routing/unused-receiver"
	routingEmptyReceiver  = "routing/empty-receiver"
	routingMutedPage      = "routing/muted-page"
	routingInhibited      = "routing/inhibited"
	routingGroupInterval  = "routing/group-interval"
)

var routeChecks = map[routes.FindingKind]string{
	routes.Unreachable:    routingUnreachable,
	routes.Shadowed:       routingShadowed,
	routes.Twice:          routingTwice,
	routes.UnusedReceiver: routingUnusedReceiver,
	routes.EmptyReceiver:  routingEmptyReceiver,
	routes.MutedPage:      routingMutedPage,
	routes.Unknowable:     routingProof,
}

// routeFinding puts what was found in the routes to where its team wrote it. An
// on-call stream without receivers is nothing to report: there is no copy then.
func routeFinding(repo *repolayout.Repo, f routes.Finding) (Finding, bool) {
	if f.Kind == routes.EmptyReceiver && f.Receiver == onCallReceiver && len(repo.Stack.OnCall.Receivers) == 0 {
		return Finding{}, false
	}
	out := Finding{
		Check: routeChecks[f.Kind], Severity: Warning, Message: f.Message, Hint: f.Hint,
		Pos: placeOr(repo.Stack.Pos, repolayout.Pos{File: "watchbill.yaml"}),
	}
	name, _, _ := strings.Cut(f.Receiver, "/")
	if team := repo.Team(name); team != nil && f.Receiver != onCallReceiver {
		out.Owner, out.Pos = name, routePlace(team, f.Receiver)
	}
	return out, true
}

// routePlace is the route of a team.yaml that a receiver is rendered for.
func routePlace(team *repolayout.Team, receiver string) repolayout.Pos {
	taken := map[string]int{}
	for _, r := range team.Spec.Routes {
		name := team.Name + "/default"
		if len(r.Severities) > 0 {
			name = team.Name + "/" + strings.Join(r.Severities, "-")
		}
		if taken[name]++; taken[name] > 1 {
			name = fmt.Sprintf("%s-%d", name, taken[name])
		}
		if name == receiver {
			return placeOr(r.Pos, team.Spec.Pos)
		}
	}
	return team.Spec.Pos
}
