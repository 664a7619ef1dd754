package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
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
	pod, err := ownPod(ctx, client.CoreV1().Pods(namespace), name)
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

// ownPod asks until the API server is there: a daemon that ended whenever it
// is not would still be waiting to be started again when it is back.
func ownPod(ctx context.Context, pods typedcorev1.PodInterface, name string) (*corev1.Pod, error) {
	const again = time.Second
	for {
		pod, err := pods.Get(ctx, name, metav1.GetOptions{})
		var answer apierrors.APIStatus
		if err == nil || (errors.As(err, &answer) && answer.Status().Code < http.StatusInternalServerError) {
			return pod, err
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), err)
		case <-time.After(again):
		}
	}
}
