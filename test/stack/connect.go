package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// imageName is Watchbill's image as deploy/ names it.
const imageName = "ghcr.io/watchbill/watchbill"

// connect finds or starts the cluster and says which image of Watchbill is to run in it.
func (s *Stack) connect(ctx context.Context, o Options) (string, error) {
	s.Kubeconfig = os.Getenv(clientcmd.RecommendedConfigPathEnvVar)
	name, ours, err := localName(s.Kubeconfig, o.Name)
	if err != nil {
		return "", err
	}
	image := os.Getenv("WATCHBILL_IMAGE")
	if ours {
		if image, err = s.local(ctx, name, o.Ephemeral); err != nil {
			return "", err
		}
	} else if image == "" {
		return "", errors.New("KUBECONFIG names a cluster that is not a local one of Watchbill: set WATCHBILL_IMAGE to an image of Watchbill that it can pull, or unset KUBECONFIG")
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if ours {
		rules.ExplicitPath = s.Kubeconfig
	}
	s.Config, err = clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	s.Config.QPS, s.Config.Burst = -1, -1
	s.Client, err = kubernetes.NewForConfig(s.Config)
	if err != nil {
		return "", fmt.Errorf("make a Kubernetes client: %w", err)
	}
	version, err := s.Client.Discovery().ServerVersion()
	if err != nil {
		return "", fmt.Errorf("reach the cluster: %w", err)
	}
	s.say("Kubernetes %s at %s", version.GitVersion, s.Config.Host)
	return image, nil
}

// localName says whether a kubeconfig is that of a local cluster, and of which; none means the one of that name.
func localName(kubeconfig, name string) (string, bool, error) {
	if kubeconfig == "" {
		return name, true, nil
	}
	config, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	if err != nil {
		return "", false, fmt.Errorf("read KUBECONFIG: %w", err)
	}
	local, ok := strings.CutPrefix(config.CurrentContext, "watchbill-")
	_, err = os.Stat(filepath.Join(filepath.Dir(kubeconfig), "cluster.json"))
	return local, ok && err == nil, nil
}

// local brings the local cluster up with the images that the example needs.
func (s *Stack) local(ctx context.Context, name string, ephemeral bool) (string, error) {
	s.say("programs")
	programs, err := Programs(ctx, s.progress, "cluster", "prometheus", "alertmanager", "thanos", "versitygw", "grafana", "watchbill")
	if err != nil {
		return "", err
	}
	s.Programs = programs
	s.say("cluster %s", name)
	if s.Cluster, err = UpCluster(ctx, programs["cluster"], name, false, s.progress); err != nil {
		return "", err
	}
	if ephemeral && s.Cluster.Created {
		s.closers = append(s.closers, func() error {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			return s.Cluster.Down(ctx)
		})
	}
	s.Kubeconfig = s.Cluster.Kubeconfig
	tag, err := contentTag(programs["watchbill"])
	if err != nil {
		return "", err
	}
	s.say("images")
	c := repolayout.DefaultStack().Components
	image := imageName + ":" + tag
	for image, program := range map[string]string{
		image: programs["watchbill"],
		c.Prometheus.Image + ":v" + c.Prometheus.Version:     programs["prometheus"],
		c.Alertmanager.Image + ":v" + c.Alertmanager.Version: programs["alertmanager"],
		c.Thanos.Image + ":v" + c.Thanos.Version:             programs["thanos"],
		c.Grafana.Image + ":" + c.Grafana.Version:            programs["grafana"], // stands in for Grafana, which cannot be built here
		objectStoreImage: programs["versitygw"],
	} {
		if err := s.Cluster.Load(ctx, image, program); err != nil {
			return "", err
		}
	}
	return image, nil
}
