// Package plan compares what should be in the cluster with what is there.
//
// A [Plan] is a value: sorted, printable, and made without asking anybody. The
// loop carries it out, and diff, dry run, metrics and tests read the same value.
//
//	desired | in the cluster                  | plan
//	--------+---------------------------------+-----------------------------
//	yes     | not there                       | create
//	yes     | as last applied, same content   | nothing
//	yes     | as last applied, other content  | configure, "changed"
//	yes     | touched by somebody since       | configure, "drifted"
//	yes     | there, but applied before us    | configure, "unverified"
//	no      | there and ours                  | delete
//	no      | there and kept                  | nothing
//	no      | there and somebody else's       | nothing: it is never even listed
//
// "Unverified" is what a daemon that has just started knows of an object; the
// apply then asks the API server, and most often the answer is "unchanged".
package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Stage is when a change is carried out. Stages follow each other; nothing
// reads a chunk before an index names it, so the index's one write is the switch.
type Stage int

// The stages of an apply, in order.
const (
	Chunks Stage = iota
	Workloads
	Index
	Prune
)

func (s Stage) String() string {
	return [...]string{"chunks", "workloads", "index", "prune"}[s]
}

// Action is what is done to one object.
type Action string

// The actions, in the words of kubectl.
const (
	Create    Action = "create"
	Configure Action = "configure"
	Delete    Action = "delete"
)

// The reasons for a change.
const (
	Absent     = "not there"
	Changed    = "changed"
	Drifted    = "drifted"
	Unverified = "unverified"
	Removed    = "no longer in the repo"
)

// ID names an object within the environment's namespace.
type ID struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

func (id ID) String() string { return strings.ToLower(id.Kind) + "/" + id.Name }

// Desired is one object that should be in the cluster.
type Desired struct {
	ID
	Stage Stage
	// Digest is equal only for equal content.
	Digest string
	// Object makes the object; a chunk is large and mostly never asked for.
	Object func() (*unstructured.Unstructured, error)
}

// Live is one object of ours that is in the cluster.
type Live struct {
	// Applied is the digest of the content that was applied last, empty when
	// that was before this process started.
	Applied string
	// Drifted says that somebody else has written to it since.
	Drifted bool
}

// Change is one thing to do to one object.
type Change struct {
	ID
	Stage  Stage  `json:"-"`
	Action Action `json:"action"`
	Reason string `json:"reason"`
	// Digest and Object are those of the desired object; nil for a delete.
	Digest string                                     `json:"-"`
	Object func() (*unstructured.Unstructured, error) `json:"-"`
}

// Plan is what has to change, in the order in which it is carried out.
type Plan struct {
	Changes []Change `json:"changes"`
}

// Empty says that there is nothing to do.
func (p Plan) Empty() bool { return len(p.Changes) == 0 }

// Stage returns the changes of one stage.
func (p Plan) Stage(s Stage) []Change {
	var out []Change
	for _, c := range p.Changes {
		if c.Stage == s {
			out = append(out, c)
		}
	}
	return out
}

func (p Plan) String() string {
	var b strings.Builder
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "%-9s %s (%s)\n", c.Action, c.ID, c.Reason)
	}
	return b.String()
}

// Make compares. Objects in keep are not deleted although nobody desires them.
func Make(desired []Desired, live map[ID]Live, keep map[ID]bool) Plan {
	var p Plan
	wanted := make(map[ID]bool, len(desired))
	for _, d := range desired {
		wanted[d.ID] = true
		if c, needed := compare(d, live); needed {
			p.Changes = append(p.Changes, c)
		}
	}
	for id := range live {
		if !wanted[id] && !keep[id] {
			p.Changes = append(p.Changes, Change{ID: id, Stage: Prune, Action: Delete, Reason: Removed})
		}
	}
	slices.SortFunc(p.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return p
}

func compare(d Desired, live map[ID]Live) (Change, bool) {
	c := Change{ID: d.ID, Stage: d.Stage, Action: Configure, Digest: d.Digest, Object: d.Object}
	l, there := live[d.ID]
	switch {
	case !there:
		c.Action, c.Reason = Create, Absent
	case l.Drifted:
		c.Reason = Drifted
	case l.Applied == d.Digest:
		return c, false
	case l.Applied != "":
		c.Reason = Changed
	case d.Stage == Chunks:
		return c, false // immutable and named by its content: being there is enough
	default:
		c.Reason = Unverified
	}
	return c, true
}
