package validate

import (
	"fmt"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// scrapeJob is one job that Prometheus accepts, as the checks of jobs look at it.
type scrapeJob struct {
	*config.ScrapeConfig                // with what the global settings add
	interval, timeout    model.Duration // as the job says, or 0
	globalTimeout        model.Duration
	folders              []string // that Prometheus's pod has, see fileFolders
	team                 string
	file                 *repolayout.ScrapeFile
	at                   repolayout.Pos // of its name
	node                 *yaml.Node     // nil where it was not found again
	found                []Finding
}

// checkJob runs the checks of jobs.
func (j *scrapeJob) check() []Finding {
	j.timeouts()
	j.secrets()
	j.files()
	if !j.staticTargets() {
		j.relabelDrops()
	}
	return j.found
}

// report makes a warning at a node of the file, or else at the job's name.
func (j *scrapeJob) report(check string, at *yaml.Node, hint, format string, args ...any) {
	f := Finding{
		Check: check, Severity: Warning, Owner: j.team, Pos: j.at, Hint: hint,
		Message: fmt.Sprintf("job %q: ", clip(j.JobName)) + fmt.Sprintf(format, args...),
	}
	if at != nil && at.Line > 0 {
		f.Pos = repolayout.Pos{File: j.file.Path, Line: at.Line, Column: at.Column}
		if at.Kind == yaml.ScalarNode {
			f.Mark(j.file.Content, f.Pos, at.Value, 0, len(at.Value))
		}
	}
	j.found = append(j.found, f)
}

// jobNodes are the jobs of a scrape file as they are written, by their numbers.
func jobNodes(content []byte) []*yaml.Node {
	var file yaml.Node
	if yaml.Unmarshal(content, &file) != nil || len(file.Content) == 0 {
		return nil
	}
	jobs := nodeAt(file.Content[0], "scrape_configs")
	if jobs == nil || jobs.Kind != yaml.SequenceNode {
		return nil
	}
	return jobs.Content
}

// nodeAt follows keys (string) and numbers (int) into a node, through aliases and
// merged mappings. It is nil where there is nothing.
func nodeAt(n *yaml.Node, path ...any) *yaml.Node {
	for _, step := range path {
		n = aliased(n)
		switch step := step.(type) {
		case string:
			n = keyOf(n, step, 0)
		case int:
			if n == nil || n.Kind != yaml.SequenceNode || step >= len(n.Content) {
				return nil
			}
			n = n.Content[step]
		}
	}
	return aliased(n)
}

func aliased(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func keyOf(n *yaml.Node, key string, depth int) *yaml.Node {
	if n = aliased(n); n == nil || n.Kind != yaml.MappingNode || depth > 8 {
		return nil
	}
	var merged *yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if name.Value == key {
			return value
		}
		if name.Tag != "!!merge" || merged != nil {
			continue
		}
		if from := aliased(value); from != nil && from.Kind == yaml.SequenceNode {
			for _, one := range from.Content {
				if merged = keyOf(one, key, depth+1); merged != nil {
					break
				}
			}
		} else {
			merged = keyOf(value, key, depth+1)
		}
	}
	return merged
}

// jobStarts are the lines at which jobs begin, sorted.
func jobStarts(content []byte) []int {
	var starts []int
	for _, job := range jobNodes(content) {
		starts = append(starts, job.Line)
	}
	slices.Sort(starts)
	return slices.Compact(starts)
}
