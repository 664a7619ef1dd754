package routes

import (
	"fmt"
	"slices"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Requirement is what every alert has to reach.
type Requirement string

const (
	ReachesTeam   Requirement = "team"    // a receiver of the alert's team
	ReachesOnCall Requirement = "on-call" // the receiver of the on-call copy
)

// Result is what came of a proof.
type Result string

const (
	Proven    Result = "proven"    // for every label set that the alert can have
	Violated  Result = "violated"  // there is a label set that misses
	Undecided Result = "undecided" // it depends on a label of which too little is known
)

// Input is what is to be proven.
type Input struct {
	Tree   *Tree
	Alerts []Alert // of one environment
	Sender *Sender // of the same environment
	// Severities that alerts may carry, as the stack lists them. One that an
	// alert leaves open is taken to be any of them.
	Severities []string
	// OnCallReceiver is told of every alert; empty asks for no such copy.
	OnCallReceiver string
	// Knower may be shared between inputs; nil is a new one.
	Knower *Knower
}

// Verdict is what was found of one alert and one requirement.
type Verdict struct {
	Environment string         `json:"environment,omitempty"`
	Team        string         `json:"team"`
	Alert       string         `json:"alert"`
	Pos         repolayout.Pos `json:"pos,omitzero"`
	Requirement Requirement    `json:"requirement"`
	Result      Result         `json:"result"`
	// Why says what is missing, or what cannot be decided; empty when proven.
	Why string `json:"why,omitempty"`
	// Example is a label set that misses, of the labels that the routes ask for.
	Example map[string]string `json:"example,omitempty"`
	// Told is who is told of the example.
	Told []string `json:"told,omitempty"`
}

// Prove says of every alert whether it reaches its team's receiver and the
// on-call copy. A team's receivers are those named TEAM/…, as they are rendered,
// and a receiver that sends nowhere does not count as reached.
//
// An alert of which some label sets reach and others miss is violated where
// nothing but severities and labels with a few known values stands between:
// every one of them may come. It is undecided where it takes a particular
// value of a label that may have any.
func Prove(in Input) []Verdict {
	if in.Knower == nil {
		in.Knower = NewKnower()
	}
	out := make([]Verdict, 0, 2*len(in.Alerts))
	for i := range in.Alerts {
		a := &in.Alerts[i]
		p := in.prover(a)
		prefix := a.Team + "/"
		out = append(out, p.verdict(ReachesTeam, func(r string) bool { return strings.HasPrefix(r, prefix) }))
		if in.OnCallReceiver != "" {
			out = append(out, p.verdict(ReachesOnCall, func(r string) bool { return r == in.OnCallReceiver }))
		}
	}
	return out
}

// prover holds what is known of one alert.
type prover struct {
	*Input
	alert  *Alert
	labels Labels
	box    box
	walk   *walk
	likely []string // severities that are sure to be possible, where any may be
}

func (in *Input) prover(a *Alert) *prover {
	p := &prover{Input: in, alert: a, labels: in.Knower.among(a, in.Sender, in.Tree)}
	p.box, p.walk = in.Tree.walkOf(p.labels)
	if p.labels.Of(severityLabel).any {
		p.likely = in.Severities
		if _, static := a.Static[severityLabel]; !static {
			p.likely = []string{""} // nothing says that it gets one
		}
	}
	return p
}

func (p *prover) verdict(what Requirement, reaches func(receiver string) bool) Verdict {
	a := p.alert
	v := Verdict{Environment: a.Environment, Team: a.Team, Alert: a.Name, Pos: a.Pos, Requirement: what, Result: Proven}
	if p.walk.gaveUp != "" {
		v.Result, v.Why = Undecided, p.walk.gaveUp
		return v
	}
	var missing []leaf
	for _, l := range p.walk.leaves {
		if !slices.ContainsFunc(l.hits(), func(n *node) bool { return p.tells(n, reaches) }) {
			missing = append(missing, l)
		}
	}
	if len(missing) == 0 {
		return v
	}
	worst := missing[0]
	v.Result = Undecided
	for _, l := range missing {
		if len(missing) == len(p.walk.leaves) || p.canBe(l.box) {
			v.Result, worst = Violated, l
			break
		}
	}
	p.explain(&v, worst)
	return v
}

func (p *prover) tells(n *node, reaches func(string) bool) bool {
	name := n.route.RouteOpts.Receiver
	return reaches(name) && len(p.Tree.receivers[name].Destinations) > 0
}

// canBe says that a part of the alert's label sets is sure to be possible: it
// takes no particular value of a label that may have any.
func (p *prover) canBe(b box) bool {
	for i, part := range p.Tree.labels {
		switch {
		case p.box[i].within(b[i]), !p.labels.Of(part.name).any:
		case part.name == severityLabel && len(p.likelyIn(b[i])) > 0:
		default:
			return false
		}
	}
	return true
}

// likelyIn are the likely severities of the atoms.
func (p *prover) likelyIn(a atoms) []string {
	part := p.Tree.labels[p.Tree.numbers[severityLabel]]
	return OneOf(p.likely...).filter(func(value string) bool {
		n, ok := part.atomOf(value)
		return ok && a.has(n)
	}).set
}

// explain gives the label set that misses, and says why.
func (p *prover) explain(v *Verdict, l leaf) {
	v.Example = p.Tree.example(p.labels, p.box, l.box)
	if _, narrowed := v.Example[severityLabel]; narrowed && len(p.likely) > 0 {
		if likely := p.likelyIn(l.box[p.Tree.numbers[severityLabel]]); len(likely) > 0 {
			v.Example[severityLabel] = likely[0]
		}
	}
	for _, n := range l.hits() {
		v.Told = append(v.Told, n.route.RouteOpts.Receiver)
	}
	target := "the receiver " + p.OnCallReceiver
	if v.Requirement == ReachesTeam {
		target = "a receiver of the team " + p.alert.Team
	}
	v.Why = fmt.Sprintf("with %s it does not reach %s, but %s", sentence(v.Example), target, list(v.Told))
	if v.Result == Undecided {
		v.Why += "; " + p.open(l.box)
	}
}

// open names the labels that decide and of which too little is known.
func (p *prover) open(b box) string {
	var names []string
	for i, part := range p.Tree.labels {
		if !p.box[i].within(b[i]) && p.labels.Of(part.name).any {
			names = append(names, part.name)
		}
	}
	return "the rule does not say which value " + strings.Join(names, " and ") + " has"
}

func sentence(set map[string]string) string {
	var words []string
	for _, name := range sortedKeys(set) {
		if set[name] == "" {
			words = append(words, "no "+name)
		} else {
			words = append(words, fmt.Sprintf("%s=%q", name, set[name]))
		}
	}
	if len(words) == 0 {
		return "any labels"
	}
	return strings.Join(words, ", ")
}

func list(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}
