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

	rulesAnnotationLabel   = "rules/annotation-label"
	rulesComparison        = "rules/comparison"
	rulesFor               = "rules/for"
	rulesIgnore            = "rules/ignore"
	rulesMissingRecord     = "rules/missing-record"
	rulesName              = "rules/name"
	rulesRange             = "rules/range"
	rulesRate              = "rules/rate"
	rulesRecordingConflict = "rules/recording-conflict"
	rulesRegexp            = "rules/regexp"
	rulesRemovedRecord     = "rules/removed-record"
	rulesRequired          = "rules/required"
	rulesSelector          = "rules/selector"
	rulesVectorMatch       = "rules/vector-match"
	rulesVersion           = "rules/version"

	policiesSeverity = "policies/severity"

	repoCodeowners = "repo/codeowners"
	repoName       = "repo/name"
	repoOwner      = "repo/owner"
	repoSize       = "repo/size"
	repoUnused     = "repo/unused"

	scrapeSyntax       = "scrape/syntax"
	scrapeDuplicateJob = "scrape/duplicate-job"
	scrapeFile         = "scrape/file"
	scrapeRelabelDrop  = "scrape/relabel-drop"
	scrapeSecret       = "scrape/secret"
	scrapeTimeout      = "scrape/timeout"

	routingConfig   = "routing/config"
	routingTemplate = "routing/template"

	prometheusConfig = "prometheus/config"
	teamDuplicate    = "team/duplicate"
	teamMute         = "team/mute"

	environmentLabels    = "environment/labels"
	environmentRetention = "environment/retention"

	dashboardsJSON       = "dashboards/json"
	dashboardsUID        = "dashboards/uid"
	dashboardsQuery      = "dashboards/query"
	dashboardsDatasource = "dashboards/datasource"
)

// Checks lists every check of this package by id. The ids that begin with
// "layout/" are the loader's.
func Checks() []Check {
	return []Check{
		{dashboardsDatasource, Warning, "a dashboard asks a data source that Grafana has"},
		{dashboardsJSON, Error, "a dashboard is one that Grafana accepts"},
		{dashboardsQuery, Error, "the expressions of a dashboard are PromQL"},
		{dashboardsUID, Error, "a dashboard has a uid that no other has"},
		{environmentLabels, Error, "environments that share a bucket have external labels that differ"},
		{environmentRetention, Error, "environments that share a bucket keep its blocks equally long"},
		{liveCost, Warning, "no rule reads very many samples"},
		{liveFails, Warning, "expressions can be evaluated over the series that there are"},
		{liveLabel, Warning, "the series that a rule selects have the labels that it names"},
		{liveNoSeries, Warning, "every selector matches series"},
		{liveUnavailable, Warning, "the live checks are made, and to their end"},
		{policiesSeverity, Error, "policies name checks that there are, and that may be made milder"},
		{prometheusConfig, Error, "the rendered prometheus.yml is one that Prometheus accepts"},
		{repoCodeowners, Warning, "somebody owns each team's folder, where the repo has CODEOWNERS"},
		{repoName, Error, "names are ones that Kubernetes and file systems take"},
		{repoOwner, Error, "a team's owner is somebody"},
		{repoSize, Warning, "nothing is near a limit of its size"},
		{repoUnused, Warning, "templates and tests are of use to somebody"},
		{routingConfig, Error, "the rendered alertmanager.yml is one that Alertmanager accepts"},
		{routingEmptyReceiver, Warning, "every receiver that alerts reach tells somebody"},
		{routingGroupInterval, Warning, "a groupInterval leaves each replica of Alertmanager its turn"},
		{routingInhibited, Warning, "no alert keeps a page of another quiet"},
		{routingMutedPage, Warning, "pages are not muted"},
		{routingProof, Error, "every alert reaches its team and the on-call copy, whatever its labels"},
		{routingShadowed, Warning, "no route takes everything from one after it"},
		{routingTemplate, Error, "notification templates parse, run on a sample alert, and exist where they are named"},
		{routingTwice, Warning, "no alert is sent twice to one receiver"},
		{routingUnreachable, Warning, "the matchers of a route do not contradict each other"},
		{routingUnusedReceiver, Warning, "every receiver is named by a route"},
		{rulesAnnotationLabel, Warning, "a template prints only labels that the alert's expression can return"},
		{rulesComparison, Warning, "an alert does not fire always"},
		{rulesDocuments, Error, "a rule file is one YAML document"},
		{rulesDuplicate, Error, "no rule stands twice"},
		{rulesFor, Error, "an alert waits and holds on as long as the policies want"},
		{rulesIgnore, Warning, "a comment that silences a check has a reason, and something to silence"},
		{rulesMissingRecord, Warning, "a series that looks recorded is recorded"},
		{rulesName, Error, "names are as the policies want them"},
		{rulesRange, Warning, "a rate looks at four scrapes or more"},
		{rulesRate, Warning, "rates are taken before they are summed"},
		{rulesRecordingConflict, Warning, "no two teams record the same series"},
		{rulesRegexp, Warning, "a regexp matches what it looks like"},
		{rulesRemovedRecord, Error, "no change removes a recording rule that is still read"},
		{rulesRequired, Error, "alerts have the labels and annotations that the policies want"},
		{rulesSelector, Error, "a selector can match something"},
		{rulesSeverity, Error, "alerts carry a severity that the stack knows"},
		{rulesSyntax, Error, "a rule file is one that Prometheus accepts"},
		{rulesTeamLabel, Error, "no alert sets the label team to another team"},
		{rulesVectorMatch, Error, "the two sides of an operation can match"},
		{rulesVersion, Error, "rules use only what the Prometheus that runs knows"},
		{scrapeDuplicateJob, Error, "a scrape job's name stands once in an environment"},
		{scrapeFile, Warning, "files that a job names are in Prometheus's pod"},
		{scrapeRelabelDrop, Warning, "relabelling leaves something to scrape and to keep"},
		{scrapeSecret, Warning, "no secret stands in a scrape file"},
		{scrapeSyntax, Error, "a scrape file is one that Prometheus accepts"},
		{scrapeTimeout, Warning, "jobs scrape often enough, and leave slow targets room"},
		{teamDuplicate, Error, "team names differ in more than case"},
		{teamMute, Error, "a route mutes at times that its team has"},
		{testsCoverage, Error, "alerts are tested as far as the policies want"},
		{testsFailed, Error, "the unit tests of the rules pass"},
	}
}
