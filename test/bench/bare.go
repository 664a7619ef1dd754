package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/stack"
)

// benchBareReload measures the limit: in the very pods that Watchbill keeps,
// files are changed by hand, the process reloads, and the change is read back.
// The bundle is put back as it was after each try.
func benchBareReload(ctx context.Context, s *stack.Stack, out figures, log io.Writer) error {
	pods, err := s.Pods(ctx, bundle.Prometheus)
	if err != nil {
		return err
	}
	var took []float64
	for n := range 2 * slowTries {
		restore, err := swapByHand(s, pods, 100+n)
		if err != nil {
			return err
		}
		start := time.Now()
		err = each(pods, func(pod string) error {
			if err := reload(ctx, s, pod); err != nil {
				return err
			}
			return showsChange(ctx, s, pod, 100+n)
		})
		took = append(took, time.Since(start).Seconds())
		restore()
		if err != nil {
			return err
		}
	}
	if err := each(pods, func(pod string) error { return reload(ctx, s, pod) }); err != nil {
		return err
	}
	out["bare_reload_median_seconds"] = median(took)
	fmt.Fprintf(log, "bare reload: %.3f s\n", out["bare_reload_median_seconds"])
	return nil
}

// each does something for all pods at the same time.
func each(pods []corev1.Pod, do func(pod string) error) error {
	faults := make(chan error, len(pods))
	for _, pod := range pods {
		go func() { faults <- do(pod.Name) }()
	}
	var first error
	for range pods {
		if err := <-faults; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func reload(ctx context.Context, s *stack.Stack, pod string) error {
	err := s.Client.CoreV1().RESTClient().Verb(http.MethodPost).Namespace(s.Namespace).Resource("pods").
		Name(pod + ":" + strconv.Itoa(stack.PrometheusPort)).SubResource("proxy").Suffix("-/reload").Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("reload %s: %w", pod, err)
	}
	return nil
}

// showsChange is nil if the process runs the n-th text of the measured rule.
func showsChange(ctx context.Context, s *stack.Stack, pod string, n int) error {
	rules, err := s.Rules(ctx, pod, changedAlert)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if strings.HasSuffix(r.Query, "> "+strconv.Itoa(n+1)) {
			return nil
		}
	}
	return fmt.Errorf("%s does not run change %d yet", pod, n)
}

// swapByHand writes the measured rule into each pod's bundle folder.
func swapByHand(s *stack.Stack, pods []corev1.Pod, n int) (restore func(), err error) {
	var undo []func()
	restore = func() {
		for _, f := range undo {
			f()
		}
	}
	for _, pod := range pods {
		path, err := bundleFile(s, pod)
		if err != nil {
			restore()
			return nil, err
		}
		was, err := os.ReadFile(path)
		if err != nil {
			restore()
			return nil, err
		}
		undo = append(undo, func() { _ = replaceFile(path, was) })
		if err := replaceFile(path, []byte(ruleText(n))); err != nil {
			restore()
			return nil, err
		}
	}
	return restore, nil
}

// replaceFile gives the path a new file; the old one may be shared with other bundles.
func replaceFile(path string, content []byte) error {
	if err := os.WriteFile(path+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// bundleFile is the measured rule's file in a pod's volume, as the node has it.
func bundleFile(s *stack.Stack, pod corev1.Pod) (string, error) {
	if s.Cluster == nil {
		return "", fmt.Errorf("files can be changed by hand only on the local cluster")
	}
	volume := filepath.Join(filepath.Dir(s.Kubeconfig), "kubelet/pods", string(pod.UID), "volumes/kubernetes.io~empty-dir/bundle")
	current, err := os.Readlink(filepath.Join(volume, "current"))
	if err != nil {
		return "", fmt.Errorf("find the bundle of %s: %w", pod.Name, err)
	}
	return filepath.Join(volume, filepath.Base(current), "rules/payments/bench.yaml"), nil
}
