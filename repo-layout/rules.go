package repolayout

import (
	"strconv"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"go.yaml.in/yaml/v3"
)

// readGroups takes the rule groups out of a rule file with the place of
// everything. It is lenient: what has the wrong form is left out here and
// reported by rulefmt, which is the judge of these files.
func (r *report) readGroups(root *yaml.Node) []RuleGroup {
	var groups []RuleGroup
	for key, value := range each(root) {
		if key.Value != "groups" || value.Kind != yaml.SequenceNode {
			continue
		}
		groups = make([]RuleGroup, 0, len(value.Content))
		for _, n := range present(value) {
			groups = append(groups, r.readGroup(n))
		}
	}
	return groups
}

func (r *report) readGroup(n *yaml.Node) RuleGroup {
	g := RuleGroup{Pos: r.at(n.Line, n.Column)}
	for key, value := range each(n) {
		switch key.Value {
		case "name":
			g.Name = text(value)
		case "interval":
			g.Interval = duration(value)
		case "query_offset":
			offset := duration(value)
			g.QueryOffset = &offset
		case "limit":
			g.Limit, _ = strconv.Atoi(value.Value)
		case "labels":
			g.Labels, g.LabelPos = r.readTexts(value)
		case "rules":
			r.readRules(&g, value)
		}
	}
	return g
}

func (r *report) readRules(g *RuleGroup, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		return
	}
	rules := present(n)
	g.Rules = make([]rulefmt.Rule, len(rules))
	g.RulePos = make([]RulePos, len(rules))
	for i, rule := range rules {
		r.readRule(&g.Rules[i], &g.RulePos[i], rule)
	}
}

// present are the items of a list that are not null: the YAML library leaves
// those out that are, and so Prometheus never sees them.
func present(list *yaml.Node) []*yaml.Node {
	items := make([]*yaml.Node, 0, len(list.Content))
	for _, n := range list.Content {
		if n = follow(n); !isNull(n) {
			items = append(items, n)
		}
	}
	return items
}

func (r *report) readRule(rule *rulefmt.Rule, pos *RulePos, n *yaml.Node) {
	pos.Rule = r.at(n.Line, n.Column)
	pos.Name, pos.Expr = pos.Rule, pos.Rule
	for key, value := range each(n) {
		switch key.Value {
		case "record":
			rule.Record, pos.Name = text(value), r.at(value.Line, value.Column)
		case "alert":
			rule.Alert, pos.Name = text(value), r.at(value.Line, value.Column)
		case "expr":
			rule.Expr, pos.Expr = text(value), r.at(value.Line, value.Column)
		case "for":
			rule.For = duration(value)
		case "keep_firing_for":
			rule.KeepFiringFor = duration(value)
		case "labels":
			rule.Labels, pos.Labels = r.readTexts(value)
		case "annotations":
			rule.Annotations, pos.Annotations = r.readTexts(value)
		}
	}
}

// readTexts reads a mapping of names to texts.
func (r *report) readTexts(n *yaml.Node) (map[string]string, Places) {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		return nil, nil
	}
	texts, places := make(map[string]string, len(n.Content)/2), make(Places, 0, len(n.Content)/2)
	for key, value := range each(n) {
		texts[key.Value] = text(value)
		places = append(places, Place{Path: key.Value, Pos: r.at(value.Line, value.Column)})
	}
	return texts, places
}

func text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		return ""
	}
	return n.Value
}

func duration(n *yaml.Node) model.Duration {
	d, err := model.ParseDuration(text(n))
	if err != nil {
		return 0
	}
	return d
}

// readJobs takes the job names out of a scrape file. Its one key is checked,
// because Prometheus would ignore a second document and the daemon renders the
// file as it is; config.Load is the judge of the jobs themselves.
func (r *report) readJobs(root *yaml.Node) []ScrapeJob {
	const only = "scrape_configs"
	if root.Kind != yaml.MappingNode {
		r.add(wrongType, r.at(root.Line, root.Column), "begin the file with scrape_configs:", "the file should be a mapping, but is %s", kindOf(root))
		return nil
	}
	var jobs []ScrapeJob
	has := false
	for key, value := range each(root) {
		if key.Value != only {
			r.add(unknownKey, r.at(key.Line, key.Column), didYouMean(key.Value, []string{only}), "unknown key %q", key.Value)
			continue
		}
		has = true
		jobs = append(jobs, r.readJobNames(value)...)
	}
	if !has {
		r.add(missingKey, r.at(root.Line, root.Column), "", "the key %q is missing", only)
	}
	return jobs
}

func (r *report) readJobNames(n *yaml.Node) []ScrapeJob {
	if n.Kind != yaml.SequenceNode {
		return nil
	}
	jobs := make([]ScrapeJob, 0, len(n.Content))
	for _, job := range n.Content {
		job = follow(job)
		j := ScrapeJob{Pos: r.at(job.Line, job.Column)}
		for key, value := range each(job) {
			if key.Value == "job_name" {
				j.Name, j.Pos = text(value), r.at(value.Line, value.Column)
			}
		}
		jobs = append(jobs, j)
	}
	return jobs
}
