package validate

import (
	"fmt"
	"slices"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/memory"
	"github.com/watchbill/watchbill/validate/routes"
)

// teamProof is what came of the proof of one team's alerts.
type teamProof struct {
	findings []Finding
	silences []silence
}

// prove proves that each alert reaches its team and on-call, of the teams of
// which that is not known from before.
func (r *routed) prove(repo *repolayout.Repo, env *repolayout.Environment, before map[*repolayout.Team]*teamProof) {
	r.teams, r.proofs = slices.Clone(repo.Teams), make(map[*repolayout.Team]*teamProof, len(repo.Teams))
	proofs := make([]*teamProof, len(repo.Teams))
	inParallel(len(proofs), func(i int) {
		team := repo.Teams[i]
		if proofs[i] = before[team]; proofs[i] == nil {
			proofs[i] = r.proofOf(repo, env, team)
		}
	})
	for i, team := range repo.Teams {
		r.proofs[team] = proofs[i]
	}
}

// proofOf is a team's proof, out of the memory if it is there.
func (r *routed) proofOf(repo *repolayout.Repo, env *repolayout.Environment, team *repolayout.Team) *teamProof {
	key := memory.KeyOf("proof", env.Name, string(r.of[:]), team.Name, team.Digest)
	if proof, ok := memory.Recall[teamProof](r.memory, key); ok && team.Digest != "" {
		return &proof
	}
	team = team.Whole()
	proof := teamProof{silences: slices.DeleteFunc(silencesOf(team), func(s silence) bool { return !strings.HasPrefix(s.check, "routing/") })}
	proof.findings = r.proveTeam(repo, env, team)
	memory.Keep(r.memory, key, proof)
	return &proof
}

func (r *routed) proven() []Finding {
	var out []Finding
	for _, team := range r.teams {
		out = append(out, r.proofs[team].findings...)
	}
	return out
}

func (r *routed) proveTeam(repo *repolayout.Repo, env *repolayout.Environment, team *repolayout.Team) (found []Finding) {
	defer survive(&found, routingProof, team.Name, team.Spec.Pos.File)
	in := routes.Input{
		Tree: r.tree.routes(), Sender: r.sender, Severities: r.severities,
		Alerts: routes.Alerts(repo.WithTeams([]*repolayout.Team{team}), env),
	}
	if r.onCall {
		in.OnCallReceiver = onCallReceiver
	}
	for _, v := range routes.Prove(in) {
		if v.Result != routes.Proven {
			found = append(found, proofFinding(v))
		}
	}
	return found
}

func proofFinding(v routes.Verdict) Finding {
	f := Finding{Check: routingProof, Severity: Error, Owner: v.Team, Pos: v.Pos}
	if v.Result == routes.Violated {
		f.Message = fmt.Sprintf("alert %q misses whom it is for: %s", v.Alert, v.Why)
		f.Hint = fmt.Sprintf("give teams/%s/team.yaml a route that takes it, such as a last one without severities, or give the alert a severity that a route takes", v.Team)
		if v.Requirement == routes.ReachesOnCall {
			f.Hint = "give onCall.receivers in watchbill.yaml a channel, a key or an address: every alert is copied to them, whatever the teams' routes are"
		}
		return f
	}
	f.Severity = Warning
	f.Message = fmt.Sprintf("whether alert %q reaches whom it is for cannot be decided: %s", v.Alert, v.Why)
	f.Hint = "set the label in the rule's labels, or let the team's last route take every alert"
	return f
}
