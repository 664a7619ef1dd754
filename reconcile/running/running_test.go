package running

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
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
)

// program is the path of a real program.
func program(t *testing.T, name string) string {
	t.Helper()
	path := os.Getenv("WATCHBILL_" + strings.ToUpper(name))
	if path == "" {
		t.Skipf("needs %s: run it by make test", name)
	}
	return path
}

// start runs a server until the test ends, and returns its address once it is ready.
func start(t *testing.T, flag, path string, args ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	cmd := exec.Command(path, append(args, flag+"="+address)...)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); http.DefaultClient.CloseIdleConnections() })
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		response, err := http.Get("http://" + address + "/-/ready")
		if err == nil {
			response.Body.Close()
		}
		if err == nil && response.StatusCode == http.StatusOK {
			return address
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not ready after 30 s: %s", filepath.Base(path), log.String())
		}
	}
}

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

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestFiring(t *testing.T) {
	prometheus := program(t, "prometheus")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "prometheus.yml"), "global: {evaluation_interval: 1s}\nrule_files: [rules/payments/*.yaml]\n")
	write(t, filepath.Join(dir, "rules/payments/a.yaml"), `groups:
  - name: g
    rules:
      - {record: a:b, expr: "1"}
      - {alert: Fires, expr: "vector(1)", labels: {severity: page}}
      - {alert: Fires, expr: "vector(1)", labels: {severity: page}}
      - {alert: Waits, expr: "vector(1)", for: 1h}
      - {alert: Quiet, expr: "vector(1) > 2"}
`)
	address := start(t, "--web.listen-address", prometheus, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"))
	s := stackOf(pod("prometheus", "prometheus-0", address, corev1.ConditionTrue), pod("prometheus", "prometheus-1", "127.0.0.1:1", corev1.ConditionTrue))
	s.folder = dir
	var got []review.LiveAlert
	for deadline := time.Now().Add(30 * time.Second); len(got) < 3; time.Sleep(100 * time.Millisecond) {
		var err error
		if got, err = s.Firing(t.Context(), "prod"); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("only %+v", got)
		}
	}
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
	thanos, promtool := program(t, "thanos"), program(t, "promtool")
	dir := t.TempDir()
	const from = 1767571200 // 2026-01-05
	var text strings.Builder
	text.WriteString("# TYPE m gauge\n")
	for at := from; at < from+4*3600; at += 300 {
		fmt.Fprintf(&text, "m %d %d\n", at%97, at)
	}
	text.WriteString("# EOF\n")
	write(t, filepath.Join(dir, "metrics"), text.String())
	run(t, promtool, "tsdb", "create-blocks-from", "openmetrics", filepath.Join(dir, "metrics"), filepath.Join(dir, "blocks"))
	bucket := "{type: FILESYSTEM, config: {directory: " + filepath.Join(dir, "bucket") + "}}"
	run(t, thanos, "tools", "bucket", "upload-blocks", "--path", filepath.Join(dir, "blocks"), "--objstore.config", bucket, "--label", `env="prod"`)
	address := start(t, "--http-address", thanos, "store", "--data-dir="+filepath.Join(dir, "store"), "--grpc-address=127.0.0.1:0",
		"--objstore.config="+bucket, "--ignore-deletion-marks-delay=24h", "--consistency-delay=0s")
	s := stackOf(pod("thanos-store", "thanos-store-0-0", address, corev1.ConditionTrue))
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

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", filepath.Base(name), args[0], err, out)
	}
}
