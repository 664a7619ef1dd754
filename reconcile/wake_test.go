package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
)

func pushTo(branch string) forge.Event { return forge.Event{Kind: forge.Pushed, Branch: branch} }
func pull(number int) forge.Event      { return forge.Event{Kind: forge.Proposed, Pull: number} }

// TestWaker: the first event is passed on at once, and what comes in the second
// after it as one call.
func TestWaker(t *testing.T) {
	type sent struct {
		After time.Duration
		Call  string
	}
	down := errors.New("down")
	tests := []struct {
		name   string
		events []forge.Event // at once
		later  []forge.Event // half a second later
		fails  int           // so many calls do not get through
		near   bool          // they stay in the process
		want   []sent
	}{
		{"a push", []forge.Event{pushTo("main")}, nil, 0, false, []sent{{0, "push []"}}},
		{"to another branch", []forge.Event{pushTo("topic")}, nil, 0, false, nil},
		{"nothing to us", []forge.Event{{Kind: forge.Ping}, {Kind: forge.Other}}, nil, 0, false, nil},
		{"a burst", slices.Repeat([]forge.Event{pushTo("main"), pull(3), pull(2)}, 10_000), nil, 0, false, []sent{{0, "push [2 3]"}}},
		{"one in the next second", []forge.Event{pull(3)}, []forge.Event{pull(3), pushTo("main")}, 0, false, []sent{{0, "[3]"}, {time.Second, "push [3]"}}},
		{"in the process of the leader", []forge.Event{pull(3)}, []forge.Event{pull(4)}, 0, true, []sent{{0, "[3]"}, {500 * time.Millisecond, "[4]"}}},
		{"any stands for all", []forge.Event{pull(3), pull(0), pull(4)}, nil, 0, false, []sent{{0, "[0]"}}},
		{"once more, ever later", []forge.Event{pull(3)}, []forge.Event{pushTo("main")}, 2, false, []sent{{0, "[3]"}, {time.Second, "push [3]"}, {3 * time.Second, "push [3]"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, fails := time.Now(), test.fails
				var got []sent
				w := newWaker("main", func(_ context.Context, c call) error {
					got = append(got, sent{time.Since(began), c.String()})
					if fails--; fails >= 0 {
						return down
					}
					return nil
				}, slog.New(slog.DiscardHandler))
				w.near = func() bool { return test.near }
				for _, e := range test.events {
					w.take(e)
				}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- w.run(ctx) }()
				time.Sleep(500 * time.Millisecond)
				for _, e := range test.later {
					w.take(e)
				}
				time.Sleep(time.Hour)
				cancel()
				must(t, <-ended)
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// TestWakerIsBounded: of very many pull requests it remembers that there were some.
func TestWakerIsBounded(t *testing.T) {
	w := newWaker("", nil, slog.New(slog.DiscardHandler))
	for n := range 100_000 {
		w.take(pull(n + 1))
		if len(w.pulls) > maxPulls {
			t.Fatalf("%d are remembered", len(w.pulls))
		}
	}
	w.take(pushTo("any branch"))
	if got := w.next().String(); got != "push [0]" {
		t.Error(got)
	}
	if got := w.next().String(); got != "[]" {
		t.Errorf("twice: %s", got)
	}
}

// TestParseCall: whatever stands in the ConfigMap, it is at most a call.
func TestParseCall(t *testing.T) {
	many := "t"
	for n := range maxPulls + 1 {
		many += fmt.Sprintf(" %d", n+1)
	}
	tests := []struct {
		name    string
		was, is map[string]string
		want    string
	}{
		{"first", nil, map[string]string{"push": "t"}, "push []"},
		{"same", map[string]string{"push": "t", "pulls": "t 1"}, map[string]string{"push": "t", "pulls": "t 1"}, "[]"},
		{"later", map[string]string{"push": "t"}, map[string]string{"push": "u"}, "push []"},
		{"taken out", map[string]string{"push": "t"}, map[string]string{"pulls": "u 7 3"}, "[3 7]"},
		{"emptied", map[string]string{"push": "t"}, nil, "[]"},
		{"no numbers", nil, map[string]string{"pulls": "t"}, "[0]"},
		{"any", nil, map[string]string{"pulls": "t 3 0"}, "[0]"},
		{"not numbers", nil, map[string]string{"pulls": "t $(reboot) ../../x"}, "[0]"},
		{"negative", nil, map[string]string{"pulls": "t -5"}, "[0]"},
		{"huge", nil, map[string]string{"pulls": "t 99999999999999999999"}, "[0]"},
		{"many", nil, map[string]string{"pulls": many}, "[0]"},
		{"very many", nil, map[string]string{"pulls": "t" + strings.Repeat(" 1", 400_000)}, "[0]"},
		{"spaces", nil, map[string]string{"pulls": strings.Repeat(" ", 100)}, "[0]"},
		{"other keys", nil, map[string]string{"revision": "evil", "ref": "refs/heads/evil"}, "[]"},
	}
	for _, test := range tests {
		if got := parseCall(test.was, test.is).String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}
