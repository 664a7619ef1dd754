package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Outcome is how often an alert would have fired.
type Outcome struct {
	Alert
	From time.Time `json:"from,omitzero"` // the first evaluation
	To   time.Time `json:"to,omitzero"`   // the last
	// Firings counts each label set each time that it began to fire; Periods the
	// times from the first that fires until none does.
	Firings int `json:"firings"`
	Periods int `json:"periods"`
	// Firing is how long one fired at least, Longest how long one did without a pause.
	Firing  model.Duration `json:"firing"`
	Longest model.Duration `json:"longest"`
	AtOnce  int            `json:"atOnce"` // fired at most
	Series  int            `json:"series"` // label sets that fired
	// Examples are some of them.
	Examples []string `json:"examples,omitempty"`
	// First and Last are when one began to fire, and when the last one still did.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	Still bool      `json:"still,omitempty"` // fires at the end
	// Notes say what the figures leave out.
	Notes []string `json:"notes,omitempty"`
	// Unknown says why there are no figures.
	Unknown string `json:"unknown,omitempty"`
}

const notTried = "not tried: "

// Backtest says how often alerts would have fired in the last [Options.Backtest],
// had they been loaded at its beginning: their expressions at the steps of their
// groups, with for, keep_firing_for and limit as Prometheus goes by them. There is
// one outcome for each alert, in their order. The error says that nothing had an answer.
func Backtest(ctx context.Context, ask Ask, alerts []Alert, o Options) ([]Outcome, error) {
	o = o.withDefaults()
	a := newAsker(ask, o)
	outcomes := make([]Outcome, len(alerts))
	for i := range alerts {
		outcomes[i].Alert = alerts[i]
		outcomes[i].Unknown = fmt.Sprintf(notTried+"the limit is %d alerts", o.MaxAlerts)
	}
	tried := min(len(alerts), o.MaxAlerts)
	share := o.MaxBacktestSamples / int64(max(tried, atOnce))
	each(tried, func(i int) {
		b := &backtest{asker: a, Options: o, out: &outcomes[i], simulation: newSimulation(&alerts[i]), budget: share}
		b.out.Unknown = ""
		if err := b.run(ctx); err != nil {
			*b.out = Outcome{Alert: alerts[i], Unknown: a.why(ctx, err)}
		}
	})
	if a.first != nil && !slices.ContainsFunc(outcomes, func(o Outcome) bool { return o.Unknown == "" }) {
		return outcomes, a.first
	}
	return outcomes, nil
}

// why says in words what kept a backtest from its end.
func (a *asker) why(ctx context.Context, err error) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !errors.Is(err, errNotAsked):
		return err.Error()
	case ctx.Err() != nil:
		return notTried + "the time is up"
	case a.left <= 0:
		return fmt.Sprintf(notTried+"the limit of %d queries is reached", a.asked)
	}
	return notTried + "too many queries had no answer"
}

// backtest is the trial of one alert.
type backtest struct {
	*asker
	Options
	*simulation
	out    *Outcome
	budget int64 // samples
}

func (b *backtest) run(ctx context.Context) error {
	expr, ok := parse(b.Expr)
	if !ok || expr.Type() == parser.ValueTypeString {
		return errors.New("the expression is not one of a rule")
	}
	if word := rangeOnly(expr); word != "" {
		return fmt.Errorf("the expression uses %s, which means another time in a query over many steps", word)
	}
	if b.Interval <= 0 {
		return errors.New("the group has no interval")
	}
	step := millis(b.Interval)
	last := b.Now.UnixMilli() / step * step
	first := last - b.Backtest.Milliseconds()/step*step
	first, err := b.affordable(ctx, expr, first, last, step)
	if err != nil {
		return err
	}
	if len(b.Records) > 0 {
		b.note("it goes by " + strings.Join(b.Records, ", ") + ", recorded by rules that are new or changed: counted is what was recorded until now")
	}
	if err := b.chunks(ctx, first, last, step); err != nil {
		return err
	}
	b.conclude(first, last)
	return nil
}

func (b *backtest) note(text string) {
	if !slices.Contains(b.out.Notes, text) {
		b.out.Notes = append(b.out.Notes, text)
	}
}

// rangeOnly names what of an expression has another meaning where many steps are asked for at once.
func rangeOnly(expr parser.Expr) (word string) {
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			if n.StartOrEnd != 0 {
				word = "@ start() or @ end()"
			}
		case *parser.SubqueryExpr:
			if n.StartOrEnd != 0 {
				word = "@ start() or @ end()"
			}
		}
		return nil
	})
	for _, name := range []string{"start()", "end()", "step()", "range()"} {
		if word == "" && strings.Contains(expr.String(), name) {
			word = name
		}
	}
	return word
}

// affordable is the first step from which the alert can be tried within its share
// of samples: the end of the time counts for more than its beginning.
func (b *backtest) affordable(ctx context.Context, expr parser.Expr, first, last, step int64) (int64, error) {
	at := time.UnixMilli(last).Add(-time.Duration(b.Offset)).UTC()
	answer, err := put(ctx, b.asker, func() (Answer, error) { return b.ask.Query(ctx, counting(expr), at) })
	var refusal *Refusal
	if err != nil && !errors.As(err, &refusal) { // what is refused now may have had an answer before
		return 0, err
	}
	steps := (last-first)/step + 1
	if answer.Samples == 0 || answer.Samples*steps <= b.budget {
		return first, nil
	}
	steps = max(1, b.budget/answer.Samples)
	first = last - (steps-1)*step
	b.note(fmt.Sprintf("only the last %s are counted: one evaluation reads %s samples", short(time.Duration(steps*step)*time.Millisecond), grouped(answer.Samples)))
	return first, nil
}

// minPoints is how short a query may get before it is given up.
const minPoints = 100

// chunks asks for as many steps at once as may be, and for fewer where that is refused.
func (b *backtest) chunks(ctx context.Context, first, last, step int64) error {
	points := int64(b.MaxPoints)
	for from := first; from <= last; {
		to := min(from+(points-1)*step, last)
		answer, err := b.chunk(ctx, from, to, step)
		var refusal *Refusal
		if errors.As(err, &refusal) && refusal.Kind != "bad_data" && points > minPoints {
			points = max(points/8, minPoints)
			continue
		}
		if err != nil {
			return err
		}
		b.feed(ctx, answer, from, to, step)
		from = to + step
	}
	return nil
}

func (b *backtest) chunk(ctx context.Context, from, to, step int64) (Answer, error) {
	steps := Steps{
		Window: Window{
			From: time.UnixMilli(from - millis(b.Offset)).UTC(),
			To:   time.UnixMilli(to - millis(b.Offset)).UTC(),
		},
		Every: time.Duration(step) * time.Millisecond,
	}
	answer, err := put(ctx, b.asker, func() (Answer, error) {
		return b.ask.QueryRange(ctx, b.Expr, steps, b.MaxSeries+1)
	})
	if err == nil && len(answer.Series) > b.MaxSeries {
		answer.Series = answer.Series[:b.MaxSeries]
		b.note(fmt.Sprintf("it returns more than %d series, of which so many are counted", b.MaxSeries))
	}
	return answer, err
}

// feed puts an answer into the simulation, one step after the other.
func (b *backtest) feed(ctx context.Context, answer Answer, from, to, step int64) {
	next := make([]int, len(answer.Series))
	given := make([]sample, 0, len(answer.Series))
	for at := from; at <= to; at += step {
		if len(answer.Series) == 0 && len(b.active) == 0 {
			b.tally.count(at, nil)
			return // nothing happens until the next answer
		}
		given = given[:0]
		for i := range answer.Series {
			s := &answer.Series[i]
			for next[i] < len(s.Points) && s.Points[next[i]].T < at-millis(b.Offset) {
				next[i]++
			}
			if next[i] < len(s.Points) && s.Points[next[i]].T == at-millis(b.Offset) {
				given = append(given, sample{of: s, value: s.Points[next[i]].V})
			}
		}
		b.step(ctx, at, given)
	}
}

// maxExamples is how many label sets that fired are told.
const maxExamples = 5

func (b *backtest) conclude(first, last int64) {
	t, out := &b.tally, b.out
	out.From, out.To = time.UnixMilli(first).UTC(), time.UnixMilli(last).UTC()
	out.Firings, out.Periods, out.AtOnce, out.Series, out.Still = t.firings, t.periods, t.most, len(t.series), t.now
	out.Firing, out.Longest = milliseconds(t.firing), milliseconds(t.longest)
	if t.firings > 0 {
		out.First, out.Last = time.UnixMilli(t.first).UTC(), time.UnixMilli(t.last).UTC()
	}
	for _, set := range t.series {
		out.Examples = append(out.Examples, set.String())
	}
	slices.Sort(out.Examples)
	out.Examples = out.Examples[:min(len(out.Examples), maxExamples)]
	if t.failures > 0 {
		b.note(fmt.Sprintf("%s would have failed: %v", counted(t.failures, "evaluation", "evaluations"), t.failure))
	}
	if slices.ContainsFunc(b.labels, func(l labels.Label) bool { return queriesOrExternal(l.Value) }) {
		b.note("a label's template asks Prometheus, or for external labels, which a backtest does not know")
	}
}

func queriesOrExternal(text string) bool {
	return strings.Contains(text, "{{") && (strings.Contains(text, "query") || strings.Contains(text, "xternal"))
}

func milliseconds(ms int64) model.Duration {
	return model.Duration(time.Duration(ms) * time.Millisecond)
}

// short writes a duration for people, with its two largest units: 2d3h, 15m30s.
func short(d time.Duration) string {
	switch {
	case d >= day:
		d = d.Truncate(time.Hour)
	case d >= time.Hour:
		d = d.Truncate(time.Minute)
	case d >= time.Minute:
		d = d.Truncate(time.Second)
	}
	text := ""
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := d / unit.of; n > 0 {
			text += fmt.Sprintf("%d%s", n, unit.name)
			d -= n * unit.of
		}
	}
	if text == "" {
		return "0s"
	}
	return text
}
