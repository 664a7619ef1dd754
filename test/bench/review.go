package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/watchbill/watchbill/reconcile/build"
	hub "github.com/watchbill/watchbill/reconcile/forge/github"
	"github.com/watchbill/watchbill/reconcile/review"
	"github.com/watchbill/watchbill/reconcile/source"
	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/test/github"
)

const (
	reviewOwner, reviewName = "example", "monitoring"
	reviewToken             = "a-token-of-the-bench"
	reviewTries             = 3 // changes of one line, after the first
)

// reviewFigures are what the child says at its end.
type reviewFigures struct {
	BeforeMiB float64 `json:"beforeMiB"` // with the branch live, and no pull request looked at
	PeakMiB   float64 `json:"review100k_peak_mib"`
}

// benchReview has the daemon's parts hold 100,000 rules live and answer a pull
// request that changes one line, then others of one line.
func benchReview(ctx context.Context, out figures, log io.Writer) error {
	dir, err := os.MkdirTemp("", "watchbill-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	work := filepath.Join(dir, "work")
	if err := generate(work); err != nil {
		return err
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, commitArgs("first")} {
		if err := git(ctx, work, args...); err != nil {
			return err
		}
	}
	forge, err := github.Start(ctx, github.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = forge.Close() }()
	forge.AllowToken(reviewToken, nil)
	fmt.Fprintln(log, "answer on a pull request in the same repo: cold, then for other changes of one line")
	child, err := startReviewer(ctx, work, filepath.Join(dir, "clone"), forge.URL, log)
	if err != nil {
		return err
	}
	took, err := proposals(ctx, work, forge, child.wake, log)
	found, ended := child.end()
	if err = errors.Join(err, ended); err != nil {
		return err
	}
	fmt.Fprintf(log, "the reviewer: %.0f MiB before the first pull request, %.0f at most\n", found.BeforeMiB, found.PeakMiB)
	out["review100k_cold_seconds"] = took[0]
	out["review100k_oneline_seconds"] = median(took[1:])
	out["review100k_peak_mib"] = found.PeakMiB
	return nil
}

// proposals makes pull request 1, then pushes to it, and takes the time to each status.
func proposals(ctx context.Context, work string, forge *github.Server, wake func() error, log io.Writer) ([]float64, error) {
	repo := forge.Repo(reviewOwner, reviewName)
	var took []float64
	for n := range 1 + reviewTries {
		pull, err := propose(ctx, work, n)
		if err != nil {
			return nil, err
		}
		repo.SetPull(pull)
		began := time.Now()
		if err := wake(); err != nil {
			return nil, err
		}
		limited, cancel := context.WithTimeout(ctx, 5*time.Minute)
		err = forge.Await(limited, func() bool { return repo.Status(pull.Head, review.Context).State == "success" })
		cancel()
		if err != nil {
			return nil, fmt.Errorf("wait for the status of a pull request, which is %+v: %w", repo.Status(pull.Head, review.Context), err)
		}
		took = append(took, time.Since(began).Seconds())
		fmt.Fprintf(log, "pull request to watchbill/validate: %.3f s\n", took[n])
	}
	if violations := forge.Violations(); len(violations) > 0 {
		return nil, fmt.Errorf("GitHub's description does not allow what was said: %s", violations[0])
	}
	return took, nil
}

// propose makes the n-th head of pull request 1 and the merge of it.
func propose(ctx context.Context, work string, n int) (github.Pull, error) {
	yes := true
	pull := github.Pull{Number: 1, Base: "main", Branch: "topic", Mergeable: &yes}
	if err := git(ctx, work, "checkout", "-q", "-B", "topic"); err != nil {
		return pull, err
	}
	if err := changeOneLine(ctx, work, fmt.Sprintf("for: %dm", 11+n)); err != nil {
		return pull, err
	}
	merge := append(commitArgs("")[:4], "merge", "-q", "--no-ff", "-m", "merge", "topic")
	for _, args := range [][]string{
		{"checkout", "-q", "-B", "topic-merge", "main"}, merge,
		{"update-ref", "refs/pull/1/merge", "topic-merge"}, {"checkout", "-q", "main"},
	} {
		if err := git(ctx, work, args...); err != nil {
			return pull, err
		}
	}
	for name, to := range map[string]*string{"main": &pull.BaseCommit, "topic": &pull.Head, "topic-merge": &pull.MergeCommit} {
		text, err := exec.CommandContext(ctx, "git", "-C", work, "rev-parse", name).Output()
		if err != nil {
			return pull, fmt.Errorf("git rev-parse %s: %w", name, err)
		}
		*to = strings.TrimSpace(string(text))
	}
	return pull, nil
}

// reviewer is the child process: a line of its input wakes it, and the end of its input ends it.
type reviewer struct {
	cmd   *exec.Cmd
	input io.WriteCloser
	found io.Reader
}

func startReviewer(ctx context.Context, work, clone, api string, log io.Writer) (*reviewer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r := &reviewer{cmd: exec.CommandContext(ctx, self, "review-child", work, clone, api)}
	r.cmd.Env = append(os.Environ(), "GOMEMLIMIT=800MiB") // as deploy/ sets it
	r.cmd.Stderr = log
	if r.input, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if r.found, err = r.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return r, r.cmd.Start()
}

func (r *reviewer) wake() error {
	_, err := io.WriteString(r.input, "\n")
	return err
}

func (r *reviewer) end() (f reviewFigures, err error) {
	err = r.input.Close()
	err = errors.Join(err, json.NewDecoder(r.found).Decode(&f))
	return f, errors.Join(err, r.cmd.Wait())
}

// reviewChild holds what the daemon holds of a live revision, and answers on pull requests.
func reviewChild(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	work, clone, api := args[0], args[1], args[2]
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	src, err := source.Open(source.Options{URL: work, Branch: "main", Dir: clone, Log: log})
	if err != nil {
		return err
	}
	defer src.Close()
	client, err := hub.New(hub.Options{
		Repo:  hub.Repo{API: api, Owner: reviewOwner, Name: reviewName},
		Token: func(context.Context) (string, error) { return reviewToken, nil },
	})
	if err != nil {
		return err
	}
	options := render.Options{AgentImage: "watchbill:bench", DaemonNamespace: "monitoring"}
	builder := build.New(options)
	rev, err := src.Fetch(ctx)
	if err != nil {
		return err
	}
	live, _, err := wayToPlan(builder, rev, nil)
	if err != nil {
		return err
	}
	f := reviewFigures{BeforeMiB: peakMiB()}
	answers := review.New(review.Options{
		Forge: client, Branch: "main", Base: src.Fetch, Merge: src.FetchRef, Render: options, Poll: time.Hour, Log: log,
	})
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- answers.Run(ctx) }()
	for lines := bufio.NewScanner(in); lines.Scan(); {
		answers.Wake(0)
	}
	cancel()
	<-ended
	f.PeakMiB = peakMiB()
	if len(live.Output.Bundles) == 0 { // the daemon keeps it all the while
		return errors.New("nothing was rendered")
	}
	return json.NewEncoder(out).Encode(f)
}
