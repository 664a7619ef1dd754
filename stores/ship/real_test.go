package ship

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/block"
	"github.com/watchbill/watchbill/stores/storetest"
	"github.com/watchbill/watchbill/test/upstream"
)

// realVolume has a block of promtool's for each two hours.
func realVolume(t testing.TB, hours, series int) string {
	t.Helper()
	dir := t.TempDir()
	var text bytes.Buffer
	text.WriteString("# TYPE m gauge\n")
	for s := range series {
		for minute := range hours * 60 {
			fmt.Fprintf(&text, "m{s=\"%d\"} %d %d\n", s, (minute*s)%97, noon.Add(time.Duration(minute)*time.Minute).Unix())
		}
	}
	text.WriteString("# EOF\n")
	input := t.TempDir()
	upstream.Write(t, input, map[string]string{"input.om": text.String()})
	upstream.Run(t, "promtool", "tsdb", "create-blocks-from", "openmetrics", filepath.Join(input, "input.om"), dir)
	return dir
}

func thanosTool(t *testing.T, c stores.Config, args ...string) string {
	t.Helper()
	return upstream.Run(t, "thanos", append(args, "--objstore.config="+storetest.YAML(c))...)
}

// TestRealUpload: what is uploaded here, Thanos reads.
func TestRealUpload(t *testing.T) {
	server := storetest.Versitygw(t)
	dir, c := realVolume(t, 8, 20), server.Bucket(t)
	c.Prefix = "prod"
	b := storetest.Open(t, c)
	report, err := Upload(t.Context(), dir, b, external)
	if err != nil || report.Counts[Uploaded] != 4 {
		t.Fatalf("%v, %s", err, report)
	}
	report, err = Compare(t.Context(), dir, b, external)
	if err != nil || report.Counts[Whole] != 4 || !report.Complete() {
		t.Errorf("%v, %s", err, report)
	}
	var listed []string
	decoder := json.NewDecoder(strings.NewReader(thanosTool(t, c, "tools", "bucket", "ls", "--output=json")))
	for decoder.More() {
		var m block.Meta
		if err := decoder.Decode(&m); err != nil {
			break // its log follows
		}
		listed = append(listed, m.ULID.String())
		if diff := cmp.Diff(external, m.Thanos.Labels); diff != "" {
			t.Error(diff)
		}
	}
	slices.Sort(listed)
	if len(listed) != 4 {
		t.Errorf("thanos lists %q", listed)
	}
	if said := thanosTool(t, c, "tools", "bucket", "inspect"); strings.Count(said, "prometheus-0") != 4 {
		t.Errorf("thanos says\n%s", said)
	}
	said := thanosTool(t, c, "tools", "bucket", "verify", "--issues=overlapped_blocks", "--issues=index_known_issues")
	if strings.Contains(said, "level=warn") || strings.Contains(said, "level=error") {
		t.Errorf("thanos says\n%s", said)
	}
}

// TestRealCompacted: what Thanos has joined and deleted does not come back.
func TestRealCompacted(t *testing.T) {
	server := storetest.Versitygw(t)
	dir, c := realVolume(t, 24, 2), server.Bucket(t)
	b := storetest.Open(t, c)
	if _, err := Upload(t.Context(), dir, b, external); err != nil {
		t.Fatal(err)
	}
	thanosTool(t, c, "compact", "--consistency-delay=0s", "--delete-delay=0s", "--data-dir="+t.TempDir(), "--http-address=127.0.0.1:0")
	report, err := Upload(t.Context(), dir, b, external)
	if err != nil || report.Counts[Covered] < 4 || report.Counts[Uploaded] != 0 || !report.Complete() {
		t.Errorf("%v, %s, want some covered and none uploaded", err, report)
	}
	t.Log(report)
}

// TestRealCutUpload: wherever an upload is cut, the block is not taken for
// whole, neither here nor by Thanos, and the next upload makes it so.
func TestRealCutUpload(t *testing.T) {
	server := storetest.Versitygw(t)
	proxy := storetest.NewFaultProxy(t, server.Endpoint)
	dir := realVolume(t, 2, 300)
	for _, fault := range []storetest.Fault{storetest.CutUpload, storetest.Unavailable, storetest.LostAnswer} {
		for _, file := range []string{"/chunks/000001", "/index", "/meta.json"} {
			c := server.Bucket(t)
			b := storetest.Open(t, proxy.Before(c))
			proxy.Break(func(n int, r *http.Request) storetest.Fault {
				if storetest.IsPut(r) && storetest.IsTo(file)(r) {
					return fault
				}
				return storetest.None
			})
			report, err := Upload(t.Context(), dir, b, external)
			if err == nil || report.Complete() || report.Counts[Missing] != 1 {
				t.Errorf("%d at %s: %v, %s", fault, file, err, report)
			}
			proxy.Break(nil)
			lost := file == "/meta.json" && fault == storetest.LostAnswer // which is there, although nobody knew
			report, err = Compare(t.Context(), dir, b, external)
			if err != nil || report.Complete() != lost {
				t.Errorf("%d at %s: %v, %s", fault, file, err, report)
			}
			if report, err := Upload(t.Context(), dir, b, external); err != nil || !report.Complete() {
				t.Errorf("%d at %s, afterwards: %v, %s", fault, file, err, report)
			}
		}
	}
}

// TestRealFaults: with all of them at once it ends with an error or whole, and with whole when they end.
func TestRealFaults(t *testing.T) {
	server := storetest.Versitygw(t)
	proxy := storetest.NewFaultProxy(t, server.Endpoint)
	dir, c := realVolume(t, 12, 20), server.Bucket(t)
	b, err := stores.Open(t.Context(), proxy.Before(c), stores.Options{Backoff: stores.Backoff{Attempts: 2}, Idle: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	near := storetest.Open(t, c)
	for seed := range uint64(12) {
		proxy.Break(storetest.Sprinkle(seed, 3,
			storetest.Unavailable, storetest.CutUpload, storetest.CutDownload, storetest.LostAnswer, storetest.StaleList))
		report, err := Upload(t.Context(), dir, b, external)
		truth, e := Compare(t.Context(), dir, near, external)
		if e != nil {
			t.Fatal(e)
		}
		if err == nil && report.Complete() && !truth.Complete() {
			t.Errorf("seed %d: it says %s, but %s", seed, report, truth)
		}
		for _, o := range truth.Blocks {
			if o.State == Partial && o.Why != "it has no meta.json" {
				t.Errorf("seed %d: block %s has a meta.json, but %s", seed, o.ID, o.Why)
			}
		}
		if seed%4 == 3 { // begin anew
			for _, key := range storetest.Keys(t, near, "") {
				if err := near.Delete(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	proxy.Break(nil)
	if report, err := Upload(t.Context(), dir, b, external); err != nil || !report.Complete() {
		t.Errorf("afterwards: %v, %s", err, report)
	}
	thanosTool(t, c, "tools", "bucket", "inspect")
}

// TestRealPrometheus: its labels as it fills them in, and its head as a block.
func TestRealPrometheus(t *testing.T) {
	t.Setenv("POD_NAME", "prometheus-0")
	dir, url := startPrometheus(t, "--web.enable-admin-api")
	labels, err := ExternalLabels(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"environment": "prod", "replica": "prometheus-0", "number": "007"}, labels); diff != "" {
		t.Error(diff)
	}
	server := storetest.Versitygw(t)
	b := server.Open(t)
	for n, want := range []State{Uploaded, Covered} {
		name, err := Snapshot(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		report, err := Upload(t.Context(), filepath.Join(dir, "snapshots", name), b, labels)
		if err != nil || len(report.Blocks) != 1 || report.Blocks[0].State != want || report.Blocks[0].Samples == 0 {
			t.Errorf("snapshot %d: %v, %+v, want %s", n, err, report.Blocks, want)
		}
	}
	if report, err := Compare(t.Context(), dir, b, labels); err != nil || !report.Complete() || report.Newest == nil {
		t.Errorf("the folder itself: %v, %+v", err, report)
	}
}

func TestRealPrometheusWithoutAdmin(t *testing.T) {
	_, url := startPrometheus(t)
	if _, err := Snapshot(t.Context(), url); err == nil || !strings.Contains(err.Error(), "admin APIs disabled; start Prometheus with --web.enable-admin-api") {
		t.Errorf("%v", err)
	}
}

func TestPrometheusAway(t *testing.T) {
	if _, err := ExternalLabels(t.Context(), "http://127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "asking Prometheus for its external labels") {
		t.Errorf("%v", err)
	}
}

// startPrometheus starts one that has scraped itself and does so no longer.
func startPrometheus(t *testing.T, args ...string) (dir, url string) {
	t.Helper()
	dir = t.TempDir()
	configure := func(scrape string) {
		upstream.Write(t, dir, map[string]string{
			"prometheus.yml": "global: {scrape_interval: 50ms, scrape_timeout: 50ms, external_labels: {environment: prod, replica: \"${POD_NAME}\", number: \"007\"}}\n" + scrape,
		})
	}
	configure("")
	p := upstream.Prometheus(t, dir, append(args, "--scrape.discovery-reload-interval=50ms")...)
	reload := func() {
		t.Helper()
		if status, body := p.Ask(t, http.MethodPost, "/-/reload"); status != http.StatusOK {
			t.Fatalf("reload: %d %s", status, body)
		}
	}
	configure(fmt.Sprintf("scrape_configs: [{job_name: self, static_configs: [{targets: [%q]}]}]\n", p.Address))
	reload()
	p.Await(t, "scraped", func() bool {
		_, answer := p.Ask(t, http.MethodGet, "/api/v1/query?query=count_over_time(up[1m])>3")
		return strings.Contains(answer, `"instance"`)
	})
	configure("")
	reload()
	return filepath.Join(dir, "data"), p.URL
}
