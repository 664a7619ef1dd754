package stack

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// The webhook has a port of its own, from the Service through the network
// policy to the container; the one of the metrics need not be opened for it.
func TestWebhookIsReached(t *testing.T) {
	objects := built(t)
	var d appsv1.Deployment
	find(t, objects, "Deployment", "watchbill", &d)
	ports := map[string]int32{}
	for _, port := range d.Spec.Template.Spec.Containers[0].Ports {
		ports[port.Name] = port.ContainerPort
	}
	if ports["webhook"] == 0 || ports["webhook"] == ports["metrics"] {
		t.Errorf("the container's ports are %v", ports)
	}
	var s corev1.Service
	find(t, objects, "Service", "watchbill", &s)
	served := false
	for _, port := range s.Spec.Ports {
		served = served || (port.Name == "webhook" && port.TargetPort.String() == "webhook" && port.Port == ports["webhook"])
	}
	if !served {
		t.Errorf("the Service's ports are %+v", s.Spec.Ports)
	}
	var policy networkingv1.NetworkPolicy
	find(t, objects, "NetworkPolicy", "watchbill", &policy)
	let := false
	for _, rule := range policy.Spec.Ingress {
		for _, port := range rule.Ports {
			let = let || port.Port.String() == "webhook"
		}
	}
	if !let {
		t.Errorf("the network policy lets in %+v", policy.Spec.Ingress)
	}
}
