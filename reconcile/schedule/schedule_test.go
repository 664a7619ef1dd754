package schedule

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// brief is what a test compares of what is remembered.
func brief(k *Kind) string {
	var runs []string
	for _, r := range k.Runs {
		runs = append(runs, strings.TrimPrefix(r.Job, "watchbill-compact-")+" "+strings.TrimSpace(r.Outcome+" "+r.Reason))
	}
	last := "never"
	if !k.Last.IsZero() {
		last = k.Last.Format(tickFormat)
	}
	return fmt.Sprintf("last %s, skipped %d, missed %d: %s", last, k.Skipped, k.Missed, strings.Join(runs, ", "))
}

func (w *world) is(want string) {
	w.t.Helper()
	if diff := cmp.Diff(want, brief(w.kind("compact"))); diff != "" {
		w.t.Errorf("at %s: %s", w.clock.now().Format(time.TimeOnly), diff)
	}
}

var done = Result{Outcome: Done}

func TestATickMakesItsJobOnce(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	s := w.scheduler(compactJob("0 * * * *"))
	w.turn(s)
	w.is("last never, skipped 0, missed 0: ") // what was before the first start is none of its ticks
	w.at(s, "2026-01-05 10:00:00")
	w.at(s, "2026-01-05 10:00:30")
	w.is("last 20260105t1000, skipped 0, missed 0: 20260105t1000 running")
	w.finish("watchbill-compact-20260105t1000", done)
	w.turn(s)
	w.is("last 20260105t1000, skipped 0, missed 0: 20260105t1000 done")
	w.at(s, "2026-01-05 11:00:00")
	if diff := cmp.Diff([]string{"watchbill-compact-20260105t1000", "watchbill-compact-20260105t1100"}, w.names()); diff != "" {
		t.Error(diff)
	}
	if len(w.told) > 0 {
		t.Errorf("told of what is as it should be: %q", w.told)
	}
}

func TestATickOnRecordNeverRunsAgain(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	s := w.scheduler(compactJob("0 * * * *"))
	w.turn(s)
	w.at(s, "2026-01-05 10:00:00")
	w.finish("watchbill-compact-20260105t1000", done)
	w.turn(s)
	w.deleteJob("watchbill-compact-20260105t1000")

	w.at(s, "2026-01-05 09:59:59") // the clock is set back
	w.at(s, "2026-01-05 10:00:01")
	again := w.scheduler(compactJob("0 * * * *")) // a restart
	w.at(again, "2026-01-05 10:00:02")
	w.is("last 20260105t1000, skipped 0, missed 0: 20260105t1000 done")
	if names := w.names(); len(names) > 0 {
		t.Errorf("the tick ran again: %q", names)
	}
}

func TestAJobThatWasNotRecordedIsNotMadeAgain(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	s := w.scheduler(compactJob("0 * * * *"))
	w.turn(s)
	w.clock.set("2026-01-05 10:00:00")
	plans, _ := s.planned()
	tick := w.clock.now()
	must(t, s.create(t.Context(), plans["compact"], tick)) // and then the process is killed
	w.finish(JobName("compact", tick), done)
	w.at(w.scheduler(compactJob("0 * * * *")), "2026-01-05 10:00:20")
	w.is("last 20260105t1000, skipped 0, missed 0: 20260105t1000 done")
}

func TestMissedTicks(t *testing.T) {
	tests := []struct {
		name, back string
		catchUp    time.Duration
		want       string
	}{
		{"within the limit the newest is made up for", "2026-01-05 14:20:00", 30 * time.Minute,
			"last 20260105t1400, skipped 0, missed 3: 20260105t1400 running, 20260105t1000 done"},
		{"beyond it none is", "2026-01-05 14:31:00", 30 * time.Minute,
			"last 20260105t1400, skipped 0, missed 4: 20260105t1000 done"},
		{"exactly at it", "2026-01-05 14:30:00", 30 * time.Minute,
			"last 20260105t1400, skipped 0, missed 3: 20260105t1400 running, 20260105t1000 done"},
		{"no catching up", "2026-01-05 14:02:00", 0,
			"last 20260105t1400, skipped 0, missed 4: 20260105t1000 done"},
		{"a change of leaders is no miss", "2026-01-05 11:00:40", 0,
			"last 20260105t1100, skipped 0, missed 0: 20260105t1100 running, 20260105t1000 done"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, "2026-01-05 09:58:00")
			j := compactJob("0 * * * *")
			j.CatchUp = test.catchUp
			s := w.scheduler(j)
			w.turn(s)
			w.at(s, "2026-01-05 10:00:00")
			w.finish("watchbill-compact-20260105t1000", done)
			w.turn(s)
			again := w.scheduler(j)
			w.at(again, test.back)
			w.turn(again)
			w.is(test.want)
		})
	}
}

func TestStillRunningSkips(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	s := w.scheduler(compactJob("0 * * * *"))
	w.turn(s)
	w.at(s, "2026-01-05 10:00:00")
	w.at(s, "2026-01-05 11:00:00")
	w.at(s, "2026-01-05 12:00:00")
	w.finish("watchbill-compact-20260105t1000", done)
	w.at(s, "2026-01-05 12:00:10") // the tick is over with, though nothing runs now
	w.is("last 20260105t1200, skipped 2, missed 0: 20260105t1000 done")
	w.at(s, "2026-01-05 13:00:00")
	w.is("last 20260105t1300, skipped 2, missed 0: 20260105t1300 running, 20260105t1000 done")
}

func TestAnotherScheduleCountsFromNow(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	j := compactJob("0 * * * *")
	j.CatchUp = 24 * time.Hour
	s := w.scheduler(j)
	w.turn(s)
	w.at(s, "2026-01-05 10:00:00")
	w.finish("watchbill-compact-20260105t1000", done)
	w.turn(s)
	j.Schedule = "* * * * *"
	w.clock.set("2026-01-05 10:59:30")
	s.SetJobs([]Job{j})
	w.turn(s)
	w.is("last 20260105t1000, skipped 0, missed 0: 20260105t1000 done")
	j.Schedule = Never
	s.SetJobs([]Job{j})
	w.at(s, "2026-01-05 12:00:00")
	w.is("last 20260105t1000, skipped 0, missed 0: 20260105t1000 done")
	s.SetJobs(nil)
	w.at(s, "2026-01-05 13:00:00")
	j.Schedule = "* * * * *"
	s.SetJobs([]Job{j})
	w.at(s, "2026-01-05 14:00:10")
	w.at(s, "2026-01-05 14:01:00")
	w.is("last 20260105t1401, skipped 0, missed 0: 20260105t1401 running, 20260105t1000 done")
}

func TestAFaultOfOneDoesNotHoldUpTheOthers(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	wrong, invalid := compactJob("0 0 30 2 *"), compactJob("0 * * * *")
	wrong.Kind, invalid.Kind = "ship", "retain"
	invalid.Template.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyAlways
	s := w.scheduler(compactJob("0 * * * *"), wrong, invalid)
	w.turn(s)
	w.clock.set("2026-01-05 10:00:00")
	for range 2 {
		if _, err := s.turn(t.Context()); err == nil {
			t.Error("a Job that the API server does not take is no error")
		}
	}
	w.is("last 20260105t1000, skipped 0, missed 0: 20260105t1000 running")
	if got := w.kind("ship").Fault; got != `schedule "0 0 30 2 *" never fires` {
		t.Errorf("fault of ship: %q", got)
	}
	if got := w.kind("retain").Fault; !strings.Contains(got, "restartPolicy") {
		t.Errorf("fault of retain: %q", got)
	}
	if len(w.told) != 2 {
		t.Errorf("told %q, want one event for each fault", w.told)
	}
}

func TestAClockThatWasFarAhead(t *testing.T) {
	w := newWorld(t, "2036-01-05 09:58:00")
	s := w.scheduler(compactJob("0 * * * *"))
	w.turn(s)
	w.at(s, "2036-01-05 10:00:00")
	w.finish("watchbill-compact-20360105t1000", done)
	w.turn(s)
	again := w.scheduler(compactJob("0 * * * *"))
	w.at(again, "2026-01-05 10:00:00")
	if got := w.kind("compact").Fault; !strings.Contains(got, "lies in the future") {
		t.Errorf("fault: %q", got)
	}
}

// TestRace has 20 schedulers that know nothing of each other at the same ticks.
func TestRace(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	var all []*Scheduler
	for range 20 {
		all = append(all, w.scheduler(compactJob("0 * * * *")))
	}
	together := func(at string) {
		t.Helper()
		w.clock.set(at)
		start := make(chan struct{})
		var racing sync.WaitGroup
		for _, s := range all {
			racing.Go(func() {
				<-start
				if _, err := s.turn(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		racing.Wait()
	}
	together("2026-01-05 09:58:00")
	for i := range 5 {
		together(fmt.Sprintf("2026-01-05 %d:00:00", 10+i))
		name := fmt.Sprintf("watchbill-compact-20260105t%d00", 10+i)
		if names := w.names(); len(names) != min(i+1, keepJobs+1) || names[len(names)-1] != name {
			t.Fatalf("jobs %q", names)
		}
		w.finish(name, Result{Outcome: Failed, Reason: "store-away"})
		for _, s := range all {
			w.caughtUp(s)
		}
		together(fmt.Sprintf("2026-01-05 %d:00:30", 10+i))
		w.eventually("old jobs go", func() bool { return len(w.names()) <= keepJobs })
		for _, s := range all {
			w.caughtUp(s)
		}
	}
	together("2026-01-05 15:00:00")
	together("2026-01-05 16:00:00")
	w.is("last 20260105t1600, skipped 1, missed 0: 20260105t1500 running, 20260105t1400 failed store-away, " +
		"20260105t1300 failed store-away, 20260105t1200 failed store-away, 20260105t1100 failed store-away, 20260105t1000 failed store-away")
	if got := w.kind("compact").Outcomes[Failed]; got != 5 {
		t.Errorf("%d runs counted, want 5", got)
	}
	if len(w.told) != 5 {
		t.Errorf("told %d times of 5 runs: %q", len(w.told), w.told)
	}
}

func TestRun(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	begin, tick := time.Now(), time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	s := w.unwatched()
	s.opts.Now = func() time.Time { return tick.Add(time.Since(begin) - time.Second) } // a second before the tick
	s.SetJobs([]Job{compactJob("0 * * * *")})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	w.eventually("the tick makes its job", func() bool { return len(w.names()) == 1 })
	w.clock.set("2026-01-05 10:00:40")
	w.finish("watchbill-compact-20260105t1000", done)
	w.eventually("its end is written down", func() bool {
		runs := w.kind("compact").Runs // none yet, where the Job was seen before the state
		return len(runs) > 0 && runs[0].Outcome == Done
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAStateThatCannotBeReadStartsNothing(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	s := w.scheduler(compactJob("0 * * * *"))
	w.turn(s)
	patch := []byte(`{"data":{"jobs.json":"{"}}`)
	_, err := w.client.CoreV1().ConfigMaps(w.ns).Patch(t.Context(), Name, types.MergePatchType, patch, metav1.PatchOptions{})
	must(t, err)
	w.clock.set("2026-01-05 10:00:00")
	if _, err = s.turn(t.Context()); err == nil || !strings.Contains(err.Error(), "delete the configmap to begin anew") {
		t.Errorf("error %v", err)
	}
	if names := w.names(); len(names) > 0 {
		t.Errorf("started %q", names)
	}
	must(t, w.client.CoreV1().ConfigMaps(w.ns).Delete(t.Context(), Name, metav1.DeleteOptions{}))
	w.turn(s) // sees that it is gone
	w.at(s, "2026-01-05 10:00:10")
	w.at(s, "2026-01-05 11:00:00")
	w.is("last 20260105t1100, skipped 0, missed 0: 20260105t1100 running")
}

func TestATurnWithNothingToDoAsksForNothing(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	j := compactJob("0 * * * *")
	s := w.scheduler(j)
	w.turn(s)
	w.at(s, "2026-01-05 10:00:00")
	w.finish("watchbill-compact-20260105t1000", done)
	w.turn(s)
	w.caughtUp(s)
	before := w.asked.Load()
	for range 10 {
		s.SetJobs([]Job{compactJob("0 * * * *")}) // as a pass of the loop does
		if _, err := s.turn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.asked.Load() - before; n > 0 {
		t.Errorf("%d requests", n)
	}
	next, err := s.turn(t.Context())
	if want := time.Date(2026, 1, 5, 11, 0, 0, 0, time.UTC); err != nil || !next.Equal(want) {
		t.Errorf("next tick %s (%v), want %s", next, err, want)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.unwatched().Run(ctx); err != nil {
		t.Error(err)
	}
}
