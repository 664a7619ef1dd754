package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/client-go/kubernetes"

	"github.com/watchbill/watchbill/reconcile/schedule"
)

// jobStatus is one kind of job, as `watchbill jobs -o json` prints it.
type jobStatus struct {
	Kind        string           `json:"kind"`
	Schedule    string           `json:"schedule"`
	TimeZone    string           `json:"timeZone,omitempty"`
	Fault       string           `json:"fault,omitempty"`
	Next        time.Time        `json:"next,omitzero"`
	LastSuccess time.Time        `json:"lastSuccess,omitzero"`
	Skipped     int64            `json:"skipped"`
	Missed      int64            `json:"missed"`
	Outcomes    map[string]int64 `json:"outcomes,omitempty"`
	Runs        []schedule.Run   `json:"runs"`
}

func newJobs(io streams) *cobra.Command {
	var cluster clusterFlags
	output := "table"
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "Show the scheduled jobs, and what became of their last runs",
		Long: `Show the jobs of an environment (ship, compact, retain): when each last ran and what
came of it, when it runs next, and how many ticks were skipped because the run
before was still going, or missed because nobody was there.
Exit code 1 if a job cannot be started, or its last run failed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("output", output, "table", "json"); err != nil {
				return err
			}
			all, _, err := cluster.jobs(cmd.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				err = writeJSON(io.out, all)
			} else {
				err = printJobs(io, all, time.Now())
			}
			if err == nil && slices.ContainsFunc(all, func(s jobStatus) bool { return !s.good() }) {
				return errFound
			}
			return err
		},
	}
	cluster.add(cmd.PersistentFlags())
	cmd.Flags().StringVarP(&output, "output", "o", output, "table or json")
	cmd.AddCommand(newJobsShow(io, &cluster), newJobsRun(io, &cluster))
	return cmd
}

// jobs reads what the cluster remembers, sorted by kind.
func (c *clusterFlags) jobs(ctx context.Context) ([]jobStatus, schedule.State, error) {
	client, _, namespace, err := c.client()
	if err != nil {
		return nil, schedule.State{}, err
	}
	state, err := schedule.Load(ctx, client.CoreV1().ConfigMaps(namespace))
	if err != nil {
		return nil, state, err
	}
	all := []jobStatus{}
	for _, kind := range slices.Sorted(maps.Keys(state.Kinds)) {
		k := state.Kinds[kind]
		all = append(all, jobStatus{
			Kind: kind, Schedule: k.Schedule, TimeZone: k.TimeZone, Fault: k.Fault, Next: k.Next(time.Now()), LastSuccess: k.LastSuccess,
			Skipped: k.Skipped, Missed: k.Missed, Outcomes: k.Outcomes, Runs: k.Runs,
		})
	}
	return all, state, nil
}

// newest is the newest run that is over; nil if there is none.
func (s *jobStatus) newest() *schedule.Run {
	for i := range s.Runs {
		if s.Runs[i].Over() {
			return &s.Runs[i]
		}
	}
	return nil
}

func (s *jobStatus) good() bool {
	r := s.newest()
	return s.Fault == "" && (r == nil || r.Good() || s.Schedule == schedule.Never)
}

func printJobs(io streams, all []jobStatus, now time.Time) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(io.out, "no job has been scheduled in this namespace; set objectStore in the environment file")
		return err
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tSCHEDULE\tLAST\tOUTCOME\tDURATION\tNEXT\tSKIPPED\tMISSED")
	for i := range all {
		s := &all[i]
		last, outcome, took := "-", "-", "-"
		if len(s.Runs) > 0 {
			r := &s.Runs[0]
			last, outcome, took = ago(r.Started, now), outcomeText(r), tookText(r, now)
		}
		next := "-"
		if !s.Next.IsZero() {
			next = "in " + duration.HumanDuration(s.Next.Sub(now))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\n", s.Kind, strings.TrimSpace(s.Schedule+" "+s.TimeZone), last, outcome, took, next, s.Skipped, s.Missed)
	}
	for i := range all {
		s := &all[i]
		if s.Fault != "" {
			fmt.Fprintf(w, "\n%s cannot be started: %s\n", s.Kind, s.Fault)
		}
		if r := s.newest(); r != nil && !r.Good() && r.Hint != "" {
			fmt.Fprintf(w, "\n%s %s: %s\n", s.Kind, r.Outcome, r.Hint)
		}
	}
	return w.Flush()
}

func ago(t, now time.Time) string { return age(t, now) + " ago" }

func outcomeText(r *schedule.Run) string {
	if r.Reason != "" {
		return r.Outcome + " (" + r.Reason + ")"
	}
	return r.Outcome
}

func tookText(r *schedule.Run, now time.Time) string {
	end := r.Ended
	if !r.Over() {
		end = now
	}
	return duration.HumanDuration(end.Sub(r.Started))
}

func newJobsShow(io streams, cluster *clusterFlags) *cobra.Command {
	output := "table"
	cmd := &cobra.Command{
		Use:   "show KIND",
		Short: "Show the last runs of one job, with what they said",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("output", output, "table", "json"); err != nil {
				return err
			}
			all, state, err := cluster.jobs(cmd.Context())
			if err != nil {
				return err
			}
			i := slices.IndexFunc(all, func(s jobStatus) bool { return s.Kind == args[0] })
			if i < 0 {
				return noSuchJob(args[0], state)
			}
			if output == "json" {
				return writeJSON(io.out, all[i])
			}
			return all[i].print(io, time.Now())
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", output, "table or json")
	return cmd
}

func noSuchJob(kind string, state schedule.State) error {
	if len(state.Kinds) == 0 {
		return fmt.Errorf("no job has been scheduled in this namespace; is it the right --namespace?")
	}
	return fmt.Errorf("there is no job %q; there are %s", kind, strings.Join(slices.Sorted(maps.Keys(state.Kinds)), ", "))
}

func (s *jobStatus) print(io streams, now time.Time) error {
	if s.Fault != "" {
		fmt.Fprintf(io.out, "%s cannot be started: %s\n\n", s.Kind, s.Fault)
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "JOB\tSTARTED\tDURATION\tOUTCOME\tCOUNTS")
	for i := range s.Runs {
		r := &s.Runs[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Job, ago(r.Started, now), tookText(r, now), outcomeText(r), countsText(r.Counts))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	// What the newest said in full, and of the others what went wrong.
	for i := range s.Runs {
		r := &s.Runs[i]
		if i > 0 && (r.Good() || !r.Over()) {
			continue
		}
		if r.Hint == "" && len(r.Lines) == 0 {
			continue
		}
		fmt.Fprintf(io.out, "\n%s %s\n", r.Job, outcomeText(r))
		if r.Hint != "" {
			fmt.Fprintln(io.out, "  "+r.Hint)
		}
		for _, line := range r.Lines {
			fmt.Fprintln(io.out, "  | "+line)
		}
	}
	return nil
}

func newJobsRun(io streams, cluster *clusterFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "run KIND",
		Short: "Start a job now, beside its schedule",
		Long: `Start a job now. Its result shows in "watchbill jobs". While it runs, the ticks of its
schedule are skipped.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, _, namespace, err := cluster.client()
			if err != nil {
				return err
			}
			name, err := startJob(cmd.Context(), client, namespace, args[0], time.Now())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(io.out, "started %s; follow it with: watchbill jobs show %s\n", name, args[0])
			return err
		},
	}
}

// startJob makes a Job from the template that the daemon would use.
func startJob(ctx context.Context, client kubernetes.Interface, namespace, kind string, now time.Time) (string, error) {
	state, err := schedule.Load(ctx, client.CoreV1().ConfigMaps(namespace))
	if err != nil {
		return "", err
	}
	k := state.Kinds[kind]
	if k == nil {
		return "", noSuchJob(kind, state)
	}
	if k.Template == nil {
		return "", errors.New(kind + " is turned off; set its schedule in the environment file")
	}
	if len(k.Runs) > 0 && !k.Runs[0].Over() {
		return "", fmt.Errorf("%s is running already, as %s; wait for its end", kind, k.Runs[0].Job)
	}
	name := "watchbill-" + kind + "-manual-" + now.UTC().Format("20060102t150405")
	j := schedule.Instance(k.Template, kind, k.Template.Labels["app.kubernetes.io/instance"], name)
	if _, err := client.BatchV1().Jobs(namespace).Create(ctx, j, metav1.CreateOptions{FieldManager: "watchbill-cli"}); err != nil {
		return "", fmt.Errorf("start job %s: %w", name, err)
	}
	return name, nil
}
