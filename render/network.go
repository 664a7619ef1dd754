package render

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// services are the one that people and Grafana ask, and the headless one that
// gives each pod a name of its own.
func services(env *repolayout.Environment, w *workload) []Object {
	web := servicePort(webPort, w.port, webPort, corev1.ProtocolTCP)
	one := newService(env, w, w.name, "One address for all replicas' API and web pages.", web)
	one.Spec.SessionAffinity = corev1.ServiceAffinityClientIP // replicas differ a little; a page should not jump between them

	ports := []corev1.ServicePort{web, servicePort(agentPortName, agentPort, agentPortName, corev1.ProtocolTCP)}
	if w.mesh {
		ports = append(ports,
			servicePort("tcp-mesh", meshPort, "mesh-tcp", corev1.ProtocolTCP),
			servicePort("udp-mesh", meshPort, "mesh-udp", corev1.ProtocolUDP))
	}
	each := newService(env, w, w.headless, "A DNS name for each replica, ready or not.", ports...)
	each.Spec.ClusterIP = corev1.ClusterIPNone
	// The names must be there before the pods are ready: Alertmanagers find each other by them.
	each.Spec.PublishNotReadyAddresses = true
	return []Object{one, each}
}

func newService(env *repolayout.Environment, w *workload, name, description string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: meta(env, w.name, name, description),
		Spec: corev1.ServiceSpec{
			Type:     corev1.ServiceTypeClusterIP,
			Selector: selectorOf(env, w.name),
			Ports:    ports,
		},
	}
}

func servicePort(name string, port int32, target string, protocol corev1.Protocol) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Port: port, TargetPort: intstr.FromString(target), Protocol: protocol}
}

// networkPolicy closes the pods to all but what has to reach them. What they
// reach out to stays open: targets and receivers may be anywhere.
func (r *Renderer) networkPolicy(env *repolayout.Environment, w *workload) *networkingv1.NetworkPolicy {
	prometheus := samePods(env, bundle.Prometheus)
	ingress := []networkingv1.NetworkPolicyIngressRule{
		// Prometheus tells Alertmanager, and scrapes both.
		{From: prometheus, Ports: policyPorts(corev1.ProtocolTCP, w.port)},
		{From: r.agentClients(prometheus), Ports: policyPorts(corev1.ProtocolTCP, agentPort)},
	}
	if w.mesh {
		ports := append(policyPorts(corev1.ProtocolTCP, meshPort), policyPorts(corev1.ProtocolUDP, meshPort)...)
		ingress = append(ingress, networkingv1.NetworkPolicyIngressRule{From: samePods(env, w.name), Ports: ports})
	}
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: meta(env, w.name, w.name, "Closes the pods to all but Prometheus, the daemon and, where they gossip, each other."),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: selectorOf(env, w.name)},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress:     ingress,
		},
	}
}

// agentClients may ask the agents: Prometheus for metrics, the daemon for
// proof. A daemon outside the cluster comes by way of the API server, whose
// address no policy can know; then the port is open to all, who can only read.
func (r *Renderer) agentClients(prometheus []networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer {
	if r.opts.DaemonNamespace == "" {
		return nil
	}
	return append(prometheus, networkingv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: r.opts.DaemonNamespace}},
		PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": "watchbill"}},
	})
}

func samePods(env *repolayout.Environment, component string) []networkingv1.NetworkPolicyPeer {
	return []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: selectorOf(env, component)}}}
}

func policyPorts(protocol corev1.Protocol, port int32) []networkingv1.NetworkPolicyPort {
	number := intstr.FromInt32(port)
	return []networkingv1.NetworkPolicyPort{{Protocol: &protocol, Port: &number}}
}

func disruptionBudget(env *repolayout.Environment, w *workload) *policyv1.PodDisruptionBudget {
	one := intstr.FromInt32(1)
	return &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: meta(env, w.name, w.name, "Lets a drain take one replica at a time."),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: &one,
			Selector:       &metav1.LabelSelector{MatchLabels: selectorOf(env, w.name)},
		},
	}
}
