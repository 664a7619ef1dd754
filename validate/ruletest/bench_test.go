package ruletest

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/watchbill/watchbill/validate/ruletest/benchset"
)

// childDir makes the test binary the child process whose CPU time is measured.
const childDir = "RULETEST_BENCH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(benchChild(dir, os.Args[1:]))
	}
	os.Exit(m.Run())
}

func benchChild(dir string, names []string) int {
	root := os.DirFS(dir)
	files := make([]*File, len(names))
	inParallel(len(names), 0, func(i int) {
		if content, err := fs.ReadFile(root, names[i]); err == nil {
			files[i], _ = Parse(names[i], content)
		}
	})
	if !(&Runner{FS: root}).Run(context.Background(), files, Options{}).Passed() {
		return 1
	}
	return 0
}

// BenchmarkUnitTests runs 2,000 unit tests, ours and promtool's, each in a child process.
func BenchmarkUnitTests(b *testing.B) {
	dir := b.TempDir()
	names, err := benchset.Write(dir, 2000)
	if err != nil {
		b.Fatal(err)
	}
	own, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	programs := map[string][]string{"ours": {own}}
	if program := os.Getenv("WATCHBILL_PROMTOOL"); program != "" {
		programs["promtool"] = []string{program, "test", "rules"}
	}
	for what, command := range programs {
		b.Run(what, func(b *testing.B) {
			var cpu time.Duration
			var peak int64
			for b.Loop() {
				cmd := exec.CommandContext(b.Context(), command[0], append(command[1:], names...)...)
				cmd.Dir, cmd.Env = dir, append(os.Environ(), childDir+"="+dir)
				if out, err := cmd.Output(); err != nil {
					b.Fatalf("%v: %s", err, out)
				}
				cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
				if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
					peak = max(peak, usage.Maxrss)
				}
			}
			b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(peak)/1024, "peak-MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
}
