package routes

import (
	"slices"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// AlertOutcome is who is told of one alert of one environment.
type AlertOutcome struct {
	Environment string         `json:"environment,omitempty"`
	Team        string         `json:"team"`
	Alert       string         `json:"alert"`
	Group       string         `json:"group,omitempty"`
	Severity    string         `json:"severity,omitempty"` // as far as it is known
	Pos         repolayout.Pos `json:"pos,omitzero"`
	Told        []Recipient    `json:"told,omitempty"`
	Undecided   string         `json:"undecided,omitempty"`
}

// Recipient is a receiver that is told, and where it sends to.
type Recipient struct {
	Receiver     string    `json:"receiver"`
	When         Certainty `json:"when"`
	Destinations []string  `json:"destinations,omitempty"`
	Because      []string  `json:"because,omitempty"`

	address string
}

// Outcomes says of each alert who is told. Sender and knower may serve many
// calls; the knower saves reading an expression that both revisions have.
func (t *Tree) Outcomes(alerts []Alert, sender *Sender, k *Knower) []AlertOutcome {
	certain := map[*walk][]Recipient{} // of walks that end in one way
	out := make([]AlertOutcome, len(alerts))
	for i := range alerts {
		a := &alerts[i]
		o := AlertOutcome{Environment: a.Environment, Team: a.Team, Alert: a.Name, Group: a.Group, Pos: a.Pos}
		if text := a.Static[severityLabel]; !strings.Contains(text, "{{") {
			o.Severity = text
		}
		known := k.among(a, sender, t)
		_, w := t.walkOf(known)
		o.Undecided = w.gaveUp
		told, ok := certain[w]
		if !ok {
			told = t.recipients(w, known)
			if len(w.leaves) == 1 {
				certain[w] = told
			}
		}
		o.Told = told
		out[i] = o
	}
	return out
}

func (t *Tree) recipients(w *walk, alert Labels) []Recipient {
	var out []Recipient
	for _, told := range t.told(w, alert) {
		r := t.receivers[told.Receiver]
		to := Recipient{Receiver: r.Name, When: told.When, Destinations: r.Destinations, address: r.address}
		for _, reason := range told.Because {
			to.Because = append(to.Because, reason.String())
		}
		out = append(out, to)
	}
	return out
}

// same says whether the same people are told in the same cases.
func same(a, b []Recipient) bool {
	if len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) {
		return true
	}
	return slices.EqualFunc(a, b, Recipient.same)
}

func (r Recipient) same(other Recipient) bool {
	return r.Receiver == other.Receiver && r.When == other.When && r.address == other.address
}
