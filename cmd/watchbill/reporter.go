package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/forge/github"
)

const githubToken = "WATCHBILL_GITHUB_TOKEN"

// forgeFlags choose where statuses go, and as whom.
type forgeFlags struct {
	repository, url, tokenFile string
	appID, appKeyFile          string
	appInstallation            int64
}

func (f *forgeFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.repository, "github-repository", "", "OWNER/NAME that statuses go to; without it, taken from --repo")
	flags.StringVar(&f.url, "github-url", "", "base URL of the API of a GitHub Enterprise server; without it, taken from --repo")
	flags.StringVar(&f.tokenFile, "github-token-file", "", "file with the token that may write statuses, read anew each time; or "+githubToken+"; without a token or an App, statuses go to the log")
	flags.StringVar(&f.appID, "github-app-id", "", "id or client id of the GitHub App to act as, in place of a token")
	flags.StringVar(&f.appKeyFile, "github-app-key-file", "", "file with the GitHub App's private key in PEM, read anew each time")
	flags.Int64Var(&f.appInstallation, "github-app-installation-id", 0, "the GitHub App's installation; without it, the one at the repository is found")
}

// open returns the forge, nil without a credential, and a reporter that never
// lets the loop wait; done sends what is queued.
func (f *forgeFlags) open(remote string, log *slog.Logger) (hub forge.Forge, reporter forge.Reporter, done func(), err error) {
	client, err := f.github(remote)
	if err != nil {
		return nil, nil, nil, err
	}
	var to forge.Reporter = &forge.Log{Logger: log}
	if client != nil {
		hub, to = client, forge.Deployments{Forge: client}
	}
	async := forge.NewAsync(to, forge.AsyncOptions{Log: log})
	return hub, async, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := async.Close(ctx); err != nil {
			log.Warn("statuses were not sent", "error", err)
		}
	}, nil
}

// token is nil if there is none.
func (f *forgeFlags) token() func(context.Context) (string, error) {
	if f.tokenFile != "" {
		return github.TokenFile(f.tokenFile)
	}
	if value := strings.TrimSpace(os.Getenv(githubToken)); value != "" {
		return func(context.Context) (string, error) { return value, nil }
	}
	return nil
}

// github is nil without a credential.
func (f *forgeFlags) github(remote string) (*github.Client, error) {
	token, app := f.token(), f.appID != "" || f.appKeyFile != "" || f.appInstallation != 0
	switch {
	case app && (f.appID == "" || f.appKeyFile == ""):
		return nil, errors.New("a GitHub App needs both --github-app-id and --github-app-key-file")
	case app && token != nil:
		return nil, errors.New("give a GitHub App or a token, not both; a token is in --github-token-file or " + githubToken)
	case !app && token == nil:
		return nil, nil
	}
	repo, err := f.repo(remote)
	if err != nil {
		return nil, err
	}
	opts := github.Options{Repo: repo, Token: token}
	if app {
		opts.App, err = github.NewApp(github.AppOptions{
			Repo: repo, ID: f.appID, Installation: f.appInstallation, Key: github.KeyFile(f.appKeyFile),
		})
		if err != nil {
			return nil, err
		}
	}
	return github.New(opts)
}

// repo is the repository that the flags name, or that git's remote is.
func (f *forgeFlags) repo(remote string) (github.Repo, error) {
	repo, err := github.ParseRepo(remote)
	if f.repository != "" {
		repo.Owner, repo.Name, err = github.ParseName(f.repository)
	}
	if err != nil {
		return github.Repo{}, fmt.Errorf("%w; give --github-repository OWNER/NAME", err)
	}
	if f.url != "" {
		repo.API = f.url
	}
	if repo.API == "" {
		repo.API = "https://api.github.com/"
	}
	return repo, nil
}
