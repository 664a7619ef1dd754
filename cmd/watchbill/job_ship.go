package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/watchbill/watchbill/reconcile/schedule"
	"github.com/watchbill/watchbill/stores/ship"
)

// shipJob is `watchbill job ship`.
type shipJob struct {
	jobFlags
	replicas         []string
	timeout          time.Duration
	attempts, atOnce int
}

func newJobShip(io streams) *cobra.Command {
	var j shipJob
	cmd := &cobra.Command{
		Use:   "ship",
		Short: "Have every Prometheus replica upload what the bucket lacks",
		Long: `Ask the agent of each replica to hold what is on its volume against what is whole in
the bucket, and to upload what is missing. A replica that does not answer, and
blocks that could not be shipped, are named in the result.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return j.run(cmd.Context(), io, func(ctx context.Context) (schedule.Result, error) { return j.work(ctx, io) })
		},
	}
	flags := cmd.Flags()
	j.add(flags)
	flags.StringArrayVar(&j.replicas, "replica", nil, "URL of a replica's agent; one for each replica")
	flags.DurationVar(&j.timeout, "timeout", 45*time.Minute, "how long one replica may take")
	flags.IntVar(&j.attempts, "attempts", 4, "how often a replica is asked that does not answer")
	flags.IntVar(&j.atOnce, "concurrency", 2, "how many replicas ship at once")
	return cmd
}

// shipped is what came of one replica.
type shipped struct {
	replica string
	report  ship.Report
	err     error
}

func (j *shipJob) work(ctx context.Context, io streams) (schedule.Result, error) {
	urls, err := j.urls()
	if err != nil {
		return schedule.Result{}, err
	}
	all := make([]shipped, len(urls))
	slots := make(chan struct{}, max(1, j.atOnce))
	var print sync.Mutex
	var shipping sync.WaitGroup
	for i, u := range urls {
		shipping.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			replica, _, _ := strings.Cut(u.Hostname(), ".")
			report, err := j.patiently(ctx, u)
			all[i] = shipped{replica, report, err}
			print.Lock()
			defer print.Unlock()
			fmt.Fprintln(io.err, all[i].line())
		})
	}
	shipping.Wait()
	r := sumShipped(all)
	if ctx.Err() != nil && !r.Good() {
		r.Outcome, r.Reason, r.Hint = schedule.Failed, "ended", "told to end before all replicas had shipped: "+r.Hint
	}
	return r, nil
}

func (j *shipJob) urls() ([]*url.URL, error) {
	if len(j.replicas) == 0 {
		return nil, errors.New("--replica is needed: the URL of a replica's agent, once for each replica")
	}
	var urls []*url.URL
	for _, text := range j.replicas {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("--replica %q: write a URL such as http://prometheus-0.prometheus-operated:9533", text)
		}
		urls = append(urls, u.JoinPath("ship"))
	}
	return urls, nil
}

// again is an error that may be none soon.
type again struct{ error }

func (a again) Unwrap() error { return a.error }

// patiently asks a replica, and asks again one that does not answer: its pod may be on its way to another node.
func (j *shipJob) patiently(ctx context.Context, u *url.URL) (ship.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, j.timeout)
	defer cancel()
	for n, pause := 1, 2*time.Second; ; n, pause = n+1, pause*3 {
		report, err := askShip(ctx, u)
		if err == nil || n >= j.attempts || !errors.As(err, new(again)) {
			return report, err
		}
		select {
		case <-ctx.Done():
			return report, err
		case <-time.After(pause):
		}
	}
}

func askShip(ctx context.Context, u *url.URL) (ship.Report, error) {
	var report ship.Report
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), nil)
	if err != nil {
		return report, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return report, again{err}
	}
	defer answer.Body.Close()
	const most = 64 << 20 // a volume of a hundred thousand blocks
	body := io.LimitReader(answer.Body, most)
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(body, 1024))
		err := fmt.Errorf("it answers %s: %s", answer.Status, strings.TrimSpace(string(text)))
		if answer.StatusCode == http.StatusConflict || answer.StatusCode >= 500 {
			err = again{err}
		}
		return report, err
	}
	if err := json.NewDecoder(body).Decode(&report); err != nil {
		return report, again{fmt.Errorf("read its report: %w", err)}
	}
	return report, nil
}

func (s *shipped) line() string {
	if s.err != nil {
		return s.replica + ": " + s.err.Error()
	}
	return s.replica + ": " + s.report.String()
}

// sumShipped is the result of all replicas together. What a person must do
// something about comes first, then who did not answer.
func sumShipped(all []shipped) schedule.Result {
	r := schedule.Result{Outcome: schedule.Nothing, Lag: map[string]float64{}, Counts: map[string]int64{"replicas": int64(len(all))}}
	var silent, broken, behind []string
	for i := range all {
		s := &all[i]
		r.Lines = append(r.Lines, s.line())
		if s.err != nil {
			silent = append(silent, s.replica)
			continue
		}
		for state, n := range s.report.Counts {
			r.Counts[string(state)] += int64(n)
		}
		r.Counts["uploadedBytes"] += s.report.UploadedBytes
		r.Counts["missingBytes"] += s.report.MissingBytes
		if s.report.Newest != nil {
			r.Lag[s.replica] = max(0, s.report.LagSeconds)
		}
		for _, b := range s.report.Blocks {
			what := s.replica + " " + b.ID.String() + " (" + cmp.Or(b.Why, string(b.State)) + ")"
			switch b.State {
			case ship.Broken:
				broken = append(broken, what)
			case ship.Missing, ship.Partial:
				behind = append(behind, what)
			}
		}
	}
	if r.Counts[string(ship.Uploaded)] > 0 {
		r.Outcome = schedule.Done
	}
	r.Counts["silent"] = int64(len(silent))
	var hints []string
	add := func(outcome, reason, format string, names []string) {
		if len(names) == 0 {
			return
		}
		if len(hints) == 0 {
			r.Outcome, r.Reason = outcome, reason
		}
		hints = append(hints, fmt.Sprintf(format, some(names)))
	}
	add(schedule.Refused, "broken", "blocks on the volume are broken and nowhere in the bucket: %s; look at the volume, and delete them if they cannot be repaired", broken)
	add(schedule.Failed, "silent", "no report from %s; see the log of its container agent", silent)
	add(schedule.Failed, "behind", "blocks are not whole in the bucket: %s", behind)
	r.Hint = strings.Join(hints, "; ")
	return r
}

// some are the first of the names.
func some(names []string) string {
	const most = 4
	slices.Sort(names)
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
