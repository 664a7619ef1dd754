package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/watchbill/watchbill/reconcile"
	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/reconcile/plan"
	"github.com/watchbill/watchbill/reconcile/source"
	"github.com/watchbill/watchbill/render"
)

// rulesFigures are what the child process measures on the generated repo.
type rulesFigures struct {
	Rules           int     `json:"rules"`
	ColdSeconds     float64 `json:"rules100k_cold_seconds"`
	OnelineSeconds  float64 `json:"rules100k_oneline_seconds"`
	PeakMiB         float64 `json:"rules100k_peak_mib"`
	OnelineChunks   int     `json:"onelineChunks"`
	OnelineIndexes  int     `json:"onelineIndexes"`
	ColdCPUSeconds  float64 `json:"coldCPUSeconds"`
	FirstFetchSecs  float64 `json:"firstFetchSeconds"`
	OnelineFetch    float64 `json:"onelineFetchSeconds"`
	OnelineBuildSec float64 `json:"onelineBuildSeconds"`
}

// benchRules measures the way of a commit up to the apply on 100,000 rules,
// and promtool on the same files.
func benchRules(ctx context.Context, promtool string, out figures, log io.Writer) error {
	dir, err := os.MkdirTemp("", "watchbill-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	work := filepath.Join(dir, "work")
	fmt.Fprintf(log, "generating %d rules in %d files\n", teams*filesPerTeam*rulesPerFile, teams*filesPerTeam)
	if err := generate(work); err != nil {
		return err
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, commitArgs("first")} {
		if err := git(ctx, work, args...); err != nil {
			return err
		}
	}
	fmt.Fprintln(log, "load, validate, render: cold, then a one-line change")
	found, err := runChild(ctx, work, filepath.Join(dir, "clone"), log)
	if err != nil {
		return err
	}
	fmt.Fprintln(log, "promtool check rules on the same files")
	seconds, err := timePromtool(ctx, promtool, work)
	if err != nil {
		return err
	}
	out["rules100k_cold_seconds"] = found.ColdSeconds
	out["rules100k_promtool_seconds"] = seconds
	out["rules100k_oneline_seconds"] = found.OnelineSeconds
	out["rules100k_peak_mib"] = found.PeakMiB
	out["rules100k_oneline_chunks"] = float64(found.OnelineChunks)
	return nil
}

func timePromtool(ctx context.Context, promtool, work string) (float64, error) {
	files, err := filepath.Glob(filepath.Join(work, "teams/*/rules/*.yaml"))
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, promtool, append([]string{"check", "rules"}, files...)...)
	cmd.Stderr = os.Stderr
	start := time.Now()
	err = cmd.Run()
	return time.Since(start).Seconds(), err
}

// runChild measures in a process of its own, whose peak memory is then that of the work alone.
func runChild(ctx context.Context, work, clone string, log io.Writer) (rulesFigures, error) {
	var f rulesFigures
	self, err := os.Executable()
	if err != nil {
		return f, err
	}
	cmd := exec.CommandContext(ctx, self, "rules-child", work, clone)
	cmd.Env = append(os.Environ(), "GOMEMLIMIT=800MiB") // as deploy/ sets it
	cmd.Stderr = log
	raw, err := cmd.Output()
	if err != nil {
		return f, fmt.Errorf("measure the generated repo: %w", err)
	}
	return f, json.Unmarshal(raw, &f)
}

// rulesChild is the daemon's way of a commit up to the plan, timed.
func rulesChild(ctx context.Context, work, clone string, out io.Writer) error {
	src, err := source.Open(source.Options{URL: work, Branch: "main", Dir: clone, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer src.Close()
	builder := build.New(render.Options{AgentImage: "watchbill:bench", DaemonNamespace: "monitoring"})
	var f rulesFigures

	start := time.Now()
	rev, err := src.Fetch(ctx)
	if err != nil {
		return err
	}
	f.FirstFetchSecs = time.Since(start).Seconds()
	start, cpu := time.Now(), cpuSeconds()
	before, todo, err := wayToPlan(builder, rev, nil)
	if err != nil {
		return err
	}
	f.ColdSeconds, f.ColdCPUSeconds = time.Since(start).Seconds(), cpuSeconds()-cpu
	for _, n := range before.Rules {
		f.Rules += n
	}
	live := map[plan.ID]plan.Live{}
	for _, c := range todo.Changes {
		live[c.ID] = plan.Live{Applied: c.Digest}
	}
	if err := changeOneLine(ctx, work, "for: 11m"); err != nil {
		return err
	}

	start = time.Now()
	if rev, err = src.Fetch(ctx); err != nil {
		return err
	}
	f.OnelineFetch = time.Since(start).Seconds()
	_, todo, err = wayToPlan(builder, rev, live)
	if err != nil {
		return err
	}
	f.OnelineSeconds = time.Since(start).Seconds()
	f.OnelineBuildSec = f.OnelineSeconds - f.OnelineFetch
	f.OnelineChunks, f.OnelineIndexes = len(todo.Stage(plan.Chunks)), len(todo.Stage(plan.Index))
	f.PeakMiB = peakMiB()
	return json.NewEncoder(out).Encode(f)
}

// wayToPlan builds a revision and plans it against what is live.
func wayToPlan(b *build.Builder, rev source.Revision, live map[plan.ID]plan.Live) (*build.Result, plan.Plan, error) {
	result, err := b.Build(rev.FS, "prod", func(string) (*build.LastGood, error) { return nil, nil })
	if err != nil {
		return nil, plan.Plan{}, err
	}
	if len(result.Blocked)+len(result.Quarantined) > 0 {
		return nil, plan.Plan{}, fmt.Errorf("the generated repo has errors: %v", result.Findings[0])
	}
	todo, err := reconcile.PlanFor(result, rev.Commit, live)
	return result, todo, err
}

// changeOneLine commits one alert with another pending time.
func changeOneLine(ctx context.Context, work, pending string) error {
	path := filepath.Join(work, "teams/team-250/rules/service-05.yaml")
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(content), "for: 10m", pending, 1)
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		return err
	}
	return git(ctx, work, commitArgs("one line")...)
}

func commitArgs(message string) []string {
	return []string{"-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "-q", "-a", "-m", message}
}

func git(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, out)
	}
	return nil
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// peakMiB is the largest resident size that this process has had. Rusage would
// tell that of the parent, if it was larger when it started us.
func peakMiB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	if _, err := fmt.Sscan(peak, &kib); err != nil {
		return 0
	}
	return kib / 1024
}
