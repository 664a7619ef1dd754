package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// every is the time between two looks at something that is awaited.
const every = 50 * time.Millisecond

// until calls check again and again until it is satisfied, or until the context ends; the error is then check's last.
func until(ctx context.Context, what string, check func(context.Context) error) error {
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w (%w)", what, context.Cause(ctx), err)
		case <-time.After(every):
		}
	}
}

// client reads a kubeconfig. It does not hold itself back and gives each request a few seconds.
func client(kubeconfig, server string) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags(server, kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Timeout = -1, 5*time.Second
	config.WarningHandler = rest.NoWarnings{}
	return kubernetes.NewForConfig(config)
}

// apiReady tells whether the API server says that it is ready.
func apiReady(api kubernetes.Interface) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := api.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err
	}
}

// nodeReady tells whether the node takes pods.
func nodeReady(api kubernetes.Interface, name string) func(context.Context) error {
	return func(ctx context.Context) error {
		node, err := api.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return errors.New("the node is not ready")
	}
}

// accountReady tells whether pods can be made in the default namespace, for which its service account has to be there.
func accountReady(api kubernetes.Interface) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := api.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err
	}
}

// serviceReady tells whether a service's address leads somewhere.
func serviceReady(ctx context.Context) error {
	return reachable(ctx, net.JoinHostPort(APIService, "443"))
}

// reachable tells whether something listens there.
func reachable(ctx context.Context, address string) error {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// dnsReady tells whether the cluster's DNS knows the API server's service.
func dnsReady(ctx context.Context) error {
	resolver := &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "udp", net.JoinHostPort(Address, "53"))
		},
	}
	addresses, err := resolver.LookupHost(ctx, "kubernetes.default.svc."+Domain+".")
	if err == nil && (len(addresses) != 1 || addresses[0] != APIService) {
		err = fmt.Errorf("DNS says %v", addresses)
	}
	return err
}
