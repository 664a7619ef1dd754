package importer

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// scrapeDoc is a file that holds scrape configs.
type scrapeDoc struct {
	document
	jobs []*yaml.Node
}

// externalLabels are those of the input that have a fixed value.
type externalLabels map[string]string

func (l externalLabels) labelSet() model.LabelSet {
	out := model.LabelSet{}
	for name, value := range l {
		out[model.LabelName(name)] = model.LabelValue(value)
	}
	return out
}

// addPrometheus takes a prometheus.yml, or a file of scrape configs alone.
func (im *importing) addPrometheus(d *document) {
	if len(d.root.Content) == 2 && field(d.root, "scrape_configs") != nil {
		im.scrape = append(im.scrape, &scrapeDoc{*d, items(d.root, "scrape_configs")})
		return
	}
	before := im.global
	im.only(&im.global, d, "Prometheus's configuration")
	if before == nil {
		im.scrape = append(im.scrape, &scrapeDoc{*d, items(d.root, "scrape_configs")})
	}
}

// replicaLabels are what people call the label that tells replicas apart.
var replicaLabels = []string{"replica", "prometheus_replica", "__replica__", "prometheus", "shard"}

// readPrometheus takes what holds for every scrape, rule and alert.
func (im *importing) readPrometheus() {
	im.external = externalLabels{}
	if im.global == nil {
		return
	}
	d, global := im.global, field(im.global.root, "global")
	interval := func(name, unset string) repolayout.Duration {
		if v := text(global, name); v != "" {
			if parsed, err := model.ParseDuration(v); err == nil && parsed > 0 {
				return repolayout.Duration(v)
			}
			im.note(Lost, d.at(field(global, name)), "", "%s is no duration; Prometheus's default stands in its place", name)
		}
		return repolayout.Duration(unset)
	}
	// What is left out has Prometheus's default, which is not the layout's.
	im.stack.Prometheus = repolayout.PrometheusDefaults{
		ScrapeInterval:     interval("scrape_interval", "1m"),
		EvaluationInterval: interval("evaluation_interval", "1m"),
	}
	if text(global, "scrape_timeout") != "" {
		im.stack.Prometheus.ScrapeTimeout = interval("scrape_timeout", "10s")
	}
	mapping(field(global, "external_labels"), im.externalLabel)
	im.notePrometheus(global)
	im.res.Prometheus = im.sent()
}

func (im *importing) externalLabel(key, value *yaml.Node) {
	name, v := key.Value, strings.ReplaceAll(value.Value, "$$", "\x00")
	fixed := !strings.Contains(v, "$")
	v = strings.ReplaceAll(v, "\x00", "$")
	switch {
	case slices.Contains(replicaLabels, name) && (!fixed || name != "prometheus" && name != "shard"):
		return // Watchbill gives each replica a label of its own
	case name == "shard" || strings.HasPrefix(name, "__") || !model.LegacyValidation.IsValidLabelName(name):
		im.note(Lost, im.global.at(key), "", "the external label %s: its name is taken, or is none that the layout takes", name)
	case !fixed:
		im.note(Lost, im.global.at(key), "write its value, for each environment, under labels in environments/", "the external label %s: its value comes from the process's environment", name)
	default:
		im.external[name] = v
		if im.env.Labels == nil {
			im.env.Labels = map[string]string{}
		}
		im.env.Labels[name] = v
	}
}

func (im *importing) notePrometheus(global *yaml.Node) {
	carried := []string{"scrape_interval", "scrape_timeout", "evaluation_interval", "external_labels"}
	mapping(global, func(key, _ *yaml.Node) {
		if !slices.Contains(carried, key.Value) {
			im.note(Lost, im.global.at(key), "", "global setting %s of Prometheus", key.Value)
		}
	})
	mapping(im.global.root, func(key, value *yaml.Node) {
		switch key.Value {
		case "global", "rule_files", "scrape_configs", "scrape_config_files":
		case "alerting":
			im.noteAlerting(value)
		default:
			im.note(Lost, im.global.at(key), "", "section %s of Prometheus's configuration", key.Value)
		}
	})
}

// noteAlerting passes over the Alertmanagers, as Watchbill runs its own, and over
// what takes the replica's label off.
func (im *importing) noteAlerting(n *yaml.Node) {
	for _, relabel := range items(n, "alert_relabel_configs") {
		if text(relabel, "action") == "labeldrop" && slices.Contains(replicaLabels, strings.Trim(text(relabel, "regex"), "^$()")) {
			continue
		}
		im.note(Lost, im.global.at(relabel), "give the rules the labels that alerts are to go out with", "alert_relabel_configs: relabelling of alerts before they are sent")
	}
}

// sent is what the configuration says of alerts that are sent.
func (im *importing) sent() []byte {
	labels := object()
	for _, name := range slices.Sorted(maps.Keys(im.external)) {
		labels.Content = append(labels.Content, scalar(name), scalar(strings.ReplaceAll(im.external[name], "$", "$$")))
	}
	root := object(scalar("global"), object(scalar("external_labels"), labels))
	if relabel := field(im.global.root, "alerting", "alert_relabel_configs"); relabel != nil {
		set(root, "alerting", object(scalar("alert_relabel_configs"), relabel))
	}
	return encode(root)
}

// writeScrape writes the scrape configs, those of a team to its folder.
func (im *importing) writeScrape() {
	for _, d := range im.scrape {
		jobs := map[string][]*yaml.Node{}
		for _, job := range d.jobs {
			if secret := secretIn(job); secret != nil {
				im.note(Lost, d.at(secret.at), "mount the secret into Prometheus's pod, name its file in place of the value, and add the job to a team's scrape/",
					"the scrape job %q holds a secret in clear text (%s), and is not written", text(job, "job_name"), plain(secret.key))
				continue
			}
			team := im.jobTeam(d.file, job)
			jobs[team] = append(jobs[team], job)
		}
		for _, team := range slices.Sorted(maps.Keys(jobs)) {
			folder := "teams/" + team + "/scrape/"
			root := object(scalar("scrape_configs"), list(jobs[team]...))
			root.HeadComment = ""
			im.write(folder+im.free(folder, stemOf(d.file), ".yaml")+".yaml", encode(root))
		}
	}
}

// jobTeam is the team that all static targets of a job are labelled with, or
// that the file's folder is named after.
func (im *importing) jobTeam(file string, job *yaml.Node) string {
	other := im.Team
	if folder := path.Base(path.Dir(file)); im.teams[folder] {
		other = folder
	}
	team := ""
	for i, config := range items(job, "static_configs") {
		v := text(config, "labels", im.TeamLabel)
		if slug(v) == "" || i > 0 && team != im.team(v) {
			return other
		}
		team = im.team(v)
	}
	if team == "" {
		return other
	}
	return team
}

type secretPlace struct {
	key string
	at  *yaml.Node
}

// secretIn finds what is secret in a scrape config, or seems so.
func secretIn(job *yaml.Node) (found *secretPlace) {
	eachScalar(job, func(path []string, value *yaml.Node) {
		if found == nil && (secretPath(path) || hasPassword(value.Value)) {
			found = &secretPlace{path[len(path)-1], value}
		}
	})
	return found
}
