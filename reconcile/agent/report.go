package agent

import "time"

// State is where an agent is with the bundle that its index wants.
type State string

const (
	Starting State = "starting" // no bundle has been delivered yet
	Applying State = "applying" // a bundle is being fetched, swapped in or reloaded
	Live     State = "live"     // the process runs the wanted bundle, read back from it
	Refused  State = "refused"  // the process refused the wanted bundle and runs the one before
	Failed   State = "failed"   // the bundle could not be fetched, written or read back; tried again
	Leaving  State = "leaving"  // the pod is to go: its samples are on the way to the object store
	Left     State = "left"     // every sample of this pod is in the object store, seen there
)

// States are all of them.
var States = []State{Starting, Applying, Live, Refused, Failed, Leaving, Left}

// Report is an agent's answer to GET /live, as JSON: what the process beside
// it runs, read back from that process.
//
// With the query parameters version=N and wait=30s the answer is held back
// until the report is another than version N, or the time is over.
type Report struct {
	// Version grows with every change of the report; it starts anew with the agent, see Started.
	Version   uint64    `json:"version"`
	Started   time.Time `json:"started"`
	Component string    `json:"component"`
	Pod       string    `json:"pod"`
	State     State     `json:"state"`
	// Wanted is the digest of the bundle that the index names.
	Wanted string `json:"wanted,omitempty"`
	// Live is the digest that the process itself reported last; empty while it has not.
	Live string `json:"live,omitempty"`
	// Since is when Live was first read back.
	Since time.Time `json:"since,omitzero"`
	// Error is why the state is refused or failed, in the process's own words where it gave some.
	Error string `json:"error,omitempty"`
	// ReloadSeconds is how long the last reload took, from request to answer.
	ReloadSeconds float64 `json:"reloadSeconds,omitempty"`
}
