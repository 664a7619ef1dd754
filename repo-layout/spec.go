package repolayout

// Duration is a Prometheus duration such as "30s", "5m" or "15d".
type Duration string

// Stack is watchbill.yaml: what is the same in every environment.
type Stack struct {
	Pos Pos `json:"-"`

	Components Components `json:"components,omitempty"`
	// OnCall is the one stream that a copy of every alert goes to.
	OnCall OnCall `json:"onCall,omitempty"`
	// Severities that alerts may carry, the gravest first; default critical, warning, info.
	Severities   []string             `json:"severities,omitempty"`
	Prometheus   PrometheusDefaults   `json:"prometheus,omitempty"`
	Alertmanager AlertmanagerDefaults `json:"alertmanager,omitempty"`
	Guard        Guard                `json:"guard,omitempty"`
}

// Components are the upstream programs that run.
type Components struct {
	Prometheus   Component `json:"prometheus,omitempty"`
	Alertmanager Component `json:"alertmanager,omitempty"`
}

// Component is one upstream program.
type Component struct {
	// Version without a leading v, e.g. "3.15.0".
	Version string `json:"version,omitempty"`
	// Image without a tag; the tag is v and the version. Default: upstream's own.
	Image string `json:"image,omitempty"`
}

// OnCall names the receivers of the copy of every alert (receiver "on-call-alerts").
type OnCall struct {
	Receivers []Receiver `json:"receivers,omitempty"`
}

// PrometheusDefaults stand in the global section of every prometheus.yml.
type PrometheusDefaults struct {
	ScrapeInterval     Duration `json:"scrapeInterval,omitempty"`
	ScrapeTimeout      Duration `json:"scrapeTimeout,omitempty"`
	EvaluationInterval Duration `json:"evaluationInterval,omitempty"`
}

// AlertmanagerDefaults are the timings and inhibitions of the root route.
type AlertmanagerDefaults struct {
	GroupBy        []string `json:"groupBy,omitempty"`
	GroupWait      Duration `json:"groupWait,omitempty"`
	GroupInterval  Duration `json:"groupInterval,omitempty"`
	RepeatInterval Duration `json:"repeatInterval,omitempty"`
}

// Guard holds back a revision that removes too much.
type Guard struct {
	// MaxRemovedRules is the share of the live rules that one revision may
	// remove, as a percentage such as "50%". Default 50%.
	MaxRemovedRules string `json:"maxRemovedRules,omitempty"`
	// Allow lists removals that are meant, by the id that the hold's message names.
	Allow []string `json:"allow,omitempty"`
}

// Environment is environments/NAME.yaml: one place that the repo is rendered for.
type Environment struct {
	Name string `json:"-"`
	Pos  Pos    `json:"-"`

	// Namespace that everything of the environment lives in.
	Namespace string `json:"namespace"`
	// Labels are the external labels of every Prometheus of the environment.
	Labels       map[string]string `json:"labels,omitempty"`
	Prometheus   PrometheusSpec    `json:"prometheus,omitempty"`
	Alertmanager AlertmanagerSpec  `json:"alertmanager,omitempty"`
	// ReceiversSecret is the Kubernetes Secret whose keys team.yaml names. Default "alertmanager-receivers".
	ReceiversSecret string `json:"receiversSecret,omitempty"`
}

// PrometheusSpec sizes Prometheus in one environment.
type PrometheusSpec struct {
	Replicas  int32     `json:"replicas,omitempty"`  // default 2
	Retention Duration  `json:"retention,omitempty"` // default 15d
	Storage   Storage   `json:"storage,omitempty"`
	Resources Resources `json:"resources,omitempty"`
}

// AlertmanagerSpec sizes Alertmanager in one environment.
type AlertmanagerSpec struct {
	Replicas  int32     `json:"replicas,omitempty"` // default 3
	Storage   Storage   `json:"storage,omitempty"`
	Resources Resources `json:"resources,omitempty"`
}

// Storage is a persistent volume claim; without a size, the volume is an emptyDir.
type Storage struct {
	Size  string `json:"size,omitempty"`  // a Kubernetes quantity
	Class string `json:"class,omitempty"` // storage class; empty is the cluster's default
}

// Resources are requests and limits as Kubernetes quantities, by resource name (cpu, memory).
type Resources struct {
	Requests map[string]string `json:"requests,omitempty"`
	Limits   map[string]string `json:"limits,omitempty"`
}

// TeamSpec is teams/NAME/team.yaml: who owns the team's alerts and who is told.
type TeamSpec struct {
	Pos Pos `json:"-"`

	// Owner is a person, list or handle that answers for the folder.
	Owner string `json:"owner"`
	// Routes are tried in order; the first whose severities match takes the alert.
	Routes []TeamRoute `json:"routes"`
}

// TeamRoute says who is told of the team's alerts of some severities.
type TeamRoute struct {
	Pos Pos `json:"-"`

	// Severities that this route takes; empty takes every alert that is left.
	Severities     []string   `json:"severities,omitempty"`
	Receivers      []Receiver `json:"receivers"`
	GroupBy        []string   `json:"groupBy,omitempty"`
	GroupWait      Duration   `json:"groupWait,omitempty"`
	GroupInterval  Duration   `json:"groupInterval,omitempty"`
	RepeatInterval Duration   `json:"repeatInterval,omitempty"`
}

// Receiver is one place to tell; exactly one of its fields is set. A …Key field
// names a key of the environment's receivers Secret, never the secret itself.
type Receiver struct {
	Pos Pos `json:"-"`

	Slack     *Slack     `json:"slack,omitempty"`
	PagerDuty *PagerDuty `json:"pagerDuty,omitempty"`
	Email     *Email     `json:"email,omitempty"`
	Webhook   *Webhook   `json:"webhook,omitempty"`
}

// Slack posts to a channel by an incoming webhook.
type Slack struct {
	Channel string `json:"channel"`
	URLKey  string `json:"urlKey"`
	// Title and Text name templates of alertmanager/templates; default upstream's own.
	Title string `json:"title,omitempty"`
	Text  string `json:"text,omitempty"`
}

// PagerDuty opens incidents through the Events API v2.
type PagerDuty struct {
	// IntegrationKey is the key of the Secret that holds the Events API routing key.
	IntegrationKey string `json:"integrationKey"`
	Description    string `json:"description,omitempty"`
}

// Email sends by a smart host.
type Email struct {
	To          string `json:"to"`
	From        string `json:"from"`
	SmartHost   string `json:"smartHost"` // host:port
	Username    string `json:"username,omitempty"`
	PasswordKey string `json:"passwordKey,omitempty"`
}

// Webhook posts Alertmanager's webhook payload; exactly one of URL and URLKey is set.
type Webhook struct {
	URL    string `json:"url,omitempty"`
	URLKey string `json:"urlKey,omitempty"`
}
