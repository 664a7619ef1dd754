package agent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/ship"
	"github.com/watchbill/watchbill/stores/storetest"
)

// leavingConfig scrapes Prometheus itself, so that there is something to hand over.
const leavingConfig = `
global: {scrape_interval: 100ms, external_labels: {replica: "prometheus-0", environment: test}}
rule_files: [bundle.rules.yaml, rules/a/*.yaml]
scrape_configs:
  - job_name: self
    static_configs: [{targets: [%q]}]
`

// leavingRig is an agent beside a real Prometheus, with a real S3 server.
type leavingRig struct {
	*realRig
	agentUnderTest
	server storetest.Server
	url    string // of the agent
	one    bundle.Bundle
}

func newLeavingRig(t *testing.T) *leavingRig {
	t.Helper()
	server := storetest.Versitygw(t)
	if err := os.Mkdir(filepath.Join(server.Dir, "metrics"), 0o755); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r := &leavingRig{server: server, realRig: &realRig{process: newRealProcess(t, bundle.Prometheus, dir), dir: dir, kube: newFakeKube(t)}}
	r.one = realPrometheus(t, fmt.Sprintf(leavingConfig, r.process.address), ruleFile("V1", "vector(1)"))
	r.want(t, r.one, nil)
	a := newAgent(t, r.kube, bundle.Prometheus, dir, r.process.url())
	a.options.Listen = freeAddress(t)
	a.options.DataDir = r.process.data
	a.options.ObjectStore = "type: S3\nconfig: {bucket: metrics, endpoint: " + r.server.Endpoint + ", region: us-east-1, insecure: true, bucket_lookup_type: path}\n"
	var err error
	if a.shipper, err = newShipper(a.options); err != nil {
		t.Fatal(err)
	}
	a.shipper.metrics = a.metrics.registry
	r.url = "http://" + a.options.Listen
	r.agentUnderTest = start(t, a)
	eventually(t, "ready", a.ready.Load)
	r.process.start(t)
	r.untilLive(t, r.one)
	return r
}

// send names the pods that are to leave in the index.
func (r *leavingRig) send(t *testing.T, pods ...string) {
	t.Helper()
	good := r.one.Ref("")
	data, err := bundle.Index{Component: bundle.Prometheus, Wanted: good, LastGood: &good, Leaving: pods}.Data()
	if err != nil {
		t.Fatal(err)
	}
	r.kube.put(bundle.IndexName(bundle.Prometheus), data)
}

// samples are those of up that Prometheus has by now.
func (r *leavingRig) samples(t *testing.T) int {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct{ Values [][]any }
		}
	}
	if err := json.Unmarshal([]byte(r.process.api(t, "/api/v1/query?query=up[1h]")), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Data.Result) == 0 {
		return 0
	}
	return len(answer.Data.Result[0].Values)
}

func (r *leavingRig) inventory(t *testing.T) *audit.Inventory {
	t.Helper()
	config, err := stores.ParseConfig([]byte(r.options.ObjectStore))
	if err != nil {
		t.Fatal(err)
	}
	b, err := stores.Open(t.Context(), config, stores.Options{})
	if err != nil {
		t.Fatal(err)
	}
	inventory, err := audit.Run(t.Context(), b, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return inventory
}

// TestRealLeave: an agent whose pod is to go silences Prometheus, hands its head
// over, and comes back to the wanted bundle when the pod is to stay after all.
func TestRealLeave(t *testing.T) {
	r := newLeavingRig(t)
	eventually(t, "scraped", func() bool { return r.samples(t) >= 5 })

	r.send(t, "prometheus-7")
	r.untilState(t, Live) // another pod's leave is nothing to this one

	r.send(t, "prometheus-0", "prometheus-7")
	r.untilState(t, Left)
	if pools := r.process.api(t, "/api/v1/scrape_pools"); strings.Contains(pools, "self") {
		t.Errorf("it still scrapes: %s", pools)
	}
	if rules := r.process.api(t, "/api/v1/rules"); strings.Contains(rules, "V1") {
		t.Errorf("it still evaluates: %s", rules)
	}
	inventory := r.inventory(t)
	if len(inventory.Blocks) != 1 || inventory.Blocks[0].State != audit.Whole {
		t.Fatalf("the bucket has %+v", inventory.Blocks)
	}
	if got := inventory.Blocks[0].Labels.Get("replica"); got != "prometheus-0" {
		t.Errorf("the block is of replica %q", got)
	}

	if left, err := os.ReadDir(filepath.Join(r.process.data, "snapshots")); err != nil || len(left) > 0 {
		t.Errorf("snapshots are left on the volume: %v, %v", left, err)
	}

	// A second agent, as after a restart, finds it done and adds nothing.
	r.stop()
	again := newAgent(t, r.kube, bundle.Prometheus, r.dir, r.process.url())
	again.options.DataDir, again.shipper = r.options.DataDir, r.shipper
	running := start(t, again)
	running.untilState(t, Left)
	if n := len(r.inventory(t).Blocks); n != 1 {
		t.Errorf("the bucket has %d blocks after a restart", n)
	}

	r.send(t)
	running.untilLive(t, r.one)
	eventually(t, "scraped again", func() bool { return strings.Contains(r.process.api(t, "/api/v1/scrape_pools"), "self") })
}

// TestRealLeaveWithoutStore: as long as the store is away the pod does not leave, says why, and goes on when it is back.
func TestRealLeaveWithoutStore(t *testing.T) {
	r := newLeavingRig(t)
	eventually(t, "scraped", func() bool { return r.samples(t) >= 2 })
	bucket := filepath.Join(r.server.Dir, "metrics")
	if err := os.Remove(bucket); err != nil {
		t.Fatal(err)
	}
	r.send(t, "prometheus-0")
	r.until(t, "leaving, and told why not", func(report Report) bool { return report.State == Leaving && report.Error != "" })
	if err := os.Mkdir(bucket, 0o755); err != nil {
		t.Fatal(err)
	}
	r.untilState(t, Left)
}

// TestRealShip: POST /ship answers with what is on the volume and in the bucket.
func TestRealShip(t *testing.T) {
	r := newLeavingRig(t)
	response, err := http.Post(r.url+"/ship", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer response.Body.Close()
	var report ship.Report
	if err := json.NewDecoder(response.Body).Decode(&report); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || !report.Complete() || report.Labels["environment"] != "test" {
		t.Errorf("%s: %+v", response.Status, report)
	}
}

func TestShipperRefuses(t *testing.T) {
	for name, o := range map[string]Options{
		"a folder alone":     {DataDir: "/data"},
		"a store alone":      {ObjectStore: "type: S3"},
		"a store that is no": {DataDir: "/data", ObjectStore: "type: GCS\nconfig: {bucket: x}\n"},
	} {
		if _, err := newShipper(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestShardStartsOnWhatHasItsConfiguration: the last good bundle may be from before there was the shard.
func TestShardStartsOnWhatHasItsConfiguration(t *testing.T) {
	const config = "prometheus-shard-1.yml"
	old := testBundle(t, bundle.Prometheus, "1")
	wanted := testBundle(t, bundle.Prometheus, "2", bundle.File{Path: config, Content: "global: {}\n"})
	for name, c := range map[string]struct {
		config string
		want   bundle.Bundle
	}{
		"a shard that is new": {config, wanted},
		"one that was there":  {"", old},
	} {
		t.Run(name, func(t *testing.T) {
			kube, dir := newFakeKube(t), t.TempDir()
			kube.putChunks(old)
			kube.putChunks(wanted)
			kube.putIndex(t, wanted, &old)
			a := newAgent(t, kube, bundle.Prometheus, dir, "http://"+freeAddress(t))
			a.options.Config = c.config
			start(t, a)
			eventually(t, "ready", a.ready.Load)
			if got := a.volume.linked(current); got != c.want.Digest {
				t.Errorf("the process would start on %s, not %s", got, c.want.Digest)
			}
		})
	}
}
