package validate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// peerTimeout is how long each replica of Alertmanager waits for the one before
// it, before it tells people itself.
const peerTimeout = 15 * time.Second

// groupIntervals warns of intervals that are over before the last replica's turn
// has come: by then it knows only of the group's next state, and what the others
// have said of the one before looks new to it. What it says of an interval speaks
// of all environments, and so is the same for each.
func groupIntervals(repo *repolayout.Repo, env *repolayout.Environment) []Finding {
	var out []Finding
	check := func(d repolayout.Duration, owner string, at repolayout.Pos) {
		interval, err := model.ParseDuration(string(d))
		if d == "" || err != nil || time.Duration(interval) > lastTurn(env) {
			return
		}
		short := shortIn(repo, time.Duration(interval))
		longest := slices.MaxFunc(short, func(a, b *repolayout.Environment) int { return cmp.Compare(lastTurn(a), lastTurn(b)) })
		out = append(out, Finding{
			Check: routingGroupInterval, Severity: Warning, Owner: owner, Pos: at,
			Message: fmt.Sprintf("a groupInterval of %s may tell people again of alerts that are resolved, with %s", d, replicasOf(short)),
			Hint:    fmt.Sprintf("make it longer than %s: 15s for each replica of Alertmanager after the first", model.Duration(lastTurn(longest))),
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

// lastTurn is when the last replica of an environment tells people.
func lastTurn(env *repolayout.Environment) time.Duration {
	return peerTimeout * time.Duration(env.Alertmanager.Replicas-1)
}

// shortIn are the environments for which an interval is too short, by name.
func shortIn(repo *repolayout.Repo, interval time.Duration) []*repolayout.Environment {
	return slices.DeleteFunc(slices.Clone(repo.Environments), func(e *repolayout.Environment) bool { return interval > lastTurn(e) })
}

// replicasOf is "the 2 replicas of Alertmanager in dev, prod; 3 in staging".
func replicasOf(envs []*repolayout.Environment) string {
	names := map[int32][]string{}
	for _, e := range envs {
		names[e.Alertmanager.Replicas] = append(names[e.Alertmanager.Replicas], e.Name)
	}
	var parts []string
	for _, n := range slices.Sorted(maps.Keys(names)) {
		what := fmt.Sprintf("%d in ", n)
		if len(parts) == 0 {
			what = fmt.Sprintf("the %d replicas of Alertmanager in ", n)
		}
		parts = append(parts, what+strings.Join(names[n], ", "))
	}
	return strings.Join(parts, "; ")
}
