package main

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/watchbill/watchbill/render"
)

// TestRunOptions: what the command line says reaches the daemon.
func TestRunOptions(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	secret := textFile(t, "planted\n")
	nobody := textFile(t, "# nobody yet\n")
	line, _ := sshSigned(t)
	type told struct {
		Environment, Namespace, Listen, Identity, HookListen string
		Render                                               render.Options
		Poll, ProofWithin                                    time.Duration
		Once, Verifies, Reviews                              bool
	}
	usual := told{
		Environment: "prod", Namespace: "monitoring", Listen: ":9532", Poll: 30 * time.Second, ProofWithin: 5 * time.Minute,
		Render: render.Options{AgentImage: "image:1"},
	}
	but := func(change func(*told)) told {
		other := usual
		change(&other)
		return other
	}
	answers := []string{"--webhook-listen=:9534", "--webhook-secret-file=" + secret, "--pull-requests"}
	for name, test := range map[string]struct {
		args []string
		want told
		says string
	}{
		"nothing more":        {want: usual},
		"elected":             {args: []string{"--leader-elect"}, want: but(func(o *told) { o.Identity = host })},
		"inside the cluster":  {args: []string{"--agent-access=direct"}, want: but(func(o *told) { o.Render.DaemonNamespace = "monitoring" })},
		"answers":             {args: answers, want: but(func(o *told) { o.HookListen, o.Reviews = ":9534", true })},
		"answers, but once":   {args: append(answers, "--once"), want: but(func(o *told) { o.Listen, o.Once = "", true })},
		"answers, but dry":    {args: append(answers, "--dry-run"), want: but(func(o *told) { o.Listen = "" })},
		"times":               {args: []string{"--poll=2s", "--proof-timeout=3s", "--listen="}, want: but(func(o *told) { o.Poll, o.ProofWithin, o.Listen = 2*time.Second, 3*time.Second, "" })},
		"signed by some":      {args: []string{"--allowed-signers-file=" + textFile(t, line)}, want: but(func(o *told) { o.Verifies = true })},
		"nobody may sign":     {args: []string{"--allowed-signers-file=" + nobody}, says: "allowed signers"},
		"no webhook's secret": {args: []string{"--webhook-listen=:9534", "--webhook-secret-file=/nowhere"}, says: "/nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(githubToken, "planted")
			t.Setenv("WATCHBILL_GIT_PASSWORD", "")
			t.Setenv("KUBERNETES_SERVICE_HOST", "")
			f := parsed(t, append([]string{
				"--environment=prod", "--repo=https://github.com/example/monitoring.git", "--clone-dir=" + t.TempDir(), "--agent-image=image:1",
			}, test.args...)...)
			if err := f.check(); err != nil {
				t.Fatal(err)
			}
			log := slog.New(slog.DiscardHandler)
			to, err := f.connect(log)
			if err != nil {
				t.Fatal(err)
			}
			defer to.close()
			o, err := f.options(t.Context(), &rest.Config{Host: "https://127.0.0.1:1"}, "monitoring", to, log)
			if (err != nil) != (test.says != "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			got := told{
				o.Environment, o.Namespace, o.Listen, o.Identity, o.HookListen, o.Render, o.Poll, o.ProofWithin,
				o.Once, o.Verify != nil, o.Reviewer != nil,
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
