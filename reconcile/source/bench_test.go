package source

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestLargeRepo measures, and holds within wide bounds, what a repository of
// 500 teams and 5,000 files costs: 65 MB, of which each file shares much with
// its neighbours, as rule files do.
func TestLargeRepo(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	o := newOrigin(t, nil)
	files := map[string]string{}
	for team := range 500 {
		for file := range 10 {
			files[fmt.Sprintf("teams/team-%03d/rules/file-%d.yaml", team, file)] = ruleFile(team, file, 0)
		}
	}
	commits := o.commits(files, map[string]string{"teams/team-007/rules/file-3.yaml": ruleFile(7, 3, 1)})
	run(t, o.bare, "git", "gc", "-q")
	o.pointTo(commits[0])
	s := open(t, o.options(t))
	var rev Revision
	measure(t, "clone", func() { rev = fetch(t, s) })
	measure(t, "fetch, nothing new", func() { fetch(t, s) })
	t.Logf("clone on disk: %d MiB", s.objects.size()>>20)
	check := func(what string, most time.Duration) {
		cpu := measure(t, what, func() {
			files, bytes, err := readAll(rev.FS)
			if err != nil || files != 5000 || bytes < 60<<20 {
				t.Fatalf("%d files, %d bytes: %v", files, bytes, err)
			}
		})
		if cpu > most {
			t.Errorf("%s took %v of CPU, more than %v", what, cpu, most)
		}
	}
	check("first read of every file", 3*time.Second)
	check("second read of every file", 3*time.Second)
	measure(t, "fetch, nothing new, again", func() { fetch(t, s) })
	measure(t, "walk with sizes", func() {
		_ = fs.WalkDir(rev.FS, ".", func(_ string, d fs.DirEntry, err error) error {
			_, e := d.Info()
			return errors.Join(err, e)
		})
	})
	o.pointTo(commits[1])
	measure(t, "fetch, one line changed", func() { rev = fetch(t, s) })
	measure(t, "restart", func() { s = reopen(t, s) })
}

func ruleFile(team, file, version int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "groups:\n- name: group-%d-%d\n  rules:\n", team, file)
	for rule := range 20 {
		fmt.Fprintf(&b, `  - alert: Service%dErrorRateHigh%d
    expr: sum by (service) (rate(http_requests_total{team="team-%03d", code=~"5..", shard="%x"}[5m])) / sum by (service) (rate(http_requests_total{team="team-%03d"}[5m])) > 0.%02d
    for: 5m
    labels:
      severity: %s
    annotations:
      summary: Errors of {{ $labels.service }} are at {{ $value | humanizePercentage }}
      description: More than %d percent of the requests of {{ $labels.service }} fail; look at https://runbooks.example.com/team-%03d/%d/%d first.
      dashboard: https://grafana.example.com/d/%x
`, file, rule, team, (team*31+file*7+rule)*2654435761, team, rule+1+version, []string{"critical", "warning", "info"}[rule%3], rule, team, file, rule, sha256.Sum256(fmt.Append(nil, team, file, rule)))
	}
	return b.String()
}

// measure logs wall time, CPU time and memory of this process.
func measure(t *testing.T, what string, f func()) time.Duration {
	t.Helper()
	cpu := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // forgets the peak so far
	base := peakMiB()
	start, before := time.Now(), cpu()
	f()
	wall, used := time.Since(start), cpu()-before
	t.Logf("%-26s %8v wall, %8v CPU, peak %+4.0f MiB, heap after %4.1f MiB",
		what, wall.Round(time.Millisecond), used.Round(time.Millisecond), peakMiB()-base, heapMiB())
	return used
}

// peakMiB is the most memory that the process had, where the system tells.
func peakMiB() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	_, _ = fmt.Sscan(after, &kib)
	return kib / 1024
}

// heapMiB is what is in use after a collection, in MiB.
func heapMiB() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

func readAll(fsys *FS) (files int, bytes int64, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	paths := make(chan string, 100)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for path := range paths {
				content, e := fsys.ReadFile(path)
				mu.Lock()
				files, bytes, err = files+1, bytes+int64(len(content)), errors.Join(err, e)
				mu.Unlock()
			}
		})
	}
	walk := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths <- path
		}
		return err
	})
	close(paths)
	wg.Wait()
	return files, bytes, errors.Join(err, walk)
}
