package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/watchbill/watchbill/reconcile/schedule"
	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/lock"
	"github.com/watchbill/watchbill/stores/retain"
)

func newJobRetain(io streams) *cobra.Command {
	var j bucketJob
	var retention retentionFlags
	cmd := &cobra.Command{
		Use:   "retain",
		Short: "Let go of the blocks that retention keeps no longer",
		Long: `Mark the blocks for deletion that the policy of --retention.config lets go, and
delete those whose mark is old enough, while nobody else writes to the bucket.
"watchbill retention plan" shows beforehand what that is.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return j.run(cmd.Context(), io, func(ctx context.Context) (schedule.Result, error) {
				policy, err := retention.policy(nil)
				if err != nil {
					return schedule.Result{}, err
				}
				bucket, err := j.open(ctx)
				if err != nil {
					return schedule.Result{}, err
				}
				return j.locked(ctx, bucket, "retain", func(ctx context.Context) schedule.Result { return retainOnce(ctx, io, bucket, policy) }), nil
			})
		},
	}
	j.add(cmd, 20*time.Minute)
	retention.add(cmd)
	return cmd
}

// retainOnce plans and does it. It prints what it does to each block.
func retainOnce(ctx context.Context, io streams, bucket stores.Bucket, policy retain.Policy) schedule.Result {
	inv, err := audit.Run(ctx, bucket, audit.Options{})
	if err != nil {
		return faulty(err)
	}
	plan, err := retain.Make(policy, inv, time.Now())
	if err != nil {
		return schedule.Result{Outcome: schedule.Refused, Reason: "policy", Hint: err.Error()}
	}
	if err := plan.Table(io.err, false); err != nil {
		return schedule.Result{Outcome: schedule.Failed, Reason: "log", Hint: err.Error()}
	}
	done, err := retain.Apply(ctx, bucket, plan, func(ctx context.Context) error { return context.Cause(ctx) })
	r := schedule.Result{Outcome: schedule.Done, Counts: done.Counts(), Lines: append(plan.Warnings, done.Notes...)}
	if done.Marked+done.Unmarked+done.Deleted == 0 {
		r.Outcome = schedule.Nothing
	}
	r.Counts["left"] = int64(plan.Sum(retain.Left).Blocks)
	r.Counts["waiting"] = int64(plan.Sum(retain.Marked).Blocks)
	countBucket(r.Counts, inv)
	r.Counts[schedule.CountBucketBlocks] -= int64(done.Deleted)
	r.Counts[schedule.CountBucketBytes] -= done.DeletedBytes
	if err == nil {
		return r
	}
	fault := faulty(err)
	r.Outcome, r.Reason, r.Hint = fault.Outcome, fault.Reason, fault.Hint
	if errors.Is(err, stores.ErrDenied) {
		r.Hint = fmt.Sprintf("%v; the keys need the rights to put and to delete objects", err)
	}
	if errors.Is(context.Cause(ctx), lock.ErrLost) {
		r.Outcome, r.Reason = schedule.Failed, "lock-lost"
	}
	return r
}
