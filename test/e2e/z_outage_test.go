//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/stack"
)

// The outage comes late: the scheduler and the controllers take their time to
// find the API server again.

// Without the API server everything that is live stays live, and a commit of
// that time goes live afterwards.
func TestAPIServerAway(t *testing.T) {
	good := fromGood(t)
	ctx := within(t, 4*time.Minute)
	addresses := prometheusAddresses(t, ctx)
	check(t, s.Cluster.Stop(ctx, "apiserver"))
	back := false
	defer func() {
		if !back {
			check(t, s.Cluster.Start(context.WithoutCancel(ctx), "apiserver"))
		}
	}()
	const away = 30 * time.Second
	began := time.Now()
	edit(t, platformRules, failures+"10m", failures+"4m")
	commit, err := s.Repo.Commit(ctx, "platform: while the API server is away")
	check(t, err)
	check(t, s.Repo.Push(ctx))
	for time.Since(began) < away {
		for _, address := range addresses {
			if digest, err := digestAt(ctx, address); err != nil || digest != good.Bundles[bundle.Prometheus] {
				t.Fatalf("without the API server, %s runs %q: %v", address, digest, err)
			}
		}
		time.Sleep(500 * time.Millisecond)
	}
	check(t, s.Cluster.Start(ctx, "apiserver"))
	back = true
	began = time.Now()
	awaitLive(t, ctx, commit)
	t.Logf("live %s after the API server's return", time.Since(began).Round(100*time.Millisecond))
}

func prometheusAddresses(t *testing.T, ctx context.Context) []string {
	t.Helper()
	pods, err := s.Pods(ctx, bundle.Prometheus)
	check(t, err)
	var out []string
	for _, pod := range pods {
		out = append(out, net.JoinHostPort(pod.Status.PodIP, fmt.Sprint(stack.PrometheusPort)))
	}
	return out
}

// digestAt asks a Prometheus for its bundle without the API server.
func digestAt(ctx context.Context, address string) (string, error) {
	client := &http.Client{Transport: &http.Transport{DialContext: s.Cluster.Dial, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/api/v1/rules?rule_name[]=watchbill:bundle_info", nil)
	if err != nil {
		return "", err
	}
	answer, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(text), `"digest":"`)
	digest, _, _ := strings.Cut(rest, `"`)
	return digest, nil
}
