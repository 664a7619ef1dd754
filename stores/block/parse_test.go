package block_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/block"
	"github.com/watchbill/watchbill/stores/storetest"
)

const example = "01M9M2T0SZT5Q7V1R6Y2KBD3HX"

// meta is meta.json as the sidecar of Thanos 0.42 writes it, with text replaced in it.
func meta(t testing.TB, replace ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "sidecar.json"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("there is no %s to replace", replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	return []byte(text)
}

func TestParseMeta(t *testing.T) {
	id := ulid.MustParseStrict(example)
	want := block.Meta{
		Version: 1, ULID: id, MinTime: 1795305600021, MaxTime: 1795312800000,
		Stats:      block.Stats{NumSamples: 166322, NumSeries: 693, NumChunks: 1386},
		Compaction: block.Compaction{Level: 1, Sources: []ulid.ULID{id}},
		Thanos: &block.Thanos{
			Version: 1, Labels: map[string]string{"environment": "prod", "replica": "prometheus-0"}, Source: "sidecar",
			SegmentFiles: []string{"000001"},
			Files: []block.File{
				{Path: "chunks/000001", Size: 270331}, {Path: "index", Size: 80212}, {Path: "meta.json"},
			},
		},
	}
	got, err := block.ParseMeta(meta(t))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestParseMetaOfPrometheus(t *testing.T) {
	got, err := block.ParseMeta([]byte(`{"ulid":"` + example + `","minTime":0,"maxTime":1,"compaction":{"level":1},"version":1}`))
	if err != nil || got.Thanos != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseMetaRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":              {nil, "EOF"},
		"half":                 {meta(t)[:200], "unexpected EOF"},
		"two values":           {append(meta(t), "{}"...), "more after the end"},
		"too large":            {bytes.Repeat([]byte(" "), block.MaxMetaSize+1), "larger than"},
		"version":              {meta(t, "\t\"version\": 1,\n\t\"ulid", "\t\"version\": 2,\n\t\"ulid"), "version 2"},
		"no ulid":              {meta(t, `"ulid": "`+example+`",`, ""), "no ulid"},
		"ulid":                 {meta(t, example, "../../../../../etc/passwd"), "ulid"},
		"times reversed":       {meta(t, "1795312800000", "1795305600021"), "time range"},
		"time of no date":      {meta(t, "1795312800000", "9223372036854775807"), "time range"},
		"time before dates":    {meta(t, "1795305600021", "-9223372036854775808"), "time range"},
		"eleven years":         {meta(t, "1795305600021", "1448150400000"), "time range"},
		"level":                {meta(t, `"level": 1`, `"level": -1`), "compaction level"},
		"Thanos's version":     {meta(t, "\t\"version\": 1,\n\t\t\"labels", "\t\"version\": 2,\n\t\t\"labels"), "version 2 of Thanos"},
		"resolution":           {meta(t, `"resolution": 0`, `"resolution": 60000`), "resolution of Thanos: 60000"},
		"path up":              {meta(t, "chunks/000001", "../other/index"), "path of a file"},
		"path from the root":   {meta(t, "chunks/000001", "/etc/passwd"), "path of a file"},
		"path inside":          {meta(t, "chunks/000001", "chunks/../../x"), "path of a file"},
		"path of Windows":      {meta(t, "chunks/000001", `..\\x`), "path of a file"},
		"size":                 {meta(t, "270331", "-1"), "size of a file"},
		"huge size":            {meta(t, "270331", "9223372036854775807"), "size of a file"},
		"segment":              {meta(t, `"000001"`, `"../x"`), "segment file"},
		"label without a name": {meta(t, `"replica"`, `""`), "name of a label"},
		"long label":           {meta(t, `"prometheus-0"`, `"`+strings.Repeat("x", 5000)+`"`), "value of a label"},
		"too many sources":     {meta(t, `"`+example+"\"\n\t\t]", strings.Repeat(`"`+example+`",`, 100_000)+`"`+example+`"]`), "made of more than"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := block.ParseMeta(c.data)
			if !errors.Is(err, block.ErrBroken) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, %v", m, err)
			}
		})
	}
}

func TestKey(t *testing.T) {
	id := ulid.MustParseStrict(example)
	for key, file := range map[string]string{
		example + "/meta.json":                  "meta.json",
		example + "/chunks/000001":              "chunks/000001",
		strings.ToLower(example) + "/meta.json": "",
		example:                                 "",
		example + "/":                           "",
		example + "/chunks/":                    "",
		example + "/../x":                       "",
		example + "x/meta.json":                 "",
		"8" + example[1:] + "/meta.json":        "", // more than 128 bits
		"debug/metas/" + example + ".json":      "",
		"":                                      "",
	} {
		gotID, got, ok := block.Split(key)
		if got != file || ok != (file != "") || ok && (gotID != id || block.Key(id, file) != key) {
			t.Errorf("%q is file %q of block %s: %v", key, got, gotID, ok)
		}
	}
}

// cut gives bodies that end early.
type cut struct{ stores.Bucket }

func (c cut) Get(ctx context.Context, key string) (io.ReadCloser, stores.Object, error) {
	body, o, err := c.Bucket.Get(ctx, key)
	return io.NopCloser(io.LimitReader(body, o.Size/2)), o, err
}

func TestFetch(t *testing.T) {
	id, other := ulid.MustParseStrict(example), ulid.MustParseStrict("01M9M2T0SZT5Q7V1R6Y2KBD3HY")
	bucket := storetest.NewMemory()
	mark, err := block.DeletionMark{ID: id, DeletionTime: 1}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []ulid.ULID{id, other} {
		storetest.Put(t, bucket, block.Key(folder, block.MetaFile), string(meta(t)))
		storetest.Put(t, bucket, block.Key(folder, block.DeletionMarkFile), string(mark))
	}
	fetches := map[string]func(stores.Bucket, ulid.ULID) (ulid.ULID, error){
		"meta": func(b stores.Bucket, id ulid.ULID) (ulid.ULID, error) {
			m, _, err := block.FetchMeta(t.Context(), b, id)
			return m.ULID, err
		},
		"mark": func(b stores.Bucket, id ulid.ULID) (ulid.ULID, error) {
			m, _, err := block.FetchDeletionMark(t.Context(), b, id)
			return m.ID, err
		},
	}
	for name, fetch := range fetches {
		t.Run(name, func(t *testing.T) {
			if got, err := fetch(bucket, id); err != nil || got != id {
				t.Errorf("%s, %v", got, err)
			}
			if _, err := fetch(bucket, other); !errors.Is(err, block.ErrBroken) {
				t.Errorf("what lies in another block's folder: %v", err)
			}
			if _, err := fetch(bucket, ulid.ULID{1}); !errors.Is(err, stores.ErrNotFound) {
				t.Errorf("what is not there: %v", err)
			}
			if _, err := fetch(cut{bucket}, id); err == nil || errors.Is(err, block.ErrBroken) {
				t.Errorf("a body that is cut: %v", err)
			}
		})
	}
}
