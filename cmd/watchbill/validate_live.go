package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/pflag"

	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/reconcile/query"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/live"
)

const queryToken = "WATCHBILL_QUERY_TOKEN"

// liveFlags choose whom the live checks ask, and what.
type liveFlags struct {
	url, tokenFile, caFile, environment string
	backtest                            string
	timeout                             time.Duration
}

func (l *liveFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&l.url, "query-url", "", "also make the live checks, which ask the Prometheus or Thanos Query at this `URL`")
	flags.StringVar(&l.tokenFile, "query-token-file", "", "file with the bearer token for queries; or "+queryToken)
	flags.StringVar(&l.caFile, "query-ca-file", "", "file with the certificate authorities of the query address")
	flags.StringVar(&l.environment, "query-environment", "", "environment that is asked at --query-url; without it, the only one, or else only rules for all environments are looked at")
	flags.DurationVar(&l.timeout, "query-timeout", 2*time.Minute, "how long the live checks may take, and the backtest once more")
	flags.StringVar(&l.backtest, "backtest", "", "say how often alerts would have fired in this `TIME` until now, such as 7d: with --changed-since the new and changed ones, else a hundred")
}

// client is nil if no live checks are asked for.
func (l *liveFlags) client() (*query.Client, error) {
	if l.url == "" {
		if l.backtest != "" {
			return nil, errors.New("--backtest needs --query-url: alerts are tried against a running Prometheus")
		}
		return nil, nil
	}
	o := query.Options{URL: l.url, CAFile: l.caFile}
	if l.tokenFile != "" {
		o.Token = query.TokenFile(l.tokenFile)
	} else if token := strings.TrimSpace(os.Getenv(queryToken)); token != "" {
		o.Token = func() (string, error) { return token, nil }
	}
	client, err := query.New(o)
	if err != nil {
		return nil, fmt.Errorf("--query-url: %w", err)
	}
	return client, nil
}

// past is how far back alerts are tried, 0 for not at all.
func (l *liveFlags) past() (time.Duration, error) {
	if l.backtest == "" {
		return 0, nil
	}
	d, err := model.ParseDuration(l.backtest)
	if err != nil || d == 0 {
		return 0, fmt.Errorf("--backtest %q: give a time such as 7d or 12h", l.backtest)
	}
	return time.Duration(d), nil
}

// liveResult is what the live checks found, and what became of the alerts that were tried.
type liveResult struct {
	findings []validate.Finding
	outcomes []live.Outcome
}

// run makes the live checks of a folder: of what changed since a revision, if one is given.
func (l *liveFlags) run(ctx context.Context, io streams, folder string, now fs.FS, since string) (result liveResult, err error) {
	past, err := l.past()
	if err != nil {
		return result, err
	}
	client, err := l.client()
	if client == nil || err != nil {
		return result, err
	}
	defer client.Close()
	loader := repolayout.NewLoader()
	head, _ := loader.Load(now) // the other checks report its problems
	o := live.Options{Now: time.Now(), Backtest: past}
	if o.Environment, err = l.environmentOf(io, head); err != nil {
		return result, err
	}
	var base *repolayout.Repo
	if since != "" {
		if base, o.Files, err = changeSince(ctx, loader, folder, now, since); err != nil {
			return result, err
		}
	}
	checks, cancel := context.WithTimeout(ctx, l.timeout)
	result.findings = live.Check(checks, client.Live(), head, o)
	cancel()
	if past == 0 {
		return result, nil
	}
	alerts := live.Alerts(head, o.Environment)
	if since != "" {
		alerts = live.Changed(base, head, o.Environment)
	}
	trials, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	if result.outcomes, err = live.Backtest(trials, client.Live(), alerts, o); err != nil {
		result.outcomes = nil
		result.findings = append(result.findings, validate.Judge([]validate.Finding{live.NotMade(err)}, head.Stack.Policies)...)
	}
	return result, nil
}

// environmentOf is the environment that is asked, nil if it is not known which.
func (l *liveFlags) environmentOf(io streams, repo *repolayout.Repo) (*repolayout.Environment, error) {
	if l.environment != "" {
		env := repo.Environment(l.environment)
		if env == nil {
			return nil, fmt.Errorf("--query-environment: environment %q is not in the repo", l.environment)
		}
		return env, nil
	}
	if len(repo.Environments) == 1 {
		return repo.Environments[0], nil
	}
	fmt.Fprintln(io.err, "watchbill: live checks look only at rules that are meant for all environments; --query-environment adds those of one")
	return nil, nil
}

// changeSince is the repo as it was at a revision, nil if it was not there, and the files that have changed.
func changeSince(ctx context.Context, loader *repolayout.Loader, folder string, now fs.FS, since string) (*repolayout.Repo, map[string]bool, error) {
	then, _, err := folderSince(ctx, folder, since)
	if then == nil || err != nil {
		return nil, nil, err
	}
	files, err := build.ChangedFiles(then, now)
	if err != nil {
		return nil, nil, err
	}
	base, _ := loader.Load(then)
	return base, files, nil
}

// printBacktests writes the table after the findings of the text form; the other
// forms have no place for it, and it goes to the error stream.
func printBacktests(io streams, output string, outcomes []live.Outcome) error {
	if outcomes == nil {
		return nil
	}
	if output == "text" {
		fmt.Fprintln(io.out)
		return live.Table(io.out, outcomes)
	}
	return live.Table(io.err, outcomes)
}
