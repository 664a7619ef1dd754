package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/watchbill/watchbill/reconcile/schedule"
	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/block"
	"github.com/watchbill/watchbill/stores/block/blocktest"
	"github.com/watchbill/watchbill/stores/lock"
	"github.com/watchbill/watchbill/stores/ship"
	"github.com/watchbill/watchbill/stores/storetest"
)

// TestStoreScript runs the commands that work on a bucket, on a real S3 server,
// each script on a bucket of its own.
func TestStoreScript(t *testing.T) {
	server := storetest.Versitygw(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/store",
		RequireExplicitExec: true,
		Setup:               func(env *testscript.Env) error { return setupBucket(t, env, server.Bucket(t)) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":    exitCode,
			"splice":  splice,
			"blocks":  onBucket(putBlocks),
			"lock":    onBucket(lockBucket),
			"metrics": realBlocks,
			"agents":  playAgents,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "thanos" {
				return os.Getenv("WATCHBILL_THANOS") != "" && os.Getenv("WATCHBILL_PROMTOOL") != "", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

type configKey struct{}

func setupBucket(t *testing.T, env *testscript.Env, config stores.Config) error {
	env.Values[configKey{}] = config
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED",
	} {
		env.Setenv(name, os.Getenv(name))
	}
	env.Setenv("THANOS", os.Getenv("WATCHBILL_THANOS"))
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("ENDPOINT", config.Endpoint)
	env.Setenv("BUCKET", config.Bucket)
	env.Setenv("STORE", filepath.Join(env.WorkDir, "store.yml"))
	return os.WriteFile(filepath.Join(env.WorkDir, "store.yml"), []byte(storetest.YAML(config)), 0o600)
}

// onBucket gives a command the script's bucket.
func onBucket(do func(*testscript.TestScript, stores.Bucket, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		config, ok := ts.Value(configKey{}).(stores.Config)
		if !ok {
			ts.Fatalf("there is no bucket")
		}
		bucket, err := stores.Open(context.Background(), config, stores.Options{})
		ts.Check(err)
		do(ts, bucket, args)
	}
}

// putBlocks puts blocks of a day into the bucket: blocks ENVIRONMENT RESOLUTION DAYS-AGO COUNT
func putBlocks(ts *testscript.TestScript, bucket stores.Bucket, args []string) {
	resolution := map[string]int64{"raw": block.Raw, "5m": block.FiveMinutes, "1h": block.OneHour}[args[1]]
	ago, err := strconv.Atoi(args[2])
	ts.Check(err)
	count, err := strconv.Atoi(args[3])
	ts.Check(err)
	const day = 24 * time.Hour
	now := time.Now().Truncate(day)
	for i := range count {
		from := now.Add(-time.Duration(ago+i) * day)
		id := blocktest.ID(from.Add(day), i+int(resolution)+len(args[0]))
		meta := blocktest.Meta(id, map[string]string{"environment": args[0], "replica": "prometheus-0"}, resolution, from.UnixMilli(), from.Add(day).UnixMilli(), 4096)
		ts.Check(blocktest.Put(context.Background(), bucket, meta))
	}
}

// lockBucket takes the bucket's lock and keeps it.
func lockBucket(ts *testscript.TestScript, bucket stores.Bucket, args []string) {
	_, err := lock.Acquire(context.Background(), bucket, lock.Claim{Holder: args[0], Purpose: "compact", TTL: time.Hour})
	ts.Check(err)
}

// realBlocks has blocks of real samples in the bucket: metrics HOURS
func realBlocks(ts *testscript.TestScript, _ bool, args []string) {
	hours, err := strconv.Atoi(args[0])
	ts.Check(err)
	config, ok := ts.Value(configKey{}).(stores.Config)
	if !ok {
		ts.Fatalf("there is no bucket")
	}
	ts.Check(upload(ts.MkAbs("."), config, hours))
}

func fillReal(t *testing.T, config stores.Config, hours int) {
	t.Helper()
	if err := upload(t.TempDir(), config, hours); err != nil {
		t.Fatal(err)
	}
}

// upload makes blocks of two hours by promtool, and has Thanos upload them.
func upload(work string, config stores.Config, hours int) error {
	var text bytes.Buffer
	text.WriteString("# TYPE m gauge\n")
	const from = 1767571200
	for at := from; at < from+hours*3600; at += 300 {
		fmt.Fprintf(&text, "m %d %d\n", at%97, at)
	}
	text.WriteString("# EOF\n")
	dir, err := os.MkdirTemp(work, "made")
	if err != nil {
		return err
	}
	metrics, blocks := filepath.Join(dir, "metrics"), filepath.Join(dir, "blocks")
	if err := os.WriteFile(metrics, text.Bytes(), 0o600); err != nil {
		return err
	}
	for _, command := range [][]string{
		{os.Getenv("WATCHBILL_PROMTOOL"), "tsdb", "create-blocks-from", "openmetrics", metrics, blocks},
		{os.Getenv("WATCHBILL_THANOS"), "tools", "bucket", "upload-blocks", "--path", blocks, "--objstore.config", storetest.YAML(config), "--label", `environment="prod"`},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", filepath.Base(command[0]), err, out)
		}
	}
	return nil
}

// playAgents answers as agents do, and sets AGENTS to their address: agents
func playAgents(ts *testscript.TestScript, _ bool, _ []string) {
	busy := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/ship") {
			http.Error(w, "POST /ship", http.StatusMethodNotAllowed)
			return
		}
		end := time.Now().Add(-time.Hour).UTC()
		report := ship.Report{Counts: map[ship.State]int{ship.Whole: 5}, Newest: &end, LagSeconds: 3600}
		switch strings.Split(r.URL.Path, "/")[1] {
		case "uploads":
			report.Counts[ship.Uploaded], report.UploadedBytes = 2, 1000
		case "broken":
			report.Counts[ship.Broken] = 1
			report.Blocks = []ship.Block{{ID: blocktest.ID(end, 1), State: ship.Broken, Why: "its index is cut"}}
		case "denied":
			http.Error(w, "not allowed", http.StatusBadGateway)
			return
		case "bare":
			http.NotFound(w, r)
			return
		case "busy":
			if busy++; busy == 1 {
				http.Error(w, "it is shipping already", http.StatusConflict)
				return
			}
		}
		_ = json.NewEncoder(w).Encode(report)
	}))
	ts.Defer(server.Close)
	ts.Setenv("AGENTS", server.URL)
}

// TestJobInstall: the copy runs, and takes the place of an older one that runs.
func TestJobInstall(t *testing.T) {
	if testing.Short() {
		t.Skip("copies the whole program")
	}
	dir := t.TempDir()
	for range 2 {
		var errs bytes.Buffer
		if code := run(t.Context(), []string{"job", "install", dir}, streams{nil, &errs, &errs}); code != exitOK {
			t.Fatalf("exit code %d: %s", code, errs.String())
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v %v", entries, err)
	}
	info, err := entries[0].Info()
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Fatalf("%v %v", info, err)
	}
	out, err := exec.Command(filepath.Join(dir, "watchbill"), "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "watchbill ") {
		t.Errorf("the copy does not run: %v: %s", err, out)
	}
}

// TestCompactionsRace has 20 jobs on one bucket at once.
func TestCompactionsRace(t *testing.T) {
	thanos, promtool := os.Getenv("WATCHBILL_THANOS"), os.Getenv("WATCHBILL_PROMTOOL")
	if thanos == "" || promtool == "" {
		t.Skip("needs thanos and promtool: run it by make test")
	}
	config := storetest.Versitygw(t).Bucket(t)
	bucket := storetest.Open(t, config)
	fillReal(t, config, 24)
	var mu sync.Mutex
	outcomes := map[string]int{}
	var racing sync.WaitGroup
	for i := range 20 {
		dir := t.TempDir()
		racing.Go(func() {
			file := filepath.Join(dir, "result")
			run(t.Context(), []string{
				"job", "compact", "--thanos", thanos, "--objstore.config", storetest.YAML(config), "--consistency-delay", "0s",
				"--data-dir", dir, "--holder", fmt.Sprint(i), "--result-file", file,
			}, streams{nil, io.Discard, io.Discard})
			text, err := os.ReadFile(file)
			if err != nil {
				t.Error(err)
				return
			}
			result, err := schedule.ParseResult(string(text))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			outcomes[result.Outcome+" "+result.Reason]++
		})
	}
	racing.Wait()
	if outcomes["done "] != 1 || outcomes["done "]+outcomes["nothing "]+outcomes["refused locked"] != 20 {
		t.Errorf("outcomes %v, want one that did all", outcomes)
	}
	inv, err := audit.Run(t.Context(), bucket, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range audit.Summarize(inv, "environment").Groups {
		for _, s := range group.Streams {
			if len(s.Overlaps) > 0 || s.Superseded > 0 {
				t.Errorf("%s: %d overlaps, %d blocks left over", s.Labels, len(s.Overlaps), s.Superseded)
			}
		}
	}
}
