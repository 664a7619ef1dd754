package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/watchbill/watchbill/reconcile/schedule"
	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/lock"
)

// terminationLog is where Kubernetes looks for a container's last words.
const terminationLog = "/dev/termination-log"

func newJob(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "job",
		Short: "What the scheduled Jobs run",
		Long: `The work of one Job. The daemon starts these by their schedules; see "watchbill jobs".
Each ends by writing its result as JSON, to --result-file.
Exit code 0 if all is done or there was nothing to do, 1 if not, 2 on wrong usage.`,
		Args: cobra.NoArgs,
		RunE: needsCommand,
	}
	cmd.AddCommand(newJobInstall(io), newJobShip(io), newJobCompact(io), newJobRetain(io))
	return cmd
}

// needsCommand is what a command does that only has others below it: Cobra would
// print help for a misspelt one, and end well.
func needsCommand(cmd *cobra.Command, _ []string) error {
	return fmt.Errorf("%s needs a command; see %s --help", cmd.CommandPath(), cmd.CommandPath())
}

// jobFlags are those of every job.
type jobFlags struct {
	resultFile string
}

func (j *jobFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&j.resultFile, "result-file", "", "file for the result; default "+terminationLog+" if it is there")
}

// run does the work and leaves its result. What is wrong with the flags is a
// result too: nobody reads what a Job prints.
func (j *jobFlags) run(ctx context.Context, io streams, work func(context.Context) (schedule.Result, error)) error {
	started := time.Now().UTC()
	r, err := work(ctx)
	if err != nil {
		r = schedule.Result{Outcome: schedule.Refused, Reason: "usage", Hint: err.Error()}
	}
	r.Started, r.Ended = started, time.Now().UTC()
	if err := j.write(r); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(io.err, sentence(r))
	if !r.Good() {
		return errFound
	}
	return nil
}

// write leaves the result where it is looked for. A termination log is there
// already, and may not be replaced.
func (j *jobFlags) write(r schedule.Result) error {
	path := j.resultFile
	if path == "" {
		if _, err := os.Stat(terminationLog); err != nil {
			return nil //nolint:nilerr // not in a container
		}
		path = terminationLog
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644) //nolint:gosec // others read it
	if err != nil {
		return fmt.Errorf("leave the result: %w", err)
	}
	_, err = r.WriteTo(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("leave the result: %w", err)
	}
	return nil
}

// sentence is a result for people.
func sentence(r schedule.Result) string {
	text := r.Outcome
	if r.Reason != "" {
		text += " (" + r.Reason + ")"
	}
	if r.Hint != "" {
		text += ": " + r.Hint
	}
	if counts := countsText(r.Counts); counts != "" {
		text += "; " + counts
	}
	return text
}

func countsText(counts map[string]int64) string {
	var parts []string
	for name, n := range counts {
		parts = append(parts, fmt.Sprintf("%s %d", name, n))
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}

// bucketJob is a job that works on the bucket, under its lock.
type bucketJob struct {
	jobFlags
	store            storeFlags
	holder           string
	lockTTL, lockFor time.Duration
}

func (b *bucketJob) add(cmd *cobra.Command, lockFor time.Duration) {
	b.store.addConfig(cmd)
	flags := cmd.Flags()
	b.jobFlags.add(flags)
	flags.StringVar(&b.holder, "holder", os.Getenv("POD_NAME"), "name that the bucket's lock shows to others; default $POD_NAME, then the host's name")
	flags.DurationVar(&b.lockTTL, "lock-ttl", 2*time.Minute, "after how long without a sign of life others may take the bucket's lock")
	flags.DurationVar(&b.lockFor, "lock-wait", lockFor, "how long to wait for a bucket that another job has locked")
}

// open opens the bucket that the flags name.
func (b *bucketJob) open(ctx context.Context) (stores.Bucket, error) {
	config, _, err := b.store.chosen(nil)
	if err != nil {
		return nil, err
	}
	if b.holder == "" {
		b.holder, _ = os.Hostname()
	}
	return stores.Open(ctx, config, stores.Options{})
}

// locked does work while nobody else writes to the bucket.
func (b *bucketJob) locked(ctx context.Context, bucket stores.Bucket, purpose string, work func(context.Context) schedule.Result) schedule.Result {
	var r schedule.Result
	claim := lock.Claim{Holder: b.holder, Purpose: purpose, TTL: b.lockTTL}
	until := time.Now().Add(b.lockFor)
	for {
		err := lock.Hold(ctx, bucket, claim, func(ctx context.Context, _ uint64) error {
			r = work(ctx)
			return nil
		})
		var held *lock.Held
		switch {
		case errors.As(err, &held) && time.Now().Before(until):
			select {
			case <-ctx.Done():
				return schedule.Result{Outcome: schedule.Failed, Reason: "ended", Hint: "told to end while " + held.Error()}
			case <-time.After(min(10*time.Second, time.Until(until))):
			}
			continue
		case errors.As(err, &held):
			return schedule.Result{Outcome: schedule.Refused, Reason: "locked", Hint: held.Error()}
		case errors.Is(err, lock.ErrLost):
			r.Outcome, r.Reason, r.Hint = schedule.Failed, "lock-lost", err.Error()
		case err != nil && r.Outcome == "":
			return faulty(err)
		case err != nil:
			r.Lines = append(r.Lines, err.Error())
		}
		return r
	}
}

// faulty is the result of an error of the object store.
func faulty(err error) schedule.Result {
	r := schedule.Result{Outcome: schedule.Refused, Hint: withHint(err).Error()}
	switch {
	case errors.Is(err, stores.ErrDenied):
		r.Reason = "denied"
	case errors.Is(err, stores.ErrNoBucket):
		r.Reason = "no-bucket"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		r.Outcome, r.Reason = schedule.Failed, "ended"
	default:
		r.Outcome, r.Reason = schedule.Failed, "store-away"
	}
	return r
}

// countBucket puts what is in the bucket into a result.
func countBucket(counts map[string]int64, inv *audit.Inventory) {
	counts[schedule.CountBucketBlocks] = int64(len(inv.Blocks))
	counts[schedule.CountBucketBytes] = inv.Bytes
}

// period is a flag with a duration as Prometheus writes it, such as 2d.
type period time.Duration

func (p *period) String() string { return model.Duration(*p).String() }
func (p *period) Type() string   { return "duration" }

func (p *period) Set(text string) error {
	d, err := model.ParseDuration(text)
	*p = period(d)
	return err
}
