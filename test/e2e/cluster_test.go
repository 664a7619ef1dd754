//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/stack"
)

// versions are the versions of all objects that Watchbill manages, by kind and name.
func versions(t *testing.T, ctx context.Context) map[string]string {
	t.Helper()
	v := map[string]string{}
	ours := metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=watchbill"}
	add := func(kind string, o metav1.Object) { v[kind+"/"+o.GetName()] = o.GetResourceVersion() }
	cms, err := s.Client.CoreV1().ConfigMaps(s.Namespace).List(ctx, ours)
	check(t, err)
	for i := range cms.Items {
		add("ConfigMap", &cms.Items[i])
	}
	services, err := s.Client.CoreV1().Services(s.Namespace).List(ctx, ours)
	check(t, err)
	for i := range services.Items {
		add("Service", &services.Items[i])
	}
	accounts, err := s.Client.CoreV1().ServiceAccounts(s.Namespace).List(ctx, ours)
	check(t, err)
	for i := range accounts.Items {
		add("ServiceAccount", &accounts.Items[i])
	}
	bindings, err := s.Client.RbacV1().RoleBindings(s.Namespace).List(ctx, ours)
	check(t, err)
	for i := range bindings.Items {
		add("RoleBinding", &bindings.Items[i])
	}
	policies, err := s.Client.NetworkingV1().NetworkPolicies(s.Namespace).List(ctx, ours)
	check(t, err)
	for i := range policies.Items {
		add("NetworkPolicy", &policies.Items[i])
	}
	sets, err := s.Client.AppsV1().StatefulSets(s.Namespace).List(ctx, ours)
	check(t, err)
	for i := range sets.Items { // their versions move with their status, their generation with what is wanted
		v["StatefulSet/"+sets.Items[i].Name] = strconv.FormatInt(sets.Items[i].Generation, 10)
	}
	return v
}

// changes are the names of objects that came, changed and went, sorted.
func changes(before, after map[string]string) (created, changed, deleted []string) {
	for name, version := range after {
		switch old, was := before[name]; {
		case !was:
			created = append(created, name)
		case old != version:
			changed = append(changed, name)
		}
	}
	for name := range before {
		if _, is := after[name]; !is {
			deleted = append(deleted, name)
		}
	}
	slices.Sort(created)
	slices.Sort(changed)
	slices.Sort(deleted)
	return created, changed, deleted
}

// noLeftovers checks that the chunks in the cluster are those that the indexes
// name. What has become superfluous goes with the next pass.
func noLeftovers(t *testing.T, ctx context.Context) {
	t.Helper()
	check(t, s.Poke(ctx))
	check(t, s.Until(ctx, "old chunks to go", func(ctx context.Context) error {
		want := map[string]bool{}
		for _, component := range stack.Components {
			index, err := s.Index(ctx, component)
			if apierrors.IsNotFound(err) {
				continue // the environment does without the component
			}
			if err != nil {
				return err
			}
			for _, digest := range append(index.Wanted.Chunks, index.Start().Chunks...) {
				want[bundle.Name(component, digest)] = true
			}
			want[bundle.IndexName(component)] = true
		}
		list, err := s.Client.CoreV1().ConfigMaps(s.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		have := map[string]bool{}
		for _, cm := range list.Items {
			for _, component := range stack.Components {
				if strings.HasPrefix(cm.Name, bundle.IndexName(component)) {
					have[cm.Name] = true
				}
			}
		}
		if !maps.Equal(have, want) {
			return fmt.Errorf("there are %v, and wanted are %v", slices.Sorted(maps.Keys(have)), slices.Sorted(maps.Keys(want)))
		}
		return nil
	}))
}

// killDaemon kills the daemon's process where it stands, and its pod, so that
// another pod takes over and no back-off is waited for.
func killDaemon(t *testing.T, ctx context.Context) {
	t.Helper()
	pods, err := s.Pods(ctx, stack.Deployment)
	check(t, err)
	now := int64(0)
	for _, pod := range pods {
		for _, pid := range processes(pod.UID, "watchbill") {
			check(t, syscall.Kill(pid, syscall.SIGKILL))
		}
		check(t, s.Client.CoreV1().Pods(s.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now}))
	}
}

// processes are the processes of a pod that run the program.
func processes(pod types.UID, program string) []int {
	var pids []int
	paths, _ := filepath.Glob("/proc/[0-9]*/cgroup") // the pattern is well-formed
	for _, path := range paths {
		groups, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(groups), string(pod)) {
			continue
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		first, _, _ := strings.Cut(string(line), "\x00")
		if err != nil || filepath.Base(first) != program {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
