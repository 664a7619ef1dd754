package ship

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/block"
	"github.com/watchbill/watchbill/stores/storetest"
)

// program is the path of a real one.
func program(t testing.TB, name string) string {
	t.Helper()
	variable := "WATCHBILL_" + strings.ToUpper(name)
	path := os.Getenv(variable)
	if path == "" {
		t.Skipf("%s is not set: `make test` builds the real %s and runs this test with it", variable, name)
	}
	return path
}

// realVolume has a block of promtool's for each two hours.
func realVolume(t testing.TB, hours, series int) string {
	t.Helper()
	promtool := program(t, "promtool")
	dir := t.TempDir()
	var text bytes.Buffer
	text.WriteString("# TYPE m gauge\n")
	for s := range series {
		for minute := range hours * 60 {
			fmt.Fprintf(&text, "m{s=\"%d\"} %d %d\n", s, (minute*s)%97, noon.Add(time.Duration(minute)*time.Minute).Unix())
		}
	}
	text.WriteString("# EOF\n")
	input := filepath.Join(t.TempDir(), "input.om")
	if err := os.WriteFile(input, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, promtool, "tsdb", "create-blocks-from", "openmetrics", input, dir)
	return dir
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command := exec.Command(name, args...)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", command, err, &stdout, &stderr)
	}
	return stdout.String() + stderr.String()
}

func thanosTool(t *testing.T, c stores.Config, args ...string) string {
	t.Helper()
	return run(t, program(t, "thanos"), append(args, "--objstore.config="+storetest.YAML(c))...)
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
	binary, work := program(t, "prometheus"), t.TempDir()
	dir = filepath.Join(work, "data")
	config := filepath.Join(work, "prometheus.yml")
	write := func(scrape string) {
		text := "global: {scrape_interval: 50ms, scrape_timeout: 50ms, external_labels: {environment: prod, replica: \"${POD_NAME}\", number: \"007\"}}\n" + scrape
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	var log bytes.Buffer
	command := exec.Command(binary, append(args, "--config.file="+config, "--storage.tsdb.path="+dir, "--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle", "--scrape.discovery-reload-interval=50ms")...)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stderr = writer
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	said := make(chan string)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		follow(reader, &log, said)
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		<-ended
		if t.Failed() {
			t.Logf("prometheus says\n%s", &log)
		}
	})
	select {
	case address := <-said:
		url = "http://" + address
	case <-ended:
		t.Fatal("prometheus ended")
	}
	await(t, url+"/-/ready", http.MethodGet, func(string) bool { return true })
	write(fmt.Sprintf("scrape_configs: [{job_name: self, static_configs: [{targets: [%q]}]}]\n", strings.TrimPrefix(url, "http://")))
	await(t, url+"/-/reload", http.MethodPost, func(string) bool { return true })
	await(t, url+"/api/v1/query?query=count_over_time(up[1m])>3", http.MethodGet, func(text string) bool { return strings.Contains(text, `"instance"`) })
	write("")
	await(t, url+"/-/reload", http.MethodPost, func(string) bool { return true })
	return dir, url
}

// follow reads a log to its end, and says the address in it.
func follow(log *os.File, all *bytes.Buffer, said chan<- string) {
	defer log.Close()
	buffer := make([]byte, 4096)
	for told := false; ; {
		n, err := log.Read(buffer)
		all.Write(buffer[:n])
		if _, rest, found := strings.Cut(all.String(), `msg="Listening on" component=web address=`); found && !told && strings.Contains(rest, "\n") {
			told = true
			said <- strings.Fields(rest)[0]
		}
		if err != nil {
			return
		}
	}
}

func await(t *testing.T, url, method string, good func(string) bool) {
	t.Helper()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		text, err := request(t, method, url)
		if err == nil && good(text) {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%s: %v, %s", url, err, text)
		case <-tick.C:
		}
	}
}

func request(t *testing.T, method, url string) (string, error) {
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return text.String(), err
}
