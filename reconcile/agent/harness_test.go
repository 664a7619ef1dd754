package agent

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/watchbill/watchbill/render/bundle"
)

func TestMain(m *testing.M) {
	if os.Getenv(victimDir) != "" {
		os.Exit(runVictim())
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what should take milliseconds.
const patience = 10 * time.Second

// running is one agent under test.
type agentUnderTest struct {
	*Agent
	stop func()
}

// newAgent makes an agent; what it does differently from a real one is faster only.
func newAgent(t *testing.T, kube *fakeKube, component, dir, url string) *Agent {
	t.Helper()
	a, err := New(Options{
		Component: component, Namespace: testNamespace, Dir: dir, URL: url, Listen: "127.0.0.1:0",
		PodName: component + "-0", ReloadTimeout: 2 * time.Second, Kubeconfig: kube.config(), Logger: testLogger(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	a.readEvery, a.grace = 100*time.Millisecond, 300*time.Millisecond
	return a
}

func testLogger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func start(t *testing.T, a *Agent) agentUnderTest {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the agent ended with: %v", err)
		}
	}
	t.Cleanup(stop)
	return agentUnderTest{Agent: a, stop: stop}
}

// until waits for a report.
func (a agentUnderTest) until(t *testing.T, what string, good func(Report) bool) Report {
	t.Helper()
	deadline := time.Now().Add(patience)
	report, _ := a.board.newest()
	for !good(report) {
		if time.Now().After(deadline) {
			t.Fatalf("not %s after %s: %+v", what, patience, report)
		}
		report = a.board.wait(context.Background(), report.Version, time.Until(deadline))
	}
	return report
}

func (a agentUnderTest) untilLive(t *testing.T, b bundle.Bundle) Report {
	t.Helper()
	return a.until(t, "live with "+b.Digest, func(r Report) bool {
		return r.State == Live && r.Live == b.Digest && r.Wanted == b.Digest
	})
}

func (a agentUnderTest) untilState(t *testing.T, s State) Report {
	t.Helper()
	return a.until(t, string(s), func(r Report) bool { return r.State == s })
}

// eventually waits for what no report tells.
func eventually(t *testing.T, what string, good func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !good(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not after %s: %s", patience, what)
		}
	}
}

// testBundle is a bundle of a few teams, each file of which names the version.
func testBundle(t *testing.T, component, version string, more ...bundle.File) bundle.Bundle {
	t.Helper()
	main := bundle.File{Path: component + ".yml", Content: "# version: " + version + "\n"}
	chunks := cut(t, "", append([]bundle.File{main}, more...)...)
	for _, team := range []string{"payments", "platform", "search"} {
		chunks = append(chunks, cut(t, team, bundle.File{
			Path: "rules/" + team + "/a.yaml", Content: fmt.Sprintf("# %s version: %s\n", team, version),
		})...)
	}
	return bundle.New(component, chunks)
}

// refusedBundle is one that the fake process refuses.
func refusedBundle(t *testing.T, component, version string) bundle.Bundle {
	return testBundle(t, component, version, bundle.File{Path: "refuse.yaml", Content: "refuse: true\n"})
}

func cut(t *testing.T, owner string, files ...bundle.File) []*bundle.Chunk {
	t.Helper()
	chunks, err := bundle.Cut(owner, files)
	if err != nil {
		t.Fatal(err)
	}
	return chunks
}

// checkVolume holds that the links point to bundles that are whole, and that nothing half written is left.
func checkVolume(t *testing.T, dir string, allowed ...bundle.Bundle) {
	t.Helper()
	target, err := os.Readlink(filepath.Join(dir, current))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range allowed {
		if b.Digest == target {
			checkFolder(t, filepath.Join(dir, current), b)
			return
		}
	}
	t.Errorf("current points to %s, which is none of the bundles that may be live", target)
}

func checkFolder(t *testing.T, dir string, b bundle.Bundle) {
	t.Helper()
	files, err := bundle.Assemble(b.Ref(""), b.Chunks)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		got, err := os.ReadFile(filepath.Join(dir, f.Path))
		if err != nil {
			t.Error(err)
		}
		if !strings.HasPrefix(string(got), f.Content) { // alertmanager.yml has a line more
			t.Errorf("%s holds %q, want %q", f.Path, got, f.Content)
		}
	}
}

func checkClean(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, unfinished+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("half written and left over: %v, %v", left, err)
	}
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
