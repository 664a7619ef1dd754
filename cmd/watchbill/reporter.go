package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/watchbill/watchbill/reconcile/forge"
)

const githubToken = "WATCHBILL_GITHUB_TOKEN"

// forgeFlags choose where statuses go.
type forgeFlags struct {
	repository, url, tokenFile string
}

func (f *forgeFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.repository, "github-repository", "", "OWNER/NAME that statuses go to; without it, taken from --repo")
	flags.StringVar(&f.url, "github-url", "", "base URL of the API of a GitHub Enterprise server; without it, taken from --repo")
	flags.StringVar(&f.tokenFile, "github-token-file", "", "file with the token that may write statuses, read anew each time; or "+githubToken+"; without a token, statuses go to the log")
}

// reporter never lets the loop wait; done sends what is queued.
func (f *forgeFlags) reporter(remote string, log *slog.Logger) (reporter forge.Reporter, done func(), err error) {
	var to forge.Reporter = &forge.Log{Logger: log}
	if token := f.token(); token != nil {
		if to, err = f.github(remote, token); err != nil {
			return nil, nil, err
		}
	}
	async := forge.NewAsync(to, forge.AsyncOptions{Log: log})
	return async, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := async.Close(ctx); err != nil {
			log.Warn("statuses were not sent", "error", err)
		}
	}, nil
}

// token is nil if there is none.
func (f *forgeFlags) token() func() (string, error) {
	if f.tokenFile != "" {
		return forge.TokenFile(f.tokenFile)
	}
	if value := strings.TrimSpace(os.Getenv(githubToken)); value != "" {
		return func() (string, error) { return value, nil }
	}
	return nil
}

func (f *forgeFlags) github(remote string, token func() (string, error)) (forge.Reporter, error) {
	repo, err := forge.ParseRepo(remote)
	if f.repository != "" {
		repo.Owner, repo.Name, err = forge.ParseName(f.repository)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; give --github-repository OWNER/NAME", err)
	}
	if f.url != "" {
		repo.API = f.url
	}
	if repo.API == "" {
		repo.API = "https://api.github.com/"
	}
	return forge.NewGitHub(forge.GitHubOptions{Repo: repo, Token: token})
}
