//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/stack"
)

const (
	grafanaPort   = 3000
	grafanaSecret = "grafana" // as an environment names it that says nothing else

	paymentsDashboard = "teams/payments/dashboards/payments.json"
	paymentsUID       = "payments-overview"
)

// grafanaLogin is the administrator's, from the Secret that people make. It is made unless it is there.
func grafanaLogin(t *testing.T, ctx context.Context) *url.Userinfo {
	t.Helper()
	secrets := s.Client.CoreV1().Secrets(s.Namespace)
	_, err := secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: grafanaSecret},
		StringData: map[string]string{"admin-user": "admin", "admin-password": stack.Planted + "-grafana"},
	}, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		check(t, err)
	}
	secret, err := secrets.Get(ctx, grafanaSecret, metav1.GetOptions{})
	check(t, err)
	return url.UserPassword(string(secret.Data["admin-user"]), string(secret.Data["admin-password"]))
}

// shownDashboard is what Grafana knows of one.
type shownDashboard struct{ UID, Title, FolderTitle string }

// shownDashboards are those that the Grafana at base shows, by uid, without the agent's own.
func shownDashboards(ctx context.Context, base *url.URL) (map[string]shownDashboard, error) {
	var hits []shownDashboard
	if err := askGrafana(ctx, base, "api/search?type=dash-db", &hits); err != nil {
		return nil, err
	}
	shown := map[string]shownDashboard{}
	for _, h := range hits {
		shown[h.UID] = h
	}
	if _, ok := shown["watchbill-bundle"]; !ok {
		return nil, fmt.Errorf("the agent's own dashboard is not among %v", shown)
	}
	delete(shown, "watchbill-bundle")
	return shown, nil
}

func askGrafana(ctx context.Context, base *url.URL, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.String()+"/"+path, nil) // with the login that base holds
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("ask Grafana for %s: it answers %s", path, answer.Status)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}

// teamsDashboards are those of the clone, by uid, each in its team's folder.
func teamsDashboards(t *testing.T) map[string]shownDashboard {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(s.Repo.Dir, "teams/*/dashboards/*.json"))
	check(t, err)
	want := map[string]shownDashboard{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		check(t, err)
		var d shownDashboard
		check(t, json.Unmarshal(text, &d))
		d.FolderTitle = filepath.Base(filepath.Dir(filepath.Dir(path)))
		want[d.UID] = d
	}
	return want
}

// onlyGrafana is the one pod of Grafana that is to stay, once the cluster knows that it is ready.
func onlyGrafana(t *testing.T, ctx context.Context) (pod corev1.Pod) {
	t.Helper()
	check(t, s.Until(ctx, "one pod of Grafana to be ready", func(ctx context.Context) error {
		pods, err := s.Pods(ctx, bundle.Grafana)
		if err != nil {
			return err
		}
		if len(pods) != 1 {
			return fmt.Errorf("it has %d pods", len(pods))
		}
		pod = pods[0]
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("%s is not ready", pod.Name)
	}))
	return pod
}

// lives is what tells a pod that was restarted, or replaced, from one that was not.
func lives(pod corev1.Pod) map[string]string {
	out := map[string]string{"pod": string(pod.UID)}
	for _, c := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		out[c.Name] = fmt.Sprintf("%s, restarted %d times", c.ContainerID, c.RestartCount)
	}
	return out
}

// TestGrafanaShowsTheTeamsDashboards has a stand-in in the place of Grafana.
func TestGrafanaShowsTheTeamsDashboards(t *testing.T) {
	if s.Cluster == nil {
		t.Skip("only a cluster of our own has the stand-in under the name of Grafana's image")
	}
	fromGood(t)
	ctx := within(t, 5*time.Minute)
	login := grafanaLogin(t, ctx)
	edit(t, "environments/prod.yaml", "namespace: monitoring\n", "namespace: monitoring\n\ngrafana:\n  replicas: 1\n")
	first := awaitLive(t, ctx, deliver(t, ctx, "prod: Grafana"))
	grafanaProven(t, first.Proven)
	pod := onlyGrafana(t, ctx)
	address, err := s.Forward(ctx, pod.Name, grafanaPort, 0)
	check(t, err)
	base := &url.URL{Scheme: "http", Host: address, User: login}
	shows(t, ctx, base)
	var sources []struct{ UID, Type, URL string }
	check(t, askGrafana(ctx, base, "api/datasources", &sources))
	if len(sources) != 1 || sources[0].UID != "thanos" || sources[0].URL == "" {
		t.Errorf("the data sources are %+v, not Thanos Query alone", sources)
	}

	edit(t, paymentsDashboard, `"title": "Payments"`, `"title": "Payments, and how they go"`)
	write(t, "teams/delivery/dashboards/more.json", `{"uid": "delivery-more", "title": "More", "schemaVersion": 41, "panels": []}`)
	began := time.Now()
	second := awaitLive(t, ctx, deliver(t, ctx, "payments, delivery: dashboards"))
	t.Logf("dashboards live and checked after %s", time.Since(began).Round(time.Millisecond))
	grafanaProven(t, second.Proven)
	if first.Bundles[bundle.Grafana] == second.Bundles[bundle.Grafana] {
		t.Error("the change made no new bundle for Grafana")
	}
	shows(t, ctx, base)
	if diff := cmp.Diff(lives(pod), lives(onlyGrafana(t, ctx))); diff != "" {
		t.Errorf("a dashboard restarted something:\n%s", diff)
	}

	check(t, s.Repo.Remove("teams/delivery/dashboards/more.json"))
	edit(t, "environments/prod.yaml", "\ngrafana:\n  replicas: 1\n", "")
	last := awaitLive(t, ctx, deliver(t, ctx, "prod: no Grafana"))
	if proven, ok := last.Proven[bundle.Grafana]; ok {
		t.Errorf("a Grafana that is not there was proven by %s", proven)
	}
	check(t, s.Until(ctx, "Grafana to go", grafanaGone))
}

func grafanaProven(t *testing.T, proven map[string]string) {
	t.Helper()
	if diff := cmp.Diff("1/1", proven[bundle.Grafana]); diff != "" {
		t.Errorf("Grafana's proof:\n%s", diff)
	}
}

// shows checks that Grafana shows the clone's dashboards. What was proven is
// there, so nothing is waited for.
func shows(t *testing.T, ctx context.Context, base *url.URL) {
	t.Helper()
	shown, err := shownDashboards(ctx, base)
	check(t, err)
	want := teamsDashboards(t)
	if want[paymentsUID].FolderTitle != "payments" {
		t.Fatalf("the clone has no dashboard %s of payments: %v", paymentsUID, want)
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("dashboards:\n%s", diff)
	}
}

func grafanaGone(ctx context.Context) error {
	pods, err := s.Pods(ctx, bundle.Grafana)
	if err == nil && len(pods) > 0 {
		err = fmt.Errorf("there are %d pods", len(pods))
	}
	if err != nil {
		return err
	}
	_, err = s.Client.AppsV1().Deployments(s.Namespace).Get(ctx, bundle.Grafana, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return errors.Join(err, errors.New("its Deployment is there"))
}
