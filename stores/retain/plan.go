package retain

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/block"
)

// Action is what a plan wants done with a block.
type Action string

// The actions, in the order in which totals list them.
const (
	Keep   Action = "keep"
	Mark   Action = "mark"   // for deletion
	Marked Action = "marked" // already, and the delay is not over
	Delete Action = "delete" // marked, and the delay is over
	Unmark Action = "unmark" // Watchbill's own mark, of a policy that was shorter
	Left   Action = "left"   // in doubt
)

// Actions lists all actions.
var Actions = []Action{Keep, Mark, Marked, Delete, Unmark, Left}

// Plan is what is to happen to every block of a bucket. The same policy, time
// and bucket give the same plan.
type Plan struct {
	Bucket   string    `json:"bucket"`
	Time     time.Time `json:"time"`
	Steps    []Step    `json:"blocks"` // sorted by labels, resolution and time
	Totals   []Total   `json:"totals"` // by selector; their sum is the whole bucket
	Warnings []string  `json:"warnings"`

	delay time.Duration
	// made tells a plan of Make from one that was read from JSON, which lacks
	// what Apply has to compare.
	made bool
}

// Step is what is to happen to one block, and why.
type Step struct {
	Block  ulid.ULID `json:"block"`
	Action Action    `json:"action"`
	Why    string    `json:"why"`
	Bytes  int64     `json:"bytes"`
	// Selector is the rule whose age counts, or one of the words in brackets.
	Selector string `json:"selector"`
	// What follows is not known of a block without a readable meta.json.
	Labels     labels.Labels `json:"labels"`
	Resolution string        `json:"resolution,omitempty"`
	From       *time.Time    `json:"from,omitempty"`
	To         *time.Time    `json:"to,omitempty"`

	block *audit.Block
	rank  int // of the labels
	// by are the blocks that hold the same, without which it must not go.
	by []*audit.Block
}

// Who decides, where it is no rule.
const (
	byDefault  = "(default)"
	byNone     = "(no ages)"
	notKnown   = "(no labels known)"
	notInBlock = "(no block)"
)

// Sum is a number of blocks and their bytes.
type Sum struct {
	Blocks int   `json:"blocks"`
	Bytes  int64 `json:"bytes"`
}

func (s *Sum) add(bytes int64) {
	s.Blocks++
	s.Bytes += bytes
}

// Total is what is to happen to the blocks of one selector.
type Total struct {
	Selector string `json:"selector"`
	Sum
	Actions map[Action]Sum `json:"actions"`
}

// Make plans. It fails if the policy has a fault.
func Make(policy Policy, inv *audit.Inventory, now time.Time) (Plan, error) {
	if err := errors.Join(policy.Check()...); err != nil {
		return Plan{}, fmt.Errorf("retention: %w", err)
	}
	m := newMaker(policy, inv, now)
	// The coarser first: what a finer block must not outlive is settled then.
	for i := len(resolutions) - 1; i >= 0; i-- {
		for _, s := range m.sets {
			for _, b := range s.blocks[i] {
				m.step(s, i, b)
			}
			s.settled(i, m.actions)
		}
	}
	for i := range inv.Blocks {
		if b := &inv.Blocks[i]; !b.Described {
			m.undescribed(b)
		}
	}
	return m.plan(), nil
}

func (m *maker) plan() Plan {
	slices.SortFunc(m.steps, func(a, b Step) int {
		x, y := a.block, b.block
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(x.Resolution, y.Resolution), cmp.Compare(x.MinTime, y.MinTime), x.ID.Compare(y.ID))
	})
	return Plan{
		Bucket: m.inv.Bucket, Time: m.now.UTC(), Steps: m.steps, Totals: m.totals(), Warnings: m.warnings(),
		delay: m.policy.DeleteDelay, made: true,
	}
}

func (m *maker) totals() []Total {
	order := []string{}
	for _, r := range m.policy.Rules {
		if !slices.Contains(order, r.String()) {
			order = append(order, r.String())
		}
	}
	slices.Sort(order)
	order = append(order, byDefault, byNone, notKnown, notInBlock)
	sums := map[string]*Total{}
	for _, selector := range order {
		sums[selector] = &Total{Selector: selector, Actions: map[Action]Sum{}}
	}
	for _, s := range m.steps {
		t := sums[s.Selector]
		t.add(s.Bytes)
		sum := t.Actions[s.Action]
		sum.add(s.Bytes)
		t.Actions[s.Action] = sum
	}
	// Objects outside of all blocks are in the sum, too: it is the whole bucket.
	if m.inv.ForeignBytes > 0 {
		t := sums[notInBlock]
		t.Bytes = m.inv.ForeignBytes
		t.Actions[Left] = Sum{Bytes: m.inv.ForeignBytes}
	}
	totals := []Total{}
	for i, selector := range order {
		if t := sums[selector]; t.Blocks > 0 || t.Bytes > 0 || i < len(order)-4 {
			totals = append(totals, *t)
		}
	}
	return totals
}

// Sum is what the plan wants done by an action, over all selectors.
func (p Plan) Sum(a Action) Sum {
	var sum Sum
	for _, t := range p.Totals {
		sum.Blocks += t.Actions[a].Blocks
		sum.Bytes += t.Actions[a].Bytes
	}
	return sum
}

func (s *Step) describe(b *audit.Block) {
	from, to := time.UnixMilli(b.MinTime).UTC(), time.UnixMilli(b.MaxTime).UTC()
	s.Labels, s.Resolution, s.From, s.To = b.Labels, block.ResolutionName(b.Resolution), &from, &to
}
