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

// Environment is environments/NAME.yaml: one place that the repo is rendered for.
type Environment struct {
	Name    string   `json:"-"`
	Pos     Pos      `json:"-"`
	Places  Places   `json:"-"`
	Ignores []Ignore `json:"-"`
	// Digest is equal only for equal files.
	Digest string `json:"-"`

	// Namespace that everything of the environment lives in.
	Namespace string `json:"namespace" jsonschema:"format=dnsLabel"`
	// Labels are the external labels of every Prometheus of the environment; environments that share a bucket differ in them.
	Labels map[string]string `json:"labels,omitempty" keys:"externalLabel"`
	// Prometheus sizes Prometheus here.
	Prometheus PrometheusSpec `json:"prometheus,omitempty"`
	// Alertmanager sizes Alertmanager here.
	Alertmanager AlertmanagerSpec `json:"alertmanager,omitempty"`
	// ReceiversSecret is the Kubernetes Secret whose keys the receivers name.
	ReceiversSecret string `json:"receiversSecret,omitempty" jsonschema:"format=dnsName"`
	// Query sizes Thanos Query, which answers from all replicas and the bucket at once.
	Query QuerySpec `json:"query,omitempty"`
	// Store sizes Thanos Store, which answers from the bucket.
	Store StoreSpec `json:"store,omitempty"`
	// Grafana sizes Grafana.
	Grafana GrafanaSpec `json:"grafana,omitempty"`
	// ObjectStore is the bucket that blocks go to; without it, samples live as long as prometheus.retention.
	ObjectStore *ObjectStore `json:"objectStore,omitempty"`
	// TimeZone of the schedules, from the IANA database, such as "Europe/Lisbon".
	TimeZone string `json:"timeZone,omitempty" jsonschema:"format=timeZone"`
	// Ship is the job that checks that what is on the volumes is in the bucket, and uploads what is missing.
	Ship JobSpec `json:"ship,omitempty"`
	// Compact is the job that joins and downsamples blocks in the bucket.
	Compact CompactSpec `json:"compact,omitempty"`
	// Retain is the job that lets go of old blocks, as retention says.
	Retain JobSpec `json:"retain,omitempty"`
	// Retention says how long blocks are kept in the bucket.
	Retention Retention `json:"retention,omitempty"`
	// Retired says that the environment is to go: its Prometheus hand their samples over to the bucket, and then nothing of it runs.
	Retired bool `json:"retired,omitempty"`
}

// QuerySpec sizes Thanos Query in one environment.
type QuerySpec struct {
	// Replicas that answer the same; without any, there is no Thanos Query.
	Replicas int32 `json:"replicas,omitempty" jsonschema:"minimum=0,maximum=32"`
	// Resources of each replica.
	Resources Resources `json:"resources,omitempty"`
	// Frontend is Thanos Query Frontend, which splits and remembers range queries.
	Frontend FrontendSpec `json:"frontend,omitempty"`
}

// FrontendSpec sizes Thanos Query Frontend in one environment.
type FrontendSpec struct {
	// Replicas that answer the same; without any, Thanos Query is asked directly.
	Replicas int32 `json:"replicas,omitempty" jsonschema:"minimum=0,maximum=32"`
	// CacheSize is how many bytes of answers each replica remembers.
	CacheSize string `json:"cacheSize,omitempty" jsonschema:"format=bytes"`
	// Resources of each replica.
	Resources Resources `json:"resources,omitempty"`
}

// StoreSpec sizes Thanos Store in one environment.
type StoreSpec struct {
	// Shards that share the bucket's blocks between them, by the blocks' hashes; without any, there is no Thanos Store.
	Shards int32 `json:"shards,omitempty" jsonschema:"minimum=0,maximum=32"`
	// Replicas of each shard.
	Replicas int32 `json:"replicas,omitempty" jsonschema:"minimum=1,maximum=32"`
	// IndexCache is how many bytes of the blocks' indexes each pod keeps in memory.
	IndexCache string `json:"indexCache,omitempty" jsonschema:"format=bytes"`
	// SyncInterval is how often the bucket is listed for blocks that are new or gone.
	SyncInterval Duration `json:"syncInterval,omitempty" jsonschema:"format=period"`
	// Storage of each pod, for the blocks' index headers.
	Storage Storage `json:"storage,omitempty"`
	// Resources of each pod.
	Resources Resources `json:"resources,omitempty"`
}

// GrafanaSpec sizes Grafana in one environment.
type GrafanaSpec struct {
	// Replicas that show the same; without any, there is no Grafana.
	Replicas int32 `json:"replicas,omitempty" jsonschema:"minimum=0,maximum=32"`
	// Secret is the Kubernetes Secret with the keys admin-user and admin-password, and GF_… keys for further settings such as a database.
	Secret string `json:"secret,omitempty" jsonschema:"format=dnsName"`
	// URL is where people reach Grafana, for the links that it writes.
	URL string `json:"url,omitempty" jsonschema:"format=httpURL"`
	// Resources of each replica.
	Resources Resources `json:"resources,omitempty"`
}

// ObjectStore is a bucket of an S3 server.
type ObjectStore struct {
	// Bucket is its name.
	Bucket string `json:"bucket" jsonschema:"format=bucket"`
	// Prefix of every object's key, without slashes at the ends.
	Prefix string `json:"prefix,omitempty" jsonschema:"format=keyPrefix"`
	// Endpoint is the server's URL; without it, AWS's own in the region. Over http:// nothing is encrypted on the way.
	Endpoint string `json:"endpoint,omitempty" jsonschema:"format=endpoint"`
	// Region of the bucket.
	Region string `json:"region,omitempty" jsonschema:"format=region"`
	// PathStyle puts the bucket's name into the path rather than the host, as most servers but AWS want it.
	PathStyle bool `json:"pathStyle,omitempty"`
	// Secret is the Kubernetes Secret with the keys access-key-id and secret-access-key. Without it, the pods' web identity or the nodes' instance role is used.
	Secret string `json:"secret,omitempty" jsonschema:"format=dnsName"`
	// Annotations of the service accounts, by which a cloud gives the pods their identity.
	Annotations map[string]string `json:"annotations,omitempty" keys:"annotation"`
	// Encryption at rest that is asked for with each upload; without it, the bucket's own default.
	Encryption *Encryption `json:"encryption,omitempty"`
}

// Encryption is what an upload asks of the server.
type Encryption struct {
	// Type is SSE-S3 or SSE-KMS.
	Type string `json:"type" jsonschema:"enum=SSE-S3,enum=SSE-KMS"`
	// KMSKey is the key's id or ARN, for SSE-KMS.
	KMSKey string `json:"kmsKey,omitempty"`
}

// JobSpec is a job that runs by a schedule.
type JobSpec struct {
	// Schedule in cron's five fields, or @hourly and the like; "never" turns the job off.
	Schedule string `json:"schedule,omitempty" jsonschema:"format=schedule"`
	// CatchUp is how late a tick that was missed is still made up for, once.
	CatchUp Duration `json:"catchUp,omitempty" jsonschema:"format=duration"`
	// Deadline ends a run that takes longer.
	Deadline Duration `json:"deadline,omitempty" jsonschema:"format=period"`
	// Resources of the job's container.
	Resources Resources `json:"resources,omitempty"`
}

// CompactSpec is the job that compacts.
type CompactSpec struct {
	JobSpec `json:",inline"`
	// Scratch is the disk that blocks are joined on; it holds a whole compacted block and what it is made of.
	Scratch Storage `json:"scratch,omitempty"`
	// Selectors part the bucket's blocks by their external labels, such as {environment="prod"}: one run each, one after the other, and no block in two of them.
	Selectors []string `json:"selectors,omitempty" jsonschema:"uniqueItems=true,maxItems=64,format=selector"`
	// Downsample makes blocks of 5m and 1h resolution, for fast queries over long ranges.
	Downsample *bool `json:"downsample,omitempty"`
}

// Retention says how long blocks are kept. A block goes only if every setting that speaks of it lets it go.
type Retention struct {
	Ages `json:",inline"`
	// Rules for blocks of some external labels, in place of the ages above.
	Rules []RetentionRule `json:"rules,omitempty" jsonschema:"maxItems=256"`
	// MaxBytes lets go of the oldest blocks beyond that many bytes, as far as the ages let them go.
	MaxBytes string `json:"maxBytes,omitempty" jsonschema:"format=bytes"`
	// DeleteDelay is how long a block that was marked for deletion stays readable; more than zero.
	DeleteDelay Duration `json:"deleteDelay,omitempty" jsonschema:"format=duration"`
}

// Ages are how long blocks of each resolution are kept; 0s or nothing is for ever.
type Ages struct {
	// Raw is for blocks of the samples themselves.
	Raw Duration `json:"raw,omitempty" jsonschema:"format=duration"`
	// FiveMinutes is for blocks downsampled to five minutes.
	FiveMinutes Duration `json:"5m,omitempty" jsonschema:"format=duration"`
	// OneHour is for blocks downsampled to an hour.
	OneHour Duration `json:"1h,omitempty" jsonschema:"format=duration"`
}

// RetentionRule is for the blocks that its selector picks. Where several pick one block, it stays as long as the longest says.
type RetentionRule struct {
	// Selector of the blocks' external labels, such as {environment="dev"}.
	Selector string `json:"selector" jsonschema:"format=selector"`
	Ages     `json:",inline"`
}

// PrometheusSpec sizes Prometheus in one environment.
type PrometheusSpec struct {
	// Replicas that scrape the same targets.
	Replicas int32 `json:"replicas,omitempty" jsonschema:"minimum=1,maximum=32"`
	// Shards that share the targets between them, by hash; each has all replicas and evaluates every rule over its own targets.
	Shards int32 `json:"shards,omitempty" jsonschema:"minimum=1,maximum=32"`
	// BlockDuration is the time that one block on the volume covers, 2h or a whole part of it; shorter makes smaller and more blocks, and a shorter lag of the bucket.
	BlockDuration Duration `json:"blockDuration,omitempty" jsonschema:"format=period"`
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
	Pos     Pos      `json:"-"`
	Places  Places   `json:"-"`
	Ignores []Ignore `json:"-"`

	// Owner is a person, list or handle that answers for the folder.
	Owner string `json:"owner" jsonschema:"minLength=1"`
	// Routes are tried in order; the first whose severities match takes the alert.
	Routes []TeamRoute `json:"routes" jsonschema:"minItems=1"`
	// MuteTimes are times in which routes that name them tell nobody; the on-call copy still goes out.
	MuteTimes []MuteTime `json:"muteTimes,omitempty"`
}

// MuteTime is a named set of times, in the form of Alertmanager's time_intervals.
type MuteTime struct {
	Pos Pos `json:"-"`

	// Name that routes name it by, within the team.
	Name string `json:"name" jsonschema:"format=word"`
	// Times in which the mute holds; any of them.
	Times []MuteInterval `json:"times" jsonschema:"minItems=1"`
}

// MuteInterval holds when each of its fields that is set does.
type MuteInterval struct {
	Pos Pos `json:"-"`

	// Times of the day such as "22:00-24:00".
	Times []string `json:"times,omitempty" jsonschema:"format=clockRange"`
	// Weekdays such as "saturday" or "monday:friday".
	Weekdays []string `json:"weekdays,omitempty" jsonschema:"format=weekdayRange"`
	// DaysOfMonth such as "1", "1:7" or "-3:-1".
	DaysOfMonth []string `json:"daysOfMonth,omitempty" jsonschema:"format=dayRange"`
	// Months such as "december" or "1:3".
	Months []string `json:"months,omitempty" jsonschema:"format=monthRange"`
	// TimeZone from the IANA database; without it, UTC.
	TimeZone string `json:"timeZone,omitempty" jsonschema:"format=timeZone"`
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
	// Mute names the team's mute times in which this route tells nobody.
	Mute []string `json:"mute,omitempty" jsonschema:"uniqueItems=true,format=word"`
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
	// URL of the Events API; left out, PagerDuty's own in the US. In the EU it is https://events.eu.pagerduty.com/v2/enqueue.
	URL string `json:"url,omitempty" jsonschema:"format=httpURL"`
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
