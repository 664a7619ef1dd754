package stack

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/watchbill/watchbill/reconcile/agent"
	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/render/bundle"
)

// Event is something that was seen to happen on a revision's way. One of the
// pointers is set.
type Event struct {
	Time time.Time
	// Component that it is about; empty for a record.
	Component string
	// Chunk is the name of a chunk that was written.
	Chunk string
	// Index is an index that was written.
	Index *bundle.Index
	// Report is what an agent says that it did not say before.
	Report *agent.Report
	// History is what the daemon wrote down.
	History *history.History
}

// Follow tells everything that happens from now on, as it happens, until the
// context ends; then it closes the channel. What is not read is not lost.
func (s *Stack) Follow(ctx context.Context) (<-chan Event, error) {
	maps := s.Client.CoreV1().ConfigMaps(s.Namespace)
	list, err := maps.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("follow the ConfigMaps: %w", err)
	}
	changes, err := maps.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		return nil, fmt.Errorf("follow the ConfigMaps: %w", err)
	}
	replicas, err := s.Replicas(ctx)
	if err != nil {
		changes.Stop()
		return nil, err
	}
	seen := make(chan Event)
	var running sync.WaitGroup
	running.Go(func() { followMaps(ctx, changes, seen) })
	for _, r := range replicas {
		running.Go(func() { s.followAgent(ctx, r, seen) })
	}
	go func() { running.Wait(); close(seen) }()
	return queue(seen), nil
}

// queue takes events at once and gives them in order, however slowly they are read.
func queue(in <-chan Event) <-chan Event {
	out := make(chan Event)
	go func() {
		defer close(out)
		var waiting []Event
		for {
			var next chan Event
			var first Event
			if len(waiting) > 0 {
				next, first = out, waiting[0]
			}
			select {
			case e, open := <-in:
				if !open {
					return
				}
				waiting = append(waiting, e)
			case next <- first:
				waiting = waiting[1:]
			}
		}
	}()
	return out
}

func followMaps(ctx context.Context, changes watch.Interface, seen chan<- Event) {
	defer changes.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case change, open := <-changes.ResultChan():
			if !open {
				return
			}
			cm, ok := change.Object.(*corev1.ConfigMap)
			if !ok || change.Type == watch.Deleted {
				continue
			}
			if e, ok := eventOf(change.Type, cm); ok {
				seen <- e
			}
		}
	}
}

func eventOf(change watch.EventType, cm *corev1.ConfigMap) (Event, bool) {
	e := Event{Time: time.Now()}
	if cm.Name == history.Name {
		h, err := history.Parse(cm)
		e.History = &h
		return e, err == nil
	}
	for _, component := range Components {
		e.Component = component
		if cm.Name == bundle.IndexName(component) {
			index, err := bundle.ParseIndex(cm.Data)
			e.Index = &index
			return e, err == nil
		}
		if change == watch.Added && strings.HasPrefix(cm.Name, bundle.Name(component, "")) {
			e.Chunk = cm.Name
			return e, true
		}
	}
	return e, false
}

// followAgent asks the agent of one pod for each of its reports.
func (s *Stack) followAgent(ctx context.Context, r Replica, seen chan<- Event) {
	last := r.Report
	for ctx.Err() == nil {
		report, err := s.NextReport(ctx, r.Pod, last.Version)
		if err != nil {
			pause(ctx)
			continue
		}
		if report.Version == last.Version && report.Started.Equal(last.Started) {
			continue
		}
		last = report
		seen <- Event{Time: time.Now(), Component: r.Component, Report: &report}
	}
}
