package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	crlog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/watchbill/watchbill/reconcile/agent"
	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/reconcile/proof"
	"github.com/watchbill/watchbill/reconcile/source"
	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// world is what the loop works in: a real git repository and a real API server.
// There is no kubelet on it, so the pods are only names, and their agents are
// played by this test: they run what their index wants, or refuse it. With real
// agents and processes the same is done end to end.
type world struct {
	t      *testing.T
	repo   string
	clone  string
	config *rest.Config
	client kubernetes.Interface
	ns     string

	mu         sync.Mutex
	refuse     string          // rules that contain this word are refused
	handedOver bool            // pods that are to leave have handed their samples over
	seen       map[string]bool // every bundle digest that an agent ran
	statuses   []forge.Status
	verify     func(source.Revision) error
}

func TestMain(m *testing.M) {
	klog.SetSlogLogger(slog.New(slog.DiscardHandler)) // what client-go says of killed connections
	crlog.SetLogger(klog.Background())
	os.Exit(m.Run())
}

func newWorld(t *testing.T) *world {
	t.Helper()
	path := os.Getenv("WATCHBILL_TEST_KUBECONFIG")
	if path == "" {
		t.Skip("needs an API server: run it by make test, or set WATCHBILL_TEST_KUBECONFIG")
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	must(t, err)
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	ns, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "loop-"},
	}, metav1.CreateOptions{})
	must(t, err)
	w := &world{
		t: t, config: config, client: client, ns: ns.Name,
		repo: filepath.Join(t.TempDir(), "repo"), clone: filepath.Join(t.TempDir(), "clone"), seen: map[string]bool{},
	}
	must(t, repolayout.WriteExample(w.repo))
	w.edit("environments/prod.yaml", "namespace: monitoring", "namespace: "+w.ns)
	w.git("init", "-q", "-b", "main")
	w.commit("first")
	w.pods(map[string]int{bundle.Prometheus: 2, bundle.Alertmanager: 3})
	w.playController()
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) git(args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", w.repo, "-c", "user.name=test", "-c", "user.email=test@example.com"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *world) edit(path, before, after string) {
	w.t.Helper()
	file := filepath.Join(w.repo, path)
	content, err := os.ReadFile(file)
	must(w.t, err)
	if !strings.Contains(string(content), before) {
		w.t.Fatalf("%s does not contain %q", path, before)
	}
	must(w.t, os.WriteFile(file, []byte(strings.Replace(string(content), before, after, 1)), 0o644))
}

func (w *world) write(path, content string) {
	w.t.Helper()
	must(w.t, os.MkdirAll(filepath.Dir(filepath.Join(w.repo, path)), 0o755))
	must(w.t, os.WriteFile(filepath.Join(w.repo, path), []byte(content), 0o644))
}

func (w *world) commit(message string) string {
	w.t.Helper()
	w.git("add", "-A")
	w.git("commit", "-q", "-m", message)
	return w.git("rev-parse", "HEAD")
}

// pods makes pods that have an address and nothing in them.
func (w *world) pods(count map[string]int) {
	w.t.Helper()
	_, err := w.client.CoreV1().ServiceAccounts(w.ns).Create(w.t.Context(), &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: "default"},
	}, metav1.CreateOptions{})
	must(w.t, err)
	for component, n := range count {
		for i := range n {
			pod, err := w.client.CoreV1().Pods(w.ns).Create(w.t.Context(), &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", component, i), Labels: map[string]string{
					"app.kubernetes.io/name": component, "app.kubernetes.io/managed-by": "watchbill", "app.kubernetes.io/instance": "prod",
				}},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: component, Image: "none"}}},
			}, metav1.CreateOptions{})
			must(w.t, err)
			pod.Status.PodIP = "192.0.2.1"
			pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.PodIP}}
			_, err = w.client.CoreV1().Pods(w.ns).UpdateStatus(w.t.Context(), pod, metav1.UpdateOptions{})
			must(w.t, err)
		}
	}
}

// playController says of every StatefulSet and Deployment that it has rolled out.
func (w *world) playController() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	w.t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			w.rollSets(ctx)
			w.rollDeployments(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
}

func (w *world) rollSets(ctx context.Context) {
	sets := w.client.AppsV1().StatefulSets(w.ns)
	list, err := sets.List(ctx, metav1.ListOptions{})
	if err != nil {
		return
	}
	for _, set := range list.Items {
		n := *set.Spec.Replicas
		if set.Status.ObservedGeneration == set.Generation && set.Status.ReadyReplicas == n {
			continue
		}
		set.Status = appsv1.StatefulSetStatus{
			ObservedGeneration: set.Generation, Replicas: n, ReadyReplicas: n, CurrentReplicas: n,
			UpdatedReplicas: n, AvailableReplicas: n, CurrentRevision: "a", UpdateRevision: "a",
		}
		_, _ = sets.UpdateStatus(ctx, &set, metav1.UpdateOptions{})
	}
}

func (w *world) rollDeployments(ctx context.Context) {
	deployments := w.client.AppsV1().Deployments(w.ns)
	list, err := deployments.List(ctx, metav1.ListOptions{})
	if err != nil {
		return
	}
	for _, d := range list.Items {
		n := *d.Spec.Replicas
		if d.Status.ObservedGeneration == d.Generation && d.Status.ReadyReplicas == n {
			continue
		}
		d.Status = appsv1.DeploymentStatus{
			ObservedGeneration: d.Generation, Replicas: n, ReadyReplicas: n, UpdatedReplicas: n, AvailableReplicas: n,
			Conditions: []appsv1.DeploymentCondition{
				{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue, Reason: "MinimumReplicasAvailable"},
				{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "NewReplicaSetAvailable"},
			},
		}
		_, _ = deployments.UpdateStatus(ctx, &d, metav1.UpdateOptions{})
	}
}

// ask plays the agents.
func (w *world) ask(ctx context.Context, r proof.Replica, _ uint64, wait time.Duration) (agent.Report, error) {
	if wait > 0 { // a report never tells of its change here; ask again soon
		select {
		case <-ctx.Done():
			return agent.Report{}, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	report := agent.Report{Component: r.Component, Pod: r.Pod, State: agent.Starting}
	index, err := w.index(ctx, r.Component)
	if err != nil {
		return report, nil
	}
	report.Wanted, report.Live, report.State = index.Wanted.Digest, index.Wanted.Digest, agent.Live
	files, err := w.files(ctx, r.Component, index.Wanted)
	if err != nil {
		report.State, report.Error = agent.Failed, err.Error()
		return report, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.Contains(index.Leaving, r.Pod) {
		report.State, report.Live = agent.Leaving, ""
		if w.handedOver {
			report.State = agent.Left
		}
		return report, nil
	}
	if w.refuse != "" && strings.Contains(files, w.refuse) {
		report.State, report.Live, report.Error = agent.Refused, "", "no such word: "+w.refuse
		return report, nil
	}
	w.seen[index.Wanted.Digest] = true
	return report, nil
}

func (w *world) index(ctx context.Context, component string) (bundle.Index, error) {
	cm, err := w.client.CoreV1().ConfigMaps(w.ns).Get(ctx, bundle.IndexName(component), metav1.GetOptions{})
	if err != nil {
		return bundle.Index{}, err
	}
	return bundle.ParseIndex(cm.Data)
}

// files is the text of a bundle that is put together from its chunks in the cluster.
func (w *world) files(ctx context.Context, component string, ref bundle.Ref) (string, error) {
	var chunks []*bundle.Chunk
	for _, digest := range ref.Chunks {
		cm, err := w.client.CoreV1().ConfigMaps(w.ns).Get(ctx, bundle.Name(component, digest), metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		chunks = append(chunks, &bundle.Chunk{Digest: digest, Data: cm.Data})
	}
	files, err := bundle.Assemble(ref, chunks)
	var text strings.Builder
	for _, f := range files {
		text.WriteString(f.Content)
	}
	return text.String(), err
}

// Report keeps what the forge was told.
func (w *world) Report(_ context.Context, s forge.Status) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.statuses = append(w.statuses, s)
	return nil
}

// said is the newest status of a commit.
func (w *world) said(commit string) forge.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.statuses) - 1; i >= 0; i-- {
		if w.statuses[i].Commit == commit {
			return w.statuses[i]
		}
	}
	return forge.Status{}
}

// run starts a daemon anew and lets it take the newest revision through.
// through may stand between it and the API server.
func (w *world) run(through func(http.RoundTripper) http.RoundTripper) (*Daemon, error) {
	w.t.Helper()
	d, closeRepo := w.daemon(w.clone, through)
	defer closeRepo()
	d.Once = true
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	return d, d.Run(ctx)
}

// daemon is a new process, as far as it can be one here.
func (w *world) daemon(clone string, through func(http.RoundTripper) http.RoundTripper) (*Daemon, func()) {
	w.t.Helper()
	repo, err := source.Open(source.Options{URL: w.repo, Branch: "main", Dir: clone, Log: slog.New(slog.DiscardHandler)})
	must(w.t, err)
	config := rest.CopyConfig(w.config)
	if through != nil {
		config.Wrap(through)
	}
	d, err := New(Options{
		Environment: "prod", Namespace: w.ns, Source: repo, Reporter: w, Verify: w.verify, Config: config, Ask: w.ask,
		Render: render.Options{AgentImage: "watchbill:test"}, Poll: time.Second, ProofWithin: 20 * time.Second,
		Log: slog.New(slog.DiscardHandler),
	})
	must(w.t, err)
	return d, func() { _ = repo.Close() }
}

func (w *world) history() history.History {
	w.t.Helper()
	h, err := history.Load(w.t.Context(), w.client.CoreV1().ConfigMaps(w.ns))
	must(w.t, err)
	return h
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("never: %s", what)
		}
	}
}

// wantLive checks that a commit is live, in the history as in the indexes.
func (w *world) wantLive(commit string) {
	w.t.Helper()
	h := w.history()
	if h.Live == nil || h.Live.Revision != commit {
		w.t.Fatalf("%.8s is not live; history: %+v", commit, h.Records)
	}
	for _, component := range []string{bundle.Prometheus, bundle.Alertmanager} {
		index, err := w.index(w.t.Context(), component)
		must(w.t, err)
		if !index.Proven() || index.Wanted.Digest != h.Live.Bundles[component] {
			w.t.Errorf("index of %s: wanted %.8s, last good %v, live %.8s", component, index.Wanted.Digest, index.LastGood, h.Live.Bundles[component])
		}
		if _, err := w.files(w.t.Context(), component, index.Wanted); err != nil {
			w.t.Errorf("bundle of %s: %v", component, err)
		}
	}
}

// wantOutcome checks what became of a commit, and that the reason says why.
func (w *world) wantOutcome(commit string, outcome history.Outcome, why string) {
	w.t.Helper()
	h := w.history()
	r := h.Of(commit)
	if r == nil || r.Outcome != outcome || !strings.Contains(r.Reason, why) {
		w.t.Fatalf("%.8s: %+v; want %s because of %q", commit, r, outcome, why)
	}
}

var errKilled = errors.New("killed")

// killedAfter lets so many writes through and then nothing, as if the daemon
// had been killed there: the write that is under way may or may not arrive.
func killedAfter(writes int, arrives bool) func(http.RoundTripper) http.RoundTripper {
	var mu sync.Mutex
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			isWrite := r.Method != http.MethodGet && !strings.Contains(r.URL.RawQuery, "dryRun")
			mu.Lock()
			if isWrite {
				writes--
			}
			left := writes
			mu.Unlock()
			switch {
			case left >= 0:
				return next.RoundTrip(r)
			case left == -1 && isWrite && arrives:
				if resp, err := next.RoundTrip(r); err == nil {
					resp.Body.Close()
				}
			}
			return nil, errKilled
		})
	}
}
