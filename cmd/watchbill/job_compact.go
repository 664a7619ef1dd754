package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/watchbill/watchbill/reconcile/schedule"
	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/compact"
	"github.com/watchbill/watchbill/stores/lock"
)

// compactJob is `watchbill job compact`.
type compactJob struct {
	bucketJob
	thanos, dataDir          string
	selectors                []string
	downsample               bool
	deleteDelay, consistency period
	concurrency              int
}

func newJobCompact(io streams) *cobra.Command {
	j := compactJob{deleteDelay: period(48 * time.Hour), consistency: period(30 * time.Minute)}
	cmd := &cobra.Command{
		Use:   "compact",
		Short: "Join and downsample the blocks in the bucket, once",
		Long: `Run "thanos compact" until there is nothing left to do, while nobody else writes to
the bucket. What may pass is tried again; else the result says what to do.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return j.run(cmd.Context(), io, func(ctx context.Context) (schedule.Result, error) { return j.work(ctx, io) })
		},
	}
	j.add(cmd, 0)
	flags := cmd.Flags()
	flags.StringVar(&j.thanos, "thanos", "thanos", "the program thanos")
	flags.StringVar(&j.dataDir, "data-dir", "data", "folder that blocks are joined in")
	flags.StringArrayVar(&j.selectors, "selector", nil, `blocks by their external labels, such as {environment="prod"}; one run each`)
	flags.BoolVar(&j.downsample, "downsample", true, "make blocks of 5m and 1h resolution")
	flags.Var(&j.deleteDelay, "delete-delay", "how long blocks that were joined stay readable")
	flags.Var(&j.consistency, "consistency-delay", "how old a block must be to be joined")
	flags.IntVar(&j.concurrency, "concurrency", 1, "how many groups of blocks are worked on at once")
	return cmd
}

func (j *compactJob) work(ctx context.Context, io streams) (schedule.Result, error) {
	bucket, err := j.open(ctx)
	if err != nil {
		return schedule.Result{}, err
	}
	objstore := j.store.config
	if j.store.configFile != "" {
		text, err := os.ReadFile(j.store.configFile)
		if err != nil {
			return schedule.Result{}, fmt.Errorf("--objstore.config-file: %w", err)
		}
		objstore = string(text)
	}
	if err := os.MkdirAll(j.dataDir, 0o750); err != nil {
		return schedule.Result{}, fmt.Errorf("--data-dir: %w", err)
	}
	options := compact.Options{
		Thanos: j.thanos, Objstore: objstore, Dir: j.dataDir, Selectors: j.selectors, Downsample: j.downsample,
		DeleteDelay: time.Duration(j.deleteDelay), ConsistencyDelay: time.Duration(j.consistency), Concurrency: j.concurrency,
		Log: io.err, Logger: slog.New(slog.NewTextHandler(io.err, nil)),
		// The lock is let go after that, and all before Kubernetes kills the pod.
		Grace: 15 * time.Second,
	}
	return j.locked(ctx, bucket, "compact", func(ctx context.Context) schedule.Result { return j.compact(ctx, bucket, options) }), nil
}

// compact runs Thanos, and looks at the bucket before and after.
func (j *compactJob) compact(ctx context.Context, bucket stores.Bucket, options compact.Options) schedule.Result {
	// The second look reads what the first did not see, and no more.
	look := audit.Options{Cache: filepath.Join(j.dataDir, "watchbill-audit.cache")}
	before, err := audit.Run(ctx, bucket, look)
	if err != nil {
		return faulty(err)
	}
	out := compact.Run(ctx, options)
	r := schedule.Result{Outcome: string(out.Kind), Hint: out.Hint, Lines: out.Lines, Counts: map[string]int64{
		"compacted": out.Counts.Compacted, "downsampled": out.Counts.Downsampled, "marked": out.Counts.Marked, "deleted": out.Counts.Deleted,
		"backlogBefore": backlog(before),
	}}
	if !out.Good() {
		r.Outcome, r.Reason = schedule.Refused, string(out.Kind)
		if out.MayPass() {
			r.Outcome = schedule.Failed
		}
	}
	if errors.Is(context.Cause(ctx), lock.ErrLost) || ctx.Err() != nil {
		return r
	}
	after, err := audit.Run(ctx, bucket, look)
	if err != nil {
		r.Lines = append(r.Lines, "the bucket could not be looked at afterwards: "+err.Error())
		return r
	}
	r.Counts[schedule.CountBacklog] = backlog(after)
	countBucket(r.Counts, after)
	return r
}

// backlog is how many blocks wait to be joined or downsampled.
func backlog(inv *audit.Inventory) int64 {
	b := audit.Estimate(inv)
	return int64(b.JoinBlocks + b.Downsamplings)
}
