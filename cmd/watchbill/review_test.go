package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"

	"github.com/watchbill/watchbill/reconcile"
	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/reach"
	"github.com/watchbill/watchbill/reconcile/source"
)

// parsed are the daemon's flags as a command line sets them.
func parsed(t *testing.T, args ...string) *runFlags {
	t.Helper()
	var f runFlags
	set := pflag.NewFlagSet("run", pflag.ContinueOnError)
	f.add(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &f
}

func textFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExternalURL(t *testing.T) {
	got := map[string]bool{}
	want := map[string]bool{
		"":                                       true,
		"https://watchbill.example.org":          true,
		"http://watchbill.example.org:9532":      true,
		"https://example.org/watchbill/":         true,
		"watchbill.example.org":                  false,
		"//watchbill.example.org":                false,
		"https://":                               false,
		"ftp://watchbill.example.org":            false,
		"https://ann:planted@example.org":        false,
		"https://planted@example.org":            false,
		"https://example.org/?token=planted":     false,
		"https://example.org/#planted":           false,
		"https://example.org:planted/":           false,
		"https://example.org/%zzplanted":         false,
		"javascript:alert(1)//example.org":       false,
		"https://watchbill.example.org\nplanted": false,
	}
	for raw := range want {
		err := (&reviewFlags{externalURL: raw}).check()
		got[raw] = err == nil
		if err != nil && (strings.Contains(err.Error(), "planted") || !strings.Contains(err.Error(), "--external-url: use")) {
			t.Errorf("%q: %v", raw, err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
}

// pullsForge is a forge that is asked for pull requests.
type pullsForge struct {
	forge.Forge
	asked func(branch string)
}

func (f pullsForge) Pulls(_ context.Context, branch string) ([]forge.Pull, error) {
	f.asked(branch)
	return nil, errors.New("not now")
}

func TestReviewerOpens(t *testing.T) {
	repo, err := source.Open(source.Options{URL: "/nowhere", Branch: "release", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var asked []string
	hub := pullsForge{asked: func(branch string) { asked = append(asked, branch); cancel() }}
	for _, test := range []struct {
		name   string
		flags  reviewFlags
		hub    forge.Forge
		config rest.Config
		opens  bool
		says   string
	}{
		{name: "not wanted", hub: hub},
		{name: "not wanted, no forge"},
		{name: "no forge", flags: reviewFlags{pulls: true}, says: "give --github-token-file, or a GitHub App"},
		{name: "bad cluster", flags: reviewFlags{pulls: true}, hub: hub, config: rest.Config{Host: "://"}, says: "make a Kubernetes client"},
		{name: "wanted", flags: reviewFlags{pulls: true}, hub: hub, config: rest.Config{Host: "https://127.0.0.1:1"}, opens: true},
	} {
		opts := reconcile.Options{Config: &test.config, Log: slog.New(slog.DiscardHandler)}
		err := test.flags.open(&opts, test.hub, "release", repo, reach.Direct())
		if (err != nil) != (test.says != "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", test.name, err)
		}
		if (opts.Reviewer != nil) != test.opens {
			t.Errorf("%s: reviewer %v", test.name, opts.Reviewer)
		}
		if opts.Reviewer != nil {
			if err := opts.Reviewer.Run(ctx); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
		}
	}
	if diff := cmp.Diff([]string{"release"}, asked); diff != "" {
		t.Errorf("asked for pull requests against (-want +got):\n%s", diff)
	}
}

// TestAppForGit: an App's token goes to the App's repository on its own server, over https, and nowhere else.
func TestAppForGit(t *testing.T) {
	type auth struct {
		User           string
		Token, Refused bool
	}
	withToken := auth{"x-access-token", true, true}
	const dotcom = "--repo=https://github.com/example/monitoring.git"
	app := []string{"--github-app-id=1", "--github-app-key-file=/nowhere"}
	for name, test := range map[string]struct {
		args     []string // beside the App's
		password string   // in the environment
		nobody   bool     // no App
		want     auth
	}{
		"https":                    {args: []string{dotcom}, want: withToken},
		"without .git":             {args: []string{"--repo=https://github.com/example/monitoring"}, want: withToken},
		"slash at the end":         {args: []string{"--repo=https://github.com/example/monitoring/"}, want: withToken},
		"upper case":               {args: []string{"--repo=HTTPS://GitHub.com/Example/Monitoring.git", "--github-repository=example/monitoring"}, want: withToken},
		"port":                     {args: []string{"--repo=https://github.com:443/example/monitoring.git"}, want: withToken},
		"named too":                {args: []string{dotcom, "--github-repository=example/monitoring", "--github-url=https://api.github.com"}, want: withToken},
		"user name alone":          {args: []string{dotcom, "--git-username=bot"}, want: withToken},
		"*.ghe.com":                {args: []string{"--repo=https://example.ghe.com/example/monitoring.git"}, want: withToken},
		"Enterprise":               {args: []string{"--repo=https://git.example.com/example/monitoring.git"}, want: withToken},
		"Enterprise, named":        {args: []string{"--repo=https://git.example.com/example/monitoring.git", "--github-url=https://Git.example.com/api/v3"}, want: withToken},
		"Enterprise, port":         {args: []string{"--repo=https://git.example.com:8443/example/monitoring.git"}, want: withToken},
		"Enterprise, other port":   {args: []string{"--repo=https://git.example.com:8443/example/monitoring.git", "--github-url=https://git.example.com/api/v3/"}},
		"Enterprise, other host":   {args: []string{"--repo=https://git.example.com/example/monitoring.git", "--github-url=https://api.example.com/"}},
		"Enterprise, API by http":  {args: []string{"--repo=https://git.example.com/example/monitoring.git", "--github-url=http://git.example.com/api/v3/"}},
		"mirror":                   {args: []string{"--repo=https://mirror.example.org/example/monitoring.git", "--github-url=https://api.github.com/"}},
		"looks like github.com":    {args: []string{"--repo=https://github.com.example.org/example/monitoring.git", "--github-url=https://api.github.com/"}},
		"another repository":       {args: []string{dotcom, "--github-repository=example/other"}},
		"another owner":            {args: []string{dotcom, "--github-repository=other/monitoring"}},
		"path is not OWNER/NAME":   {args: []string{"--repo=https://git.example.com/scm/example/monitoring.git", "--github-repository=example/monitoring", "--github-url=https://git.example.com/api/v3/"}},
		"http":                     {args: []string{"--repo=http://git.example.com/example/monitoring.git"}},
		"http, allowed":            {args: []string{"--repo=http://git.example.com/example/monitoring.git", "--git-allow-plain-http"}},
		"ssh":                      {args: []string{"--repo=ssh://git@github.com/example/monitoring.git"}},
		"user@host:path":           {args: []string{"--repo=git@github.com:example/monitoring.git"}},
		"path":                     {args: []string{"--repo=/srv/example/monitoring.git", "--github-repository=example/monitoring"}},
		"file":                     {args: []string{"--repo=file:///example/monitoring.git", "--github-repository=example/monitoring"}},
		"password in a file":       {args: []string{dotcom, "--git-username=bot", "--git-password-file=/nowhere"}, want: auth{User: "bot"}},
		"password of the variable": {args: []string{dotcom}, password: "planted"},
		"token, no App":            {args: []string{dotcom, "--github-token-file=/nowhere"}, nobody: true},
		"nobody":                   {args: []string{dotcom, "--git-username=bot"}, nobody: true, want: auth{User: "bot"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(githubToken, "")
			t.Setenv("WATCHBILL_GIT_PASSWORD", test.password)
			args := append([]string{"--clone-dir=" + t.TempDir()}, test.args...)
			if !test.nobody {
				args = append(args, app...)
			}
			f := parsed(t, args...)
			f.git.Auth.Password.Env = ifSet("WATCHBILL_GIT_PASSWORD")
			hub, _, done, err := f.forge.open(f.git.URL, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer done()
			f.appForGit(hub)
			a := f.git.Auth
			if diff := cmp.Diff(test.want, auth{a.Username, a.Token != nil, a.Refused != nil}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
