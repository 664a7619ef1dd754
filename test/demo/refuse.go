package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/stack"
)

const (
	scrapeFile = "teams/payments/scrape/payments.yaml"
	job        = "  - job_name: payments\n"
	caFile     = "/etc/payments/ca.crt"
	tls        = "    scheme: https\n    tls_config:\n      ca_file: " + caFile + "\n"
)

// refuse pushes what only Prometheus itself can find fault with.
func (d *demo) refuse(ctx context.Context) error {
	d.screen.title("A change that passes every check of files, and that Prometheus refuses: its CA file is not there")
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	h, err := d.stack.History(ctx)
	if err != nil {
		return err
	}
	good := *h.Live
	if err := d.stack.AwaitScraped(ctx, "payments"); err != nil {
		return err
	}
	if err := d.stack.Repo.Replace(scrapeFile, job, job+tls); err != nil {
		return err
	}
	record, took, err := d.deliver(ctx, "payments: scrape over TLS", history.Refused)
	if err != nil {
		return err
	}
	if !strings.Contains(record.Reason, caFile) {
		return broken("the reason does not tell of %s: %s", caFile, record.Reason)
	}
	d.screen.refused("after %.2f s, in Prometheus's own words:", took.Seconds())
	d.screen.say("%s", record.Reason)
	return d.lastGood(ctx, good)
}

// validate runs watchbill validate on the clone, which has to pass.
func (d *demo) validate(ctx context.Context) error {
	programs, err := stack.Programs(ctx, d.screen.progress(), "watchbill")
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, programs["watchbill"], "validate", d.stack.Repo.Dir).CombinedOutput()
	if err != nil {
		return broken("watchbill validate: %w: %s", err, out)
	}
	d.screen.say("watchbill validate: exit code 0")
	return nil
}

// lastGood checks that every replica runs what was live before.
func (d *demo) lastGood(ctx context.Context, good history.Record) error {
	var text string
	err := d.stack.Until(ctx, "the last good to run everywhere", func(ctx context.Context) error {
		var err error
		text, err = d.stack.AllLive(ctx, good)
		return err
	})
	if err != nil {
		return broken("%w", err)
	}
	pods, err := d.stack.Pods(ctx, bundle.Prometheus)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		m, err := d.stack.PodMetrics(ctx, pod.Name, stack.PrometheusPort)
		if err != nil {
			return err
		}
		if m["prometheus_config_last_reload_successful"] != 1 {
			return broken("the last reload of %s was none that succeeded", pod.Name)
		}
	}
	d.screen.ok("the last good, %.8s, runs on %s, and every Prometheus says that its last reload succeeded", good.Revision, text)
	return nil
}

// handOver says how to go on by hand, and stays until Ctrl-C.
func (d *demo) handOver(ctx context.Context) error {
	if d.oneshot {
		return nil
	}
	d.screen.title("The stage is yours")
	d.screen.say("export KUBECONFIG=%s", d.stack.Kubeconfig)
	d.screen.say("cd %s", d.stack.Repo.Dir)
	d.screen.say("git revert --no-edit HEAD && git push   # takes the refused change back")
	d.screen.say("")
	for _, o := range []struct {
		what, path  string
		component   string
		port, local int
	}{
		{"Prometheus", "/alerts", bundle.Prometheus, stack.PrometheusPort, 9090},
		{"Alertmanager", "", bundle.Alertmanager, stack.AlertmanagerPort, 9093},
		{"Watchbill's metrics", "/metrics", stack.Deployment, stack.DaemonPort, 9532},
	} {
		address, err := d.open(ctx, o.component, o.port, o.local)
		if err != nil {
			return err
		}
		d.screen.say("%-20s http://%s%s", o.what, address, o.path)
		if o.component == stack.Deployment {
			d.screen.say("%-20s curl -X POST http://%s/-/poke   # else it looks at the repo every 30 s", "wake it", address)
		}
	}
	d.screen.say("")
	d.screen.say("Ctrl-C ends the git server and closes the URLs.")
	<-ctx.Done()
	return nil
}

// open opens a port here for one of a component's first pod: the usual one, or any if that is taken.
func (d *demo) open(ctx context.Context, component string, port, local int) (string, error) {
	pods, err := d.stack.Pods(ctx, component)
	if err != nil {
		return "", err
	}
	if len(pods) == 0 {
		return "", fmt.Errorf("%s has no pod", component)
	}
	address, err := d.stack.Forward(ctx, pods[0].Name, port, local)
	if err != nil {
		address, err = d.stack.Forward(ctx, pods[0].Name, port, 0)
	}
	return address, err
}
