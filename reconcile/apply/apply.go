// Package apply makes the cluster as a plan says, and knows what is there.
//
// [Applier] writes by server-side apply through fluxcd/pkg/ssa under the field
// manager "watchbill". [View] watches the metadata of every object of ours, so
// that a pass which finds nothing to do asks the API server for nothing. The
// cluster itself is the inventory: an object is ours when it carries our labels
// and our field manager has applied it, and nothing else is ever deleted. A
// delete that failed is still there at the next pass, and is tried again.
package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/ssa"
	ssaerrors "github.com/fluxcd/pkg/ssa/errors"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/watchbill/watchbill/reconcile/plan"
)

// FieldManager owns the fields that Watchbill applies.
const FieldManager = "watchbill"

// atOnce is how many objects of one stage are written side by side.
const atOnce = 8

// rolloutPoll is how often a workload that rolls out is looked at.
const rolloutPoll = 250 * time.Millisecond

// Applier carries plans out in one namespace.
type Applier struct {
	namespace string
	manager   *ssa.ResourceManager
	view      *View
}

// NewApplier makes an applier that writes through config, and tells view what it wrote.
func NewApplier(config *rest.Config, view *View) (*Applier, error) {
	c, err := client.New(config, client.Options{Mapper: kindMapper()})
	if err != nil {
		return nil, fmt.Errorf("make a client for server-side apply: %w", err)
	}
	owner := ssa.Owner{Field: FieldManager, Group: labelGroup}
	return &Applier{
		namespace: view.namespace,
		manager:   ssa.NewResourceManager(&witness{Client: c, view: view}, nil, owner),
		view:      view,
	}, nil
}

// Stage carries out the changes of one stage and returns what became of each
// object. Chunks are written side by side; everything else in the plan's order.
// What was written before an error stays; the next plan knows it.
func (a *Applier) Stage(ctx context.Context, p plan.Plan, stage plan.Stage) (*ssa.ChangeSet, error) {
	changes := p.Stage(stage)
	entries := make([]ssa.ChangeSetEntry, len(changes))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(1)
	if stage == plan.Chunks {
		g.SetLimit(atOnce)
	}
	for i, c := range changes {
		g.Go(func() error {
			entry, err := a.change(ctx, c)
			if err != nil {
				return err
			}
			entries[i] = *entry
			return nil
		})
	}
	err := g.Wait()
	set := ssa.NewChangeSet()
	for _, e := range entries {
		if e.Action != "" {
			set.Add(e)
		}
	}
	return set, err
}

func (a *Applier) change(ctx context.Context, c plan.Change) (*ssa.ChangeSetEntry, error) {
	if c.Action == plan.Delete {
		return a.remove(ctx, c.ID)
	}
	object, err := c.Object()
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", c.ID, err)
	}
	if c.Stage != plan.Chunks && (c.Reason == plan.Drifted || c.Reason == plan.Unverified) {
		if err := a.reclaim(ctx, c.ID); err != nil {
			a.view.doubt(c.ID)
			return nil, err
		}
	}
	entry, err := a.manager.Apply(ctx, object, ssa.DefaultApplyOptions())
	if err != nil {
		a.view.doubt(c.ID)
		return nil, explain(c.ID, err)
	}
	a.view.applied(c.ID, c.Digest)
	return entry, nil
}

// Verify asks the API server, by dry runs, about the objects that a plan knows
// nothing of, and leaves those out that are as they should be.
func (a *Applier) Verify(ctx context.Context, p plan.Plan) (plan.Plan, error) {
	var out plan.Plan
	for _, c := range p.Changes {
		if c.Reason == plan.Unverified {
			object, err := c.Object()
			if err != nil {
				return out, fmt.Errorf("make %s: %w", c.ID, err)
			}
			entry, _, _, err := a.manager.Diff(ctx, object, ssa.DefaultDiffOptions())
			if err != nil {
				return out, explain(c.ID, err)
			}
			if entry.Action == ssa.UnchangedAction {
				continue
			}
			c.Reason = plan.Changed
		}
		out.Changes = append(out.Changes, c)
	}
	return out, nil
}

func (a *Applier) remove(ctx context.Context, id plan.ID) (*ssa.ChangeSetEntry, error) {
	kind, ok := kindOf(id.Kind)
	if !ok {
		return nil, fmt.Errorf("delete %s: not a kind that is watched", id)
	}
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(kind)
	u.SetNamespace(a.namespace)
	u.SetName(id.Name)
	entry, err := a.manager.Delete(ctx, u, ssa.DeleteOptions{
		PropagationPolicy: metav1.DeletePropagationBackground,
		Inclusions:        map[string]string{labelManagedBy: FieldManager},
	})
	if err != nil {
		return nil, fmt.Errorf("delete %s: %w", id, err)
	}
	return entry, nil
}

// explain says what a person can do about a write that the API server refused.
func explain(id plan.ID, err error) error {
	if ssaerrors.IsImmutableError(err) {
		return fmt.Errorf("apply %s: %w; Kubernetes does not change this in place: delete the object (for a StatefulSet with --cascade=orphan) and it is made anew", id, err)
	}
	var dry *ssaerrors.DryRunErr
	if errors.As(err, &dry) {
		return fmt.Errorf("apply %s: %w", id, dry.Unwrap())
	}
	return fmt.Errorf("apply %s: %w", id, err)
}

// witness is a client that tells the view which state of an object was ours.
type witness struct {
	client.Client
	view *View
}

// Get notes what is there: if the apply finds nothing to change, that is how it should be.
func (w *witness) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if err := w.Client.Get(ctx, key, obj, opts...); err != nil {
		return err
	}
	w.view.accept(obj)
	return nil
}

// Patch notes what the API server made of a write that was not a dry run.
func (w *witness) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	if err := w.Client.Patch(ctx, obj, patch, opts...); err != nil {
		return err
	}
	var o client.PatchOptions
	o.ApplyOptions(opts)
	if len(o.DryRun) == 0 {
		w.view.accept(obj)
	}
	return nil
}

// Rolled waits until the StatefulSets and Deployments that a plan changed run what it says, so
// that no proof is taken from a pod that is about to be replaced.
func (a *Applier) Rolled(ctx context.Context, p plan.Plan) error {
	for _, c := range p.Stage(plan.Workloads) {
		if c.Kind != "StatefulSet" && c.Kind != "Deployment" {
			continue
		}
		if err := a.rolled(ctx, c.ID); err != nil {
			return err
		}
	}
	return nil
}

func (a *Applier) rolled(ctx context.Context, id plan.ID) error {
	kind, _ := kindOf(id.Kind)
	for {
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(kind)
		err := a.manager.Client().Get(ctx, client.ObjectKey{Namespace: a.namespace, Name: id.Name}, u)
		if err != nil {
			return fmt.Errorf("wait for %s to roll out: %w", id, err)
		}
		result, err := status.Compute(u)
		if err != nil {
			return fmt.Errorf("read the status of %s: %w", id, err)
		}
		if result.Status == status.CurrentStatus {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %s: %w", id, result.Message, context.Cause(ctx))
		case <-time.After(rolloutPoll):
		}
	}
}
