package ship

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/oklog/ulid/v2"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/block"
	"github.com/watchbill/watchbill/stores/storetest"
)

var (
	noon     = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	external = map[string]string{"environment": "prod", "replica": "prometheus-0"}
)

// id of the nth block, made n hours after noon.
func id(n int) ulid.ULID {
	made := ulid.MustNew(ulid.Timestamp(noon.Add(time.Duration(n)*time.Hour)), nil)
	made[15] = byte(n)
	return made
}

// made is a block of two hours.
func made(n int, sources ...int) block.Meta {
	m := block.Meta{Version: 1, ULID: id(n), MinTime: noon.Add(time.Duration(2*n) * time.Hour).UnixMilli(), Compaction: block.Compaction{Level: 1, Sources: []ulid.ULID{id(n)}}}
	m.MaxTime = m.MinTime + 2*time.Hour.Milliseconds()
	m.Stats = block.Stats{NumSamples: 100, NumSeries: uint64(n + 1), NumChunks: 1}
	if len(sources) > 0 {
		m.Compaction = block.Compaction{Level: 2}
		for _, s := range sources {
			m.Compaction.Sources = append(m.Compaction.Sources, id(s))
		}
	}
	return m
}

func with(m block.Meta, change func(*block.Meta)) block.Meta {
	change(&m)
	return m
}

// index is one that ends as an index does.
func index(size int) string {
	text := make([]byte, size)
	copy(text, indexMagic)
	toc := text[size-52 : size-4]
	binary.BigEndian.PutUint32(text[size-4:], crc32.Checksum(toc, crc32.MakeTable(crc32.Castagnoli)))
	return string(text)
}

func chunk(size int) string { return string(chunksMagic) + strings.Repeat("c", size-4) }

// content of a block's files.
func content(t testing.TB, m block.Meta) map[string]string {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"meta.json": string(text), "index": index(200), "chunks/000001": chunk(50), "chunks/000002": chunk(30)}
}

func onVolume(t testing.TB, dir string, m block.Meta, change func(map[string]string)) {
	t.Helper()
	files := content(t, m)
	if change != nil {
		change(files)
	}
	for name, text := range files {
		file := filepath.Join(dir, m.ULID.String(), name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func inBucket(t testing.TB, b *storetest.Memory, m block.Meta, labels map[string]string, change func(map[string]string)) {
	t.Helper()
	m.Thanos = &block.Thanos{Version: 1, Labels: labels, Source: "sidecar", Files: []block.File{
		{Path: "chunks/000001", Size: 50}, {Path: "chunks/000002", Size: 30}, {Path: "index", Size: 200}, {Path: "meta.json"},
	}}
	files := content(t, m)
	if change != nil {
		change(files)
	}
	for name, text := range files {
		storetest.Put(t, b, block.Key(m.ULID, name), text)
	}
}

func without(name string) func(map[string]string) {
	return func(files map[string]string) { delete(files, name) }
}

func having(name, text string) func(map[string]string) {
	return func(files map[string]string) { files[name] = text }
}

// put is a block in the bucket.
type put struct {
	meta   block.Meta
	labels map[string]string
	change func(map[string]string)
}

// TestStates: block 5 on the volume, and what else there is.
func TestStates(t *testing.T) {
	mark := having("deletion-mark.json", "{}")
	others := map[string]string{"environment": "prod", "replica": "prometheus-1"}
	joined := made(5, 3, 4)
	for name, c := range map[string]struct {
		meta   block.Meta
		change func(map[string]string) // on the volume
		bucket []put
		want   State
		why    string
		after  State // an upload; empty: the same
	}{
		"nowhere":                          {made(5), nil, nil, Missing, "", Uploaded},
		"whole":                            {made(5), nil, []put{{made(5), external, nil}}, Whole, "", ""},
		"whole with other labels":          {made(5), nil, []put{{made(5), others, nil}}, Whole, "it has other external labels", ""},
		"partial, being uploaded":          {made(5), nil, []put{{made(5), external, without("meta.json")}}, Partial, "it has no meta.json", Uploaded},
		"partial, a file gone":             {made(5), nil, []put{{made(5), external, without("chunks/000002")}}, Partial, "it lacks chunks/000002", Uploaded},
		"partial, a file cut":              {made(5), nil, []put{{made(5), external, having("index", "cut")}}, Partial, "its index has 3 bytes, not 200", Uploaded},
		"partial, meta.json cut":           {made(5), nil, []put{{made(5), external, having("meta.json", "{")}}, Partial, "meta.json is not as it should be", Uploaded},
		"partial, of another volume":       {made(5), having("chunks/000003", chunk(9)), []put{{made(5), external, nil}}, Partial, "it lacks chunks/000003", Uploaded},
		"partial with other labels":        {made(5), nil, []put{{made(5), others, without("index")}}, Partial, "it lacks index", Uploaded},
		"marked":                           {made(5), nil, []put{{made(5), external, mark}}, Marked, "", ""},
		"marked, half deleted":             {made(5), nil, []put{{made(5), external, func(f map[string]string) { mark(f); delete(f, "meta.json") }}}, Marked, "", ""},
		"joined in the bucket":             {made(5), nil, []put{{made(9, 4, 5, 6), external, nil}}, Covered, "in block " + id(9).String(), ""},
		"joined in the bucket, half there": {made(5), nil, []put{{made(5), external, without("index")}, {made(9, 4, 5), external, nil}}, Covered, "in block", ""},
		"joined in a block that is broken": {made(5), nil, []put{{made(9, 4, 5, 6), external, without("index")}}, Missing, "", Uploaded},
		"joined elsewhere":                 {made(5), nil, []put{{made(9, 4, 5, 6), others, nil}}, Missing, "", Uploaded},
		"joined here, parts in the bucket": {joined, nil, []put{{made(3), external, nil}, {made(4), external, nil}}, Covered, "", ""},
		"joined here, one part there":      {joined, nil, []put{{made(3), external, nil}}, Missing, "", Uploaded},
		"joined here, one part partial":    {joined, nil, []put{{made(3), external, nil}, {made(4), external, without("meta.json")}}, Missing, "", Uploaded},
		"the same by another name":         {made(5), nil, []put{{with(made(5), func(m *block.Meta) { m.ULID, m.Compaction.Sources = id(7), []ulid.ULID{id(7)} }), external, nil}}, Covered, "as block " + id(7).String(), ""},
		"of the same time, but more of it": {with(made(5), func(m *block.Meta) { m.Stats.NumSamples++ }), nil, []put{{with(made(5), func(m *block.Meta) { m.ULID = id(7); m.Compaction.Sources = nil }), external, nil}}, Missing, "", Uploaded},
		"empty":                            {with(made(5), func(m *block.Meta) { m.Stats = block.Stats{} }), nil, nil, Empty, "", ""},
		"broken: no meta.json":             {made(5), without("meta.json"), nil, Broken, "it has no meta.json", ""},
		"broken: no JSON":                  {made(5), having("meta.json", "x"), nil, Broken, "meta.json is not as it should be", ""},
		"broken: another's meta.json":      {made(5), having("meta.json", content(t, made(6))["meta.json"]), nil, Broken, "its meta.json is of", ""},
		"broken: no index":                 {made(5), without("index"), nil, Broken, "index", ""},
		"broken: index cut":                {made(5), having("index", index(200)[:150]), nil, Broken, "its index is cut", ""},
		"broken: index short":              {made(5), having("index", index(60)[:10]), nil, Broken, "its index is too short", ""},
		"broken: no chunks":                {made(5), func(f map[string]string) { delete(f, "chunks/000001"); delete(f, "chunks/000002") }, nil, Broken, "its chunks", ""},
		"broken: a chunk missing":          {made(5), without("chunks/000001"), nil, Broken, "000002 where 000001", ""},
		"broken: no chunk":                 {made(5), having("chunks/000002", "junk"), nil, Broken, "chunks/000002 does not begin", ""},
		"broken here, whole there":         {made(5), without("index"), []put{{made(5), external, nil}}, Whole, "on the volume it is broken", ""},
		"broken here, joined there":        {made(5), without("index"), []put{{made(9, 5), external, nil}}, Covered, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir, b := t.TempDir(), storetest.NewMemory()
			onVolume(t, dir, c.meta, c.change)
			for _, p := range c.bucket {
				inBucket(t, b, p.meta, p.labels, p.change)
			}
			v := &Volume{Dir: dir, Bucket: b, Labels: external, Now: func() time.Time { return noon.Add(24 * time.Hour) }}
			report, err := v.Compare(t.Context())
			check(t, report, err, c.want, c.why)
			if c.after == "" {
				c.after = c.want
			}
			after := c.after
			before := storetest.Keys(t, b, "")
			report, err = v.Upload(t.Context())
			check(t, report, err, after, "")
			if after != Uploaded {
				if diff := cmp.Diff(before, storetest.Keys(t, b, "")); diff != "" {
					t.Errorf("it changed the bucket: %s", diff)
				}
				return
			}
			if report.Blocks[0].Repaired != (c.want == Partial) {
				t.Errorf("repaired: %v", report.Blocks[0].Repaired)
			}
			report, err = v.Compare(t.Context())
			check(t, report, err, Whole, "")
			if !report.Complete() {
				t.Errorf("not complete: %s", report)
			}
		})
	}
}

func check(t *testing.T, r Report, err error, want State, why string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Blocks) != 1 || r.Blocks[0].State != want || !strings.Contains(r.Blocks[0].Why, why) {
		t.Fatalf("%+v, want %s: %q", r.Blocks, want, why)
	}
	if r.Complete() != (want != Missing && want != Partial && want != Broken) {
		t.Errorf("complete: %v", r.Complete())
	}
}

// TestRepairKeepsLabels: a block that lost a file keeps the labels that it came with.
func TestRepairKeepsLabels(t *testing.T) {
	dir, b := t.TempDir(), storetest.NewMemory()
	others := map[string]string{"environment": "before"}
	onVolume(t, dir, made(1), nil)
	inBucket(t, b, made(1), others, without("index"))
	if report, err := Upload(t.Context(), dir, b, external); err != nil || !report.Complete() {
		t.Errorf("%v, %s", err, report)
	}
	m, _, err := block.FetchMeta(t.Context(), b, id(1))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(others, m.Thanos.Labels); diff != "" {
		t.Error(diff)
	}
}

// TestNotBlocks: what lies beside blocks on a volume.
func TestNotBlocks(t *testing.T) {
	dir := t.TempDir()
	onVolume(t, dir, made(1), nil)
	for _, name := range []string{id(2).String() + ".tmp-for-creation", id(3).String() + ".tmp-for-deletion", "wal", "chunks_head", "snapshots", strings.ToLower(id(4).String())} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, id(5).String()), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := Compare(t.Context(), dir, storetest.NewMemory(), external)
	check(t, report, err, Missing, "")
}

func TestReport(t *testing.T) {
	dir, b := t.TempDir(), storetest.NewMemory()
	for n := 5; n > 0; n-- {
		onVolume(t, dir, made(n), nil)
	}
	inBucket(t, b, made(1), external, nil)
	inBucket(t, b, made(2), external, without("index"))
	overlap := with(made(3), func(m *block.Meta) { m.ULID, m.Compaction.Sources, m.Stats.NumSamples = id(8), []ulid.ULID{id(8)}, 7 })
	inBucket(t, b, overlap, external, nil)
	inBucket(t, b, made(20), map[string]string{"replica": "another"}, nil)
	if err := os.WriteFile(filepath.Join(dir, "thanos.shipper.json"), fmt.Appendf(nil, `{"version":1,"uploaded":["%s","%s"]}`, id(1), id(4)), 0o600); err != nil {
		t.Fatal(err)
	}
	v := &Volume{Dir: dir, Bucket: b, Labels: external, Now: func() time.Time { return noon.Add(24 * time.Hour) }}
	got, err := v.Compare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	newest := noon.Add(8 * time.Hour)
	want := Report{
		Bucket: "memory", Labels: external, Taken: noon.Add(24 * time.Hour), MissingBytes: 4 * 280,
		Counts: map[State]int{Whole: 1, Partial: 1, Missing: 3}, Newest: &newest, LagSeconds: 16 * 3600,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Report{}, "Blocks")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, n := range []int{1, 2, 3, 4, 5} {
		b := got.Blocks[i]
		if b.ID != id(n) || b.Shipped != (n == 1 || n == 4) || (len(b.Overlaps) == 1 && b.Overlaps[0] == id(8)) != (n == 3) {
			t.Errorf("block %d: %+v", n, b)
		}
	}
	if words := "5 blocks: 1 whole, 0 uploaded, 0 covered, 3 missing, 1 partial, 0 broken; the bucket is 16h0m0s behind"; got.String() != words {
		t.Errorf("%s", got)
	}
	text, err := json.Marshal(got)
	if err != nil || !strings.Contains(string(text), `"missingBytes":1120`) {
		t.Errorf("%s, %v", text, err)
	}
}

// TestMetaTravels: what nobody here knows of stays in meta.json.
func TestMetaTravels(t *testing.T) {
	dir, b := t.TempDir(), storetest.NewMemory()
	onVolume(t, dir, made(1), func(files map[string]string) {
		files["meta.json"] = strings.Replace(files["meta.json"], `"version":1`, `"version":1,"future":{"n":12345678901234567890.10}`, 1)
	})
	if _, err := Upload(t.Context(), dir, b, external); err != nil {
		t.Fatal(err)
	}
	text, _ := storetest.Get(t, b, block.Key(id(1), "meta.json"))
	var got struct {
		Future json.RawMessage            `json:"future"`
		Thanos map[string]json.RawMessage `json:"thanos"`
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"n":12345678901234567890.10}`, strings.Join(strings.Fields(string(got.Future)), "")); diff != "" {
		t.Error(diff)
	}
	m, _, err := block.FetchMeta(t.Context(), b, id(1))
	if err != nil {
		t.Fatal(err)
	}
	want := made(1)
	want.Thanos = &block.Thanos{Version: 1, Labels: external, Source: "sidecar", SegmentFiles: []string{"000001", "000002"}, Files: []block.File{
		{Path: "chunks/000001", Size: 50}, {Path: "chunks/000002", Size: 30}, {Path: "index", Size: 200}, {Path: "meta.json"},
	}}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, found := got.Thanos["upload_time"]; !found {
		t.Errorf("%s has no upload_time", text)
	}
}

// TestOrder: meta.json is written when all else is there, whatever fails.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	onVolume(t, dir, made(1), nil)
	for fail := range 8 {
		b := storetest.NewMemory()
		operations := 0
		b.Fault = func(operation, key string) error {
			if operations++; operations == fail+2 { // after the first listing
				return fmt.Errorf("%s %s is broken", operation, key)
			}
			return nil
		}
		report, err := Upload(t.Context(), dir, b, external)
		b.Fault = nil
		keys := storetest.Keys(t, b, id(1).String()+"/meta.json")
		if uploaded := err == nil; (len(keys) == 1) != uploaded || report.Complete() != uploaded {
			t.Errorf("operation %d broken: %v, meta.json is %q, the report %s", fail, err, keys, report)
		}
		if report, err := Upload(t.Context(), dir, b, external); err != nil || !report.Complete() {
			t.Errorf("operation %d broken, afterwards: %v, %s", fail, err, report)
		}
	}
}

// TestListsAndReads: to look again costs one listing and no reads.
func TestListsAndReads(t *testing.T) {
	dir, b := t.TempDir(), storetest.NewMemory()
	onVolume(t, dir, made(30), nil)
	for n := range 40 {
		inBucket(t, b, made(n), external, nil)
	}
	counts := map[string]int{}
	b.Fault = func(operation, _ string) error {
		counts[operation]++
		return nil
	}
	v := &Volume{Dir: dir, Bucket: b, Labels: external, Now: func() time.Time { return noon.Add(80 * time.Hour) }}
	for range 3 {
		report, err := v.Compare(t.Context())
		check(t, report, err, Whole, "")
	}
	// Those made more than a day before the block on the volume cannot hold it.
	if diff := cmp.Diff(map[string]int{"list": 3, "get": 34}, counts); diff != "" {
		t.Error(diff)
	}
}

// TestGoesOn past a block that fails, unless the bucket itself is refused or the context has ended.
func TestGoesOn(t *testing.T) {
	dir := t.TempDir()
	for n := range 3 {
		onVolume(t, dir, made(n), nil)
	}
	for name, c := range map[string]struct {
		err     error
		missing int
	}{
		"broken": {errors.New("broken"), 1},
		"denied": {stores.ErrDenied, 3},
		"bucket": {stores.ErrNoBucket, 3},
		"cancel": {context.Canceled, 3},
	} {
		t.Run(name, func(t *testing.T) {
			b := storetest.NewMemory()
			ctx, cancel := context.WithCancel(t.Context())
			b.Fault = func(operation, key string) error {
				if operation != "put" || key != block.Key(id(0), block.IndexFile) {
					return nil
				}
				if errors.Is(c.err, context.Canceled) {
					cancel()
				}
				return c.err
			}
			report, err := Upload(ctx, dir, b, external)
			cancel()
			if !errors.Is(err, c.err) || !strings.Contains(err.Error(), "uploading block "+id(0).String()) {
				t.Errorf("%v, want %v", err, c.err)
			}
			if report.Counts[Missing] != c.missing || report.Counts[Uploaded] != 3-c.missing || report.Blocks[0].Why == "" {
				t.Errorf("%s: %+v", report, report.Blocks[0])
			}
		})
	}
}

// TestGoneMeanwhile: what Prometheus deletes after it was looked at is no failure.
func TestGoneMeanwhile(t *testing.T) {
	dir, b := t.TempDir(), storetest.NewMemory()
	onVolume(t, dir, made(1), nil)
	b.Fault = func(operation, _ string) error {
		if operation == "list" {
			return os.RemoveAll(filepath.Join(dir, id(1).String()))
		}
		return nil
	}
	report, err := Upload(t.Context(), dir, b, external)
	if err != nil || report.Counts[Gone] != 1 || len(storetest.Keys(t, b, "")) != 0 {
		t.Errorf("%v, %+v", err, report.Blocks)
	}
}

func TestRefuses(t *testing.T) {
	if _, err := Compare(t.Context(), t.TempDir(), storetest.NewMemory(), nil); err == nil || !strings.Contains(err.Error(), "there are no external labels") {
		t.Errorf("%v", err)
	}
	if _, err := Compare(t.Context(), filepath.Join(t.TempDir(), "nowhere"), storetest.NewMemory(), external); err == nil {
		t.Error("a folder that is not there")
	}
}
