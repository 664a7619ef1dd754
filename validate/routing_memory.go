package validate

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/memory"
	"github.com/watchbill/watchbill/validate/routes"
)

// onCallReceiver is the name that the receiver of every alert's copy is rendered with.
const onCallReceiver = "on-call-alerts"

// Routing says whether alerts reach whom they should, by the configurations that
// are rendered for an environment. It remembers what it found, so that the cost
// follows the change: while the routes stay as they are, only the alerts of
// teams that changed are proven again. The zero Routing remembers nothing yet. It
// is not safe for concurrent use.
type Routing struct {
	// Now tells the day, on which comments that silence a check until then end;
	// nil is the clock.
	Now func() time.Time
	// Memory keeps what was proven for another process; nil keeps nothing.
	Memory *memory.Memory

	known map[string][]*routed // by environment, the newest last
}

// keepRouted is how many states of an environment are remembered: that of a
// revision, and that with the last good files of its broken teams.
const keepRouted = 2

// routed is what is known of one environment.
type routed struct {
	env    string
	of     [sha256.Size]byte // all that the findings depend on but the teams
	tree   *routedTree
	memory *memory.Memory
	// sender is what Prometheus does to alerts; severities are the stack's.
	sender     *routes.Sender
	severities []string
	onCall     bool // somebody gets the copy

	teams    []*repolayout.Team
	proofs   map[*repolayout.Team]*teamProof
	findings []Finding
}

// routedTree is what is known of one alertmanager.yml, which environments may share.
type routedTree struct {
	of [sha256.Size]byte
	// routes are read when they are asked for.
	routes func() *routes.Tree
	treeFound
}

// treeFound is what is to be said of the routes themselves, wherever they stand.
type treeFound struct {
	findings []routes.Finding
	// inhibits says that an inhibition rule may keep a page quiet.
	inhibits bool
}

// Check looks at one environment. Both configurations are such as Prometheus and
// Alertmanager accept; one that is not is left to the checks that say so.
func (r *Routing) Check(repo *repolayout.Repo, env *repolayout.Environment, prometheus, alertmanager []byte) (found []Finding) {
	defer survive(&found, routingProof, "", env.Pos.File)
	known := r.known[env.Name]
	now := r.routed(repo, env, prometheus, alertmanager)
	said := func(found []Finding) []Finding {
		silences := silencesOfRepo(repo)
		for _, team := range repo.Teams { // its other files are those of the proof
			silences = append(silences, silencesIn(team.Name, team.Spec.Ignores)...)
		}
		return Judge(quieted(found, silences, r.today()), repo.Stack.Policies)
	}
	if now == nil {
		return said(groupIntervals(repo, env))
	}
	if r.known == nil {
		r.known = map[string][]*routed{}
	}
	known = slices.DeleteFunc(slices.Clone(known), func(k *routed) bool { return k == now })
	r.known[env.Name] = append(known[max(0, len(known)-keepRouted+1):], now)
	kept := quieted(now.findings, now.silences(), r.today())
	return said(slices.Concat(kept, groupIntervals(repo, env)))
}

func (r *Routing) today() time.Time {
	if r.Now != nil {
		return r.Now().UTC()
	}
	return time.Now().UTC()
}

// routed is what is known of the environment as it stands, found out as far as it must be.
func (r *Routing) routed(repo *repolayout.Repo, env *repolayout.Environment, prometheus, alertmanager []byte) *routed {
	of := routedDigest(repo, prometheus, alertmanager)
	known := r.known[env.Name]
	i := slices.IndexFunc(known, func(k *routed) bool { return k.of == of })
	if i >= 0 && slices.Equal(known[i].teams, repo.Teams) {
		return known[i]
	}
	now := &routed{env: env.Name, of: of, memory: r.Memory, severities: repo.Stack.Severities, onCall: len(repo.Stack.OnCall.Receivers) > 0}
	var before map[*repolayout.Team]*teamProof
	if i >= 0 {
		now.tree, now.sender, before = known[i].tree, known[i].sender, known[i].proofs
	} else {
		var err error
		if now.tree, err = r.treeOf(repo, alertmanager); err != nil {
			return nil
		}
		if now.sender, err = routes.ParseSender(prometheus); err != nil {
			return nil
		}
	}
	now.prove(repo, env, before)
	now.findings = slices.Concat(now.tree.placed(repo), now.proven(), now.inhibited(repo, env))
	return now
}

// routedDigest covers all that the findings depend on but the teams.
func routedDigest(repo *repolayout.Repo, prometheus, alertmanager []byte) [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%q %d %d ", repo.Stack.Severities, len(repo.Stack.OnCall.Receivers), len(prometheus))
	h.Write(prometheus)
	h.Write(alertmanager)
	return [sha256.Size]byte(h.Sum(nil))
}

// treeOf reads the routes, unless another environment has the same.
func (r *Routing) treeOf(repo *repolayout.Repo, alertmanager []byte) (*routedTree, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%q ", repo.Stack.Severities)
	h.Write(alertmanager)
	of := [sha256.Size]byte(h.Sum(nil))
	for _, known := range r.known {
		for _, k := range known {
			if k.tree.of == of {
				return k.tree, nil
			}
		}
	}
	out := &routedTree{of: of, routes: sync.OnceValue(func() *routes.Tree {
		tree, _ := routes.Load(alertmanager) // it was read before
		return tree
	})}
	key := memory.KeyOf("routes", string(of[:]))
	if found, ok := memory.Recall[treeFound](r.Memory, key); ok {
		out.treeFound = found
		return out, nil
	}
	tree, err := routes.Load(alertmanager)
	if err != nil {
		return nil, fmt.Errorf("read the routes: %w", err)
	}
	out.routes = func() *routes.Tree { return tree }
	out.inhibits = mayInhibit(alertmanager, gravest(repo.Stack.Severities))
	out.findings = tree.Findings(gravest(repo.Stack.Severities)...)
	memory.Keep(r.Memory, key, out.treeFound)
	return out, nil
}

// placed are the findings where the teams wrote what they are about.
func (t *routedTree) placed(repo *repolayout.Repo) []Finding {
	var out []Finding
	for _, f := range t.findings {
		if found, ok := routeFinding(repo, f); ok {
			out = append(out, found)
		}
	}
	return out
}

// gravest are the severities that nobody may miss: the gravest.
func gravest(severities []string) []string { return severities[:min(1, len(severities))] }

// quieted leaves out what comments silence. The comments
// themselves are looked at where the files are.
func quieted(findings []Finding, silences []silence, today time.Time) []Finding {
	if len(silences) == 0 {
		return findings
	}
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool {
		return slices.ContainsFunc(silences, func(s silence) bool {
			return s.wrong == "" && s.check == f.Check && s.at.File == f.File &&
				s.first <= f.Line && f.Line <= s.last && !s.ended(today)
		})
	})
}

// silences are the comments that speak of routes.
func (r *routed) silences() []silence {
	var out []silence
	for _, team := range r.teams {
		out = append(out, r.proofs[team].silences...)
	}
	return out
}
