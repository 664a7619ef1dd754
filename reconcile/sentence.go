package reconcile

import (
	"fmt"
	"strings"

	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/render/bundle"
)

// sentence is what a person reads of a revision: on the commit, in Events and
// in the log. A forge cuts it to its own length, so the point comes first.
func sentence(r history.Record) (forge.State, string) {
	switch r.Outcome {
	case history.Live:
		text := fmt.Sprintf("live on %s in %.1f s", proven(r.Proven), r.Ended.Sub(r.Seen).Seconds())
		if len(r.Quarantined) == 0 {
			return forge.Success, text
		}
		q := r.Quarantined[0]
		more := ""
		if n := len(r.Quarantined) - 1; n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		return forge.Failure, fmt.Sprintf("team %s%s quarantined: %s; all else %s", q.Team, more, q.Reason, text)
	case history.Held:
		return forge.Failure, "held: " + r.Reason
	case history.Refused:
		return forge.Failure, "refused, the last good runs on: " + r.Reason
	case history.Blocked:
		return forge.Failure, "invalid, the last good runs on: " + r.Reason
	case history.Superseded:
		return forge.Failure, "superseded: " + r.Reason
	case history.Untrusted:
		return forge.Failure, "not trusted, the last good runs on: " + r.Reason
	}
	return forge.Error, string(r.Outcome) + ": " + r.Reason
}

// eventReason is one word for a revision that is not live as it stands.
func eventReason(r history.Record) string {
	if r.Outcome == history.Live {
		return "Quarantined"
	}
	return strings.ToUpper(string(r.Outcome[:1])) + string(r.Outcome[1:])
}

// shorten keeps the history of fifty revisions well within a ConfigMap.
func shorten(why string) string {
	const most = 2000
	if len(why) <= most {
		return why
	}
	return strings.ToValidUTF8(why[:most], "") + "…"
}

// proven is "2/2 Prometheus, 3/3 Alertmanager".
func proven(by map[string]string) string {
	var parts []string
	for _, c := range []struct{ component, name string }{
		{bundle.Prometheus, "Prometheus"}, {bundle.Alertmanager, "Alertmanager"}, {bundle.Grafana, "Grafana"},
	} {
		if n, ok := by[c.component]; ok {
			parts = append(parts, n+" "+c.name)
		}
	}
	return strings.Join(parts, ", ")
}

func quarantines(r *build.Result) []history.Quarantine {
	if r == nil {
		return nil
	}
	var out []history.Quarantine
	for _, q := range r.Quarantined {
		out = append(out, history.Quarantine{Team: q.Team, Revision: q.Revision, Reason: shorten(summarize(q.Findings))})
	}
	return out
}
