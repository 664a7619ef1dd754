//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/watchbill/watchbill/test/stack"
)

// eventTexts are the messages of all Events of the namespace.
func eventTexts(ctx context.Context) (string, error) {
	list, err := s.Client.CoreV1().Events(s.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, e := range list.Items {
		all.WriteString(e.Reason + ": " + e.Message + "\n")
	}
	return all.String(), nil
}

// TestZZNoSecretShows runs last, over all that the tests before have made.
func TestZZNoSecretShows(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	texts := map[string]string{}
	for _, l := range logs(ctx) {
		texts["the log of "+l.pod+"/"+l.container] += l.text
	}
	if len(texts) < 17 { // the daemon, five agents, five components, two sidecars, two Queries, two Stores
		t.Errorf("only %d logs were read", len(texts))
	}
	maps, err := s.Client.CoreV1().ConfigMaps(s.Namespace).List(ctx, metav1.ListOptions{})
	check(t, err)
	for _, cm := range maps.Items {
		for key, value := range cm.Data {
			texts["ConfigMap "+cm.Name+", key "+key] = value
		}
	}
	events, err := eventTexts(ctx)
	check(t, err)
	texts["the Events"] = events
	out, _ := watchbill(t, "status", "--output", "json")
	texts["watchbill status"] = out
	out, _ = watchbill(t, "jobs", "--output", "json")
	texts["watchbill jobs"] = out
	for _, name := range append([]string{stack.Deployment}, stack.Components...) {
		pods, err := s.Pods(ctx, name)
		check(t, err)
		for _, pod := range pods {
			port := stack.AgentPort
			if name == stack.Deployment {
				port = stack.DaemonPort
			} else {
				live, err := s.Get(ctx, pod.Name, port, "live")
				check(t, err)
				texts["the report of "+pod.Name] = string(live)
			}
			body, err := s.Get(ctx, pod.Name, port, "metrics")
			check(t, err)
			texts["the metrics of "+pod.Name] = string(body)
		}
	}
	planted := []string{stack.Planted}
	if forge.Server != nil {
		planted = append(planted, forge.Key, "ghs_") // which every token of an installation begins with
		for i, r := range forge.Requests() {         // statuses, comments, check runs and deployments
			texts[fmt.Sprintf("request %d to the forge, %s %s", i, r.Method, r.Path)] = r.Path + " " + r.Query.Encode() + " " + r.Body
		}
		for _, v := range forge.Violations() {
			t.Errorf("GitHub's description does not allow it: %s", v)
		}
	}
	for what, text := range texts {
		for _, secret := range planted {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s shows a secret: %.300s", what, text[max(0, i-200):])
			}
		}
	}
	// They are there to be found.
	secrets, err := s.Client.CoreV1().Secrets(s.Namespace).List(ctx, metav1.ListOptions{})
	check(t, err)
	found := 0
	for _, secret := range secrets.Items {
		for _, value := range secret.Data {
			if strings.Contains(string(value), stack.Planted) {
				found++
			}
		}
	}
	if found == 0 {
		t.Error("no secret was planted")
	}
}
