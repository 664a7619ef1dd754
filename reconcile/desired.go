package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/watchbill/watchbill/reconcile/apply"
	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/reconcile/plan"
	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/render/bundle"
)

// desired is everything that a built revision wants in the cluster: the chunks
// of its bundles, the workloads, with as many replicas as may go for now, and an
// index for each bundle.
func desired(r *build.Result, indexes []bundle.Index, leave farewell) ([]plan.Desired, error) {
	var out []plan.Desired
	for _, b := range r.Output.Bundles {
		for _, c := range b.Chunks {
			out = append(out, desiredChunk(r, b.Component, c))
		}
	}
	for _, o := range r.Output.Objects {
		d, err := desiredObject(plan.Workloads, leave.hold(o))
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	for _, i := range indexes {
		cm, err := render.IndexObject(r.Environment, i)
		if err != nil {
			return nil, err
		}
		d, err := desiredObject(plan.Index, cm)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// desiredChunk makes the object only when it has to be written.
func desiredChunk(r *build.Result, component string, c *bundle.Chunk) plan.Desired {
	return plan.Desired{
		ID:     chunkID(component, c.Digest),
		Stage:  plan.Chunks,
		Digest: c.Digest,
		Object: func() (*unstructured.Unstructured, error) {
			return apply.Unstructured(render.ChunkObject(r.Environment, component, c))
		},
	}
}

func chunkID(component, digest string) plan.ID {
	return plan.ID{Kind: "ConfigMap", Name: bundle.Name(component, digest)}
}

func desiredObject(stage plan.Stage, o render.Object) (plan.Desired, error) {
	u, err := apply.Unstructured(o)
	if err != nil {
		return plan.Desired{}, err
	}
	raw, err := json.Marshal(u)
	if err != nil {
		return plan.Desired{}, fmt.Errorf("write %s %s as JSON: %w", u.GetKind(), u.GetName(), err)
	}
	sum := sha256.Sum256(raw)
	return plan.Desired{
		ID:     plan.ID{Kind: u.GetKind(), Name: u.GetName()},
		Stage:  stage,
		Digest: hex.EncodeToString(sum[:]),
		Object: func() (*unstructured.Unstructured, error) { return u.DeepCopy(), nil },
	}, nil
}

// PlanFor plans a built revision against what is live, with its bundles wanted;
// it is what a pass does before its first write.
func PlanFor(r *build.Result, revision string, live map[plan.ID]plan.Live) (plan.Plan, error) {
	var indexes []bundle.Index
	for _, b := range r.Output.Bundles {
		indexes = append(indexes, bundle.Index{Component: b.Component, Wanted: b.Ref(revision)})
	}
	want, err := desired(r, indexes, farewell{})
	if err != nil {
		return plan.Plan{}, err
	}
	return plan.Make(want, live, nil), nil
}
