package reconcile

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/hook"
	"github.com/watchbill/watchbill/reconcile/schedule"
	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/storetest"
)

var update = flag.Bool("update", false, "write the generated docs anew")

// TestMetricsReference holds docs/reference/metrics.md in step with the daemon's metrics.
func TestMetricsReference(t *testing.T) {
	m := newMetrics()
	hooks, err := hook.New(hook.Options{Hook: exampleHook, Deliver: func(forge.Event) {}})
	must(t, err)
	daemon := rows(t,
		m.stages, m.lastSuccess, m.failures, m.mergeToLive, m.revisions, m.objects, m.drifts, m.passes,
		m.quarantined, m.findings, m.rules, m.proofs, m.requests, m.leader, m.leaving,
		schedule.New(schedule.Options{Client: fake.NewClientset()}), hooks,
	)
	var store registered
	_, err = stores.WithMetrics(storetest.NewMemory(), &store)
	must(t, err)
	const head = "| metric | labels | what |\n| --- | --- | --- |\n"
	want := "# Metrics\n\nGenerated from the programs themselves by `make golden`; beside them are those of the Go runtime and the process.\n\n" +
		"## The daemon\n\n" + head + daemon +
		"\n## The object store, as the agents beside Prometheus use it\n\n" + head + rows(t, store...)
	path := filepath.Join("..", "docs", "reference", "metrics.md")
	if *update {
		must(t, os.WriteFile(path, []byte(want), 0o644))
	}
	got, err := os.ReadFile(path)
	must(t, err)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("write it anew with make golden: %s", diff)
	}
	if families, err := m.registry.Gather(); err != nil || len(families) == 0 {
		t.Errorf("gather: %d families, %v", len(families), err)
	}
}

// registered are the collectors that somebody registers.
type registered []prometheus.Collector

func (r *registered) Register(c prometheus.Collector) error {
	*r = append(*r, c)
	return nil
}

func (r *registered) MustRegister(cs ...prometheus.Collector) { *r = append(*r, cs...) }
func (r *registered) Unregister(prometheus.Collector) bool    { return false }

// rows makes a table's rows of all descriptions, sorted.
func rows(t *testing.T, collectors ...prometheus.Collector) string {
	t.Helper()
	var lines []string
	for _, c := range collectors {
		described := make(chan *prometheus.Desc, 100)
		c.Describe(described)
		close(described)
		for d := range described {
			lines = append(lines, row(t, d.String()))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// row makes a table's row of a description's text: Desc{fqName: "…", help: "…", constLabels: {}, variableLabels: {…}}.
func row(t *testing.T, desc string) string {
	t.Helper()
	var name, help string
	if _, err := fmt.Sscanf(desc, "Desc{fqName: %q, help: %q", &name, &help); err != nil {
		t.Fatalf("%s: %v", desc, err)
	}
	_, labels, _ := strings.Cut(desc, "variableLabels: {")
	labels, _, _ = strings.Cut(labels, "}")
	return fmt.Sprintf("| `%s` | %s | %s |\n", name, strings.ReplaceAll(labels, ",", ", "), help)
}
