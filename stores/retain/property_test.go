package retain_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/block"
	"github.com/watchbill/watchbill/stores/block/blocktest"
	"github.com/watchbill/watchbill/stores/retain"
)

var (
	seed  = flag.Uint64("seed", 0, "try this one case of the property test, which a failure names")
	cases = flag.Int("cases", 10_000, "how many random buckets and policies to try")
)

const hour, day = int64(time.Hour / time.Millisecond), 24 * int64(time.Hour/time.Millisecond)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// world is a random bucket, with ages near its blocks' so that each way of a
// decision is taken often.
type world struct {
	*rand.Rand
	inv *audit.Inventory
}

func newWorld(seed uint64) *world {
	return &world{rand.New(rand.NewPCG(seed, seed)), &audit.Inventory{Bucket: "random", Taken: now}}
}

func one[T any](w *world, of ...T) T { return of[w.IntN(len(of))] }

func (w *world) in(percent int) bool { return w.IntN(100) < percent }

func (w *world) policy() retain.Policy {
	p := retain.Policy{Default: w.ages(), Downsample: w.in(75), DeleteDelay: one(w, 0, time.Hour, 48*time.Hour)}
	if w.in(30) {
		p.Default = retain.Ages{}
	}
	if w.in(40) {
		p.MaxBytes = 1 + w.Int64N(6000)
	}
	for range w.IntN(4) {
		text := one(w, `{env="dev"}`, `{env="prod"}`, `{env=~".+"}`, `{env!="prod"}`, `{replica="1"}`, `{env="dev",replica="0"}`)
		matchers, err := retain.ParseSelector(text)
		if err != nil {
			panic(err)
		}
		p.Rules = append(p.Rules, retain.Rule{Matchers: matchers, Ages: w.ages()})
	}
	return p
}

func (w *world) ages() retain.Ages {
	d := func() time.Duration {
		return one(w, 0, time.Duration(1+w.IntN(40))*24*time.Hour, time.Duration(41+w.IntN(900))*time.Hour)
	}
	return retain.Ages{Raw: d(), FiveMinutes: d(), OneHour: d()}
}

func (w *world) fill() {
	for _, set := range []map[string]string{{"env": "dev", "replica": "0"}, {"env": "prod", "replica": "1"}, {"replica": "1"}, {}}[:1+w.IntN(4)] {
		l := labels.FromMap(set)
		for from := now.UnixMilli() - int64(w.IntN(60))*day; from < now.UnixMilli()+day; {
			length := one(w, 2*hour, 8*hour, 2*day, 14*day)
			w.window(l, from, from+length)
			from += length + one(w, 0, 0, 2*hour)
		}
	}
	w.Shuffle(len(w.inv.Blocks), func(i, j int) { w.inv.Blocks[i], w.inv.Blocks[j] = w.inv.Blocks[j], w.inv.Blocks[i] })
	w.inv.ForeignBytes = int64(w.IntN(3)) * 100
	w.inv.Bytes = w.inv.ForeignBytes
	for _, b := range w.inv.Blocks {
		w.inv.Bytes += b.Bytes
	}
}

// window is the blocks of one time: some of each resolution, at times two halves
// in place of one, or one that came late.
func (w *world) window(l labels.Labels, from, to int64) {
	sources := []ulid.ULID{w.id(), w.id(), w.id()}
	slices.SortFunc(sources, ulid.ULID.Compare)
	for _, resolution := range []int64{block.Raw, block.FiveMinutes, block.OneHour} {
		switch w.IntN(10) {
		case 0:
		case 1:
			w.block(l, resolution, from, (from+to)/2, sources[:2])
			w.block(l, resolution, (from+to)/2+one[int64](w, 0, 0, 1), to, sources[1:])
		case 2:
			w.block(l, resolution, from, to, sources[:2])
		case 3:
			w.block(l, resolution, from, to, sources)
			w.block(l, resolution, from, to, []ulid.ULID{w.id()})
		default:
			w.block(l, resolution, from, to, sources)
		}
	}
}

func (w *world) id() ulid.ULID { return blocktest.ID(now, int(w.Uint64()>>1)) }

func (w *world) block(l labels.Labels, resolution, from, to int64, sources []ulid.ULID) {
	b := audit.Block{
		ID: w.id(), State: audit.Whole, Bytes: w.Int64N(200), Described: true, Labels: l, MinTime: from, MaxTime: to,
		Resolution: resolution, Sources: sources, Written: now.Add(-time.Hour),
	}
	if w.in(3) {
		b.Sources = nil
	}
	if w.in(10) {
		b.Mark = &audit.Mark{Time: now.Add(-time.Duration(w.IntN(100)) * time.Hour), ETag: "x", Details: one(w, "", "joined", "watchbill retention: old")}
		b.Mark.Modified = b.Mark.Time.Add(one(w, 0, time.Hour))
		if w.in(10) {
			b.Mark.Problem = "no mark"
		}
	}
	if w.in(8) {
		b.State, b.Why = audit.Partial, "something is missing"
		if w.in(50) {
			b = audit.Block{ID: b.ID, State: one(w, audit.Partial, audit.Broken), Why: "it has no meaning", Bytes: b.Bytes, Mark: b.Mark}
		}
	}
	w.inv.Blocks = append(w.inv.Blocks, b)
}

func TestProperties(t *testing.T) {
	if *seed != 0 {
		property(t, *seed)
		return
	}
	actions := map[retain.Action]int{}
	planned := 0
	for n := 1; n <= *cases && !t.Failed(); n++ {
		for a, count := range property(t, uint64(n)) {
			actions[a] += count
			if a != onlyCopies {
				planned += count
			}
		}
	}
	// A test that never sees an action says nothing of it.
	for _, a := range append([]retain.Action{onlyCopies}, retain.Actions...) {
		if *cases >= 10_000 && actions[a] < 1000 {
			t.Errorf("of %d blocks only %d were to be %s", planned, actions[a], a)
		}
	}
	t.Logf("%d blocks: %v", planned, actions)
}

// onlyCopies is counted beside the actions.
const onlyCopies retain.Action = "the only copy"

func property(t *testing.T, seed uint64) map[retain.Action]int {
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("go test ./stores/retain -run TestProperties -seed %d: %s", seed, fmt.Sprintf(format, args...))
	}
	w := newWorld(seed)
	p := w.policy()
	for len(p.Check()) > 0 {
		p = w.policy()
	}
	w.fill()
	plan, err := retain.Make(p, w.inv, now)
	if err != nil {
		fail("%v", err)
		return nil
	}
	actions := checkSteps(fail, p, w, plan)
	checkTotals(fail, w.inv, plan)
	before, err := json.Marshal(plan)
	if err != nil {
		fail("%v", err)
	}
	shuffled := *w.inv
	shuffled.Blocks = slices.Clone(w.inv.Blocks)
	w.Shuffle(len(shuffled.Blocks), func(i, j int) {
		shuffled.Blocks[i], shuffled.Blocks[j] = shuffled.Blocks[j], shuffled.Blocks[i]
	})
	again, err := retain.Make(p, &shuffled, now)
	if err != nil {
		fail("%v", err)
	}
	if after, err := json.Marshal(again); err != nil || string(before) != string(after) {
		fail("the plan depends on the order of the list: %v\n%s\n%s", err, before, after)
	}
	return actions
}

type failing func(format string, args ...any)

// checkSteps holds every step against the oracle, and what stays against what is promised.
func checkSteps(fail failing, p retain.Policy, w *world, plan retain.Plan) map[retain.Action]int {
	all := map[ulid.ULID]audit.Block{}
	for _, b := range w.inv.Blocks {
		all[b.ID] = b
	}
	actions := map[retain.Action]int{}
	step := map[ulid.ULID]retain.Action{}
	for _, s := range plan.Steps {
		if _, twice := step[s.Block]; twice {
			fail("block %s is there twice", s.Block)
		}
		step[s.Block] = s.Action
		actions[s.Action]++
		if strings.HasPrefix(s.Why, string(onlyCopies)) {
			actions[onlyCopies]++
		}
	}
	if len(step) != len(all) {
		fail("%d blocks are planned of %d", len(step), len(all))
	}
	var stay []audit.Block
	for id, b := range all {
		if b.State == audit.Whole && b.Mark == nil && step[id] == retain.Keep {
			stay = append(stay, b)
		}
	}
	for id, b := range all {
		if want := oracle(p, b, w.inv.Blocks, stay); step[id] != want {
			fail("block %s is to be %q, where the rules want %q: %+v, policy %+v", id, step[id], want, b, p)
		}
	}
	return actions
}

// oracle says what a block's action has to be, from the words of the package
// comment alone, setting by setting, without a thought for speed.
func oracle(p retain.Policy, b audit.Block, all, stay []audit.Block) retain.Action {
	if b.Mark != nil {
		return oracleMarked(p, b, all, stay)
	}
	if b.State != audit.Whole || b.MaxTime > now.UnixMilli() {
		return retain.Left
	}
	if kept(p, b, all, stay) {
		return retain.Keep
	}
	return retain.Mark
}

func oracleMarked(p retain.Policy, b audit.Block, all, stay []audit.Block) retain.Action {
	switch {
	case b.Mark.Problem != "":
		return retain.Left
	case b.Described && strings.HasPrefix(b.Mark.Details, "watchbill") && (b.MaxTime > now.UnixMilli() || kept(p, b, all, stay)):
		return retain.Unmark
	case now.Sub(b.Mark.Time) < p.DeleteDelay || now.Sub(b.Mark.Modified) < p.DeleteDelay:
		return retain.Marked
	}
	return retain.Delete
}

func kept(p retain.Policy, b audit.Block, all, stay []audit.Block) bool {
	spoken := false
	if p.MaxBytes > 0 {
		spoken = true
		bytes := b.Bytes
		for _, o := range all {
			if o.State == audit.Whole && o.Mark == nil && o.ID != b.ID && after(o, b) {
				bytes += o.Bytes
			}
		}
		if bytes <= p.MaxBytes {
			return true
		}
	}
	for _, ages := range speaking(p, b.Labels) {
		spoken = true
		if keeps(ages, b.Resolution, b.MaxTime) {
			return true
		}
	}
	return !spoken || p.Downsample && onlyCopy(p, b, stay)
}

func after(a, b audit.Block) bool {
	switch {
	case a.MaxTime != b.MaxTime:
		return a.MaxTime > b.MaxTime
	case a.MinTime != b.MinTime:
		return a.MinTime > b.MinTime
	}
	return a.ID.Compare(b.ID) > 0
}

func speaking(p retain.Policy, l labels.Labels) []retain.Ages {
	var all []retain.Ages
rules:
	for _, r := range p.Rules {
		for _, m := range r.Matchers {
			if !m.Matches(l.Get(m.Name)) {
				continue rules
			}
		}
		all = append(all, r.Ages)
	}
	if len(all) == 0 && (p.Default.Raw != 0 || p.Default.FiveMinutes != 0 || p.Default.OneHour != 0) {
		all = append(all, p.Default)
	}
	return all
}

func keeps(a retain.Ages, resolution, end int64) bool {
	age := map[int64]time.Duration{block.Raw: a.Raw, block.FiveMinutes: a.FiveMinutes, block.OneHour: a.OneHour}[resolution]
	return age == 0 || end+age.Milliseconds() >= now.UnixMilli()
}

// onlyCopy looks at each moment at which coverage can change, and at each source.
func onlyCopy(p retain.Policy, b audit.Block, stay []audit.Block) bool {
	promised := int64(-1)
	for _, coarser := range []int64{block.OneHour, block.FiveMinutes} {
		for _, ages := range speaking(p, b.Labels) {
			if coarser > b.Resolution && keeps(ages, coarser, b.MaxTime) {
				promised = coarser
			}
		}
	}
	if promised < 0 {
		return false
	}
	moments := map[int64]bool{b.MinTime: true}
	sources := map[ulid.ULID]bool{}
	var candidates []audit.Block
	for _, c := range stay {
		if c.Resolution > b.Resolution && c.Resolution <= promised && labels.Equal(c.Labels, b.Labels) && c.MinTime < b.MaxTime && c.MaxTime > b.MinTime {
			candidates = append(candidates, c)
			if c.MaxTime < b.MaxTime {
				moments[c.MaxTime] = true
			}
			for _, s := range c.Sources {
				sources[s] = true
			}
		}
	}
	for m := range maps.Keys(moments) {
		if !slices.ContainsFunc(candidates, func(c audit.Block) bool { return c.MinTime <= m && m < c.MaxTime }) {
			return true
		}
	}
	return len(b.Sources) == 0 || slices.ContainsFunc(b.Sources, func(s ulid.ULID) bool { return !sources[s] })
}

// checkTotals adds up.
func checkTotals(fail failing, inv *audit.Inventory, plan retain.Plan) {
	var blocks int
	var bytes, byAction, bySteps int64
	for _, total := range plan.Totals {
		blocks += total.Blocks
		bytes += total.Bytes
		for _, s := range total.Actions {
			byAction += s.Bytes
		}
	}
	for _, s := range plan.Steps {
		bySteps += s.Bytes
	}
	if blocks != len(inv.Blocks) || bytes != inv.Bytes || byAction != inv.Bytes || bySteps != inv.Bytes-inv.ForeignBytes {
		fail("the selectors have %d blocks with %d bytes (by action %d, by block %d), the bucket %d with %d",
			blocks, bytes, byAction, bySteps, len(inv.Blocks), inv.Bytes)
	}
}
