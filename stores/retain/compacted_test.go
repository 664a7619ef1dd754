package retain_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/retain"
	"github.com/watchbill/watchbill/stores/storetest"
)

// fill uploads real blocks of two hours, as a Prometheus would have made them
// in some days, of one series with a sample each five minutes.
func (s *realStore) fill(from time.Time, days int) {
	s.Helper()
	dir := s.TempDir()
	var text bytes.Buffer
	text.WriteString("# TYPE m gauge\n")
	for at := from; at.Before(from.AddDate(0, 0, days)); at = at.Add(5 * time.Minute) {
		fmt.Fprintf(&text, "m %d %d\n", at.Unix()%97, at.Unix())
	}
	text.WriteString("# EOF\n")
	s.must(os.WriteFile(filepath.Join(dir, "metrics"), text.Bytes(), 0o600))
	promtool := os.Getenv("WATCHBILL_PROMTOOL")
	if promtool == "" {
		s.Skip("WATCHBILL_PROMTOOL is not set: `make test` builds the real one and runs this test with it")
	}
	out, err := exec.Command(promtool, "tsdb", "create-blocks-from", "openmetrics", filepath.Join(dir, "metrics"), filepath.Join(dir, "blocks")).CombinedOutput()
	if err != nil {
		s.Fatalf("promtool: %v\n%s", err, out)
	}
	s.thanos("upload-blocks", "--path="+filepath.Join(dir, "blocks"), `--label=env="prod"`)
}

func (s *realStore) compact() {
	s.Helper()
	out, err := exec.Command(os.Getenv("WATCHBILL_THANOS"), "compact", "--objstore.config="+storetest.YAML(s.config),
		"--data-dir="+s.TempDir(), "--consistency-delay=0s", "--http-address=127.0.0.1:0").CombinedOutput()
	if err != nil {
		s.Fatalf("thanos compact: %v\n%s", err, out)
	}
}

func (s *realStore) inventory() *audit.Inventory {
	s.Helper()
	inv, err := audit.Run(s.Context(), s.bucket, audit.Options{})
	s.must(err)
	for _, b := range inv.Blocks {
		if b.State != audit.Whole {
			s.Errorf("block %s is %s: %s", b.ID, b.State, b.Why)
		}
	}
	return inv
}

// Blocks as Thanos really compacts them: the backlog is what it works off, what
// it downsampled is a copy, and what it did not is none.
func TestCompacted(t *testing.T) {
	s := newRealStore(t, 0)
	const window = 14 * 24 * 60 * 60
	from := time.Unix(time.Now().Unix()/window*window-5*window, 0)
	s.fill(from, 5) // two windows of two days, and half of a third
	before := audit.Estimate(s.inventory())
	if before.Joins == 0 || before.JoinBlocks < 40 || before.Downsamplings != 0 {
		t.Errorf("before compaction: %+v", before)
	}
	policy := retain.Policy{Default: retain.Ages{Raw: 2 * days, FiveMinutes: 1000 * days}, DeleteDelay: 48 * hours, Downsample: true}
	plan, err := retain.Make(policy, s.inventory(), time.Now())
	s.must(err)
	if n := plan.Sum(retain.Mark).Blocks; n != 0 {
		t.Errorf("%d raw blocks are to go, and nothing has been downsampled yet", n)
	}
	s.compact()
	inv := s.inventory()
	if diff := cmp.Diff(audit.Backlog{}, audit.Estimate(inv)); diff != "" {
		t.Errorf("after compaction, -want +got:\n%s", diff)
	}
	summary := audit.Summarize(inv, "env")
	for _, g := range summary.Groups {
		for _, st := range g.Streams {
			if len(st.Gaps)+len(st.Overlaps) > 0 {
				t.Errorf("%s: gaps %v, overlaps %v", st.Resolution, st.Gaps, st.Overlaps)
			}
		}
	}
	plan, err = retain.Make(policy, inv, time.Now())
	s.must(err)
	type row struct {
		Action     retain.Action
		Resolution string
		Days       int
	}
	rows := map[row]int{}
	for _, step := range plan.Steps {
		if step.Action != retain.Marked { // what compaction has joined
			rows[row{step.Action, step.Resolution, int(step.To.Sub(*step.From).Hours()+12) / 24}]++
		}
	}
	want := map[row]int{{retain.Mark, "raw", 2}: 2, {retain.Keep, "5m", 2}: 2, {retain.Keep, "raw", 0}: 6}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
