package block_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/watchbill/watchbill/stores/block"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The bytes are what Thanos's encoding/json makes of its own types.
func TestMarkers(t *testing.T) {
	id := ulid.MustParseStrict(example)
	deletion := block.DeletionMark{ID: id, Version: 1, Details: "older than 30d", DeletionTime: 1795312800}
	noCompact := block.NoCompactMark{ID: id, Version: 1, NoCompactTime: 1795312800, Reason: "manual"}
	noDownsample := block.NoDownsampleMark{ID: id, Version: 1, NoDownsampleTime: 1795312800, Reason: "manual"}
	for file, c := range map[string]struct {
		marshal func() ([]byte, error)
		parse   func([]byte) (any, error)
		want    any
	}{
		block.DeletionMarkFile:     {deletion.Marshal, func(b []byte) (any, error) { return block.ParseDeletionMark(b) }, deletion},
		block.NoCompactMarkFile:    {noCompact.Marshal, func(b []byte) (any, error) { return block.ParseNoCompactMark(b) }, noCompact},
		block.NoDownsampleMarkFile: {noDownsample.Marshal, func(b []byte) (any, error) { return block.ParseNoDownsampleMark(b) }, noDownsample},
	} {
		t.Run(file, func(t *testing.T) {
			got, err := c.marshal()
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", file)
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if diff := cmp.Diff(string(want), string(got)); err != nil || diff != "" {
				t.Errorf("%v, -want +got:\n%s", err, diff)
			}
			back, err := c.parse(got)
			if diff := cmp.Diff(c.want, back); err != nil || diff != "" {
				t.Errorf("%v, -want +got:\n%s", err, diff)
			}
			for _, bad := range []string{
				"", "null", "{}", strings.Replace(string(got), `"version":1`, `"version":2`, 1), string(got) + "x",
				strings.Replace(string(got), example, "", 1), strings.Replace(string(got), "1795312800", "-1", 1),
				strings.Replace(string(got), "1795312800", "9223372036854775807", 1), strings.Repeat(" ", block.MaxMarkerSize+1),
			} {
				if m, err := c.parse([]byte(bad)); !errors.Is(err, block.ErrBroken) {
					t.Errorf("%.80q is taken as %+v, %v", bad, m, err)
				}
			}
		})
	}
}
