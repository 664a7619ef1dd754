package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/watchbill/watchbill/reconcile/agent"
	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/render/bundle"
)

// Deliver commits what stands in the clone, pushes it and pokes the daemon.
func (s *Stack) Deliver(ctx context.Context, message string) (string, error) {
	commit, err := s.Repo.Commit(ctx, message)
	if err != nil {
		return "", err
	}
	if err := s.Repo.Push(ctx); err != nil {
		return "", err
	}
	return commit, s.Poke(ctx)
}

// History is what the cluster remembers of the last revisions.
func (s *Stack) History(ctx context.Context) (history.History, error) {
	return history.Load(ctx, s.Client.CoreV1().ConfigMaps(s.Namespace))
}

// Index is what the replicas of a component should run.
func (s *Stack) Index(ctx context.Context, component string) (bundle.Index, error) {
	cm, err := s.Client.CoreV1().ConfigMaps(s.Namespace).Get(ctx, bundle.IndexName(component), metav1.GetOptions{})
	if err != nil {
		return bundle.Index{}, fmt.Errorf("read the index of %s: %w", component, err)
	}
	return bundle.ParseIndex(cm.Data)
}

// Await waits until a revision has come to one of the outcomes, by default
// live. It ends with an error as soon as another outcome is final.
func (s *Stack) Await(ctx context.Context, commit string, outcomes ...history.Outcome) (history.Record, error) {
	if len(outcomes) == 0 {
		outcomes = []history.Outcome{history.Live}
	}
	var record history.Record
	err := s.AwaitHistory(ctx, fmt.Sprintf("revision %.8s to be %s", commit, outcomes[0]), func(h history.History) (bool, error) {
		r := h.Of(commit)
		switch {
		case r == nil:
			return false, nil
		case slices.Contains(outcomes, r.Outcome):
			record = *r
			return true, nil
		case r.Outcome.Final():
			return false, fmt.Errorf("revision %.8s is %s: %s", commit, r.Outcome, r.Reason)
		}
		return false, nil
	})
	return record, err
}

// AwaitHistory waits until the history is as wanted, told of each change by a watch.
func (s *Stack) AwaitHistory(ctx context.Context, what string, done func(history.History) (bool, error)) error {
	var last history.History
	for {
		ok, err := s.watchHistory(ctx, func(h history.History) (bool, error) { last = h; return done(h) })
		if ok || err != nil {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("wait for %s: %w; the newest is %s", what, context.Cause(ctx), newest(last))
		}
	}
}

func newest(h history.History) string {
	if len(h.Records) == 0 {
		return "none"
	}
	r := h.Records[0]
	return strings.TrimSpace(fmt.Sprintf("%.8s, %s %s", r.Revision, r.Outcome, r.Reason))
}

// watchHistory follows the history until done, or until the watch breaks, as it does when the API server goes.
func (s *Stack) watchHistory(ctx context.Context, done func(history.History) (bool, error)) (bool, error) {
	maps := s.Client.CoreV1().ConfigMaps(s.Namespace)
	watch, err := maps.Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, history.Name).String(),
	})
	if err != nil {
		pause(ctx)
		return false, nil
	}
	defer watch.Stop()
	for change := range watch.ResultChan() { // the first is what there is already
		cm, ok := change.Object.(*corev1.ConfigMap)
		if !ok {
			break
		}
		h, err := history.Parse(cm)
		if err != nil {
			return false, err
		}
		if ok, err := done(h); ok || err != nil {
			return ok, err
		}
	}
	pause(ctx)
	return false, nil
}

// pause is a moment before something is tried again.
func pause(ctx context.Context) {
	const moment = 200 * time.Millisecond
	select {
	case <-ctx.Done():
	case <-time.After(moment):
	}
}

// Replica is one replica and what its agent says.
type Replica struct {
	Pod, Component string
	Report         agent.Report
	// Err is why there is no report.
	Err error
}

// Live says whether the replica has proven that bundle.
func (r Replica) Live(digest string) bool {
	return r.Err == nil && r.Report.State == agent.Live && r.Report.Live == digest
}

// Replicas asks every agent.
func (s *Stack) Replicas(ctx context.Context) ([]Replica, error) {
	var out []Replica
	for _, component := range Components {
		pods, err := s.Pods(ctx, component)
		if err != nil {
			return nil, err
		}
		for _, pod := range pods {
			r := Replica{Pod: pod.Name, Component: component}
			r.Report, r.Err = s.Report(ctx, pod.Name)
			out = append(out, r)
		}
	}
	return out, nil
}

// AllLive checks that every replica of a live record runs its bundles: by the
// agents' words, and for Prometheus by its own as well. It says how many do.
func (s *Stack) AllLive(ctx context.Context, record history.Record) (string, error) {
	replicas, err := s.Replicas(ctx)
	if err != nil {
		return "", err
	}
	var faults []error
	live, all := map[string]int{}, map[string]int{}
	for _, r := range replicas {
		if r.Report.State == agent.Leaving || r.Report.State == agent.Left {
			continue // it is to go
		}
		all[r.Component]++
		if err := s.runs(ctx, r, record.Bundles[r.Component]); err != nil {
			faults = append(faults, err)
			continue
		}
		live[r.Component]++
	}
	text := fmt.Sprintf("%d/%d Prometheus, %d/%d Alertmanager",
		live[bundle.Prometheus], all[bundle.Prometheus], live[bundle.Alertmanager], all[bundle.Alertmanager])
	if len(replicas) == 0 {
		faults = append(faults, errors.New("there are no replicas"))
	}
	return text, errors.Join(faults...)
}

func (s *Stack) runs(ctx context.Context, r Replica, digest string) error {
	if !r.Live(digest) {
		return fmt.Errorf("%s: state %q, runs %.12q and not %.12q: %s: %w", r.Pod, r.Report.State, r.Report.Live, digest, r.Report.Error, r.Err)
	}
	if r.Component != bundle.Prometheus {
		return nil
	}
	running, err := s.Running(ctx, r.Pod)
	if err != nil {
		return err
	}
	if running != digest {
		return fmt.Errorf("%s: the agent says %.12s, Prometheus itself %.12s", r.Pod, digest, running)
	}
	return nil
}

// firstLive waits until the repository's newest revision is live.
func (s *Stack) firstLive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	commit, err := s.Repo.Head(ctx)
	if err != nil {
		return err
	}
	s.say("waiting for revision %.8s to be live", commit)
	if err := s.Poke(ctx); err != nil {
		return err
	}
	record, err := s.Await(ctx, commit)
	if err != nil {
		return err
	}
	var text string
	err = s.Until(ctx, "every replica to be live", func(ctx context.Context) error {
		text, err = s.AllLive(ctx, record)
		return err
	})
	if err != nil {
		return err
	}
	s.say("revision %.8s is live on %s", commit, text)
	return s.Poke(ctx) // the next pass clears away what the revision before has left
}
