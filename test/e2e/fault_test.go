//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/gitserver"
	"github.com/watchbill/watchbill/test/stack"
)

func twoReplicas(ctx context.Context) error {
	pods, err := s.Pods(ctx, bundle.Prometheus)
	if err != nil {
		return err
	}
	ready := 0
	for _, pod := range pods {
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				ready++
			}
		}
	}
	if ready != 2 || len(pods) != 2 {
		return fmt.Errorf("%d are ready", ready)
	}
	return nil
}

func TestDriftIsPutRight(t *testing.T) {
	good := fromGood(t)
	core := s.Client.CoreV1()
	index, err := s.Index(t.Context(), bundle.Prometheus)
	check(t, err)
	chunk := bundle.Name(bundle.Prometheus, index.Wanted.Chunks[0])
	for _, drift := range []struct {
		name string
		make func(context.Context) error
		ok   func(context.Context) error
	}{
		{"a chunk is deleted", func(ctx context.Context) error {
			return core.ConfigMaps(s.Namespace).Delete(ctx, chunk, metav1.DeleteOptions{})
		}, func(ctx context.Context) error {
			_, err := core.ConfigMaps(s.Namespace).Get(ctx, chunk, metav1.GetOptions{})
			return err
		}},
		{"a Service is edited", func(ctx context.Context) error {
			patch := []byte(`{"spec":{"ports":[{"name":"web","port":9999}]}}`)
			_, err := core.Services(s.Namespace).Patch(ctx, "prometheus", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "somebody"})
			return err
		}, func(ctx context.Context) error {
			service, err := core.Services(s.Namespace).Get(ctx, "prometheus", metav1.GetOptions{})
			if err == nil && (len(service.Spec.Ports) == 0 || service.Spec.Ports[0].Port == 9999) {
				err = fmt.Errorf("its ports are %v", service.Spec.Ports)
			}
			return err
		}},
		{"an annotation is added", func(ctx context.Context) error {
			patch := []byte(`{"metadata":{"annotations":{"somebody":"was here"}}}`)
			_, err := s.Client.PolicyV1().PodDisruptionBudgets(s.Namespace).Patch(ctx, "prometheus", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "somebody"})
			return err
		}, func(ctx context.Context) error {
			budget, err := s.Client.PolicyV1().PodDisruptionBudgets(s.Namespace).Get(ctx, "prometheus", metav1.GetOptions{})
			if err == nil && budget.Annotations["somebody"] != "" {
				err = errors.New("it is still there")
			}
			return err
		}},
		{"a StatefulSet is scaled", func(ctx context.Context) error {
			patch := []byte(`{"spec":{"replicas":1}}`)
			_, err := s.Client.AppsV1().StatefulSets(s.Namespace).Patch(ctx, "prometheus", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "somebody"})
			return err
		}, func(ctx context.Context) error {
			set, err := s.Client.AppsV1().StatefulSets(s.Namespace).Get(ctx, "prometheus", metav1.GetOptions{})
			if err == nil && *set.Spec.Replicas != 2 {
				err = fmt.Errorf("it has %d replicas", *set.Spec.Replicas)
			}
			return err
		}},
		{"an index is edited", func(ctx context.Context) error {
			return editIndex(ctx, func(i *bundle.Index) { i.Wanted.Chunks = i.Wanted.Chunks[1:] })
		}, func(ctx context.Context) error {
			now, err := s.Index(ctx, bundle.Prometheus)
			if err == nil && !slices.Equal(now.Wanted.Chunks, index.Wanted.Chunks) {
				err = errors.New("it wants other chunks")
			}
			return err
		}},
		{"an index is deleted", func(ctx context.Context) error {
			return core.ConfigMaps(s.Namespace).Delete(ctx, bundle.IndexName(bundle.Alertmanager), metav1.DeleteOptions{})
		}, func(ctx context.Context) error {
			_, err := s.Index(ctx, bundle.Alertmanager)
			return err
		}},
	} {
		t.Run(drift.name, func(t *testing.T) {
			ctx := within(t, 30*time.Second)
			check(t, drift.make(ctx))
			began := time.Now()
			check(t, s.Until(ctx, "the drift to be put right", drift.ok))
			took := time.Since(began)
			t.Logf("put right after %s", took.Round(time.Millisecond))
			if took > 4*time.Second {
				t.Errorf("it took %s, as long as a poll: nothing woke the loop", took)
			}
			check(t, s.Until(ctx, "two replicas of Prometheus", twoReplicas))
			stillLive(t, ctx, good)
		})
	}
}

func editIndex(ctx context.Context, change func(*bundle.Index)) error {
	index, err := s.Index(ctx, bundle.Prometheus)
	if err != nil {
		return err
	}
	change(&index)
	data, err := index.Data()
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return err
	}
	_, err = s.Client.CoreV1().ConfigMaps(s.Namespace).Patch(ctx, bundle.IndexName(bundle.Prometheus), types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "somebody"})
	return err
}

// The daemon is killed at each stage of a revision, and the next one brings the revision live.
func TestDaemonKilledAtEachStage(t *testing.T) {
	fromGood(t)
	minutes := 10
	for _, kill := range []struct {
		stage string
		// arm prepares before the push; disarm is called after the kill.
		arm func(*testing.T, context.Context) (disarm func())
		// now says that the moment has come.
		now func(stack.Event) bool
		// after is a time after the poke instead.
		after time.Duration
	}{
		{stage: "fetching", arm: hangGit},
		{stage: "50 ms after the poke", after: 50 * time.Millisecond},
		{stage: "chunk written", now: func(e stack.Event) bool { return e.Chunk != "" }},
		{stage: "index written", now: func(e stack.Event) bool { return e.Index != nil && !e.Index.Proven() }},
		{stage: "waiting for proof", arm: stopAgent, now: func(e stack.Event) bool {
			return e.Report != nil && e.Report.Pod == "prometheus-1" && e.Report.Live == e.Report.Wanted
		}},
		{stage: "index promoted", now: func(e stack.Event) bool {
			return e.Component == bundle.Prometheus && e.Index != nil && e.Index.Proven()
		}},
		{stage: "300 ms after the poke", after: 300 * time.Millisecond},
	} {
		t.Run(kill.stage, func(t *testing.T) {
			ctx := within(t, 2*time.Minute)
			minutes++
			edit(t, platformRules, failures+fmt.Sprint(minutes-1)+"m", failures+fmt.Sprint(minutes)+"m")
			events, err := s.Follow(ctx)
			check(t, err)
			disarm := func() {}
			if kill.arm != nil {
				disarm = kill.arm(t, ctx)
			}
			asked := s.Git.Requests()
			commit := deliver(t, ctx, "platform: "+kill.stage)
			switch {
			case kill.now != nil:
				for e := range events {
					if kill.now(e) {
						break
					}
				}
			case kill.after > 0:
				time.Sleep(kill.after)
			default:
				check(t, s.Until(ctx, "the daemon to ask the git server", func(context.Context) error {
					if s.Git.Requests() == asked {
						return errors.New("it has not asked")
					}
					return nil
				}))
			}
			killDaemon(t, ctx)
			disarm()
			began := time.Now()
			awaitLive(t, ctx, commit)
			noLeftovers(t, ctx)
			t.Logf("converged %s after the kill", time.Since(began).Round(100*time.Millisecond))
			for _, seconds := range pending(t) {
				if seconds != float64(minutes)*60 {
					t.Errorf("a replica pends for %g s, not %d m", seconds, minutes)
				}
			}
		})
	}
}

// hangGit lets requests for objects hang.
func hangGit(*testing.T, context.Context) func() {
	s.Git.SetFault(&gitserver.Fault{Hang: true})
	return func() { s.Git.SetFault(nil) }
}

// stopAgent stops the agent of prometheus-0, so that its proof is waited for.
func stopAgent(t *testing.T, ctx context.Context) func() {
	pod, err := s.Client.CoreV1().Pods(s.Namespace).Get(ctx, "prometheus-0", metav1.GetOptions{})
	check(t, err)
	pids := processes(pod.UID, "watchbill")
	if len(pids) != 1 {
		t.Fatalf("prometheus-0 has %d agents", len(pids))
	}
	check(t, syscall.Kill(pids[0], syscall.SIGSTOP))
	return func() { check(t, syscall.Kill(pids[0], syscall.SIGCONT)) }
}
