package live

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/watchbill/watchbill/validate"
)

// atOnce is how many questions are under way at a time.
const atOnce = 4

// asker puts questions within the limits, and remembers what became of them.
type asker struct {
	ask Ask

	mu                sync.Mutex
	left, mayFail     int
	asked, unanswered int
	spent             bool
	first             error // that a question got, other than a refusal
}

func newAsker(ask Ask, o Options) *asker {
	return &asker{ask: ask, left: o.MaxQueries, mayFail: o.MaxFailures}
}

// errNotAsked is given to questions that are over a limit.
var errNotAsked = errors.New("no more questions are asked")

func put[T any](ctx context.Context, a *asker, question func() (T, error)) (answer T, err error) {
	if err := a.begin(ctx); err != nil {
		return answer, err
	}
	answer, err = question()
	a.end(err)
	return answer, err
}

func (a *asker) begin(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ctx.Err() != nil && a.first == nil {
		a.first = ctx.Err()
	}
	if a.left <= 0 {
		a.spent = true
	}
	if ctx.Err() != nil || a.left <= 0 || a.unanswered >= a.mayFail {
		return errNotAsked
	}
	a.left--
	a.asked++
	return nil
}

func (a *asker) end(err error) {
	var refusal *Refusal
	if err == nil || errors.As(err, &refusal) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unanswered++
	if a.first == nil {
		a.first = err
	}
}

// missed is the one finding that says that not everything was looked at, and why.
func (c *checker) missed() (validate.Finding, bool) {
	a := c.asker
	f := validate.Finding{Check: unavailableID, Severity: validate.Warning}
	switch {
	case c.down != nil:
		return NotMade(c.down), true
	case a.spent:
		f.Message = fmt.Sprintf("live checks are not complete: the limit of %d queries is reached", a.asked)
		f.Hint = "check a change alone, with --changed-since"
	case a.first != nil:
		f.Message = fmt.Sprintf("live checks are not complete: %s had no answer: %v", counted(max(a.unanswered, 1), "query", "queries"), a.first)
		f.Hint = "what was found without it stands"
	default:
		return f, false
	}
	return f, true
}

// NotMade is the finding that nothing could be asked.
func NotMade(err error) validate.Finding {
	return validate.Finding{
		Check: unavailableID, Severity: validate.Warning, Message: "live checks were not made: " + err.Error(),
		Hint: "see whether the address is that of a Prometheus or Thanos Query, and can be reached from here",
	}
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// each calls a function for every index, some at once, and returns when all are done.
func each(n int, do func(i int)) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(atOnce, n) {
		workers.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}
