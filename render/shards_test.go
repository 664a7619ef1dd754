package render

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"go.yaml.in/yaml/v3"
)

// jobsOf reads a scrape file as Prometheus does.
func jobsOf(t *testing.T, content string) []*config.ScrapeConfig {
	t.Helper()
	cfg, err := config.Load(content, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("%v\n%s", err, content)
	}
	jobs, err := cfg.GetScrapeConfigs()
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

const scrapeFile = `
x: &zone
  - {target_label: zone, replacement: "0123"}
scrape_configs:
  - job_name: plain
    static_configs: [{targets: [a]}]
  - &own
    job_name: own
    static_configs: [{targets: [a]}]
    relabel_configs: *zone
    metric_relabel_configs: *zone
  - <<: *own
    job_name: merged
  - <<: [{relabel_configs: [{target_label: first, replacement: wins}]}, *own]
    job_name: merged-twice
  - job_name: together
    static_configs: [{targets: [a]}]
    relabel_configs:
      - {source_labels: [__address__], regex: "([^-]*)-.*", target_label: __tmp_hash}
  - job_name: nothing
    relabel_configs: null
    basic_auth: {username: 0123, password: secret}
`

// TestEachTargetIsOnOneShard asks Prometheus's own relabelling which shard keeps which target.
func TestEachTargetIsOnOneShard(t *testing.T) {
	content := strings.Replace(scrapeFile, "x: &zone\n  - {target_label: zone, replacement: \"0123\"}\n", "", 1)
	content = strings.Replace(content, "relabel_configs: *zone", "relabel_configs: &zone\n      - {target_label: zone, replacement: \"0123\"}", 1)
	const shards = 3
	kept, labelled := map[string][]int{}, map[string]string{}
	for shard := range int32(shards) {
		text, err := shardScrape([]byte(content), shard, shards)
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range jobsOf(t, text) {
			for _, r := range job.MetricRelabelConfigs {
				if r.TargetLabel != "zone" {
					t.Errorf("%s: the metrics are relabelled by %s too", job.JobName, r.TargetLabel)
				}
			}
			for i := range 60 {
				target := fmt.Sprintf("%s host%d-%d", job.JobName, i/10, i%10)
				_, address, _ := strings.Cut(target, " ")
				builder := labels.NewBuilder(labels.FromStrings(model.AddressLabel, address))
				if relabel.ProcessBuilder(builder, job.RelabelConfigs...) {
					kept[target] = append(kept[target], int(shard))
				}
				labelled[job.JobName] = builder.Get("zone") + builder.Get("first")
			}
		}
	}
	load := map[int]int{}
	for target, on := range kept {
		if len(on) != 1 {
			t.Errorf("%s is kept by the shards %v", target, on)
		}
		load[on[0]]++
	}
	if len(kept) != 6*60 || len(load) != shards {
		t.Errorf("%d of %d targets are kept, by %d shards", len(kept), 6*60, len(load))
	}
	for i := range 60 {
		if one, first := kept[fmt.Sprintf("together host%d-%d", i/10, i%10)], kept[fmt.Sprintf("together host%d-0", i/10)]; one[0] != first[0] {
			t.Errorf("what __tmp_hash holds together is on the shards %v and %v", one, first)
		}
	}
	for job, want := range map[string]string{"plain": "", "own": "0123", "merged": "0123", "merged-twice": "wins", "nothing": ""} {
		if labelled[job] != want {
			t.Errorf("%s: its own relabelling came to %q, want %q", job, labelled[job], want)
		}
	}
}

// TestShardScrapeKeepsTheRest: what is no relabelling stays as the team wrote it.
func TestShardScrapeKeepsTheRest(t *testing.T) {
	for _, content := range []string{"", "# later\n", "other: 0123\n", "scrape_configs: null\n", "- a\n", "scrape_configs: [1, null]\n"} {
		got, err := shardScrape([]byte(content), 0, 2)
		if err != nil {
			t.Fatal(err)
		}
		var was, is any
		if err := yaml.Unmarshal([]byte(content), &was); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal([]byte(got), &is); err != nil || fmt.Sprint(was) != fmt.Sprint(is) {
			t.Errorf("%q became %q", content, got)
		}
	}
	text, err := shardScrape([]byte(scrapeFile), 0, 2)
	if err != nil || !strings.Contains(text, "username: 0123") {
		t.Errorf("%v: a number that is a text: %s", err, text)
	}
}

// TestShardScrapeRefusesBombs: a few aliases can stand for more than any memory holds.
func TestShardScrapeRefusesBombs(t *testing.T) {
	bomb := "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		bomb += fmt.Sprintf("b%d: &a%d [%s]\n", i, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	if _, err := shardScrape([]byte(bomb), 0, 2); err == nil || !strings.Contains(err.Error(), "aliases") {
		t.Errorf("error %v", err)
	}
	if _, err := shardScrape([]byte("a: [\n"), 0, 2); err == nil {
		t.Error("what is no YAML is taken")
	}
}

func FuzzShardScrape(f *testing.F) {
	f.Add(scrapeFile)
	f.Add("scrape_configs:\n- &a {job_name: a, relabel_configs: [*a]}\n")
	f.Add("? *a\n: &a 1\n<<: {<<: [{}, 1]}\n")
	f.Fuzz(func(t *testing.T, content string) {
		text, err := shardScrape([]byte(content), 1, 2)
		var was, is any
		if err != nil || yaml.Unmarshal([]byte(content), &was) != nil {
			return
		}
		if err := yaml.Unmarshal([]byte(text), &is); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	})
}
