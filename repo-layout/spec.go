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
	Pos    Pos    `json:"-"`
	Places Places `json:"-"`
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
}

// Components are the upstream programs that run.
type Components struct {
	// Prometheus scrapes, stores and evaluates rules.
	Prometheus Component `json:"prometheus,omitempty"`
	// Alertmanager routes alerts to receivers.
	Alertmanager Component `json:"alertmanager,omitempty"`
}

// Component is one upstream program.
type Component struct {
	// Version without a leading v.
	Version string `json:"version,omitempty" jsonschema:"format=version"`
	// Image without a tag; the tag is v and the version.
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

// Environment is environments/NAME.yaml: one place that the repo is rendered for.
type Environment struct {
	Name   string `json:"-"`
	Pos    Pos    `json:"-"`
	Places Places `json:"-"`
	// Digest is equal only for equal files.
	Digest string `json:"-"`

	// Namespace that everything of the environment lives in.
	Namespace string `json:"namespace" jsonschema:"format=dnsLabel"`
	// Labels are the external labels of every Prometheus of the environment.
	Labels map[string]string `json:"labels,omitempty" keys:"externalLabel"`
	// Prometheus sizes Prometheus here.
	Prometheus PrometheusSpec `json:"prometheus,omitempty"`
	// Alertmanager sizes Alertmanager here.
	Alertmanager AlertmanagerSpec `json:"alertmanager,omitempty"`
	// ReceiversSecret is the Kubernetes Secret whose keys the receivers name.
	ReceiversSecret string `json:"receiversSecret,omitempty" jsonschema:"format=dnsName"`
}

// PrometheusSpec sizes Prometheus in one environment.
type PrometheusSpec struct {
	// Replicas that scrape the same targets.
	Replicas int32 `json:"replicas,omitempty" jsonschema:"minimum=1,maximum=32"`
	// Retention is how long samples stay on the volume.
	Retention Duration `json:"retention,omitempty" jsonschema:"format=period"`
	// Storage of each replica.
	Storage Storage `json:"storage,omitempty"`
	// Resources of each replica's Prometheus container.
	Resources Resources `json:"resources,omitempty"`
}

// AlertmanagerSpec sizes Alertmanager in one environment.
type AlertmanagerSpec struct {
	// Replicas that gossip, so that each notification goes out once.
	Replicas int32 `json:"replicas,omitempty" jsonschema:"minimum=1,maximum=32"`
	// Storage of each replica.
	Storage Storage `json:"storage,omitempty"`
	// Resources of each replica's Alertmanager container.
	Resources Resources `json:"resources,omitempty"`
}

// Storage is a persistent volume claim; without a size, the volume is an emptyDir.
type Storage struct {
	// Size as a Kubernetes quantity; without it, the data goes with the pod.
	Size string `json:"size,omitempty" jsonschema:"format=quantity"`
	// Class is the storage class; without it, the cluster's default.
	Class string `json:"class,omitempty" jsonschema:"format=dnsName"`
}

// Resources are requests and limits as Kubernetes quantities, by resource name (cpu, memory).
type Resources struct {
	// Requests are what the scheduler sets aside.
	Requests map[string]string `json:"requests,omitempty" keys:"resource" values:"quantity"`
	// Limits are what the container may not exceed.
	Limits map[string]string `json:"limits,omitempty" keys:"resource" values:"quantity"`
}

// TeamSpec is teams/NAME/team.yaml: who owns the team's alerts and who is told.
type TeamSpec struct {
	Pos    Pos    `json:"-"`
	Places Places `json:"-"`

	// Owner is a person, list or handle that answers for the folder.
	Owner string `json:"owner" jsonschema:"minLength=1"`
	// Routes are tried in order; the first whose severities match takes the alert.
	Routes []TeamRoute `json:"routes" jsonschema:"minItems=1"`
}

// TeamRoute says who is told of the team's alerts of some severities.
type TeamRoute struct {
	Pos Pos `json:"-"`

	// Severities that this route takes; without any, it takes every alert that is left.
	Severities []string `json:"severities,omitempty" jsonschema:"uniqueItems=true,format=word"`
	// Receivers that are told, all of them.
	Receivers []Receiver `json:"receivers" jsonschema:"minItems=1"`
	// GroupBy as in watchbill.yaml; left out, the setting there holds.
	GroupBy []string `json:"groupBy,omitempty" jsonschema:"uniqueItems=true,format=groupLabel"`
	// GroupWait as in watchbill.yaml; left out, the setting there holds.
	GroupWait Duration `json:"groupWait,omitempty" jsonschema:"format=duration"`
	// GroupInterval as in watchbill.yaml; left out, the setting there holds.
	GroupInterval Duration `json:"groupInterval,omitempty" jsonschema:"format=period"`
	// RepeatInterval as in watchbill.yaml; left out, the setting there holds.
	RepeatInterval Duration `json:"repeatInterval,omitempty" jsonschema:"format=period"`
}

// Receiver is one place to tell; exactly one of its fields is set. A …Key field
// names a key of the environment's receivers Secret, never the secret itself.
type Receiver struct {
	Pos Pos `json:"-"`

	// Slack posts to a channel by an incoming webhook.
	Slack *Slack `json:"slack,omitempty" jsonschema:"oneof_required=slack"`
	// PagerDuty opens incidents through the Events API v2.
	PagerDuty *PagerDuty `json:"pagerDuty,omitempty" jsonschema:"oneof_required=pagerDuty"`
	// Email sends by a smart host.
	Email *Email `json:"email,omitempty" jsonschema:"oneof_required=email"`
	// Webhook posts Alertmanager's webhook payload; exactly one of url and urlKey is set.
	Webhook *Webhook `json:"webhook,omitempty" jsonschema:"oneof_required=webhook"`
}

// Slack posts to a channel by an incoming webhook.
type Slack struct {
	// Channel to post to; a value that begins with # needs quotes in YAML.
	Channel string `json:"channel" jsonschema:"minLength=1"`
	// URLKey is the key of the Secret that holds the incoming webhook's URL.
	URLKey string `json:"urlKey" jsonschema:"format=secretKey"`
	// Title of the message, usually a template such as {{ template "team.title" . }}; left out, Alertmanager's own.
	Title string `json:"title,omitempty"`
	// Text of the message, usually a template such as {{ template "team.text" . }}; left out, Alertmanager's own.
	Text string `json:"text,omitempty"`
}

// PagerDuty opens incidents through the Events API v2.
type PagerDuty struct {
	// IntegrationKey is the key of the Secret that holds the Events API routing key.
	IntegrationKey string `json:"integrationKey" jsonschema:"format=secretKey"`
	// Description of the incident, usually a template; left out, Alertmanager's own.
	Description string `json:"description,omitempty"`
}

// Email sends by a smart host.
type Email struct {
	// To is one address or several with commas between.
	To string `json:"to" jsonschema:"format=addresses"`
	// From is the sender's address.
	From string `json:"from" jsonschema:"format=addresses"`
	// SmartHost is the mail server as host:port.
	SmartHost string `json:"smartHost" jsonschema:"format=hostPort"`
	// Username to log in with; left out, no login.
	Username string `json:"username,omitempty"`
	// PasswordKey is the key of the Secret that holds the password.
	PasswordKey string `json:"passwordKey,omitempty" jsonschema:"format=secretKey"`
}

// Webhook posts Alertmanager's webhook payload; exactly one of URL and URLKey is set.
type Webhook struct {
	// URL to post to, where it is no secret.
	URL string `json:"url,omitempty" jsonschema:"oneof_required=url,format=httpURL"`
	// URLKey is the key of the Secret that holds the URL.
	URLKey string `json:"urlKey,omitempty" jsonschema:"oneof_required=urlKey,format=secretKey"`
}
