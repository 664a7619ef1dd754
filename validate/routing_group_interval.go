package validate

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// peerTimeout is how long each replica of Alertmanager waits for the one before
// it, before it tells people itself.
const peerTimeout = 15 * time.Second

// groupIntervals warns of intervals that are over before the last replica's turn
// has come: by then it knows only of the group's next state, and what the others
// have said of the one before looks new to it.
func groupIntervals(repo *repolayout.Repo, env *repolayout.Environment) []Finding {
	least := peerTimeout * time.Duration(env.Alertmanager.Replicas-1)
	var out []Finding
	check := func(d repolayout.Duration, owner string, at repolayout.Pos) {
		interval, err := model.ParseDuration(string(d))
		if d == "" || err != nil || time.Duration(interval) > least {
			return
		}
		out = append(out, Finding{
			Check: routingGroupInterval, Severity: Warning, Owner: owner, Pos: at,
			Message: fmt.Sprintf("with the %d replicas of Alertmanager in environment %s, a groupInterval of %s may tell people again of alerts that are resolved", env.Alertmanager.Replicas, env.Name, d),
			Hint:    fmt.Sprintf("make it longer than %s: 15s for each replica after the first", model.Duration(least)),
		})
	}
	stack := placeOr(repo.Stack.Places.At("alertmanager.groupInterval"), repolayout.Pos{File: "watchbill.yaml"})
	check(repo.Stack.Alertmanager.GroupInterval, "", stack)
	for _, t := range repo.Teams {
		for i, route := range t.Spec.Routes {
			at := t.Spec.Places.At(fmt.Sprintf("routes[%d].groupInterval", i))
			check(route.GroupInterval, t.Name, placeOr(at, route.Pos))
		}
	}
	return out
}
