package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/render/bundle"
)

// rig is an agent with a fake API server and a fake process.
type rig struct {
	kube    *fakeKube
	process *fakeProcess
	dir     string
	name    string
}

func newRig(t *testing.T, component string) *rig {
	dir := t.TempDir()
	return &rig{kube: newFakeKube(t), process: newFakeProcess(t, component, dir), dir: dir, name: component}
}

func (r *rig) start(t *testing.T) agentUnderTest {
	t.Helper()
	return start(t, newAgent(t, r.kube, r.name, r.dir, r.process.url()))
}

// live brings a first bundle live.
func (r *rig) live(t *testing.T, b bundle.Bundle) agentUnderTest {
	t.Helper()
	r.kube.putChunks(b)
	r.kube.putIndex(t, b, nil)
	a := r.start(t)
	eventually(t, "ready", a.ready.Load)
	r.process.start(t)
	a.untilLive(t, b)
	return a
}

func (r *rig) want(t *testing.T, wanted bundle.Bundle, lastGood *bundle.Bundle) {
	t.Helper()
	r.kube.putChunks(wanted)
	r.kube.putIndex(t, wanted, lastGood)
}

func (r *rig) checkNoMixture(t *testing.T) {
	t.Helper()
	if _, _, mixtures := r.process.seen(); len(mixtures) > 0 {
		t.Errorf("the process read mixtures: %v", mixtures)
	}
}

func both(t *testing.T, test func(*testing.T, string)) {
	for _, component := range []string{bundle.Prometheus, bundle.Alertmanager} {
		t.Run(component, func(t *testing.T) { test(t, component) })
	}
}

func TestChange(t *testing.T) {
	both(t, func(t *testing.T, component string) {
		r := newRig(t, component)
		one, two := testBundle(t, component, "1"), testBundle(t, component, "2")
		a := r.live(t, one)
		if n, _, _ := r.process.seen(); n != 1 {
			t.Errorf("the process loaded %d times, want the once of its own start", n)
		}
		r.want(t, two, &one)
		report := a.untilLive(t, two)
		if report.Since.IsZero() || report.ReloadSeconds == 0 || report.Pod != component+"-0" || report.Component != component {
			t.Errorf("incomplete report: %+v", report)
		}
		_, versions, _ := r.process.seen()
		if diff := cmp.Diff([]string{"1", "2"}, versions); diff != "" {
			t.Error(diff)
		}
		checkVolume(t, r.dir, two)
	})
}

// TestStartsOnLastGood: a pod that starts while a bundle is not proven starts on the last good one, and then goes on.
func TestStartsOnLastGood(t *testing.T) {
	both(t, func(t *testing.T, component string) {
		r := newRig(t, component)
		good, wanted := testBundle(t, component, "1"), testBundle(t, component, "2")
		r.kube.putChunks(good)
		r.want(t, wanted, &good)
		a := r.start(t)
		eventually(t, "ready", a.ready.Load)
		checkVolume(t, r.dir, good)
		r.process.start(t)
		a.untilLive(t, wanted)
		_, versions, _ := r.process.seen()
		if diff := cmp.Diff([]string{"1", "2"}, versions); diff != "" {
			t.Error(diff)
		}
		r.checkNoMixture(t)
	})
}

// TestRefused: the process refuses a bundle after applying half of it.
func TestRefused(t *testing.T) {
	both(t, func(t *testing.T, component string) {
		r := newRig(t, component)
		one, bad, three := testBundle(t, component, "1"), refusedBundle(t, component, "2"), testBundle(t, component, "3")
		a := r.live(t, one)
		r.want(t, bad, nil) // not even the index knows a last good one
		report := a.untilState(t, Refused)
		want := "failed to reload config: this bundle says that it is to be refused"
		if report.Error != want || report.Live != one.Digest || report.Wanted != bad.Digest {
			t.Errorf("report %+v, want the error %q and %s live", report, want, one.Digest)
		}
		checkVolume(t, r.dir, one)

		// It is not tried again, also not when the same index is seen again.
		reloads, _, _ := r.process.seen()
		r.want(t, bad, nil)
		time.Sleep(300 * time.Millisecond)
		if now, _, _ := r.process.seen(); now != reloads {
			t.Errorf("%d more reloads of a bundle that was refused", now-reloads)
		}

		r.want(t, one, &one) // as the daemon does
		a.untilLive(t, one)
		if now, _, _ := r.process.seen(); now != reloads {
			t.Errorf("%d reloads for a bundle that runs already", now-reloads)
		}
		r.want(t, three, &one)
		a.untilLive(t, three)
		r.checkNoMixture(t)
	})
}

// TestRefusedWithoutWayBack: there is no other bundle, so it is tried again until it takes.
func TestRefusedWithoutWayBack(t *testing.T) {
	r := newRig(t, bundle.Prometheus)
	bad := refusedBundle(t, bundle.Prometheus, "1")
	r.kube.putChunks(bad)
	r.kube.putIndex(t, bad, nil)
	a := r.start(t)
	eventually(t, "ready", a.ready.Load)
	r.process.start(t)
	if report := a.untilState(t, Refused); report.Live != "" {
		t.Errorf("%s is live, of which half is applied", report.Live)
	}
	good := testBundle(t, bundle.Prometheus, "2")
	r.want(t, good, nil)
	a.untilLive(t, good)
}

// TestBurst: of fifty indexes in a burst the newest wins, and none is mixed with another.
func TestBurst(t *testing.T) {
	r := newRig(t, bundle.Prometheus)
	last := testBundle(t, bundle.Prometheus, "0")
	a := r.live(t, last)
	for i := 1; i <= 50; i++ {
		last = testBundle(t, bundle.Prometheus, fmt.Sprint(i))
		r.want(t, last, nil)
	}
	a.untilLive(t, last)
	r.checkNoMixture(t)
	eventually(t, "old bundles removed", func() bool { return len(a.volume.digestsOnDisk(t)) <= 3 })
}

// digestsOnDisk lists bundle folders without touching what the loop owns.
func (v *volume) digestsOnDisk(t *testing.T) []string {
	t.Helper()
	return (&volume{dir: v.dir}).digests()
}

func TestCostFollowsTheChange(t *testing.T) {
	r := newRig(t, bundle.Prometheus)
	var chunks []*bundle.Chunk
	for i := range 200 {
		team := fmt.Sprintf("team-%03d", i)
		chunks = append(chunks, cut(t, team, bundle.File{Path: "rules/" + team + "/a.yaml", Content: "version: 1\n# " + team})...)
	}
	one := bundle.New(bundle.Prometheus, chunks)
	a := r.live(t, one)
	if n := r.kube.fetched(one); n != len(one.Chunks) {
		t.Errorf("%d fetches of %d chunks", n, len(one.Chunks))
	}
	chunks[7] = cut(t, "team-007", bundle.File{Path: "rules/team-007/a.yaml", Content: "version: 1\n# changed"})[0]
	two := bundle.New(bundle.Prometheus, chunks)
	r.want(t, two, &one)
	a.untilLive(t, two)
	if n := r.kube.fetched(two) - (len(one.Chunks) - 1); n != 1 {
		t.Errorf("%d fetches for a change of one chunk", n)
	}
	checkVolume(t, r.dir, two)
	same := "rules/team-008/a.yaml"
	was, _ := os.Stat(filepath.Join(r.dir, one.Digest, same))
	now, err := os.Stat(filepath.Join(r.dir, two.Digest, same))
	if err != nil || !os.SameFile(was, now) {
		t.Errorf("%s was written anew: %v", same, err)
	}
}

func TestChunkMissing(t *testing.T) {
	r := newRig(t, bundle.Prometheus)
	one, two := testBundle(t, bundle.Prometheus, "1"), testBundle(t, bundle.Prometheus, "2")
	a := r.live(t, one)
	r.kube.putChunks(two)
	name := bundle.Name(two.Component, two.Chunks[0].Digest)
	r.kube.remove(name)
	r.kube.putIndex(t, two, &one)
	report := a.untilState(t, Failed)
	if !strings.Contains(report.Error, name) || !strings.Contains(report.Error, "not found") || report.Live != one.Digest {
		t.Errorf("report %+v", report)
	}
	checkVolume(t, r.dir, one)
	r.kube.putChunks(two)
	a.untilLive(t, two)
}

func TestChunkTampered(t *testing.T) {
	r := newRig(t, bundle.Alertmanager)
	one, two := testBundle(t, bundle.Alertmanager, "1"), testBundle(t, bundle.Alertmanager, "2")
	a := r.live(t, one)
	r.kube.putChunks(two)
	name := bundle.Name(two.Component, two.Chunks[1].Digest)
	r.kube.put(name, map[string]string{"files.json": `[{"path":"../../evil","key":"a"}]`, "a": "evil"})
	r.kube.putIndex(t, two, &one)
	report := a.untilState(t, Failed)
	if !strings.Contains(report.Error, name) || !strings.Contains(report.Error, "digest") {
		t.Errorf("report %+v", report)
	}
	checkVolume(t, r.dir, one)
	r.kube.putChunks(two)
	a.untilLive(t, two)
}

func TestIndexBroken(t *testing.T) {
	r := newRig(t, bundle.Prometheus)
	one := testBundle(t, bundle.Prometheus, "1")
	a := r.live(t, one)
	evil := bundle.Ref{Digest: "../../evil", Chunks: []string{}}
	other, _ := bundle.Index{Component: bundle.Alertmanager, Wanted: one.Ref("")}.Data()
	path, _ := bundle.Index{Component: bundle.Prometheus, Wanted: evil}.Data()
	for name, data := range map[string]map[string]string{
		"no key": {}, "no JSON": {"index.json": "{"}, "another component": other, "a path": path,
	} {
		r.kube.put(bundle.IndexName(bundle.Prometheus), data)
		if report := a.untilState(t, Failed); report.Live != one.Digest || report.Error == "" {
			t.Errorf("%s: report %+v", name, report)
		}
		r.kube.putIndex(t, one, &one)
		a.untilLive(t, one)
	}
}

func TestDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root: a folder without the right to write stands for a full disk")
	}
	r := newRig(t, bundle.Prometheus)
	one, two := testBundle(t, bundle.Prometheus, "1"), testBundle(t, bundle.Prometheus, "2")
	a := r.live(t, one)
	// A file where a chunk's folder is to be written: no rename can put the folder there.
	blocked := filepath.Join(r.dir, chunksDir)
	moved := filepath.Join(r.dir, ".moved")
	eventually(t, "tidy", func() bool { return a.volume.linked(proven) == one.Digest })
	if err := os.Rename(blocked, moved); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.want(t, two, &one)
	report := a.untilState(t, Failed)
	if !strings.Contains(report.Error, "chunk") || report.Live != one.Digest {
		t.Errorf("report %+v", report)
	}
	checkVolume(t, r.dir, one)
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(moved, blocked); err != nil {
		t.Fatal(err)
	}
	a.untilLive(t, two)
	r.checkNoMixture(t)
}
