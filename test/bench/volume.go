package main

import (
	"context"
	"fmt"
	"io"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/stack"
)

// volumeName names the objects of the way that people build for themselves.
const volumeName = "volume-prometheus"

// benchVolume measures the same change through a ConfigMap that is mounted as a
// volume, with as many replicas, each told to reload four times a second: no
// home-made reloader is quicker than that. The time is the kubelet's.
func benchVolume(ctx context.Context, s *stack.Stack, out figures, log io.Writer) error {
	pods, err := createVolumeWay(ctx, s)
	if err != nil {
		return err
	}
	var took []float64
	for n := range slowTries {
		start := time.Now()
		if err := writeVolume(ctx, s, 200+n); err != nil {
			return err
		}
		if err := each(pods, func(pod string) error { return reloadUntil(ctx, s, pod, 200+n) }); err != nil {
			return err
		}
		took = append(took, time.Since(start).Seconds())
		fmt.Fprintf(log, "through a ConfigMap volume: %.1f s\n", took[n])
	}
	out["volume_to_live_median_seconds"] = median(took)
	return nil
}

func reloadUntil(ctx context.Context, s *stack.Stack, pod string, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	return s.Until(ctx, fmt.Sprintf("%s to run change %d", pod, n), func(ctx context.Context) error {
		if err := reload(ctx, s, pod); err != nil {
			return err
		}
		return showsChange(ctx, s, pod, n)
	})
}

func writeVolume(ctx context.Context, s *stack.Stack, n int) error {
	maps := s.Client.CoreV1().ConfigMaps(s.Namespace)
	cm, err := maps.Get(ctx, volumeName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	cm.Data["bench.yaml"] = ruleText(n)
	_, err = maps.Update(ctx, cm, metav1.UpdateOptions{})
	return err
}

// createVolumeWay makes the ConfigMap, and pods of the image, arguments and
// number of replicas that Watchbill's Prometheus has, and waits until they are ready.
func createVolumeWay(ctx context.Context, s *stack.Stack) ([]corev1.Pod, error) {
	set, err := s.Client.AppsV1().StatefulSets(s.Namespace).Get(ctx, bundle.Prometheus, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	labels := map[string]string{"app.kubernetes.io/name": volumeName}
	meta := metav1.ObjectMeta{Name: volumeName, Namespace: s.Namespace, Labels: labels}
	_, err = s.Client.CoreV1().ConfigMaps(s.Namespace).Create(ctx, &corev1.ConfigMap{
		ObjectMeta: meta,
		Data: map[string]string{
			"prometheus.yml": "rule_files: [bench.yaml]\n",
			"bench.yaml":     ruleText(0),
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	_, err = s.Client.AppsV1().Deployments(s.Namespace).Create(ctx, &appsv1.Deployment{
		ObjectMeta: meta,
		Spec: appsv1.DeploymentSpec{
			Replicas: set.Spec.Replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       volumePod(set.Spec.Template.Spec.Containers[0].Image),
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	var pods *corev1.PodList
	err = s.Until(ctx, "the replicas with a volume", func(ctx context.Context) error {
		pods, err = s.Client.CoreV1().Pods(s.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=" + volumeName})
		if err != nil {
			return err
		}
		if len(pods.Items) != int(*set.Spec.Replicas) {
			return fmt.Errorf("%d pods are there, not %d", len(pods.Items), *set.Spec.Replicas)
		}
		return each(pods.Items, func(pod string) error { return showsChange(ctx, s, pod, 0) })
	})
	if err != nil {
		return nil, err
	}
	return pods.Items, nil
}

func volumePod(image string) corev1.PodSpec {
	return corev1.PodSpec{
		Containers: []corev1.Container{{
			Name:  "prometheus",
			Image: image,
			Args: []string{
				"--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus", "--web.enable-lifecycle",
			},
			VolumeMounts: []corev1.VolumeMount{
				{Name: "config", MountPath: "/etc/prometheus"},
				{Name: "data", MountPath: "/prometheus"},
			},
		}},
		SecurityContext: &corev1.PodSecurityContext{RunAsUser: new(int64(65534)), FSGroup: new(int64(65534))},
		Volumes: []corev1.Volume{
			{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: volumeName},
			}}},
			{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		},
	}
}
