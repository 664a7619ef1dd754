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
)

var update = flag.Bool("update", false, "write the generated docs anew")

// TestMetricsReference holds docs/reference/metrics.md in step with the daemon's metrics.
func TestMetricsReference(t *testing.T) {
	m := newMetrics()
	var lines []string
	for _, c := range []prometheus.Collector{
		m.stages, m.lastSuccess, m.failures, m.mergeToLive, m.revisions, m.objects, m.drifts, m.passes,
		m.quarantined, m.findings, m.rules, m.proofs, m.requests, m.leader,
	} {
		described := make(chan *prometheus.Desc, 1)
		c.Describe(described)
		lines = append(lines, row(t, (<-described).String()))
	}
	slices.Sort(lines)
	want := "# Metrics of the daemon\n\nGenerated from the daemon itself by `make golden`; beside them are those of the Go runtime and the process.\n\n" +
		"| metric | labels | what |\n| --- | --- | --- |\n" + strings.Join(lines, "")
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
