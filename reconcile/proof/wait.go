package proof

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/watchbill/watchbill/reconcile/agent"
)

// Want is what a component's replicas should run, and how many there should be.
type Want struct {
	Component string
	Digest    string
	Replicas  int
	// Leaving are pods that are to go and give no proof any longer.
	Leaving []string
}

// Result is how far the replicas are. It is whole also beside an error.
type Result struct {
	Components []Count // in the order of the wants
	// Refused is the first refusal; nil if there is none.
	Refused *Refusal
	missing []string
}

// Count is how many replicas of a component have given their proof.
type Count struct {
	Component string
	Live      int
	Replicas  int // that there should be
}

// Refusal is a process's refusal of a bundle, as an error.
type Refusal struct {
	Pod       string
	Component string
	Digest    string
	Words     string // the process's own, as far as its agent heard them
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("%s refused bundle %.12s: %s", r.Pod, r.Digest, r.Words)
}

// Missing says who has not given proof, and what each said last. It is empty when all have.
func (r Result) Missing() string { return strings.Join(r.missing, "; ") }

// Wait returns without an error once every replica of every want runs the wanted
// digest. It returns a *[Refusal] as soon as one refuses it, and the cause of ctx
// when that ends; [Result.Missing] then says which replica it waited for.
//
// Replicas beyond the wanted number must give their proof as well: they run, so
// they count.
func (p *Prover) Wait(ctx context.Context, wants []Want) (Result, error) {
	for {
		result, news := p.look(wants)
		switch {
		case result.Refused != nil:
			return result, result.Refused
		case len(result.missing) == 0:
			return result, nil
		}
		select {
		case <-ctx.Done():
			return result, fmt.Errorf("wait for proof: %w", context.Cause(ctx))
		case <-p.ctx.Done():
			return result, fmt.Errorf("wait for proof: %w", context.Cause(p.ctx))
		case <-news:
		}
	}
}

// Look says how far the replicas are now, and waits for nothing.
func (p *Prover) Look(wants []Want) Result {
	result, _ := p.look(wants)
	return result
}

// look holds the table against the wants, and returns what ends at its next change.
func (p *Prover) look(wants []Want) (Result, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var result Result
	for _, want := range wants {
		entries := slices.DeleteFunc(p.of(want.Component), func(e *entry) bool {
			return slices.Contains(want.Leaving, e.replica.Pod)
		})
		result.add(want, entries)
	}
	return result, p.news
}

// of returns a component's replicas, sorted by pod; p.mu is held.
func (p *Prover) of(component string) []*entry {
	var entries []*entry
	for _, e := range p.table {
		if e.replica.Component == component {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b *entry) int { return cmp.Compare(a.replica.Pod, b.replica.Pod) })
	return entries
}

func (r *Result) add(want Want, entries []*entry) {
	count := Count{Component: want.Component, Replicas: want.Replicas}
	for _, e := range entries {
		report := e.report
		switch {
		case e.heard && report.State == agent.Live && report.Live == want.Digest && report.Wanted == want.Digest:
			count.Live++
			continue
		case e.heard && report.State == agent.Refused && report.Wanted == want.Digest && r.Refused == nil:
			r.Refused = &Refusal{Pod: report.Pod, Component: want.Component, Digest: want.Digest, Words: report.Error}
		}
		r.missing = append(r.missing, lastWords(report, want))
	}
	if short := want.Replicas - len(entries); short > 0 {
		r.missing = append(r.missing, fmt.Sprintf("%d of %d %s replicas have no running pod", short, want.Replicas, want.Component))
	}
	r.Components = append(r.Components, count)
}

// lastWords is one replica's state for a person.
func lastWords(report agent.Report, want Want) string {
	text := fmt.Sprintf("%s is %s", report.Pod, report.State)
	if report.Wanted != want.Digest && report.State != agent.Failed {
		text += ", its index is not seen yet"
	}
	if report.Error != "" {
		text += ": " + report.Error
	}
	return text
}
