package validate

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/config"
	"go.yaml.in/yaml/v3"
)

// TestUpstreamScrape wants no error over the jobs of the configurations that come
// with Prometheus and that Prometheus accepts.
func TestUpstreamScrape(t *testing.T) {
	root := moduleDir(t, ".", "github.com/prometheus/prometheus")
	jobs := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || d.IsDir() || ext != ".yml" && ext != ".yaml" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(content), "scrape_configs:") {
			return err
		}
		if !loads(content) || strings.HasSuffix(path, "relabel_config.bad.yml") { // promtool refuses these too
			return nil
		}
		var doc struct {
			Global map[string]any `yaml:"global"`
			Jobs   yaml.Node      `yaml:"scrape_configs"`
		}
		if err := yaml.Unmarshal(content, &doc); err != nil {
			return err
		}
		if doc.Jobs.Kind != yaml.SequenceNode || doc.Global["metric_name_validation_scheme"] != nil {
			return nil // a job cannot be taken out of a configuration with other names
		}
		jobs += len(doc.Jobs.Content)
		file, err := yaml.Marshal(map[string]*yaml.Node{"scrape_configs": &doc.Jobs})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range Blocking(check(t, repoOf(map[string]string{scrapePath: string(file), "watchbill.yaml": globalsOf(doc.Global)}))) {
			t.Errorf("%s: %v", path, f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if jobs < 50 {
		t.Errorf("only %d jobs were found", jobs)
	}
}

// globalsOf is a watchbill.yaml with the times of a configuration.
func globalsOf(global map[string]any) string {
	text := "prometheus:\n  evaluationInterval: 30s\n"
	for key, ours := range map[string]string{"scrape_interval": "scrapeInterval", "scrape_timeout": "scrapeTimeout"} {
		if written, ok := global[key].(string); ok {
			text += "  " + ours + ": " + written + "\n"
		}
	}
	return text
}

// loads says whether Prometheus takes a configuration.
func loads(content []byte) bool {
	_, err := config.Load(string(content), slog.New(slog.DiscardHandler))
	return err == nil
}
