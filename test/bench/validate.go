package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/watchbill/watchbill/validate/ruletest/benchset"
)

// rounds is how often both sides of a ratio are run, in turns; what counts is the median.
const rounds = 3

// promtoolChecks are the checks that `promtool check rules` makes too.
const promtoolChecks = "rules/syntax,rules/documents,rules/duplicate"

// usage is what one process took.
type usage struct{ wall, cpu, peakMiB float64 }

// benchValidate measures whole processes: the checks of rules and their unit
// tests beside promtool's of the same files, one changed file, and what a change
// does to routes.
func benchValidate(ctx context.Context, programs map[string]string, out figures, log io.Writer) error {
	dir, err := os.MkdirTemp("", "watchbill-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := validateBench{ctx: ctx, watchbill: programs["watchbill"], promtool: programs["promtool"], dir: dir, out: out, log: log}
	for _, part := range []func() error{b.rules, b.changed, b.tests, b.routesDiff} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

type validateBench struct {
	ctx                 context.Context
	watchbill, promtool string
	dir                 string
	out                 figures
	log                 io.Writer
}

func (b *validateBench) work() string  { return filepath.Join(b.dir, "work") }
func (b *validateBench) cache() string { return filepath.Join(b.dir, "cache") }

// rules compares the checks of 100,000 rules with promtool's.
func (b *validateBench) rules() error {
	fmt.Fprintf(b.log, "generating %d rules in %d files, with tests, jobs and dashboards\n", teams*filesPerTeam*rulesPerFile, teams*filesPerTeam)
	if err := generateWhole(b.work()); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(b.work(), "teams/*/rules/*.yaml"))
	if err != nil {
		return err
	}
	fmt.Fprintln(b.log, "watchbill validate and promtool check rules, in turns")
	used, err := b.inTurns(
		command{b.promtool, append([]string{"check", "rules"}, files...)},
		command{b.watchbill, []string{"validate", "--no-cache", "--checks", promtoolChecks, b.work()}},
		command{b.watchbill, []string{"validate", "--no-cache", b.work()}},
	)
	if err != nil {
		return err
	}
	promtool, syntax, full := used[0], used[1], used[2]
	b.out["validate100k_promtool_cpu_seconds"] = promtool.cpu
	b.out["validate100k_promtool_seconds"] = promtool.wall
	b.out["validate100k_syntax_cpu_ratio"] = syntax.cpu / promtool.cpu
	b.out["validate100k_syntax_wall_ratio"] = syntax.wall / promtool.wall
	b.out["validate100k_full_cpu_ratio"] = full.cpu / promtool.cpu
	b.out["validate100k_full_seconds"] = full.wall
	b.out["validate100k_peak_mib"] = full.peakMiB
	return nil
}

// changed measures a run after one file was changed, with what runs before it kept.
func (b *validateBench) changed() error {
	fmt.Fprintln(b.log, "watchbill validate with a cache: the first run, then after one change each")
	validate := command{b.watchbill, []string{"validate", "--cache-dir", b.cache(), b.work()}}
	first, err := b.run(validate)
	if err != nil {
		return err
	}
	var seconds []float64
	for i := range 2*rounds + 1 {
		path := filepath.Join(b.work(), fmt.Sprintf("teams/team-%03d/rules/service-05.yaml", 100+50*i))
		if err := replaceIn(path, "for: 10m", "for: 11m"); err != nil {
			return err
		}
		used, err := b.run(validate)
		if err != nil {
			return err
		}
		seconds = append(seconds, used.wall)
	}
	b.out["validate100k_changed_seconds"] = median(seconds)
	b.out["validate100k_peak_mib"] = max(b.out["validate100k_peak_mib"], first.peakMiB)
	return nil
}

// tests compares the run of 2,000 unit tests with promtool's.
func (b *validateBench) tests() error {
	const count = 2000
	fmt.Fprintf(b.log, "watchbill test and promtool test rules on %d tests, in turns\n", count)
	dir := filepath.Join(b.dir, "tests")
	files, err := benchset.Write(dir, count)
	if err != nil {
		return err
	}
	for i := range files {
		files[i] = filepath.Join(dir, files[i])
	}
	used, err := b.inTurns(
		command{b.promtool, append([]string{"test", "rules"}, files...)},
		command{b.watchbill, []string{"test", dir}},
	)
	if err != nil {
		return err
	}
	b.out["unittests2000_cpu_ratio"] = used[1].cpu / used[0].cpu
	return nil
}

// routesDiff measures what a commit does to the routes of 100,000 alerts.
func (b *validateBench) routesDiff() error {
	fmt.Fprintln(b.log, "watchbill routes diff of two commits, 100,000 alerts each")
	dir := filepath.Join(b.dir, "alerts")
	if err := generateAlerts(dir); err != nil {
		return err
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, commitArgs("first")} {
		if err := git(b.ctx, dir, args...); err != nil {
			return err
		}
	}
	if err := replaceIn(filepath.Join(dir, "teams/team-250/team.yaml"), "[critical]", "[critical, warning]"); err != nil {
		return err
	}
	if err := git(b.ctx, dir, commitArgs("other routes")...); err != nil {
		return err
	}
	used, err := b.inTurns(command{b.watchbill, []string{"routes", "diff", "--path", dir, "HEAD~1", "HEAD"}})
	if err != nil {
		return err
	}
	b.out["routesdiff100k_seconds"] = used[0].wall
	return nil
}

type command struct {
	program string
	args    []string
}

// inTurns runs the commands one after the other, several times, and returns the
// median of each.
func (b *validateBench) inTurns(commands ...command) ([]usage, error) {
	walls, cpus, peaks := make([][]float64, len(commands)), make([][]float64, len(commands)), make([][]float64, len(commands))
	for range rounds {
		for i, c := range commands {
			used, err := b.run(c)
			if err != nil {
				return nil, err
			}
			walls[i], cpus[i], peaks[i] = append(walls[i], used.wall), append(cpus[i], used.cpu), append(peaks[i], used.peakMiB)
		}
	}
	out := make([]usage, len(commands))
	for i := range commands {
		out[i] = usage{median(walls[i]), median(cpus[i]), median(peaks[i])}
	}
	return out, nil
}

// run takes a finding or a difference, exit code 1, for a good end.
func (b *validateBench) run(c command) (usage, error) {
	cmd := exec.CommandContext(b.ctx, c.program, c.args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start).Seconds()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 && c.program == b.watchbill && c.args[0] == "routes" {
		err = nil
	}
	if err != nil {
		return usage{}, fmt.Errorf("%s %s: %w: %s", filepath.Base(c.program), c.args[0], err, stderr.Bytes())
	}
	u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	used := usage{wall, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), float64(u.Maxrss) / 1024}
	fmt.Fprintf(b.log, "  %s %s: %.2fs, CPU %.2fs, %.0f MiB\n", filepath.Base(c.program), c.args[0], used.wall, used.cpu, used.peakMiB)
	return used, nil
}

// replaceIn changes the first of a text in a file.
func replaceIn(path, old, text string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(content), old, text, 1)
	if changed == string(content) {
		return fmt.Errorf("%s: %q is not in it", path, old)
	}
	return os.WriteFile(path, []byte(changed), 0o644)
}
