package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/block"
	"github.com/watchbill/watchbill/stores/block/blocktest"
	"github.com/watchbill/watchbill/stores/retain"
	"github.com/watchbill/watchbill/stores/ship"
	"github.com/watchbill/watchbill/stores/storetest"
	"github.com/watchbill/watchbill/test/stack"
)

// auditBlocks is how many blocks the bucket has that is taken in.
const auditBlocks = 20_000

// auditFigures are what the child process measures on that bucket.
type auditFigures struct {
	Blocks      int     `json:"blocks"`
	ColdSeconds float64 `json:"audit20k_cold_seconds"`
	WarmSeconds float64 `json:"audit20k_warm_seconds"`
	ColdCPU     float64 `json:"audit20k_cold_cpu_seconds"`
	WarmCPU     float64 `json:"audit20k_warm_cpu_seconds"`
	WarmFetched int     `json:"warmFetched"`
	PlanSeconds float64 `json:"retention20k_plan_seconds"`
	PeakMiB     float64 `json:"audit20k_peak_mib"`
}

// benchStores measures what is done to buckets, on a real S3 server.
func benchStores(ctx context.Context, versitygw string, out figures, log io.Writer) error {
	dir, err := os.MkdirTemp("", "watchbill-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	endpoint, stop, err := serveS3(ctx, versitygw, dir)
	if err != nil {
		return err
	}
	defer stop()
	if err := benchAudit(ctx, endpoint, dir, out, log); err != nil {
		return err
	}
	return benchUpload(ctx, endpoint, dir, out, log)
}

// serveS3 starts the S3 server over the folders of dir and puts its keys into the environment.
func serveS3(ctx context.Context, program, dir string) (endpoint string, stop func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	endpoint = listener.Addr().String()
	if err := listener.Close(); err != nil {
		return "", nil, err
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench-secret",
		"ROOT_ACCESS_KEY": "bench", "ROOT_SECRET_KEY": "bench-secret",
	} {
		if err := os.Setenv(name, value); err != nil {
			return "", nil, err
		}
	}
	root := filepath.Join(dir, "s3")
	if err := os.MkdirAll(filepath.Join(root, "metrics"), 0o755); err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, program, "--port", endpoint, "--quiet", "--keep-alive", "--health=/health", "posix", root)
	cmd.Stderr = os.Stderr
	stack.EndWith(cmd)
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	for range 100 {
		response, err := http.Get("http://" + endpoint + "/health")
		if err == nil {
			return endpoint, stop, response.Body.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	return "", nil, fmt.Errorf("the S3 server at %s does not answer", endpoint)
}

func storeConfig(endpoint string) string {
	return "type: S3\nconfig: {bucket: metrics, endpoint: " + endpoint + ", region: us-east-1, insecure: true, bucket_lookup_type: path}\n"
}

func openStore(ctx context.Context, config string) (stores.Config, stores.Bucket, error) {
	c, err := stores.ParseConfig([]byte(config))
	if err != nil {
		return c, nil, err
	}
	b, err := stores.Open(ctx, c, stores.Options{})
	return c, b, err
}

func benchAudit(ctx context.Context, endpoint, dir string, out figures, log io.Writer) error {
	fmt.Fprintf(log, "filling a bucket with %d blocks\n", auditBlocks)
	_, b, err := openStore(ctx, storeConfig(endpoint))
	if err != nil {
		return err
	}
	if err := blocktest.Fill(ctx, b, blocktest.Years(auditBlocks, time.Now())); err != nil {
		return err
	}
	fmt.Fprintln(log, "audit: cold, then warm; then the plan of retention")
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "audit-child", storeConfig(endpoint), filepath.Join(dir, "audit.cache"))
	cmd.Stderr = log
	raw, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("measure the audit: %w", err)
	}
	var f auditFigures
	if err := json.Unmarshal(raw, &f); err != nil {
		return err
	}
	if f.Blocks != auditBlocks || f.WarmFetched != 0 {
		return fmt.Errorf("the audit found %d blocks, and read %d objects when it knew all", f.Blocks, f.WarmFetched)
	}
	out["audit20k_cold_seconds"], out["audit20k_warm_seconds"] = f.ColdSeconds, f.WarmSeconds
	out["audit20k_cold_cpu_seconds"], out["audit20k_warm_cpu_seconds"] = f.ColdCPU, f.WarmCPU
	out["audit20k_peak_mib"], out["retention20k_plan_seconds"] = f.PeakMiB, f.PlanSeconds
	return nil
}

// auditChild takes the bucket in twice and plans, timed, in a process whose peak memory is that of this work.
func auditChild(ctx context.Context, config, cache string, out io.Writer) error {
	_, b, err := openStore(ctx, config)
	if err != nil {
		return err
	}
	run := func() (*audit.Inventory, float64, float64, error) {
		start, cpu := time.Now(), cpuSeconds()
		inventory, err := audit.Run(ctx, b, audit.Options{Cache: cache})
		return inventory, time.Since(start).Seconds(), cpuSeconds() - cpu, err
	}
	var f auditFigures
	if _, f.ColdSeconds, f.ColdCPU, err = run(); err != nil {
		return err
	}
	inventory, warm, cpu, err := run()
	if err != nil {
		return err
	}
	f.WarmSeconds, f.WarmCPU, f.WarmFetched, f.Blocks = warm, cpu, inventory.Fetched, len(inventory.Blocks)
	const day = 24 * time.Hour
	policy := retain.Policy{
		Default:    retain.Ages{Raw: 90 * day, FiveMinutes: 365 * day, OneHour: 3 * 365 * day},
		Downsample: true, DeleteDelay: 2 * day,
	}
	start := time.Now()
	if _, err := retain.Make(policy, inventory, time.Now()); err != nil {
		return err
	}
	f.PlanSeconds = time.Since(start).Seconds()
	f.PeakMiB = peakMiB()
	return json.NewEncoder(out).Encode(f)
}

// benchUpload uploads the same blocks by turns: as ship does, and by PutObject alone.
func benchUpload(ctx context.Context, endpoint, dir string, out figures, log io.Writer) error {
	const rounds = 5
	fmt.Fprintf(log, "uploads by turns, %d of each\n", rounds)
	volume := filepath.Join(dir, "volume")
	if err := writeBlocks(volume, 3, 64<<20); err != nil {
		return err
	}
	config, b, err := openStore(ctx, storeConfig(endpoint))
	if err != nil {
		return err
	}
	var plain, ours []float64
	for range rounds {
		for _, way := range []struct {
			seconds *[]float64
			upload  func() error
		}{
			{&plain, func() error { _, err := storetest.PlainPut(ctx, config, volume); return err }},
			{&ours, func() error { return shipVolume(ctx, volume, b) }},
		} {
			if err := emptyBucket(filepath.Join(dir, "s3", "metrics")); err != nil {
				return err
			}
			start := time.Now()
			if err := way.upload(); err != nil {
				return err
			}
			*way.seconds = append(*way.seconds, time.Since(start).Seconds())
		}
	}
	slices.Sort(plain)
	slices.Sort(ours)
	out["upload_plain_seconds"], out["upload_ship_seconds"] = plain[rounds/2], ours[rounds/2]
	out["upload_rate_ratio"] = plain[rounds/2] / ours[rounds/2]
	return nil
}

func shipVolume(ctx context.Context, dir string, b stores.Bucket) error {
	report, err := ship.Upload(ctx, dir, b, map[string]string{"replica": "prometheus-0"})
	if err == nil && !report.Complete() {
		err = fmt.Errorf("not everything was uploaded: %s", report)
	}
	return err
}

// writeBlocks makes blocks such as a large Prometheus has on its volume, as far as their outsides go.
func writeBlocks(dir string, blocks int, segment int64) error {
	for n := range blocks {
		to := time.Now().Add(-time.Duration(2*n) * time.Hour).Truncate(time.Hour)
		m := blocktest.Meta(blocktest.ID(to, n), nil, block.Raw, to.Add(-2*time.Hour).UnixMilli(), to.UnixMilli(), segment)
		m.Thanos = nil
		text, err := json.Marshal(m)
		if err != nil {
			return err
		}
		// The end of an index is a table of contents and its checksum.
		table := make([]byte, segment/4)
		binary.BigEndian.PutUint32(table, index.MagicIndex)
		binary.BigEndian.PutUint32(table[len(table)-4:], crc32.Checksum(table[len(table)-52:len(table)-4], crc32.MakeTable(crc32.Castagnoli)))
		chunk := make([]byte, segment)
		binary.BigEndian.PutUint32(chunk, chunks.MagicChunks)
		folder := filepath.Join(dir, m.ULID.String())
		if err := os.MkdirAll(filepath.Join(folder, block.ChunksDir), 0o755); err != nil {
			return err
		}
		for name, content := range map[string][]byte{block.MetaFile: text, block.IndexFile: table, "chunks/000001": chunk} {
			if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

func emptyBucket(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Mkdir(dir, 0o755)
}
