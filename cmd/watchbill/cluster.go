package main

import (
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// clusterFlags choose a cluster and a namespace as kubectl does.
type clusterFlags struct {
	kubeconfig, context, namespace string
}

func (c *clusterFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&c.kubeconfig, "kubeconfig", "", "kubeconfig file; without it, as kubectl finds one, or the pod's own account")
	flags.StringVar(&c.context, "context", "", "context of the kubeconfig")
	flags.StringVarP(&c.namespace, "namespace", "n", "", "namespace of the environment; without it, the context's or the pod's own")
}

// connect reads the configuration and the namespace.
func (c *clusterFlags) connect() (*rest.Config, string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: c.context}
	overrides.Context.Namespace = c.namespace
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("find a cluster: %w; give --kubeconfig or set KUBECONFIG", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, "", fmt.Errorf("find the namespace: %w; give --namespace", err)
	}
	return config, namespace, nil
}

// client connects with a typed client.
func (c *clusterFlags) client() (kubernetes.Interface, *rest.Config, string, error) {
	config, namespace, err := c.connect()
	if err != nil {
		return nil, nil, "", err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, "", fmt.Errorf("make a Kubernetes client: %w", err)
	}
	return client, config, namespace, nil
}
