// Package compact runs Thanos's compactor once over a bucket and says what came of it.
//
// [Run] starts `thanos compact` as a child: once for the whole bucket, or once
// for each selector, one after the other. Thanos tells by its exit code only that
// something is wrong; what it is stands in its log, which [Run] reads line by
// line. An [Outcome] tells apart what may pass, and was tried again, from what a
// person must put right.
//
// It does not see to it that nobody else compacts the bucket meanwhile: two
// compactions at once leave overlapping blocks, and both end well. Whoever calls
// Run holds the bucket's lock, and ends ctx when it is lost.
package compact

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"
)

// Options are what to run, and on what.
type Options struct {
	// Thanos is the program.
	Thanos string
	// Objstore is the object store's configuration, in Thanos's form, without keys.
	Objstore string
	// Dir is the scratch space: blocks are fetched to it and joined on it.
	Dir string
	// Selectors part the blocks by their external labels, such as {environment="prod"}; none is all blocks.
	Selectors []string
	// Downsample makes blocks of 5m and 1h as well.
	Downsample bool
	// DeleteDelay is how long blocks stay that have been joined into another.
	DeleteDelay time.Duration
	// ConsistencyDelay is how old a block must be; younger ones may not be whole yet.
	ConsistencyDelay time.Duration
	// Concurrency is how many groups of blocks are compacted at once; 0 is one.
	Concurrency int
	// Env is the child's environment, which holds the store's keys; nil is this process's own.
	Env []string
	// Log takes the child's log, a line for people each; may be nil.
	Log io.Writer
	// Logger is for what is tried again; may be nil.
	Logger *slog.Logger
	// Grace is how long the child may take to end; 0 is 20 seconds.
	Grace time.Duration
	// Attempts at what may pass, and the first and the longest wait before the next; 0 is four, ten seconds and two minutes.
	Attempts    int
	First, Most time.Duration
}

// Run compacts until there is nothing left to do, and says what came of it.
func Run(ctx context.Context, o Options) Outcome {
	o.Attempts, o.Grace = cmp.Or(o.Attempts, 4), cmp.Or(o.Grace, 20*time.Second)
	o.First, o.Most = cmp.Or(o.First, 10*time.Second), cmp.Or(o.Most, 2*time.Minute)
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var relabels []string
	for _, s := range o.Selectors {
		config, err := rulesOf(s)
		if err != nil {
			return Outcome{Kind: Misconfigured, Hint: err.Error()}
		}
		relabels = append(relabels, config)
	}
	if len(o.Selectors) == 0 {
		relabels = []string{""}
	}
	sum := Outcome{Kind: Nothing}
	for i, config := range relabels {
		one := o.patiently(ctx, config)
		if len(o.Selectors) > 1 && !one.Good() {
			one.Hint = o.Selectors[i] + ": " + one.Hint
		}
		sum.add(one)
		if one.ends() {
			break
		}
	}
	return sum
}

// patiently tries again what may pass.
func (o Options) patiently(ctx context.Context, relabel string) Outcome {
	var sum Outcome
	for n := 1; ; n++ {
		one := o.once(ctx, relabel)
		one.Counts.add(sum.Counts)
		sum = one
		if sum.Kind == Nothing && sum.Counts.any() {
			sum.Kind = Done // by an earlier attempt
		}
		if sum.Kind != StoreAway || n >= o.Attempts {
			return sum
		}
		pause := min(o.Most, o.First<<min(n-1, 10))
		pause = pause/2 + rand.N(pause/2+1)
		o.Logger.Warn("compaction will be tried again", "attempt", n, "pause", pause.Round(time.Millisecond).String(), "reason", sum.Hint)
		select {
		case <-ctx.Done():
			sum.Kind, sum.Hint = Ended, "told to end while waiting for the object store: "+sum.Hint
			return sum
		case <-time.After(pause):
		}
	}
}

// arguments of the child. Retention is left to Watchbill, which works also when
// compaction does not.
func (o Options) arguments(relabel string) []string {
	args := []string{
		"compact", "--log.format=json", "--log.level=info", "--http-address=127.0.0.1:0", "--web.disable",
		"--objstore.config=" + o.Objstore, "--data-dir=" + o.Dir,
		"--consistency-delay=" + o.ConsistencyDelay.String(), "--delete-delay=" + seconds(o.DeleteDelay),
	}
	if o.Concurrency > 1 {
		args = append(args, "--compact.concurrency="+itoa(o.Concurrency), "--downsample.concurrency="+itoa(o.Concurrency))
	}
	if !o.Downsample {
		args = append(args, "--downsampling.disable")
	}
	if relabel != "" {
		args = append(args, "--selector.relabel-config="+relabel)
	}
	return args
}

// once is one run of the child.
func (o Options) once(ctx context.Context, relabel string) Outcome {
	r := newReader(o.Log)
	disk := watchDisk(o.Dir)
	err := o.child(ctx, relabel, r)
	full := disk.stop()
	out := Outcome{Counts: r.counts, Lines: slices.Clone(r.lines)}
	out.conclude(ctx, err, r.fault(), full)
	return out
}
