package repolayout

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
