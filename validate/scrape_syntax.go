package validate

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/config"
	_ "github.com/prometheus/prometheus/plugins" // registers every service discovery
	yamlv2 "go.yaml.in/yaml/v2"
	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// checkScrapeFile does what Prometheus does with a file of scrape_config_files.
func checkScrapeFile(team string, f *repolayout.ScrapeFile, c *checkContext) (found []Finding) {
	defer survive(&found, scrapeSyntax, team, f.Path)
	s := &scrapeChecker{team: team, file: f, globals: c.globals, folders: c.folders, nodes: jobNodes(f.Content)}
	whole, ok := s.jobs(f.Content, notOne)
	if ok {
		return firstOf(whole)
	}
	// The decoder ends at the first job that it does not like: look at each job alone.
	for i, text := range jobsAlone(f.Content) {
		one, _ := s.jobs(text, i)
		found = append(found, one...)
	}
	if len(found) == 0 {
		return firstOf(whole)
	}
	return firstOf(found)
}

type scrapeChecker struct {
	team    string
	file    *repolayout.ScrapeFile
	globals config.GlobalConfig
	folders []string
	nodes   []*yaml.Node // of the jobs
}

// notOne stands for all jobs of a file where the number of one job is asked for.
const notOne = -1

// jobs decodes and validates the scrape configs of a text: the file's job of
// that number, or all of them. ok says whether they could be decoded.
func (s *scrapeChecker) jobs(content []byte, number int) (found []Finding, ok bool) {
	var parsed config.ScrapeConfigs
	if err := yamlv2.UnmarshalStrict(content, &parsed); err != nil {
		found = yamlFindings(scrapeSyntax, s.team, s.file.File, err, prometheusKeys())
		for i := range found {
			if found[i].Line == 0 {
				found[i] = s.aboutJob(number, found[i].Message, content)
			}
		}
		return found, false
	}
	for i, job := range parsed.ScrapeConfigs {
		i += max(number, 0)
		j := &scrapeJob{ScrapeConfig: job, interval: job.ScrapeInterval, timeout: job.ScrapeTimeout}
		if err := job.Validate(s.globals); err != nil {
			found = append(found, s.refused(j, i, err))
			continue
		}
		found = append(found, s.check(j, i)...)
	}
	return found, true
}

// check looks at a job that Prometheus accepts.
func (s *scrapeChecker) check(j *scrapeJob, number int) []Finding {
	j.team, j.file, j.folders, j.globalTimeout = s.team, s.file, s.folders, s.globals.ScrapeTimeout
	j.at = repolayout.Pos{File: s.file.Path}
	if number < len(s.file.Jobs) {
		j.at = s.file.Jobs[number].Pos
	}
	if number < len(s.nodes) {
		j.node = s.nodes[number]
	}
	return j.check()
}

// refused is a job that cannot be with the global settings.
func (s *scrapeChecker) refused(j *scrapeJob, number int, err error) Finding {
	f := s.aboutJob(number, err.Error(), nil)
	if !strings.Contains(f.Message, "scrape timeout greater than scrape interval") {
		return f
	}
	interval := fmt.Sprintf("its scrape_interval of %s", j.interval)
	if j.interval == 0 {
		interval = fmt.Sprintf("the %s of prometheus.scrapeInterval in watchbill.yaml", s.globals.ScrapeInterval)
	}
	f.Message = fmt.Sprintf("job %q: scrape timeout greater than scrape interval", clip(j.JobName))
	f.Hint = fmt.Sprintf("%s is longer than %s: shorten scrape_timeout, or scrape less often", j.timeout, interval)
	if number < len(s.nodes) {
		if at := nodeAt(s.nodes[number], "scrape_timeout"); at != nil {
			f.Line, f.Column = at.Line, at.Column
		}
	}
	return f
}

// aboutJob is a finding that upstream gave no line: it stands at the one place
// in the job's text that has the words which the message quotes, or at the job's name.
func (s *scrapeChecker) aboutJob(i int, message string, alone []byte) Finding {
	f := Finding{Check: scrapeSyntax, Severity: Error, Owner: s.team, Pos: repolayout.Pos{File: s.file.Path}, Message: message}
	if i == notOne && len(s.file.Jobs) == 1 {
		i = 0
	}
	if i >= 0 && i < len(s.file.Jobs) {
		f.Pos = s.file.Jobs[i].Pos
		if name := s.file.Jobs[i].Name; name != "" && !strings.Contains(message, "job name") {
			f.Message = fmt.Sprintf("job %q: %s", name, message)
		}
	}
	f.Hint = scrapeHint(message)
	if at := quotedPlace(alone, message); at >= 0 {
		f.Line, f.Column = lineColumn(alone, at)
	}
	return f
}

// relabelActions are those of the configuration's documentation.
var relabelActions = []string{
	"drop", "dropequal", "hashmod", "keep", "keepequal", "labeldrop", "labelkeep", "labelmap", "lowercase", "replace", "uppercase",
}

// scrapeHint helps with what Prometheus has against jobs.
func scrapeHint(message string) string {
	if action, ok := quotedAfter(message, "unknown relabel action "); ok {
		return didYouMean(action, slices.Values(relabelActions))
	}
	switch {
	case strings.Contains(message, "is not a valid hostname"):
		return addressHint
	case strings.Contains(message, "job_name is empty"):
		return "give the job a job_name, which its series have as their label job"
	}
	return ""
}

// jobsAlone gives for each job of a scrape file the text with all other jobs
// blanked out, so that lines keep their numbers. It gives nothing where jobs do
// not stand on lines of their own.
func jobsAlone(content []byte) [][]byte {
	starts := jobLines(content)
	if len(starts) < 2 {
		return nil
	}
	lines := bytes.SplitAfter(content, []byte{'\n'})
	blank := func(from, to int) string { return strings.Repeat("\n", to-from) }
	var texts [][]byte
	for i, start := range starts {
		end := len(lines)
		if i+1 < len(starts) {
			end = starts[i+1] - 1
		}
		text := bytes.Join(lines[:starts[0]-1], nil)
		text = append(text, blank(starts[0], start)...)
		text = append(text, bytes.Join(lines[start-1:end], nil)...)
		texts = append(texts, text)
	}
	return texts
}

// jobLines are the lines that the jobs begin at, if each begins one.
func jobLines(content []byte) []int {
	var file struct {
		Jobs yaml.Node `yaml:"scrape_configs"`
	}
	if yaml.Unmarshal(content, &file) != nil || file.Jobs.Kind != yaml.SequenceNode || file.Jobs.Style&yaml.FlowStyle != 0 {
		return nil
	}
	var lines []int
	for _, job := range file.Jobs.Content {
		if len(lines) > 0 && job.Line <= lines[len(lines)-1] {
			return nil
		}
		lines = append(lines, job.Line)
	}
	return lines
}
