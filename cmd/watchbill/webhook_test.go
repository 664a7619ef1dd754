package main

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile"
	"github.com/watchbill/watchbill/reconcile/forge/github"
)

// TestWebhookOpens: the flags reach the daemon, and a secret that is not there is said at once.
func TestWebhookOpens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	f := webhookFlags{listen: ":9534", secretFile: path, proxies: []string{"10.0.0.0/8", "fd00::/8"}}
	repo := github.Repo{Owner: "example", Name: "monitoring"}
	var opts reconcile.Options
	if err := f.open(&opts, repo, "main", slog.Default()); err == nil || !strings.Contains(err.Error(), path) || opts.Hook != nil {
		t.Errorf("without a secret: %v", err)
	}
	if err := os.WriteFile(path, []byte("planted\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.open(&opts, repo, "main", slog.Default()); err != nil {
		t.Fatal(err)
	}
	hook, ok := opts.Hook.(*github.Webhook)
	if !ok || hook.Owner != "example" || hook.Name != "monitoring" {
		t.Errorf("hook: %+v", opts.Hook)
	}
	networks := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	if diff := cmp.Diff(networks, opts.HookProxies, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if opts.HookListen != ":9534" || opts.HookBranch != "main" {
		t.Errorf("listen %q, branch %q", opts.HookListen, opts.HookBranch)
	}
}
