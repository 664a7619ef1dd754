package validate

import (
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// oracleKind is a kind of file, and who judges it.
type oracleKind struct {
	name   string
	least  int // files of upstream, so that a moved folder is seen
	files  func(corpus []corpusFile) []corpusFile
	ours   func(f corpusFile) []string // the errors
	theirs func(t *testing.T, files []corpusFile) map[string]bool
}

func oracleKinds() []oracleKind {
	return []oracleKind{
		{"rules", 35, those(isRules), ourRules, checkRules},
		{"test", 10, those(isTest), ourTest, testRules},
		{"prometheus", 200, those(isPrometheus), ourPrometheus, checkPrometheus},
		{"scrape", 150, scrapeParts, ourScrape, checkScrape},
		{"alertmanager", 80, those(isAlertmanager), ourAlertmanager, checkAlertmanager},
		{"template", 5, those(isTemplate), ourTemplate, checkTemplates},
		{"dashboard", 9, those(isBoard), ourBoard, takeAll},
	}
}

// those are the files of which something is true.
func those(is func(f corpusFile) bool) func([]corpusFile) []corpusFile {
	return func(corpus []corpusFile) (out []corpusFile) {
		for _, f := range corpus {
			if is(f) {
				out = append(out, f)
			}
		}
		return out
	}
}

var (
	groupsKey     = regexp.MustCompile(`(?m)^groups\s*:`)
	testsKey      = regexp.MustCompile(`(?m)^tests\s*:`)
	routeKey      = regexp.MustCompile(`(?m)^(route|receivers)\s*:`)
	prometheusKey = regexp.MustCompile(`(?m)^(global|alerting|rule_files|scrape_configs|scrape_config_files|remote_write|remote_read|otlp|tracing)\s*:`)
)

func of(f corpusFile, modules ...string) bool {
	for _, m := range modules {
		if strings.HasPrefix(f.name, m+"/") {
			return true
		}
	}
	return false
}

func isYAML(f corpusFile) bool {
	ext := path.Ext(f.name)
	return ext == ".yml" || ext == ".yaml"
}

func isRules(f corpusFile) bool {
	return (isYAML(f) || path.Ext(f.name) == ".rules") && groupsKey.MatchString(f.content)
}

func isTest(f corpusFile) bool { return isYAML(f) && testsKey.MatchString(f.content) }

func isPrometheus(f corpusFile) bool {
	if !isYAML(f) || !of(f, "prometheus", "thanos") || isTest(f) || isRules(f) {
		return false
	}
	return path.Dir(f.name) == "prometheus/config/testdata" || prometheusKey.MatchString(f.content)
}

func isAlertmanager(f corpusFile) bool {
	if !isYAML(f) || !of(f, "alertmanager", "alertmanager-program") {
		return false
	}
	return strings.HasSuffix(path.Dir(f.name), "/config/testdata") && strings.HasPrefix(path.Base(f.name), "conf.") || routeKey.MatchString(f.content)
}

func isTemplate(f corpusFile) bool {
	return path.Ext(f.name) == ".tmpl" && of(f, "alertmanager", "alertmanager-program")
}

func isBoard(f corpusFile) bool {
	return path.Ext(f.name) == ".json" && strings.Contains(f.content, `"panels":`)
}

// scrapeParts are the scrape_configs of configurations, each as a file of its own.
func scrapeParts(corpus []corpusFile) (out []corpusFile) {
	for _, f := range those(isPrometheus)(corpus) {
		if part := scrapePart(f.content); part != "" {
			out = append(out, corpusFile{f.name, f.path, globalTimes(f.content) + part})
		}
	}
	return out
}

// scrapePart is the text of scrape_configs, with whatever is wrong in it.
func scrapePart(content string) string {
	part, within := "", false
	for line := range strings.Lines(content) {
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "-") && !strings.HasPrefix(line, "#") && strings.TrimSpace(line) != "" {
			within = strings.HasPrefix(line, "scrape_configs:")
		}
		if within {
			part += line
		}
	}
	return part
}

var globalTime = regexp.MustCompile(`(?m)^  (scrape_interval|scrape_timeout): *(\S+)`)

// globalTimes are the times of a configuration that are well-formed, without the
// rest of what it sets for all jobs.
func globalTimes(content string) string {
	head, rest, ok := strings.Cut("\n"+content, "\nglobal:")
	if !ok || head == content {
		return ""
	}
	times := ""
	for line := range strings.Lines(strings.TrimPrefix(rest, "\n")) {
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "#") {
			break
		}
		if m := globalTime.FindStringSubmatch(line); m != nil {
			if _, err := model.ParseDuration(m[2]); err == nil {
				times += "  " + m[1] + ": " + m[2] + "\n"
			}
		}
	}
	if times == "" {
		return ""
	}
	return "global:\n" + times
}

func refusals(findings []Finding, problems []repolayout.Problem) []string {
	return lines(Blocking(append(Problems(problems), findings...)))
}

func ourRules(f corpusFile) []string {
	repo, problems := load(ruleFile, f.content)
	return refusals(New().Repo(repo), problems)
}

func ourPrometheus(f corpusFile) []string {
	return refusals(PrometheusConfig("prometheus.yml", []byte(f.content)), nil)
}

func ourScrape(f corpusFile) []string {
	head, part := "", f.content
	if strings.HasPrefix(part, "global:") {
		at := strings.Index(part, "scrape_configs:")
		head, part = part[:at], part[at:]
	}
	var doc struct {
		Global map[string]any `yaml:"global"`
	}
	if err := yaml.Unmarshal([]byte(head), &doc); err != nil {
		return []string{err.Error()}
	}
	repo, problems := repolayout.NewLoader().Load(repoOf(map[string]string{scrapePath: part, "watchbill.yaml": globalsOf(doc.Global)}))
	return refusals(New().Repo(repo), problems)
}

// ourAlertmanager lets the texts of receivers run too.
func ourAlertmanager(f corpusFile) []string {
	template := &repolayout.File{Path: "alertmanager/templates/a.tmpl", Content: []byte(`{{ define "a" }}{{ end }}`)}
	return refusals(AlertmanagerConfig("alertmanager.yml", "", []byte(f.content), template), nil)
}

func ourTemplate(f corpusFile) []string {
	return refusals(Templates([]*repolayout.File{{Path: "alertmanager/templates/a.tmpl", Content: []byte(f.content)}}), nil)
}

func ourBoard(f corpusFile) []string {
	repo, problems := load("teams/payments/dashboards/a.json", f.content)
	return refusals(New().Repo(repo), problems)
}
