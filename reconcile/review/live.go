package review

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/watchbill/watchbill/reconcile/build"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/routes"
)

// retentionChange is what an environment keeps for longer or shorter.
type retentionChange struct {
	environment string
	ages        []string
	deletes     string // what would go; empty when that was not asked
	asked       bool
}

// compareRoutes says who is told that was not, and who no longer.
func (j *job) compareRoutes(rep *report, before, after *side) {
	if before.blocked() || after.blocked() {
		rep.routesUnknown = "one of the two revisions cannot be rendered"
		return
	}
	router := build.NewRouter(j.reader.builder)
	var outcomes [2][]routes.AlertOutcome
	for i, repo := range []*repolayout.Repo{before.effective(nil), after.effective(before)} {
		all, err := router.Routing(repo, "")
		if err != nil {
			rep.routesUnknown = err.Error()
			return
		}
		outcomes[i] = router.Outcomes(all...)
	}
	rep.routes = routes.Diff(outcomes[0], outcomes[1])
}

// askLive asks the running stack. An answer that cannot be had is said, and is
// no fault of the change.
func (j *job) askLive(ctx context.Context, rep *report, before, after *side) {
	if !rep.valid() {
		return // it will not be merged like this
	}
	for _, name := range slices.Sorted(maps.Keys(before.environments)) {
		b, a := before.environments[name], after.environments[name]
		if a == nil || a.blocked || b.blocked {
			continue
		}
		j.askFiring(ctx, rep, name, b, a)
		j.askRetention(ctx, rep, name, b, a)
		j.askBacktest(ctx, rep, name, before, after)
	}
}

func (j *job) askFiring(ctx context.Context, rep *report, name string, b, a *environment) {
	if !rulesDiffer(b.files, a.files) {
		return
	}
	rep.firingWanted = true
	if j.live.Firing == nil || !rep.live {
		return
	}
	alerts, err := j.live.Firing(ctx, name)
	if err != nil {
		rep.unanswered = append(rep.unanswered, fmt.Sprintf("the alerts of %s: %s", name, redact(err.Error())))
		return
	}
	rep.firingAsked = append(rep.firingAsked, name)
	rep.lost = append(rep.lost, lost(name, b.files, a.files, alerts)...)
}

func rulesDiffer(before, after map[string]string) bool {
	for path, content := range before {
		if strings.HasPrefix(path, rulesFolder) && after[path] != content {
			return true
		}
	}
	return false
}

func (j *job) askRetention(ctx context.Context, rep *report, name string, b, a *environment) {
	c := retentionChange{environment: name, ages: ages(b.spec, a.spec)}
	if len(c.ages) == 0 {
		return
	}
	if j.live.Retention != nil && rep.live {
		text, err := j.live.Retention(ctx, b.spec, a.spec)
		if err != nil {
			rep.unanswered = append(rep.unanswered, fmt.Sprintf("the blocks of %s: %s", name, redact(err.Error())))
		} else {
			c.deletes, c.asked = text, true
		}
	}
	rep.retention = append(rep.retention, c)
}

func (j *job) askBacktest(ctx context.Context, rep *report, name string, before, after *side) {
	if j.live.Backtest == nil || !rep.live || !rep.alertsDiffer(name) {
		return
	}
	fired, err := j.live.Backtest(ctx, before.effective(nil), after.effective(before), name)
	if err != nil {
		rep.unanswered = append(rep.unanswered, fmt.Sprintf("the past of %s: %s", name, redact(err.Error())))
		return
	}
	for _, f := range fired {
		rep.fired = append(rep.fired, firedIn{name, f})
	}
}

// firedIn is how often an alert fires in an environment.
type firedIn struct {
	environment string
	Fired
}
