package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/watchbill/watchbill/render/bundle"
)

func TestProcessRestarts(t *testing.T) {
	both(t, func(t *testing.T, component string) {
		r := newRig(t, component)
		one, two := testBundle(t, component, "1"), testBundle(t, component, "2")
		a := r.live(t, one)
		r.process.stop()
		if report := a.untilState(t, Failed); report.Live != "" || !strings.Contains(report.Error, "no answer from the process") {
			t.Errorf("report %+v", report)
		}
		r.process.start(t)
		a.untilLive(t, one)
		if n, _, _ := r.process.seen(); n != 2 {
			t.Errorf("the process loaded %d times, want its two starts", n)
		}
		// A change that comes while it is down waits for it, and it starts on what is proven.
		r.process.stop()
		a.untilState(t, Failed)
		r.want(t, two, &one)
		a.until(t, "told of the change", func(rep Report) bool { return rep.Wanted == two.Digest })
		checkVolume(t, r.dir, one)
		r.process.start(t)
		a.untilLive(t, two)
		r.checkNoMixture(t)
	})
}

// TestProcessRunsSomethingElse: somebody else had it load other files.
func TestProcessRunsSomethingElse(t *testing.T) {
	r := newRig(t, bundle.Prometheus)
	one := testBundle(t, bundle.Prometheus, "1")
	a := r.live(t, one)
	before, _ := a.board.newest()
	r.process.set(func() { r.process.mark = strings.Repeat("0", 64) })
	eventually(t, "reloaded", func() bool { n, _, _ := r.process.seen(); return n == 2 })
	a.untilLive(t, one)
	r.process.set(func() { r.process.ok = false })
	eventually(t, "reloaded again", func() bool { n, _, _ := r.process.seen(); return n == 3 })
	after := a.untilLive(t, one)
	if after.Version < before.Version {
		t.Errorf("the version went from %d to %d", before.Version, after.Version)
	}
}

// TestProcessDiesOfIt: the process dies of the new bundle again and again; in the end it gets the old one back.
func TestProcessDiesOfIt(t *testing.T) {
	r := newRig(t, bundle.Prometheus)
	one, two := testBundle(t, bundle.Prometheus, "1"), testBundle(t, bundle.Prometheus, "2")
	a := r.live(t, one)
	r.process.set(func() { r.process.dieOnReload = true })
	r.want(t, two, &one)
	a.untilState(t, Failed)
	eventually(t, "back to the bundle before", func() bool { return a.volume.linked(current) == one.Digest })
	r.process.set(func() { r.process.dieOnReload = false })
	r.process.start(t)
	a.untilLive(t, two)
	r.checkNoMixture(t)
}

// TestAgentRestarts: the process is up and runs what it should; a new agent
// cannot know whether it read all of it, and makes sure.
func TestAgentRestarts(t *testing.T) {
	both(t, func(t *testing.T, component string) {
		r := newRig(t, component)
		one, two := testBundle(t, component, "1"), testBundle(t, component, "2")
		a := r.live(t, one)
		eventually(t, "proven", func() bool { return a.volume.linked(proven) == one.Digest })
		a.stop()
		fetched := r.kube.fetched(one)
		b := r.start(t)
		b.untilLive(t, one)
		if more := r.kube.fetched(one) - fetched; more != 0 {
			t.Errorf("%d chunks fetched that are on the volume", more)
		}
		b.stop()
		r.want(t, two, &one)
		r.start(t).untilLive(t, two)
		r.checkNoMixture(t)
	})
}

// TestVolumeTampered: what somebody changed on the volume while no agent ran is put right before it is used.
func TestVolumeTampered(t *testing.T) {
	for name, tamper := range map[string]func(t *testing.T, folder string){
		"file changed": func(t *testing.T, folder string) {
			write(t, filepath.Join(folder, "rules/search/a.yaml"), "version: 9")
		},
		"file added": func(t *testing.T, folder string) {
			write(t, filepath.Join(folder, "rules/search/b.yaml"), "version: 9")
		},
		"file removed":        func(t *testing.T, folder string) { remove(t, filepath.Join(folder, "rules/search/a.yaml")) },
		"no folder":           func(t *testing.T, folder string) { remove(t, folder) },
		"a file for a folder": func(t *testing.T, folder string) { remove(t, folder); write(t, folder, "") },
		"no chunks":           func(t *testing.T, folder string) { remove(t, filepath.Join(folder, "../chunks")) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, bundle.Prometheus)
			one := testBundle(t, bundle.Prometheus, "1")
			r.live(t, one).stop()
			tamper(t, filepath.Join(r.dir, one.Digest))
			b := r.start(t)
			b.untilLive(t, one)
			checkVolume(t, r.dir, one)
			if _, err := os.Stat(filepath.Join(r.dir, one.Digest, "rules/search/b.yaml")); err == nil {
				t.Error("a file that is not the bundle's is in its folder")
			}
			r.checkNoMixture(t)
		})
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// TestWithoutAPIServer: a pod whose containers restart while the API server is away.
func TestWithoutAPIServer(t *testing.T) {
	both(t, func(t *testing.T, component string) {
		r := newRig(t, component)
		one, two := testBundle(t, component, "1"), testBundle(t, component, "2")
		r.live(t, one).stop()
		r.process.stop()
		r.kube.setAway(true)
		b := r.start(t)
		eventually(t, "ready", b.ready.Load)
		checkVolume(t, r.dir, one)
		r.process.start(t)
		b.until(t, "running the copy, and saying why", func(rep Report) bool {
			return rep.Live == one.Digest && rep.State == Failed &&
				strings.Contains(rep.Error, "the API server is away") && strings.Contains(rep.Error, "copy on the volume")
		})
		r.kube.setAway(false)
		r.want(t, two, &one)
		b.untilLive(t, two)
		r.checkNoMixture(t)
	})
}

// TestWithoutAPIServerBrokenCopy: the current bundle is broken, the one before is whole.
func TestWithoutAPIServerBrokenCopy(t *testing.T) {
	r := newRig(t, bundle.Prometheus)
	one, two := testBundle(t, bundle.Prometheus, "1"), testBundle(t, bundle.Prometheus, "2")
	a := r.live(t, one)
	r.want(t, two, &one)
	a.untilLive(t, two)
	a.stop()
	r.process.stop()
	for _, c := range two.Chunks {
		write(t, filepath.Join(r.dir, chunksDir, c.Digest, "files.json"), "[]")
	}
	r.kube.setAway(true)
	b := r.start(t)
	eventually(t, "ready", b.ready.Load)
	checkVolume(t, r.dir, one)
	r.process.start(t)
	r.kube.setAway(false)
	b.untilLive(t, two)
	r.checkNoMixture(t)
}

// TestWatchLost: the API server goes away while all is well, which changes nothing, and what came meanwhile is found.
func TestWatchLost(t *testing.T) {
	r := newRig(t, bundle.Prometheus)
	one, two := testBundle(t, bundle.Prometheus, "1"), testBundle(t, bundle.Prometheus, "2")
	a := r.live(t, one)
	before, _ := a.board.newest()
	r.kube.setAway(true)
	eventually(t, "watch lost", func() bool { return value(t, a, "watchbill_agent_watch_reconnects_total") > 0 })
	if report, _ := a.board.newest(); report != before {
		t.Errorf("the report changed to %+v", report)
	}
	r.kube.putChunks(two)
	r.kube.putIndex(t, two, &one)
	r.kube.setAway(false)
	a.untilLive(t, two)
}
