package retain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/block"
)

// ours begins the details of the marks that Watchbill sets.
const ours = "watchbill retention: "

// pair is two rules that pick the same blocks.
type pair struct{ one, other, blocks int }

// maker is the state of one Make.
type maker struct {
	policy     Policy
	inv        *audit.Inventory
	now        time.Time
	bytes      byBytes
	sets       []*set // sorted by labels
	actions    map[*audit.Block]Action
	steps      []Step
	picked     []int // blocks of each rule
	both       []pair
	onlyCopies int
}

func newMaker(p Policy, inv *audit.Inventory, now time.Time) *maker {
	m := &maker{
		policy: p, inv: inv, now: now, bytes: sumBytes(inv), steps: make([]Step, 0, len(inv.Blocks)),
		actions: make(map[*audit.Block]Action, len(inv.Blocks)),
		picked:  make([]int, len(p.Rules)),
	}
	at := map[string]*set{}
	var key []byte
	for i := range inv.Blocks {
		b := &inv.Blocks[i]
		if !b.Described {
			continue
		}
		key = b.Labels.Bytes(key[:0])
		s := at[string(key)]
		if s == nil {
			s = &set{labels: b.Labels}
			at[string(key)] = s
			m.sets = append(m.sets, s)
		}
		n := slices.Index(resolutions[:], b.Resolution)
		s.blocks[n] = append(s.blocks[n], b)
	}
	slices.SortFunc(m.sets, func(a, b *set) int { return labels.Compare(a.labels, b.labels) })
	together := map[pair]int{}
	for i, s := range m.sets {
		s.rank = i
		m.note(together, p.settings(s), s)
	}
	for both, n := range together {
		m.both = append(m.both, pair{both.one, both.other, n})
	}
	return m
}

// note counts what the rules pick.
func (m *maker) note(together map[pair]int, picking []int, s *set) {
	n := 0
	for _, list := range s.blocks {
		n += len(list)
	}
	for i, one := range picking {
		m.picked[one] += n
		for _, other := range picking[i+1:] {
			together[pair{one: one, other: other}] += n
		}
	}
}

// step settles a block whose meta.json is known.
func (m *maker) step(s *set, resolution int, b *audit.Block) {
	st := Step{Block: b.ID, Bytes: b.Bytes, Selector: s.limits[resolution].by, block: b, rank: s.rank}
	st.describe(b)
	v := m.judge(s, resolution, b)
	switch {
	case b.Mark != nil:
		m.marked(&st, v)
	case b.State != audit.Whole:
		st.Action, st.Why = Left, b.Why
	case v.doubt:
		st.Action, st.Why = Left, v.why
	case v.goes:
		st.Action, st.Why, st.by = Mark, v.why, v.by
	default:
		st.Action, st.Why = Keep, v.why
		if v.onlyCopy {
			m.onlyCopies++
		}
	}
	m.add(st)
}

// undescribed settles a block of which nothing but its objects is known.
func (m *maker) undescribed(b *audit.Block) {
	st := Step{Block: b.ID, Bytes: b.Bytes, Selector: notKnown, block: b, rank: len(m.sets), Action: Left, Why: b.Why}
	if b.Mark != nil {
		m.marked(&st, verdict{goes: true})
	}
	m.add(st)
}

func (m *maker) add(st Step) {
	m.actions[st.block] = st.Action
	m.steps = append(m.steps, st)
}

// marked settles a block that has a mark. What others have marked is theirs to
// judge; whether Watchbill's own mark still holds is judged anew.
func (m *maker) marked(st *Step, v verdict) {
	mark := st.block.Mark
	goes := mark.Time.Add(m.policy.DeleteDelay)
	if later := mark.Modified.Add(m.policy.DeleteDelay); later.After(goes) {
		goes = later
	}
	switch {
	case mark.Problem != "":
		st.Action, st.Why = Left, "its mark for deletion cannot be read: "+mark.Problem
		return
	case strings.HasPrefix(mark.Details, ours) && !v.goes:
		st.Action, st.Why = Unmark, "marked by an earlier policy; now "+v.why
		return
	case m.now.Before(goes):
		st.Action = Marked
	default:
		st.Action = Delete
	}
	st.by = v.by
	if !strings.HasPrefix(mark.Details, ours) {
		st.by = nil
	}
	st.Why = fmt.Sprintf("marked at %s (%.200q), to go from %s", minute(mark.Time), mark.Details, minute(goes))
}

// verdict is whether the policy lets a block go.
type verdict struct {
	goes     bool
	why      string
	by       []*audit.Block
	onlyCopy bool
	doubt    bool
}

// judge is what the package comment says.
func (m *maker) judge(s *set, resolution int, b *audit.Block) verdict {
	limit := s.limits[resolution]
	end := time.UnixMilli(b.MaxTime)
	ago := m.now.Sub(end)
	var why []string
	switch {
	case ago < 0:
		return verdict{why: "it ends in the future, at " + minute(end), doubt: true}
	case !s.speaks && m.policy.MaxBytes == 0:
		return verdict{why: "no setting speaks of it"}
	case s.speaks && limit.age == 0:
		return verdict{why: "for ever, by " + limit.by}
	case s.speaks && !limit.past(ago):
		return verdict{why: fmt.Sprintf("until %s, %s after its end, by %s", minute(end.Add(limit.age)), days(limit.age), limit.by)}
	case s.speaks:
		why = append(why, fmt.Sprintf("older than %s, by %s", days(limit.age), limit.by))
	}
	if m.policy.MaxBytes > 0 {
		if m.bytes.with(b) <= m.policy.MaxBytes {
			return verdict{why: "among the newest " + audit.Size(m.policy.MaxBytes)}
		}
		why = append(why, "beyond the newest "+audit.Size(m.policy.MaxBytes))
	}
	v := verdict{goes: true, why: strings.Join(why, "; ")}
	promised := m.promised(s, resolution, ago)
	if promised == resolution {
		return v
	}
	copies, lack := s.copies(b, resolution, promised)
	if lack != "" {
		return verdict{onlyCopy: true, why: fmt.Sprintf("the only copy: %s, but %s is promised for its time and %s",
			v.why, block.ResolutionName(resolutions[promised]), lack)}
	}
	v.by = copies
	return v
}

// promised is the next coarser resolution whose blocks of that age are kept, or
// the block's own.
func (m *maker) promised(s *set, resolution int, ago time.Duration) int {
	if !m.policy.Downsample || !s.speaks {
		return resolution
	}
	for i := resolution + 1; i < len(resolutions); i++ {
		if !s.limits[i].past(ago) {
			return i
		}
	}
	return resolution
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02T15:04Z") }
