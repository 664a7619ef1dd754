package block_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/stores/block"
)

func FuzzParseMeta(f *testing.F) {
	f.Add(meta(f))
	f.Add(meta(f, `"resolution": 0`, `"resolution": 300000`, "1795305600021", "-1"))
	f.Add([]byte(`{"version":1,"ulid":"` + example + `","minTime":0,"maxTime":1}`))
	f.Add([]byte(`{"version":1,"ulid":null,"thanos":{"files":[{"rel_path":"../x"}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := block.ParseMeta(data)
		if err != nil {
			if !errors.Is(err, block.ErrBroken) {
				t.Fatal(err)
			}
			return
		}
		if m.MinTime >= m.MaxTime || m.MaxTime-m.MinTime <= 0 {
			t.Errorf("time range from %d to %d", m.MinTime, m.MaxTime)
		}
		if m.Thanos != nil {
			for _, file := range m.Thanos.Files {
				if id, name, ok := block.Split(block.Key(m.ULID, file.Path)); !ok || id != m.ULID || name != file.Path {
					t.Errorf("%q leaves the block's folder", file.Path)
				}
				if !filepath.IsLocal(file.Path) || file.Size < 0 {
					t.Errorf("file %q of %d bytes", file.Path, file.Size)
				}
			}
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := block.ParseMeta(text)
		if err != nil {
			t.Fatalf("what was taken is refused when written again: %v", err)
		}
		if twice, err := json.Marshal(again); err != nil || !bytes.Equal(text, twice) {
			t.Errorf("%v\n%s\n%s", err, text, twice)
		}
	})
}

func FuzzParseMarkers(f *testing.F) {
	for _, file := range []string{block.DeletionMarkFile, block.NoCompactMarkFile, block.NoDownsampleMarkFile} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"id":null,"version":1,"deletion_time":1e3}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := block.ParseDeletionMark(data); err == nil {
			text, _ := m.Marshal()
			if again, err := block.ParseDeletionMark(text); err != nil || cmp.Diff(m, again) != "" {
				t.Errorf("%v\n%+v\n%+v", err, m, again)
			}
		}
		if m, err := block.ParseNoCompactMark(data); err == nil {
			text, _ := m.Marshal()
			if again, err := block.ParseNoCompactMark(text); err != nil || cmp.Diff(m, again) != "" {
				t.Errorf("%v\n%+v\n%+v", err, m, again)
			}
		}
		if m, err := block.ParseNoDownsampleMark(data); err == nil {
			text, _ := m.Marshal()
			if again, err := block.ParseNoDownsampleMark(text); err != nil || cmp.Diff(m, again) != "" {
				t.Errorf("%v\n%+v\n%+v", err, m, again)
			}
		}
	})
}
