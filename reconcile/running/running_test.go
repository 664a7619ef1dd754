package running

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/watchbill/watchbill/reconcile/reach"
	"github.com/watchbill/watchbill/reconcile/review"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/test/upstream"
)

// stackOf is a stack of these pods, by component, each at its address.
func stackOf(pods ...corev1.Pod) *Stack {
	client := fake.NewClientset(&corev1.PodList{Items: pods})
	return &Stack{Client: client, Namespace: "monitoring", Environment: "prod", Way: reach.Direct()}
}

func pod(component, name, address string, ready corev1.ConditionStatus) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "monitoring", Labels: map[string]string{
			"app.kubernetes.io/name": component, "app.kubernetes.io/instance": "prod",
		}},
		Status: corev1.PodStatus{PodIP: address, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}},
	}
}

func TestFiring(t *testing.T) {
	dir := t.TempDir()
	upstream.Write(t, dir, map[string]string{
		"prometheus.yml": "global: {evaluation_interval: 1s}\nrule_files: [rules/payments/*.yaml]\n",
		"rules/payments/a.yaml": `groups:
  - name: g
    rules:
      - {record: a:b, expr: "1"}
      - {alert: Fires, expr: "vector(1)", labels: {severity: page}}
      - {alert: Fires, expr: "vector(1)", labels: {severity: page}}
      - {alert: Waits, expr: "vector(1)", for: 1h}
      - {alert: Quiet, expr: "vector(1) > 2"}
`})
	server := upstream.Prometheus(t, dir)
	s := stackOf(pod("prometheus", "prometheus-0", server.Address, corev1.ConditionTrue), pod("prometheus", "prometheus-1", "127.0.0.1:1", corev1.ConditionTrue))
	s.folder = dir
	var got []review.LiveAlert
	server.Await(t, "at its first evaluation", func() bool {
		var err error
		if got, err = s.Firing(t.Context(), "prod"); err != nil {
			t.Fatal(err)
		}
		return len(got) >= 3
	})
	for i := range got {
		if got[i].Since.IsZero() || time.Since(got[i].Since) > time.Minute {
			t.Errorf("since %s", got[i].Since)
		}
		got[i].Since = time.Time{}
	}
	page := map[string]string{"severity": "page"}
	alert := func(name, state string, nth int, rule, labels map[string]string) review.LiveAlert {
		return review.LiveAlert{File: "rules/payments/a.yaml", Group: "g", Name: name, RuleLabels: rule, Nth: nth, Labels: labels, State: state}
	}
	want := []review.LiveAlert{
		alert("Fires", "firing", 0, page, map[string]string{"alertname": "Fires", "severity": "page"}),
		alert("Fires", "firing", 1, page, map[string]string{"alertname": "Fires", "severity": "page"}),
		alert("Waits", "pending", 0, map[string]string{}, map[string]string{"alertname": "Waits"}),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Firing(t.Context(), "dev"); !errors.Is(err, ErrElsewhere) {
		t.Errorf("of another environment: %v", err)
	}
}

func TestNobodyToAsk(t *testing.T) {
	s := stackOf(pod("prometheus", "prometheus-0", "127.0.0.1:1", corev1.ConditionFalse))
	if _, err := s.Firing(t.Context(), "prod"); err == nil || !strings.Contains(err.Error(), "no pod of prometheus is ready") {
		t.Errorf("not ready: %v", err)
	}
	s = stackOf(pod("prometheus", "prometheus-0", "127.0.0.1:1", corev1.ConditionTrue))
	if _, err := s.Firing(t.Context(), "prod"); err == nil || !strings.Contains(err.Error(), "ask prometheus-0") {
		t.Errorf("not there: %v", err)
	}
}

// The blocks of two days in a bucket that a real Thanos Store serves.
func TestRetention(t *testing.T) {
	dir := t.TempDir()
	const from = 1767571200 // 2026-01-05
	var text strings.Builder
	text.WriteString("# TYPE m gauge\n")
	for at := from; at < from+4*3600; at += 300 {
		fmt.Fprintf(&text, "m %d %d\n", at%97, at)
	}
	text.WriteString("# EOF\n")
	upstream.Write(t, dir, map[string]string{"metrics": text.String()})
	upstream.Run(t, "promtool", "tsdb", "create-blocks-from", "openmetrics", filepath.Join(dir, "metrics"), filepath.Join(dir, "blocks"))
	bucket := "{type: FILESYSTEM, config: {directory: " + filepath.Join(dir, "bucket") + "}}"
	upstream.Run(t, "thanos", "tools", "bucket", "upload-blocks", "--path", filepath.Join(dir, "blocks"), "--objstore.config", bucket, "--label", `env="prod"`)
	server := upstream.Start(t, "thanos", "store", "--data-dir="+filepath.Join(dir, "store"), "--http-address=127.0.0.1:0",
		"--grpc-address=127.0.0.1:0", "--objstore.config="+bucket, "--ignore-deletion-marks-delay=24h", "--consistency-delay=0s")
	s := stackOf(pod("thanos-store", "thanos-store-0-0", server.Address, corev1.ConditionTrue))
	s.Now = func() time.Time { return time.Unix(from, 0).Add(100 * time.Hour) }

	inv, err := s.Blocks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.Blocks) != 2 || inv.Blocks[0].Labels.Get("env") != "prod" || inv.Blocks[0].Bytes == 0 {
		t.Fatalf("blocks: %+v", inv.Blocks)
	}
	off := false
	env := func(raw repolayout.Duration) *repolayout.Environment {
		e := &repolayout.Environment{Name: "prod"}
		e.Retention.Raw, e.Compact.Downsample = raw, &off
		return e
	}
	for _, c := range []struct {
		name, base, head, want string
	}{
		{"all go", "1000h", "90h", "It deletes **2 blocks ("},
		{"one goes", "1000h", "97h", "It deletes **1 block ("},
		{"went anyway", "90h", "80h", "It deletes nothing of the 2 blocks that are there today."},
		{"longer", "90h", "1000h", "It keeps 2 blocks ("},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := s.Retention(t.Context(), env(repolayout.Duration(c.base)), env(repolayout.Duration(c.head)))
			if err != nil || !strings.HasPrefix(got, c.want) {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
	got, err := s.Retention(t.Context(), env("1000h"), env("97h"))
	if err != nil || !strings.Contains(got, "- `"+inv.Blocks[0].ID.String()+"` raw, ") || !strings.Contains(got, `2026-01-05 00:00 to 2026-01-05 01:55 `+"`"+`{env="prod"}`) {
		t.Errorf("%s, %v", got, err)
	}
}
