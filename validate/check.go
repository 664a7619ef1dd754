// Package validate says what is wrong with a monitoring repo, before anything
// is written anywhere.
//
// [Validator.Repo] runs every check over a loaded repo and returns [Finding]s:
// data, sorted, the same bytes for the same repo. [Problems] turns what the
// loader could not accept into findings of the same kind. After rendering,
// [PrometheusConfig] and [AlertmanagerConfig] put the rendered files before the
// parsers of the programs that will read them.
//
// The judges are upstream's own parsers wherever there is one: rulefmt, PromQL,
// Prometheus's and Alertmanager's configuration. What is added here is the place
// (file, line and column of what is wrong, inside multi-line expressions too),
// the owner, a hint, and bounds, so that no file that a user can push makes a
// check run away.
//
// Everything is pure: no network, no clock, no logger. Each check has an id that
// never changes, see [Checks], and a page in docs/checks.
package validate

// Check is one thing that is looked at.
type Check struct {
	ID       string
	Severity Severity
	Title    string
}

// The ids of the checks. They never change.
const (
	rulesSyntax    = "rules/syntax"
	rulesDocuments = "rules/documents"
	rulesDuplicate = "rules/duplicate"
	rulesTeamLabel = "rules/team-label"
	rulesSeverity  = "rules/severity"

	scrapeSyntax       = "scrape/syntax"
	scrapeDuplicateJob = "scrape/duplicate-job"

	routingConfig   = "routing/config"
	routingTemplate = "routing/template"

	prometheusConfig = "prometheus/config"
	teamDuplicate    = "team/duplicate"
	teamMute         = "team/mute"

	environmentLabels    = "environment/labels"
	environmentRetention = "environment/retention"

	dashboardsJSON = "dashboards/json"
	dashboardsUID  = "dashboards/uid"
)

// Checks lists every check of this package by id. The ids that begin with
// "layout/" are the loader's.
func Checks() []Check {
	return []Check{
		{dashboardsJSON, Error, "a dashboard is one that Grafana accepts"},
		{dashboardsUID, Error, "a dashboard has a uid that no other has"},
		{environmentLabels, Error, "environments that share a bucket have external labels that differ"},
		{environmentRetention, Error, "environments that share a bucket keep its blocks equally long"},
		{prometheusConfig, Error, "the rendered prometheus.yml is one that Prometheus accepts"},
		{routingConfig, Error, "the rendered alertmanager.yml is one that Alertmanager accepts"},
		{routingTemplate, Error, "notification templates parse, run on a sample alert, and exist where they are named"},
		{rulesDocuments, Error, "a rule file is one YAML document"},
		{rulesDuplicate, Error, "no rule stands twice"},
		{rulesSeverity, Error, "alerts carry a severity that the stack knows"},
		{rulesSyntax, Error, "a rule file is one that Prometheus accepts"},
		{rulesTeamLabel, Error, "no alert sets the label team to another team"},
		{scrapeDuplicateJob, Error, "a scrape job's name stands once in an environment"},
		{scrapeSyntax, Error, "a scrape file is one that Prometheus accepts"},
		{teamDuplicate, Error, "team names differ in more than case"},
		{teamMute, Error, "a route mutes at times that its team has"},
	}
}
