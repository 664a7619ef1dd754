// Package history remembers, in the cluster, what became of the last revisions.
//
// One ConfigMap holds the newest records and the one that is live, so that a
// daemon that has just started knows the last good revision, which team's
// files stand in from when, and how many rules are live.
package history

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/watchbill/watchbill/reconcile/plan"
)

// Name is the name of the ConfigMap.
const Name = "watchbill-history"

// Keep is how many records are kept.
const Keep = 50

const dataKey = "history.json"

// Outcome is what became of a revision.
type Outcome string

// The outcomes of a revision.
const (
	Live       Outcome = "live"       // proven by every replica
	Blocked    Outcome = "blocked"    // validation found errors that are nobody's quarantine
	Held       Outcome = "held"       // removes too much; waits for guard.allow
	Refused    Outcome = "refused"    // a process would not run it; the last good runs on
	Unproven   Outcome = "unproven"   // applied, but not every replica has proven it by the deadline
	Failed     Outcome = "failed"     // the apply failed; tried again
	Superseded Outcome = "superseded" // a newer revision came before it was proven
	Untrusted  Outcome = "untrusted"  // not signed by one whose signature is taken
)

// Final says that only another commit changes the outcome.
func (o Outcome) Final() bool { return o == Live || o == Blocked || o == Held || o == Refused }

// Stood says that the revision is not to be applied: what is live stays live.
func (o Outcome) Stood() bool { return o == Blocked || o == Held || o == Refused }

// Record is what became of one revision.
type Record struct {
	Revision string    `json:"revision"`
	Subject  string    `json:"subject,omitempty"` // the commit message's first line
	Outcome  Outcome   `json:"outcome"`
	Reason   string    `json:"reason,omitempty"`
	Seen     time.Time `json:"seen"` // when the daemon took it up
	Ended    time.Time `json:"ended"`
	Stages   []Stage   `json:"stages,omitempty"`
	// Bundles is the digest for each component.
	Bundles map[string]string `json:"bundles,omitempty"`
	// Proven is, for each component, how many replicas gave their proof of how many, e.g. "2/2".
	Proven map[string]string `json:"proven,omitempty"`
	// Quarantined teams, and why.
	Quarantined []Quarantine `json:"quarantined,omitempty"`
	// Rules of each team; kept for the live record only.
	Rules plan.Counts `json:"rules,omitempty"`
}

// Stage is how long one stage of a pass took.
type Stage struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// Quarantine is one team whose last good files stand in for broken ones.
type Quarantine struct {
	Team string `json:"team"`
	// Revision that the files that stand in come from; empty when the team was never live.
	Revision string `json:"revision,omitempty"`
	Reason   string `json:"reason"`
}

// History is what is remembered. The zero value is that of a new environment.
type History struct {
	// Head is the newest revision of the branch that was taken up.
	Head string `json:"head,omitempty"`
	// Live is the record of the newest revision that was live.
	Live *Record `json:"live,omitempty"`
	// Records are the newest revisions, the newest first.
	Records []Record `json:"records"`
}

// Of returns the record of a revision, or nil.
func (h *History) Of(revision string) *Record {
	for i := range h.Records {
		if h.Records[i].Revision == revision {
			return &h.Records[i]
		}
	}
	return nil
}

// Add puts a record in front; an older one of the same revision goes.
func (h *History) Add(r Record) {
	if r.Outcome == Live {
		live := r
		h.Live = &live
	}
	r.Rules = nil
	records := []Record{r}
	for _, old := range h.Records {
		if old.Revision != r.Revision && len(records) < Keep {
			records = append(records, old)
		}
	}
	h.Records = records
}

// Load reads the history; none is the zero value.
func Load(ctx context.Context, client typedcorev1.ConfigMapInterface) (History, error) {
	var h History
	cm, err := client.Get(ctx, Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("read configmap %s: %w", Name, err)
	}
	return Parse(cm)
}

// Parse reads the history from its ConfigMap.
func Parse(cm *corev1.ConfigMap) (History, error) {
	var h History
	if err := json.Unmarshal([]byte(cm.Data[dataKey]), &h); err != nil {
		return h, fmt.Errorf("read %s of configmap %s: %w; delete the configmap to start without a history", dataKey, Name, err)
	}
	return h, nil
}

// Save writes the history of an environment. It has a field manager of its own:
// the history is no part of what a revision wants, and is never pruned.
func Save(ctx context.Context, client typedcorev1.ConfigMapInterface, namespace, environment string, h History) error {
	raw, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	labels := map[string]string{
		"app.kubernetes.io/name":     "watchbill",
		"app.kubernetes.io/part-of":  "watchbill",
		"app.kubernetes.io/instance": environment,
	}
	cm := applycorev1.ConfigMap(Name, namespace).WithLabels(labels).WithData(map[string]string{dataKey: string(raw)})
	if _, err := client.Apply(ctx, cm, metav1.ApplyOptions{FieldManager: "watchbill-history", Force: true}); err != nil {
		return fmt.Errorf("write configmap %s: %w", Name, err)
	}
	return nil
}
