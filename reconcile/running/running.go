// Package running asks the running stack what a change would mean to it: which
// alerts are pending or firing, which blocks there are, and what series say.
//
// It asks the pods of one environment as anybody in their network could:
// Prometheus, Thanos Query and Thanos Store over HTTP. It needs no key of the
// bucket and changes nothing.
package running

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/watchbill/watchbill/reconcile/reach"
)

// Stack is the stack of one environment.
type Stack struct {
	Client      kubernetes.Interface
	Namespace   string
	Environment string
	Way         reach.Way
	// Now is the time. Default: time.Now.
	Now func() time.Time

	folder string // where Prometheus finds its bundle; empty but in tests
}

// ErrElsewhere says that another daemon keeps the environment.
var ErrElsewhere = errors.New("another daemon keeps it")

// The ports as they are rendered.
const (
	prometheusPort = 9090
	queryPort      = 9090
	storePort      = 10902
)

// most is the longest answer that is read.
const most = 64 << 20

func (s *Stack) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// pods are the ready pods of a component, sorted by name.
func (s *Stack) pods(ctx context.Context, component string) ([]corev1.Pod, error) {
	list, err := s.Client.CoreV1().Pods(s.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: "app.kubernetes.io/name=" + component + ",app.kubernetes.io/instance=" + s.Environment,
	})
	if err != nil {
		return nil, fmt.Errorf("list the pods of %s: %w", component, err)
	}
	ready := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool {
		return p.DeletionTimestamp != nil || !slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		})
	})
	if len(ready) == 0 {
		return nil, fmt.Errorf("no pod of %s is ready", component)
	}
	slices.SortFunc(ready, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return ready, nil
}

// get asks one pod.
func (s *Stack) get(ctx context.Context, pod corev1.Pod, port int, path string, query url.Values) ([]byte, error) {
	u, err := s.Way.URL(pod.Name, pod.Status.PodIP, port)
	if err != nil {
		return nil, err
	}
	u = u.JoinPath(path)
	u.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := s.Way.Client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", pod.Name, err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask %s: %w", pod.Name, err)
	case len(raw) > most:
		return nil, fmt.Errorf("ask %s: the answer is longer than %d bytes", pod.Name, most)
	case response.StatusCode != http.StatusOK:
		text, _, _ := strings.Cut(strings.TrimSpace(string(raw)), "\n")
		return nil, fmt.Errorf("ask %s: %s: %.200s", pod.Name, response.Status, text)
	}
	return raw, nil
}
