package repolayout

import "time"

// finishEnvironment holds the keys of an environment against each other.
func (r *report) finishEnvironment(e *Environment) {
	for _, of := range []struct {
		path string
		Resources
	}{
		{"prometheus", e.Prometheus.Resources},
		{"alertmanager", e.Alertmanager.Resources},
		{"query", e.Query.Resources},
		{"query.frontend", e.Query.Frontend.Resources},
		{"store", e.Store.Resources},
		{"grafana", e.Grafana.Resources},
		{"ship", e.Ship.Resources},
		{"compact", e.Compact.Resources},
		{"retain", e.Retain.Resources},
	} {
		r.withinLimits(of.Resources, e.Places, of.path+".resources")
	}
	r.withoutQuery(e)
	if e.ObjectStore == nil {
		r.withoutObjectStore(e)
		return
	}
	r.finishObjectStore(e)
	r.finishBlocks(e)
	r.finishCompact(e)
	r.finishRetention(e)
}

// withoutQuery reports what asks Thanos Query where there is none.
func (r *report) withoutQuery(e *Environment) {
	if e.Query.Replicas > 0 {
		return
	}
	const hint = "set query.replicas to 1 or more"
	if e.Query.Frontend.Replicas > 0 {
		r.add(contradiction, e.Places.At("query.frontend.replicas"), hint, "query.frontend.replicas: there is no Thanos Query behind the frontend")
	}
	if e.Grafana.Replicas > 0 {
		r.add(contradiction, e.Places.At("grafana.replicas"), hint, "grafana.replicas: there is no Thanos Query that Grafana could ask")
	}
}

// withoutObjectStore reports what works on a bucket where there is none.
func (r *report) withoutObjectStore(e *Environment) {
	if e.Store.Shards > 0 {
		r.add(contradiction, e.Places.At("store.shards"), "add objectStore, or leave store out", "store.shards: there is no objectStore to answer from")
	}
	for _, key := range []string{"ship", "compact", "retain", "retention"} {
		if at, written := e.Places.find(key); written {
			r.add(contradiction, at, "add objectStore, or leave "+key+" out", "%s: there is no objectStore to work on", key)
		}
	}
	if e.Retired {
		r.warn(contradiction, e.Places.At("retired"), "add objectStore first, if they are to be kept", "retired: there is no objectStore, so the samples of the environment are lost")
	}
}

func (r *report) finishObjectStore(e *Environment) {
	s := e.ObjectStore
	_, endpoint := e.Places.find("objectStore.endpoint")
	_, region := e.Places.find("objectStore.region")
	if !endpoint && !region {
		r.add(contradiction, e.Places.At("objectStore"), "add region for AWS, or endpoint for another server", "objectStore: neither endpoint nor region says where the bucket is")
	}
	if s.Encryption == nil {
		return
	}
	switch kms := s.Encryption.Type == "SSE-KMS"; {
	case kms && s.Encryption.KMSKey == "":
		r.add(missingKey, e.Places.At("objectStore.encryption"), "Thanos does not take SSE-KMS without a key", `the key "kmsKey" is missing in objectStore.encryption`)
	case !kms && s.Encryption.KMSKey != "" && s.Encryption.Type != "":
		r.add(contradiction, e.Places.At("objectStore.encryption.kmsKey"), "make the type SSE-KMS, or leave the key out", "objectStore.encryption.kmsKey: %s uses no key of one's own", s.Encryption.Type)
	}
}

// compactionRange is the shortest range that Thanos compacts to blocks.
const compactionRange = 2 * time.Hour

// finishBlocks wants blocks that can be joined later, and that stay on the
// volume long enough to be shipped when the bucket is away for a while.
func (r *report) finishBlocks(e *Environment) {
	block, kept := lengthOf(e.Prometheus.BlockDuration), lengthOf(e.Prometheus.Retention)
	if block == 0 || kept == 0 {
		return
	}
	whole := block >= time.Minute && (compactionRange%block == 0 || block == 2*compactionRange || block == 4*compactionRange)
	if !whole {
		r.add(badValue, e.Places.At("prometheus.blockDuration"), "write 2h, or what it is a whole multiple of, such as 30m",
			"prometheus.blockDuration: blocks of %s do not fit the ranges of 2h and 8h that they are joined to", e.Prometheus.BlockDuration)
	}
	if kept < 3*block {
		at := e.Places.At("prometheus.retention")
		if _, written := e.Places.find("prometheus.retention"); !written {
			at = e.Places.At("prometheus.blockDuration")
		}
		r.add(contradiction, at, "keep at least three blocks: one that is written, one that is shipped, and one to spare",
			"prometheus.retention: %s is less than three times blockDuration, %s, so blocks could go before they are shipped", e.Prometheus.Retention, e.Prometheus.BlockDuration)
	}
}
