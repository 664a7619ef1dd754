package compact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/storetest"
	"github.com/watchbill/watchbill/test/upstream"
)

// bucket is one on a real S3 server, with real blocks in it.
type bucket struct {
	t      *testing.T
	thanos string
	dir    string // its objects as files
	config stores.Config
}

func newBucket(t *testing.T) *bucket {
	t.Helper()
	b := &bucket{t: t, thanos: upstream.Path(t, "thanos")}
	server := storetest.Versitygw(t)
	b.config = server.Bucket(t)
	b.dir = filepath.Join(server.Dir, b.config.Bucket)
	return b
}

// fill makes blocks of two hours, and puts them into the bucket.
func (b *bucket) fill(hours int, labels ...string) {
	b.t.Helper()
	dir := b.t.TempDir()
	var text bytes.Buffer
	text.WriteString("# TYPE m gauge\n")
	const from = 1767571200 // a multiple of 14 days would be too long ago
	for at := from; at < from+hours*3600; at += 300 {
		fmt.Fprintf(&text, "m %d %d\n", at%97, at)
	}
	text.WriteString("# EOF\n")
	upstream.Write(b.t, dir, map[string]string{"metrics": text.String()})
	upstream.Run(b.t, "promtool", "tsdb", "create-blocks-from", "openmetrics", filepath.Join(dir, "metrics"), filepath.Join(dir, "blocks"))
	args := []string{"tools", "bucket", "upload-blocks", "--path", filepath.Join(dir, "blocks"), "--objstore.config", storetest.YAML(b.config)}
	for _, l := range labels {
		args = append(args, "--label", l)
	}
	upstream.Run(b.t, "thanos", args...)
}

// blocks that are in the bucket and not marked for deletion.
func (b *bucket) blocks() []string {
	b.t.Helper()
	metas, err := filepath.Glob(filepath.Join(b.dir, "*", "meta.json"))
	if err != nil {
		b.t.Fatal(err)
	}
	var names []string
	for _, m := range metas {
		if _, err := os.Stat(filepath.Join(filepath.Dir(m), "deletion-mark.json")); err != nil {
			names = append(names, filepath.Base(filepath.Dir(m)))
		}
	}
	slices.Sort(names)
	return names
}

func (b *bucket) options() Options {
	return Options{
		Thanos: b.thanos, Objstore: storetest.YAML(b.config), Dir: b.t.TempDir(), Downsample: true,
		DeleteDelay: 48 * time.Hour, Attempts: 2, First: time.Millisecond, Most: time.Millisecond,
	}
}

func (b *bucket) wants(o Outcome, kind Kind, blocks ...string) {
	b.t.Helper()
	if o.Kind != kind {
		b.t.Errorf("%s, want %s: %s\n%s", o.Kind, kind, o.Hint, strings.Join(o.Lines, "\n"))
	}
	if len(blocks) > 0 {
		if diff := cmp.Diff(blocks, o.Blocks); diff != "" {
			b.t.Error(diff)
		}
	}
	if o.Good() != (o.Hint == "") {
		b.t.Errorf("hint %q", o.Hint)
	}
	if strings.Contains(o.Hint+strings.Join(o.Lines, ""), storetest.SecretKey) {
		b.t.Error("the secret key stands in the outcome")
	}
}

func TestRealDoneThenNothing(t *testing.T) {
	b := newBucket(t)
	b.wants(Run(t.Context(), b.options()), Nothing)
	b.fill(72, `env="prod"`)
	var log bytes.Buffer
	o := b.options()
	o.Log = &log
	out := Run(t.Context(), o)
	b.wants(out, Done)
	if c := out.Counts; c.Compacted == 0 || c.Marked == 0 || c.Downsampled == 0 {
		t.Errorf("counts %+v\n%s", c, log.String())
	}
	left := b.blocks()
	b.wants(Run(t.Context(), b.options()), Nothing)
	if diff := cmp.Diff(left, b.blocks()); diff != "" {
		t.Error(diff)
	}
}

func TestRealSelectors(t *testing.T) {
	b := newBucket(t)
	b.fill(12, `env="prod"`)
	b.fill(12, `env="dev"`)
	o := b.options()
	o.Selectors = []string{`{env="prod"}`}
	b.wants(Run(t.Context(), o), Done)
	if n := len(b.blocks()); n != 6+3 {
		t.Errorf("%d blocks, want those of dev as they were, and prod's joined", n)
	}
	o.Selectors = []string{`{env="prod"}`, `{env!="prod"}`}
	b.wants(Run(t.Context(), o), Done)
	if n := len(b.blocks()); n != 3+3 {
		t.Errorf("%d blocks, want all joined", n)
	}
	o.Selectors = []string{`{env="prod"`}
	b.wants(Run(t.Context(), o), Misconfigured)
}

func TestRealOverlap(t *testing.T) {
	b := newBucket(t)
	b.fill(12, `env="dev"`)
	b.fill(2, `env="prod"`)
	b.fill(2, `env="prod"`)
	o := b.options()
	o.Selectors = []string{`{env="prod"}`, `{env="dev"}`}
	out := Run(t.Context(), o)
	b.wants(out, Overlap)
	if len(out.Blocks) != 2 || out.MayPass() || !strings.HasPrefix(out.Hint, `{env="prod"}: `) || out.Counts.Compacted == 0 {
		t.Errorf("%+v: want two blocks named, and dev's joined nevertheless", out)
	}
}

func TestRealCorrupt(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(block string) error
	}{
		{"index cut", func(dir string) error { return os.Truncate(filepath.Join(dir, "index"), 100) }},
		{"chunks cut", func(dir string) error { return os.Truncate(filepath.Join(dir, "chunks", "000001"), 20) }},
		{"chunks gone", func(dir string) error { return os.Remove(filepath.Join(dir, "chunks", "000001")) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBucket(t)
			b.fill(12, `env="prod"`)
			before := b.blocks()
			if err := test.spoil(filepath.Join(b.dir, before[0])); err != nil {
				t.Fatal(err)
			}
			out := Run(t.Context(), b.options())
			b.wants(out, Corrupt, before[0])
			if diff := cmp.Diff(before, b.blocks()); diff != "" || out.MayPass() {
				t.Error(diff)
			}
		})
	}
}

func TestRealStoreAway(t *testing.T) {
	b := newBucket(t)
	b.fill(12, `env="prod"`)
	proxy := storetest.NewFaultProxy(t, b.config.Endpoint)
	b.config = proxy.Before(b.config)
	isChunk := func(r *http.Request) bool {
		return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/chunks/")
	}
	t.Run("comes back", func(t *testing.T) {
		proxy.Break(storetest.Nth(1, 1, storetest.CutDownload, isChunk))
		b.wants(Run(t.Context(), b.options()), Done)
		if proxy.Faults() == 0 {
			t.Error("nothing was broken")
		}
	})
	t.Run("not at all", func(t *testing.T) {
		b.config.Endpoint = "127.0.0.1:1"
		out := Run(t.Context(), b.options())
		b.wants(out, StoreAway)
		if !out.MayPass() {
			t.Error("it may pass")
		}
	})
}

func TestRealTold(t *testing.T) {
	b := newBucket(t)
	b.fill(12, `env="prod"`)
	proxy := storetest.NewFaultProxy(t, b.config.Endpoint)
	b.config = proxy.Before(b.config)
	asked := make(chan struct{}, 1000)
	proxy.Break(func(_ int, r *http.Request) storetest.Fault {
		if strings.Contains(r.URL.Path, "/chunks/") {
			asked <- struct{}{}
			return storetest.Hang
		}
		return storetest.None
	})
	why := errors.New("the lock is lost")
	ctx, end := context.WithCancelCause(t.Context())
	outcome := make(chan Outcome)
	o := b.options()
	o.Grace = time.Second
	go func() { outcome <- Run(ctx, o) }()
	<-asked // the child is at work
	end(why)
	out := <-outcome
	b.wants(out, Ended)
	if !strings.Contains(out.Hint, why.Error()) {
		t.Errorf("hint %q", out.Hint)
	}
}

func TestRealDenied(t *testing.T) {
	b := newBucket(t)
	t.Run("wrong key", func(t *testing.T) {
		t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
		b.wants(Run(t.Context(), b.options()), Denied)
	})
	t.Run("unknown user", func(t *testing.T) {
		t.Setenv("AWS_ACCESS_KEY_ID", "nobody")
		b.wants(Run(t.Context(), b.options()), Denied)
	})
	t.Run("no bucket", func(t *testing.T) {
		b.config.Bucket = "nosuchbucket"
		b.wants(Run(t.Context(), b.options()), NoBucket)
	})
	t.Run("no configuration", func(t *testing.T) {
		o := b.options()
		o.Objstore = "type: S3\nconfig: {bucket: x}\n"
		b.wants(Run(t.Context(), o), Misconfigured)
	})
	t.Run("no thanos", func(t *testing.T) {
		o := b.options()
		o.Thanos = filepath.Join(t.TempDir(), "thanos")
		b.wants(Run(t.Context(), o), Misconfigured)
	})
}

func TestKilled(t *testing.T) {
	script := filepath.Join(t.TempDir(), "thanos")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nkill -9 $$\n"), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	out := Run(t.Context(), Options{Thanos: script, Dir: t.TempDir()})
	if out.Kind != Killed || !strings.Contains(out.Hint, "limits.memory") {
		t.Errorf("%+v", out)
	}
}
