package agent

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/watchbill/watchbill/render/bundle"
)

// Variables that make this test binary an agent that kills itself at a step.
const (
	victimDir  = "WATCHBILL_TEST_VICTIM_DIR"
	victimKube = "WATCHBILL_TEST_VICTIM_KUBE"
	victimURL  = "WATCHBILL_TEST_VICTIM_URL"
	victimStep = "WATCHBILL_TEST_VICTIM_STEP"
)

func runVictim() int {
	a, err := New(Options{
		Component: bundle.Prometheus, Namespace: testNamespace, Dir: os.Getenv(victimDir), URL: os.Getenv(victimURL),
		Listen: "127.0.0.1:0", Kubeconfig: &rest.Config{Host: os.Getenv(victimKube)},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return 2
	}
	a.fault = func(step string) {
		if step == os.Getenv(victimStep) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	_ = a.Run(context.Background())
	return 1
}

// TestKilled: an agent that is killed at any step leaves the old state or the
// new one, the process reads no mixture, and the next agent brings it to an end.
func TestKilled(t *testing.T) {
	good := func(t *testing.T) bundle.Bundle { return testBundle(t, bundle.Prometheus, "2") }
	bad := func(t *testing.T) bundle.Bundle { return refusedBundle(t, bundle.Prometheus, "2") }
	for step, make := range map[string]func(*testing.T) bundle.Bundle{
		"chunk": good, "fetched": good, "built": good, "swapped": good, "reloaded": good, "tidied": good,
		"refused": bad, "swapped back": bad,
	} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, bundle.Prometheus)
			one, two := testBundle(t, bundle.Prometheus, "1"), make(t)
			a := r.live(t, one)
			eventually(t, "proven", func() bool { return a.volume.linked(proven) == one.Digest })
			a.stop()
			r.want(t, two, &one)
			kill(t, r, step)
			checkVolume(t, r.dir, one, two)
			r.checkNoMixture(t)
			b := r.start(t)
			if make(t).Digest == good(t).Digest {
				b.untilLive(t, two)
			} else {
				b.until(t, "refused, the old one live", func(rep Report) bool { return rep.State == Refused && rep.Live == one.Digest })
				checkVolume(t, r.dir, one)
			}
			r.checkNoMixture(t)
			b.stop() // while it runs it may be building a folder
			checkClean(t, r.dir)
		})
	}
}

// kill runs an agent that dies at the step.
func kill(t *testing.T, r *rig, step string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	victim := exec.CommandContext(ctx, os.Args[0])
	victim.Env = append(os.Environ(), victimDir+"="+r.dir, victimKube+"="+r.kube.URL, victimURL+"="+r.process.url(), victimStep+"="+step)
	output, err := victim.CombinedOutput()
	status, ok := victim.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || ctx.Err() != nil {
		t.Fatalf("the agent was not killed at %q: %v\n%s", step, err, output)
	}
}
