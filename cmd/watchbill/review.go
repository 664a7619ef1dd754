package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/kubernetes"

	"github.com/watchbill/watchbill/reconcile"
	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/forge/github"
	"github.com/watchbill/watchbill/reconcile/reach"
	"github.com/watchbill/watchbill/reconcile/review"
	"github.com/watchbill/watchbill/reconcile/running"
	"github.com/watchbill/watchbill/reconcile/source"
	"github.com/watchbill/watchbill/reconcile/source/signature"
)

// reviewFlags say whether this daemon answers on pull requests.
type reviewFlags struct {
	pulls       bool
	externalURL string
}

func (f *reviewFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.pulls, "pull-requests", false, "answer on the pull requests against the branch, for all environments; for one daemon of a repo, not for each")
	flags.StringVar(&f.externalURL, "external-url", "", "where people reach this daemon's --listen address, for links to whole answers on pull requests")
}

func (f *reviewFlags) check() error {
	if f.externalURL == "" {
		return nil
	}
	u, err := url.Parse(f.externalURL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || (u.Scheme != "https" && u.Scheme != "http") {
		return errors.New("--external-url: use a URL such as https://watchbill.example.org, without a credential or a query")
	}
	return nil
}

// open sets the reviewer up, if there is to be one.
func (f *reviewFlags) open(to *reconcile.Options, hub forge.Forge, branch string, repo *source.Source, way reach.Way) error {
	if !f.pulls {
		return nil
	}
	if hub == nil {
		return errors.New("--pull-requests needs a forge to answer on; give --github-token-file, or a GitHub App")
	}
	client, err := kubernetes.NewForConfig(to.Config)
	if err != nil {
		return fmt.Errorf("make a Kubernetes client: %w", err)
	}
	stack := &running.Stack{Client: client, Namespace: to.Namespace, Environment: to.Environment, Way: way}
	to.Reviewer = review.New(review.Options{
		Forge: hub, Branch: branch, Base: repo.Fetch, Merge: repo.FetchRef, Render: to.Render,
		Live:        review.Live{Firing: stack.Firing, Backtest: stack.Backtest, Retention: stack.Retention},
		ExternalURL: f.externalURL, Poll: to.Poll, Log: to.Log,
	})
	return nil
}

// signerFlags say whose commits are trusted.
type signerFlags struct{ ssh, pgp string }

func (f *signerFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.ssh, "allowed-signers-file", "", "take commits only if they are signed by an SSH key of this file, in the format of allowed_signers of ssh-keygen(1); read anew when it changes")
	flags.StringVar(&f.pgp, "allowed-pgp-keys-file", "", "take commits only if they are signed by an OpenPGP key of this armored keyring; with --allowed-signers-file, either will do")
}

// verify is nil where every commit is trusted. A list that cannot be read is said now.
func (f *signerFlags) verify(log *slog.Logger) (func(source.Revision) error, error) {
	if f.ssh == "" && f.pgp == "" {
		return nil, nil
	}
	signers := &signature.Signers{SSHFile: f.ssh, PGPFile: f.pgp}
	if err := signers.Check(); err != nil {
		return nil, err
	}
	return func(r source.Revision) error {
		who, err := signers.Verify(r.Signed.Payload, r.Signed.Signature, r.Time)
		if err != nil {
			return err
		}
		log.Debug("commit is signed", "revision", r.Commit, "by", who, "committed", r.Time.Format(time.RFC3339))
		return nil
	}, nil
}

// appForGit has git ask with the App's tokens, if the remote is the App's
// repository on the same server and no password is given.
func (f *runFlags) appForGit(hub forge.Forge) {
	client, ok := hub.(*github.Client)
	if !ok || client.App() == nil || f.git.Auth.Password != (source.Secret{}) || !f.gitOfForge() {
		return
	}
	f.git.Auth.Username = "x-access-token" // the only one that goes with such a token
	f.git.Auth.Token, f.git.Auth.Refused = client.App().Token, client.App().Refused
}

// gitOfForge says whether git is asked, over https, for the repository that the
// statuses go to. A mirror elsewhere has to do without the App's tokens.
func (f *runFlags) gitOfForge() bool {
	remote, err := url.Parse(f.git.URL)
	if err != nil || remote.Scheme != "https" {
		return false
	}
	fetched, err := github.ParseRepo(f.git.URL)
	if err != nil {
		return false
	}
	told, err := f.forge.repo(f.git.URL)
	if err != nil {
		return false
	}
	return sameAPI(fetched.API, told.API) && strings.EqualFold(fetched.Owner, told.Owner) && strings.EqualFold(fetched.Name, told.Name)
}

func sameAPI(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "/"), strings.TrimSuffix(b, "/"))
}
