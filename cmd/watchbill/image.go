package main

import (
	"context"
	"fmt"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// ownImage is the image that this daemon itself runs, which the agents are to
// run too; outside a pod it is the image of this version.
func ownImage(ctx context.Context, config *rest.Config, namespace string) (string, error) {
	name := os.Getenv("POD_NAME")
	if name == "" {
		return defaultImage, nil
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", fmt.Errorf("make a Kubernetes client: %w", err)
	}
	pod, err := client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("find the image of this pod: %w; or give --agent-image", err)
	}
	for _, c := range pod.Spec.Containers {
		if c.Name == "watchbill" {
			return c.Image, nil
		}
	}
	return "", fmt.Errorf("find the image of this pod: %s has no container watchbill; give --agent-image", name)
}
