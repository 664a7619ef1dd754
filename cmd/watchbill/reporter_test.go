package main

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/watchbill/watchbill/reconcile/forge/github"
)

func TestForgeFlags(t *testing.T) {
	const remote = "https://github.com/example/monitoring.git"
	tests := map[string]struct {
		flags  forgeFlags
		token  string // in the environment
		remote string
		as     string // token, App or empty
		says   string
	}{
		"nobody":           {remote: remote},
		"nobody, no forge": {remote: "/srv/git/monitoring.git"},
		"token":            {remote: remote, token: "planted", as: "token"},
		"token file":       {remote: remote, flags: forgeFlags{tokenFile: "/nowhere"}, as: "token"},
		"App":              {remote: remote, flags: forgeFlags{appID: "Iv23liEXAMPLE", appKeyFile: "/nowhere"}, as: "App"},
		"App elsewhere":    {remote: "/srv/git/monitoring.git", flags: forgeFlags{appID: "1", appKeyFile: "/nowhere", repository: "example/monitoring"}, as: "App"},
		"App without key":  {remote: remote, flags: forgeFlags{appID: "1"}, says: "needs both"},
		"key without App":  {remote: remote, flags: forgeFlags{appKeyFile: "/nowhere"}, says: "needs both"},
		"installation":     {remote: remote, flags: forgeFlags{appInstallation: 5}, says: "needs both"},
		"App and token":    {remote: remote, flags: forgeFlags{appID: "1", appKeyFile: "/nowhere"}, token: "planted", says: "not both"},
		"no repository":    {remote: "/srv/git/monitoring.git", token: "planted", says: "give --github-repository"},
		"bad repository":   {remote: remote, flags: forgeFlags{repository: "example"}, token: "planted", says: "OWNER/NAME"},
		"bad address":      {remote: remote, flags: forgeFlags{url: "https://u:planted@h/"}, token: "planted", says: "without a credential"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv(githubToken, test.token)
			hub, reporter, done, err := test.flags.open(test.remote, slog.New(slog.DiscardHandler))
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "planted") {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || reporter == nil {
				t.Fatalf("%v %v", reporter, err)
			}
			done()
			got := ""
			if hub != nil { // not a nil client in an interface
				got = "token"
				if hub.(*github.Client).App() != nil {
					got = "App"
				}
			}
			if got != test.as {
				t.Errorf("as %q", got)
			}
		})
	}
}
