package retain_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/block"
	"github.com/watchbill/watchbill/stores/block/blocktest"
	"github.com/watchbill/watchbill/stores/retain"
	"github.com/watchbill/watchbill/stores/storetest"
)

// realStore is a bucket of some blocks in versitygw, the n-th n*10 days old.
type realStore struct {
	*testing.T
	server storetest.Server
	config stores.Config
	bucket stores.Bucket
	ids    []ulid.ULID
}

func newRealStore(t *testing.T, blocks int) *realStore {
	server := storetest.Versitygw(t)
	config := server.Bucket(t)
	s := &realStore{T: t, server: server, config: config, bucket: storetest.Open(t, config)}
	for n := range blocks {
		to := time.Now().UnixMilli() - int64(n)*10*day
		id := blocktest.ID(time.UnixMilli(to), n)
		s.must(blocktest.Put(t.Context(), s.bucket, blocktest.Meta(id, prod, block.Raw, to-2*hour, to, 1000)))
		s.ids = append(s.ids, id)
	}
	return s
}

func (s *realStore) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// round is what the job does in one tick.
func (s *realStore) round(bucket stores.Bucket, p retain.Policy) (retain.Done, error) {
	inv, err := audit.Run(s.Context(), bucket, audit.Options{})
	if err != nil {
		return retain.Done{}, err
	}
	plan, err := retain.Make(p, inv, time.Now())
	s.must(err)
	return retain.Apply(s.Context(), bucket, plan, nil)
}

func (s *realStore) blocks() []ulid.ULID {
	var ids []ulid.ULID
	for _, o := range storetest.List(s, s.bucket, "") {
		if id, file, ok := block.Split(o.Key); ok && file == block.MetaFile {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b ulid.ULID) int { return b.Compare(a) })
	return ids
}

// thanos runs one of Thanos's tools on the bucket.
func (s *realStore) thanos(args ...string) string {
	s.Helper()
	binary := os.Getenv("WATCHBILL_THANOS")
	if binary == "" {
		s.Skip("WATCHBILL_THANOS is not set: `make test` builds the real one and runs this test with it")
	}
	config := filepath.Join(s.TempDir(), "objstore.yaml")
	s.must(os.WriteFile(config, []byte(storetest.YAML(s.config)), 0o600))
	command := exec.Command(binary, append([]string{"tools", "bucket", args[0], "--objstore.config-file=" + config}, args[1:]...)...)
	var log strings.Builder
	command.Stderr = &log
	out, err := command.Output()
	if err != nil {
		s.Fatalf("thanos tools bucket %s: %v\n%s", strings.Join(args, " "), err, &log)
	}
	return string(out)
}

func (s *realStore) listed(args ...string) []ulid.ULID {
	s.Helper()
	var ids []ulid.ULID
	d := json.NewDecoder(strings.NewReader(s.thanos(append([]string{"ls", "--output=json"}, args...)...)))
	for d.More() {
		var m block.Meta
		s.must(d.Decode(&m))
		ids = append(ids, m.ULID)
	}
	slices.SortFunc(ids, func(a, b ulid.ULID) int { return b.Compare(a) })
	return ids
}

// Thanos itself reads our marks, and deletes by them what we would.
func TestThanosReadsMarks(t *testing.T) {
	s := newRealStore(t, 5)
	done, err := s.round(s.bucket, retain.Policy{Default: retain.Ages{Raw: 25 * days}, DeleteDelay: 48 * hours})
	if err != nil || done.Marked != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	if diff := cmp.Diff(s.ids, s.listed()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(s.ids[:3], s.listed("--exclude-delete")); diff != "" {
		t.Errorf("without those that are marked, -want +got:\n%s", diff)
	}
	s.thanos("cleanup", "--delete-delay=0s", "--consistency-delay=0s")
	if diff := cmp.Diff(s.ids[:3], s.blocks()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// And we delete by the marks of Thanos, and leave nothing.
func TestThanosMarks(t *testing.T) {
	s := newRealStore(t, 3)
	s.thanos("mark", "--marker=deletion-mark.json", "--id="+s.ids[1].String(), "--details=by hand")
	s.thanos("mark", "--marker=no-compact-mark.json", "--id="+s.ids[2].String(), "--details=by hand")
	s.thanos("mark", "--marker=no-downsample-mark.json", "--id="+s.ids[2].String(), "--details=by hand")
	s.sameBytes(s.ids[1], block.DeletionMarkFile, func(b []byte) (marshaler, error) { return block.ParseDeletionMark(b) })
	s.sameBytes(s.ids[2], block.NoCompactMarkFile, func(b []byte) (marshaler, error) { return block.ParseNoCompactMark(b) })
	s.sameBytes(s.ids[2], block.NoDownsampleMarkFile, func(b []byte) (marshaler, error) { return block.ParseNoDownsampleMark(b) })
	inv, err := audit.Run(t.Context(), s.bucket, audit.Options{})
	s.must(err)
	for _, b := range inv.Blocks {
		if marked := b.Mark != nil && b.Mark.Problem == "" && b.Mark.Details == "by hand"; marked != (b.ID == s.ids[1]) || b.NoCompact != (b.ID == s.ids[2]) || b.NoDownsample != b.NoCompact {
			t.Errorf("%+v", b)
		}
	}
	if done, err := s.round(s.bucket, retain.Policy{DeleteDelay: 48 * hours}); err != nil || done.Deleted != 0 {
		t.Errorf("before the delay is over: %+v, %v", done, err)
	}
	if done, err := s.round(s.bucket, retain.Policy{}); err != nil || done.Deleted != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	if left := storetest.Keys(t, s.bucket, s.ids[1].String()); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if diff := cmp.Diff([]ulid.ULID{s.ids[0], s.ids[2]}, s.listed()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

type marshaler interface{ Marshal() ([]byte, error) }

// sameBytes says that a mark of Thanos's, read and written again, is what it was.
func (s *realStore) sameBytes(id ulid.ULID, file string, parse func([]byte) (marshaler, error)) {
	s.Helper()
	text, _ := storetest.Get(s, s.bucket, block.Key(id, file))
	m, err := parse([]byte(text))
	s.must(err)
	again, err := m.Marshal()
	s.must(err)
	if diff := cmp.Diff(text, string(again)); diff != "" {
		s.Errorf("%s, -Thanos +here:\n%s", file, diff)
	}
}

// Rounds through a network that breaks end where they would without, and on the
// way no block that is to stay loses a file.
func TestBrokenNetwork(t *testing.T) {
	policy := retain.Policy{Default: retain.Ages{Raw: 25 * days}}
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed+1), func(t *testing.T) {
			s := newRealStore(t, 12)
			proxy := storetest.NewFaultProxy(t, s.server.Endpoint)
			broken := storetest.Open(t, proxy.Before(s.config))
			proxy.Break(storetest.Sprinkle(seed+1, 4, storetest.Unavailable, storetest.CutDownload, storetest.CutUpload, storetest.LostAnswer, storetest.StaleList))
			for range 8 {
				if _, err := s.round(broken, policy); err != nil {
					t.Log(err)
				}
				s.whole(s.ids[:3])
			}
			if proxy.Faults() < 10 {
				t.Errorf("only %d faults", proxy.Faults())
			}
			proxy.Break(nil)
			for range 2 {
				_, err := s.round(broken, policy)
				s.must(err)
			}
			s.whole(s.ids[:3])
			if all := storetest.Keys(t, s.bucket, ""); len(all) != 9 {
				t.Errorf("three blocks of three files are to be left, and there are %v", all)
			}
		})
	}
}

func (s *realStore) whole(ids []ulid.ULID) {
	s.Helper()
	for _, id := range ids {
		if b, err := audit.Look(s.Context(), s.bucket, id); err != nil || !b.Serves() {
			s.Fatalf("block %s: %+v, %v", id, b, err)
		}
	}
}
