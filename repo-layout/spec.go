package repolayout

// What stands in our own files: watchbill.yaml, environments/*.yaml and
// team.yaml. Three kinds of struct tag say how a file is read, and the JSON
// schemas are made from the same tags:
//
//   - json: the key, and whether it may be left out (omitempty);
//   - jsonschema: bounds, and the format of a string (see formats);
//   - keys, values: the formats of a map's keys and values.
//
// Defaults stand in [DefaultStack] and [DefaultEnvironment].

// Duration is a Prometheus duration such as "30s", "5m" or "15d".
type Duration string

// Stack is watchbill.yaml: what is the same in every environment.
type Stack struct {
	Pos     Pos      `json:"-"`
	Places  Places   `json:"-"`
	Ignores []Ignore `json:"-"`
	// Digest is equal only for equal files.
	Digest string `json:"-"`

	// Components are the versions and images of the upstream programs that run.
	Components Components `json:"components,omitempty"`
	// OnCall is the one stream that a copy of every alert goes to.
	OnCall OnCall `json:"onCall,omitempty"`
	// Severities that alerts may carry in their label severity, the gravest first.
	Severities []string `json:"severities,omitempty" jsonschema:"minItems=1,uniqueItems=true,format=word"`
	// Prometheus holds the global settings of every Prometheus.
	Prometheus PrometheusDefaults `json:"prometheus,omitempty"`
	// Alertmanager holds the grouping and timing of every alert whose team's route sets none.
	Alertmanager AlertmanagerDefaults `json:"alertmanager,omitempty"`
	// Guard holds back a revision that removes too much.
	Guard Guard `json:"guard,omitempty"`
	// Policies are what this repo asks of its files beyond what the programs that read them ask.
	Policies Policies `json:"policies,omitempty"`
}

// Components are the upstream programs that run.
type Components struct {
	// Prometheus scrapes, stores and evaluates rules.
	Prometheus Component `json:"prometheus,omitempty"`
	// Alertmanager routes alerts to receivers.
	Alertmanager Component `json:"alertmanager,omitempty"`
	// Thanos ships, queries, serves and compacts blocks.
	Thanos Component `json:"thanos,omitempty"`
	// Grafana shows the teams' dashboards.
	Grafana Component `json:"grafana,omitempty"`
}

// Component is one upstream program.
type Component struct {
	// Version without a leading v.
	Version string `json:"version,omitempty" jsonschema:"format=version"`
	// Image without a tag; the tag is the version, with a v before it but for Grafana.
	Image string `json:"image,omitempty" jsonschema:"format=image"`
}

// OnCall names the receivers of the copy of every alert (receiver "on-call-alerts").
type OnCall struct {
	// Receivers that are told of every alert of every team; without any, there is no copy.
	Receivers []Receiver `json:"receivers,omitempty"`
}

// PrometheusDefaults stand in the global section of every prometheus.yml.
type PrometheusDefaults struct {
	// ScrapeInterval is the time between two scrapes of a target.
	ScrapeInterval Duration `json:"scrapeInterval,omitempty" jsonschema:"format=period"`
	// ScrapeTimeout ends a scrape; it is at most the interval, and shortened to it where it is left out.
	ScrapeTimeout Duration `json:"scrapeTimeout,omitempty" jsonschema:"format=period"`
	// EvaluationInterval is the time between two evaluations of a rule group.
	EvaluationInterval Duration `json:"evaluationInterval,omitempty" jsonschema:"format=period"`
}

// AlertmanagerDefaults are the grouping and timing of the root route.
type AlertmanagerDefaults struct {
	// GroupBy lists the labels whose equal values make one notification of several alerts; "..." is all labels.
	GroupBy []string `json:"groupBy,omitempty" jsonschema:"uniqueItems=true,format=groupLabel"`
	// GroupWait is how long the first notification of a group waits for more alerts.
	GroupWait Duration `json:"groupWait,omitempty" jsonschema:"format=duration"`
	// GroupInterval is the least time between two notifications of a group that changed.
	GroupInterval Duration `json:"groupInterval,omitempty" jsonschema:"format=period"`
	// RepeatInterval is the time after which a notification is sent again.
	RepeatInterval Duration `json:"repeatInterval,omitempty" jsonschema:"format=period"`
}

// Guard holds back a revision that removes too much.
type Guard struct {
	// MaxRemovedRules is the share of the live rules that one revision may remove.
	MaxRemovedRules string `json:"maxRemovedRules,omitempty" jsonschema:"format=percentage"`
	// Allow lists removals that are meant, by the id that the hold's message names.
	Allow []string `json:"allow,omitempty" jsonschema:"uniqueItems=true,minLength=1"`
}

// Policies are what a repo asks of its files.
type Policies struct {
	// Rules is what is asked of alerts and recording rules.
	Rules RulePolicies `json:"rules,omitempty"`
	// Tests is what is asked of the unit tests of rules.
	Tests TestPolicies `json:"tests,omitempty"`
	// Severity is how grave the findings of a check are, by the check's id: error, warning, or off for none at all.
	Severity map[string]string `json:"severity,omitempty" keys:"check" values:"checkSeverity"`
	// Review is what the answer on a pull request may be made of.
	Review ReviewPolicies `json:"review,omitempty"`
}

// ReviewPolicies are what the answer on a pull request may be made of. Those of the branch that it is to be merged into hold.
type ReviewPolicies struct {
	// LiveDataForForks lets the answer on a pull request from a fork name alerts that fire and blocks that would go; anyone may read such an answer who may read the repository.
	LiveDataForForks bool `json:"liveDataForForks,omitempty"`
}

// RulePolicies are what a repo asks of its rules. What is left out is not asked.
type RulePolicies struct {
	// RequiredLabels that every alert has by itself or from its group; team need not be named, as every alert has it.
	RequiredLabels []string `json:"requiredLabels,omitempty" jsonschema:"uniqueItems=true,format=labelName"`
	// RequiredAnnotations that every alert has.
	RequiredAnnotations []string `json:"requiredAnnotations,omitempty" jsonschema:"uniqueItems=true,format=labelName"`
	// AlertName is a regexp that the whole name of every alert matches.
	AlertName string `json:"alertName,omitempty" jsonschema:"format=regexp"`
	// RecordName is a regexp that the whole name of every recording rule matches.
	RecordName string `json:"recordName,omitempty" jsonschema:"format=regexp"`
	// MinFor is the shortest for that an alert may have; one without has 0s.
	MinFor Duration `json:"minFor,omitempty" jsonschema:"format=duration"`
	// MaxFor is the longest for that an alert may have.
	MaxFor Duration `json:"maxFor,omitempty" jsonschema:"format=duration"`
	// MaxKeepFiringFor is the longest keep_firing_for that an alert may have.
	MaxKeepFiringFor Duration `json:"maxKeepFiringFor,omitempty" jsonschema:"format=duration"`
}

// TestPolicies are what a repo asks of the unit tests of rules. An alert is tested
// if a test expects it to fire.
type TestPolicies struct {
	// MinCoverage is how many percent of a team's alerts are tested at the least.
	MinCoverage int32 `json:"minCoverage,omitempty" jsonschema:"minimum=0,maximum=100"`
	// RequireFor lists severities whose alerts are all tested.
	RequireFor []string `json:"requireFor,omitempty" jsonschema:"uniqueItems=true,format=word"`
}
