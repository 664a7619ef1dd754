package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"

	"github.com/watchbill/watchbill/reconcile/agent"
	"github.com/watchbill/watchbill/reconcile/plan"
	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/render/bundle"
)

// farewell is what a pass does about Prometheus pods that are to go for good: a
// scale-down, a shard that is given up, an environment that retires. Each hands
// its samples over to the object store first, and its StatefulSet keeps the pod
// until it has. Nothing else of the revision waits for that.
type farewell struct {
	// leaving are the pods that the index names, sorted: those that are to go, until they have gone.
	leaving []string
	// held are the replicas that a StatefulSet keeps for now, by its name.
	held map[string]int32
	// keep are StatefulSets that nobody wants any more, but whose pods have not all left.
	keep map[plan.ID]bool
	// claims are the volumes of pods that have left, which may go with them.
	claims []string
}

// scale is a StatefulSet of Prometheus as the cluster has it.
type scale struct {
	name     string
	replicas int32
	volumes  bool // its pods have claims of their own
}

// bid works the farewell out. Without an object store there is nowhere to hand samples to.
func (p *pass) bid() farewell {
	if p.result.Environment.ObjectStore == nil {
		return farewell{}
	}
	return farewellTo(p.scales(), replicasOf(p.result.Output.Objects), p.prometheusPods(), p.gone())
}

// farewellTo is the farewell of what is, where some replicas are wanted, some pods
// run, and some of those have left:
//
//	is  wanted  left            keeps  leaving  goes
//	3   2       none            3      2        none
//	3   2       2               2      2        2
//	3   1       1               3      1, 2     none: a set gives up its last pod first
//	2   none    0               2      0, 1     none: a set that is not wanted goes as a whole
//	2   2       1               2      none     none
func farewellTo(scales []scale, wanted map[string]int32, pods []string, left map[string]bool) farewell {
	f := farewell{held: map[string]int32{}, keep: map[plan.ID]bool{}}
	for _, s := range scales {
		target, stays := wanted[s.name]
		now := s.replicas
		for now > target && left[podOf(s.name, now-1)] {
			now--
		}
		switch {
		case now > target && stays:
			f.held[s.name] = now
		case now > target:
			f.keep[plan.ID{Kind: "StatefulSet", Name: s.name}] = true
			now = s.replicas
		}
		for i := target; i < s.replicas; i++ {
			f.leaving = append(f.leaving, podOf(s.name, i))
			if i >= now && s.volumes {
				f.claims = append(f.claims, "data-"+podOf(s.name, i))
			}
		}
	}
	for _, pod := range pods {
		if set, i, ok := cutOrdinal(pod); ok && i >= wanted[set] {
			f.leaving = append(f.leaving, pod) // its set is scaled down already, but it still runs
		}
	}
	slices.Sort(f.leaving)
	f.leaving = slices.Compact(f.leaving)
	return f
}

// farewells tells of pods that are to go, when there is news of them.
func (p *pass) farewells() {
	text := p.leave.waiting(p.prover.Snapshot())
	p.metrics.leaving.Set(float64(len(p.leave.leaving)))
	if text == p.waiting {
		return
	}
	p.waiting = text
	if text != "" {
		p.log.Info("replicas hand their samples over before they go", "object", text)
		p.teller.tell("Leaving", "before it goes, its samples go to the object store: "+text)
	}
}

// gone are the pods whose samples are all in the object store, or given up by the repo.
func (p *pass) gone() map[string]bool {
	gone := map[string]bool{}
	for _, pod := range podsIn(p.prover.Snapshot(), agent.Left) {
		gone[pod] = true
	}
	for _, id := range p.result.Guard.Allow {
		if pod, ok := strings.CutPrefix(id, loseSamples); ok {
			gone[pod] = true
		}
	}
	return gone
}

// loseSamples, with a pod's name after it, is what guard.allow lists to let a
// pod go whose samples cannot be saved.
const loseSamples = "lose-samples/"

// replicasOf are the replicas that a revision wants of each StatefulSet of Prometheus.
func replicasOf(objects []render.Object) map[string]int32 {
	wanted := map[string]int32{}
	for _, o := range objects {
		if set, ok := o.(*appsv1.StatefulSet); ok && set.Labels[nameLabel] == bundle.Prometheus {
			wanted[set.Name] = scaleOf(set).replicas
		}
	}
	return wanted
}

// nameLabel names the component that a workload or pod is of.
const nameLabel = "app.kubernetes.io/name"

// componentReplicas are the pods that a revision wants of each component, all its shards together.
func componentReplicas(objects []render.Object) map[string]int32 {
	wanted := map[string]int32{}
	for _, o := range objects {
		switch w := o.(type) {
		case *appsv1.StatefulSet:
			wanted[w.Labels[nameLabel]] += ptr.Deref(w.Spec.Replicas, 1)
		case *appsv1.Deployment:
			wanted[w.Labels[nameLabel]] += ptr.Deref(w.Spec.Replicas, 1)
		}
	}
	return wanted
}

func scaleOf(set *appsv1.StatefulSet) scale {
	return scale{name: set.Name, replicas: ptr.Deref(set.Spec.Replicas, 1), volumes: len(set.Spec.VolumeClaimTemplates) > 0}
}

// prometheusPods are the pods that run, by name.
func (p *pass) prometheusPods() []string {
	var pods []string
	for _, r := range p.prover.Snapshot() {
		if r.Component == bundle.Prometheus {
			pods = append(pods, r.Pod)
		}
	}
	return pods
}

// podOf is the pod of a StatefulSet with that ordinal.
func podOf(set string, ordinal int32) string { return fmt.Sprintf("%s-%d", set, ordinal) }

func cutOrdinal(pod string) (set string, ordinal int32, ok bool) {
	dash := strings.LastIndexByte(pod, '-')
	if dash < 0 {
		return "", 0, false
	}
	n, err := strconv.ParseInt(pod[dash+1:], 10, 32)
	return pod[:dash], int32(n), err == nil
}

// hold gives the StatefulSets of an output the replicas that they keep for now.
func (f farewell) hold(o render.Object) render.Object {
	set, ok := o.(*appsv1.StatefulSet)
	if !ok {
		return o
	}
	replicas, held := f.held[set.Name]
	if !held {
		return o
	}
	set = set.DeepCopy()
	set.Spec.Replicas = &replicas
	return set
}

// waiting says for a person which pods are still on their way.
func (f farewell) waiting(reports []agent.Report) string {
	words := map[string]string{}
	for _, r := range reports {
		if slices.Contains(f.leaving, r.Pod) && r.State != agent.Left {
			words[r.Pod] = r.Pod
			if r.Error != "" {
				words[r.Pod] += " (" + r.Error + ")"
			}
		}
	}
	return strings.Join(slices.Sorted(maps.Values(words)), ", ")
}
