package review

import (
	"context"
	"testing"
)

// TestForks: a change from a fork is told nothing of the running stack, whatever
// it says itself, unless the branch allows it.
func TestForks(t *testing.T) {
	const allow = "guard: => policies: {review: {liveDataForForks: true}}\nguard:"
	for _, tc := range []struct {
		name         string
		fork         bool
		main, change map[string]string
		want         bool
	}{
		{name: "not from a fork", want: true},
		{name: "from a fork", fork: true},
		{name: "from a fork that allows itself", fork: true, change: map[string]string{"watchbill.yaml": allow}},
		{name: "from a fork, and the branch allows it", fork: true, main: map[string]string{"watchbill.yaml": allow}, want: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			change := map[string]string{"teams/on-call/rules/alertmanager.yaml": "for: 2m => for: 5m"}
			for path, content := range tc.change {
				change[path] = content
			}
			w := newWorld(t, tc.main, change)
			asked := false
			w.opts.Live.Firing = func(context.Context, string) ([]LiveAlert, error) {
				asked = true
				return nil, nil
			}
			p := w.forge.pulls[7]
			p.Fork = tc.fork
			w.forge.set(p)
			w.once(t)
			if asked != tc.want || w.forge.comments[7] == "" {
				t.Errorf("Prometheus was asked: %v; the comment: %s", asked, w.forge.comments[7])
			}
		})
	}
}

// BenchmarkReview is a change to the example whose base is known, until its
// status is there.
func BenchmarkReview(b *testing.B) {
	w := newWorld(b, nil, map[string]string{"teams/payments/rules/queue.yaml": newAlert})
	w.once(b)
	for b.Loop() {
		k := w.pulls[7]
		k.unit = unit{}
		w.look(b.Context(), k)
		w.deliver(b.Context())
	}
}
