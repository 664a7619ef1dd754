package render

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// services are the one that people and other components ask, and the headless
// one that gives each pod a name of its own.
func services(env *repolayout.Environment, c *component) []Object {
	var out []Object
	ports := c.ports()
	if c.address != "" {
		one := newService(env, c, c.name, c.address, ports[:1])
		if c.bundle {
			one.Spec.SessionAffinity = corev1.ServiceAffinityClientIP // replicas differ a little; a page should not jump between them
		}
		out = append(out, one)
	}
	if c.headless != "" {
		each := newService(env, c, c.headless, "A DNS name for each replica, ready or not.", ports)
		each.Spec.ClusterIP = corev1.ClusterIPNone
		// The names must be there before the pods are ready: Alertmanagers find each other by them.
		each.Spec.PublishNotReadyAddresses = true
		out = append(out, each)
	}
	return out
}

func newService(env *repolayout.Environment, c *component, name, description string, ports []port) *corev1.Service {
	s := &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: meta(env, c.pods, name, description),
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Selector: selectorOf(env, c.pods)},
	}
	for _, p := range ports {
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{
			Name: p.name, Port: p.number, TargetPort: intstr.FromString(p.name), Protocol: p.proto(),
		})
	}
	return s
}

// networkPolicy closes the pods to all but what has to reach them. What they
// reach out to stays open: targets, receivers and buckets may be anywhere.
func (r *Renderer) networkPolicy(env *repolayout.Environment, c *component) *networkingv1.NetworkPolicy {
	policy := &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: meta(env, c.pods, c.name, "Closes each port of the pods to all but those who have to reach it."),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: selectorOf(env, c.pods)},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		},
	}
	for _, p := range c.ports() {
		from, open := r.peers(env, p)
		if !open && len(from) == 0 {
			continue // a rule without peers would let everybody in
		}
		number, protocol := intstr.FromInt32(p.number), p.proto()
		policy.Spec.Ingress = append(policy.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{
			From:  from,
			Ports: []networkingv1.NetworkPolicyPort{{Protocol: &protocol, Port: &number}},
		})
	}
	return policy
}

// peers may come to the port, or else it is open. A daemon outside the cluster
// comes by way of the API server, whose address no policy can know; the port that
// it must reach is then open to all.
func (r *Renderer) peers(env *repolayout.Environment, p port) (from []networkingv1.NetworkPolicyPeer, open bool) {
	if p.anybody || p.daemon && r.opts.DaemonNamespace == "" {
		return nil, true
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(p.from))) {
		from = append(from, networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{MatchLabels: selectorOf(env, name)}})
	}
	if p.daemon || p.asked && r.opts.DaemonNamespace != "" {
		from = append(from, networkingv1.NetworkPolicyPeer{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: r.opts.DaemonNamespace}},
			PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": "watchbill"}},
		})
	}
	return from, false
}
