// Package review answers on pull requests: is the change valid, what would it
// do in each environment, who would be told that was not, and what would be lost.
//
// What is judged is the result of the merge, not the head alone: two changes
// that are fine by themselves may not be together. A [Reviewer] finds the open
// pull requests by polling, and earlier when it is woken; for each it compares
// the newest revision of the branch with the merge, and gives one answer in three
// forms: the status [Context] on the head commit, notes at the lines of files
// where the forge has such, and one comment that is kept up to date. All of it is
// also a page, see [Reviewer.Handler].
//
// The answer is a function of the two revisions, but for what is asked of the
// running stack ([Live]): nothing of that for a change from a fork, unless the
// branch's own watchbill.yaml allows it. Nothing here knows a secret, and nothing
// of the change is run but its rules' unit tests, within their limits.
//
// What is said already is not said again: not in one process, for it remembers,
// and not after a restart, for a forge's methods are idempotent.
package review

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/source"
	"github.com/watchbill/watchbill/render"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Context is that of the status and the name of the check.
const Context = "watchbill/validate"

// commentKey tells our comment on a pull request from others.
const commentKey = "review"

// Options of a [Reviewer]. Forge, Branch, Base and Merge are required.
type Options struct {
	Forge forge.Forge
	// Branch that pull requests are to be merged into.
	Branch string
	// Base asks the remote for the newest revision of the branch.
	Base func(ctx context.Context) (source.Revision, error)
	// Merge fetches the result of a merge by its reference; see forge.Pull.
	Merge func(ctx context.Context, ref string) (source.Revision, error)
	// Render is what the daemon renders with.
	Render render.Options
	// Live is what is asked of the running stack.
	Live Live
	// ExternalURL is where people reach [Reviewer.Handler]; without it, nothing is linked.
	ExternalURL string
	// Poll is how often the forge is asked for pull requests. Default 1 minute.
	Poll time.Duration
	// Timeout of one review. Default 2 minutes.
	Timeout time.Duration
	Limits  Limits
	// Now is the time. Default: time.Now.
	Now func() time.Time
	// Log of what could not be done. Default: slog.Default().
	Log *slog.Logger
}

// Limits bound what one change may cost. A change beyond them gets an error
// that says so; zero is the default.
type Limits struct {
	// Pulls that are looked at, the newest ones. Default 500.
	Pulls int
	// Files that a change may touch, and the bytes in them. Defaults 5,000 and 64 MiB.
	Files int
	Bytes int64
	// Rules that the repo may hold after the merge. Default 300,000.
	Rules int
}

// Live are questions to the running stack. What is nil is not asked, and the
// answer says so. None is asked for a change from a fork, unless
// policies.review.liveDataForForks of the branch allows it.
type Live struct {
	// Firing lists the pending and firing alerts of an environment's Prometheus.
	Firing func(ctx context.Context, environment string) ([]LiveAlert, error)
	// Backtest says how often the alerts that differ between two revisions fire in
	// the past that Prometheus and the bucket remember.
	Backtest func(ctx context.Context, base, head *repolayout.Repo, environment string) ([]Fired, error)
	// Retention says what a changed retention would delete, in a line or a few.
	Retention func(ctx context.Context, base, head *repolayout.Environment) (string, error)
}

// LiveAlert is an alert that a running Prometheus holds.
type LiveAlert struct {
	// File of the rule as it stands in Prometheus's bundle: rules/payments/errors.yaml.
	File  string
	Group string
	Name  string
	// RuleLabels are those that the rule gives, as /api/v1/rules shows them.
	RuleLabels map[string]string
	// Nth counts, from zero, the rules of the group that have the same name and labels.
	Nth int
	// Labels are the alert's own.
	Labels map[string]string
	// State is pending or firing, since Since.
	State string
	Since time.Time
}

// Fired is how often an alert fires over a time that has passed.
type Fired struct {
	Team, Alert string
	// Over is the time that was looked at.
	Over time.Duration
	// Before and After are how often by the rules of the branch and of the merge;
	// a rule that one of them has not has -1.
	Before, After int
	// Text says more, in a line; may be empty.
	Text string
}

// Reviewer answers on the pull requests against one branch.
type Reviewer struct {
	opts  Options
	base  func(ctx context.Context) (revision, error)
	merge func(ctx context.Context, ref string) (revision, error)

	wake chan struct{} // one slot

	mu    sync.Mutex
	woken map[int]bool
	all   bool
	pages map[int]string

	// What follows is of the goroutine that runs Run.
	pulls  map[int]*known
	first  bool // no list of pull requests was seen yet
	list   time.Time
	newest revision // of the branch, when it was listed last
	warmed string   // the commit that was read ahead
	hold   [kinds]hold
	reader *reader
	slots  chan struct{} // one for each review that may still be computing
	jobs   sync.WaitGroup
}

// New makes a reviewer, which does nothing until Run.
func New(opts Options) *Reviewer {
	opts = opts.withDefaults()
	return &Reviewer{
		opts: opts,
		base: func(ctx context.Context) (revision, error) {
			rev, err := opts.Base(ctx)
			return revisionOf(rev), err
		},
		merge: func(ctx context.Context, ref string) (revision, error) {
			rev, err := opts.Merge(ctx, ref)
			return revisionOf(rev), err
		},
		wake: make(chan struct{}, 1), woken: map[int]bool{}, pages: map[int]string{},
		pulls: map[int]*known{}, first: true, reader: newReader(opts.Render),
		slots: make(chan struct{}, 3),
	}
}

func (o Options) withDefaults() Options {
	o.Poll = orDefault(o.Poll, time.Minute)
	o.Timeout = orDefault(o.Timeout, 2*time.Minute)
	o.Limits.Pulls = orDefault(o.Limits.Pulls, 500)
	o.Limits.Files = orDefault(o.Limits.Files, 5_000)
	o.Limits.Bytes = orDefault(o.Limits.Bytes, 64<<20)
	o.Limits.Rules = orDefault(o.Limits.Rules, 300_000)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	o.ExternalURL = strings.TrimRight(o.ExternalURL, "/")
	return o
}

func orDefault[N int | int64 | time.Duration](n, otherwise N) N {
	if n <= 0 {
		return otherwise
	}
	return n
}

// Wake has a pull request looked at now, or all of them if the number is zero.
// It never blocks; of several calls for one pull request the newest counts.
func (r *Reviewer) Wake(pull int) {
	r.mu.Lock()
	if pull <= 0 || len(r.woken) >= r.opts.Limits.Pulls {
		r.all = true
	} else {
		r.woken[pull] = true
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}
