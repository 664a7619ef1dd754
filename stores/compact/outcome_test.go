package compact

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"go.yaml.in/yaml/v3"
)

// TestJudge are faults as Thanos 0.42 words them; those that can be had are had for real in TestReal.
func TestJudge(t *testing.T) {
	const (
		a = "01M81VR5PMQ1QHGC45G5MXAA39"
		b = "01M81VR5R8EPZ59SYY3642FYEQ"
	)
	plan := "compact blocks [data/compact/0@9/" + a + " data/compact/0@9/" + b + "]: "
	tests := []struct {
		name, fault string
		full        bool
		want        Kind
		blocks      []string
	}{
		{"overlapping sources", "compaction: group 0@9: overlapping sources detected for plan [" + a + " (min time: 1, max time: 2) " + b + " (min time: 1, max time: 2)]", false, Overlap, []string{a, b}},
		{"out of order", "compaction: group 0@9: block id " + a + ", try running with --debug.skip: blocks with out-of-order chunks are dropped from compaction:  data/compact/0@9/" + a, false, Corrupt, []string{a}},
		{"bad index", "compaction: group 0@9: block with not healthy index found data/compact/0@9/" + b + "; Compaction level 1; Labels: map[a:b]", false, Corrupt, []string{b}},
		{"joining fails, no word of which", plan + "checksum mismatch", false, Corrupt, []string{a, b}},
		{"joining fails at one", plan + "cannot populate chunk 8 from block " + b + ": segment index 0 out of range", false, Corrupt, []string{b}},
		{"disk full while joining", plan + "preallocate: no space left on device", false, DiskFull, nil},
		{"disk full while fetching", "compaction: group 0@9: download block " + a + ": context canceled", true, DiskFull, nil},
		{"store away while fetching", "compaction: group 0@9: download block " + a + ": context canceled", false, StoreAway, nil},
		{"a fault on an almost full disk is what it is", "compaction: sync: BaseFetcher: iter bucket: Access Denied.", true, Denied, nil},
		{"no right to mark", "compaction: group 0@9: mark old block for deletion from bucket: mark block " + a + " for deletion from bucket: upload file deletion-mark.json to bucket: Access Denied.", false, Denied, nil},
		{"no right to delete", "compaction: cleaning marked blocks: delete block: Access Denied.", false, Denied, nil},
		{"overloaded", "compaction: sync: BaseFetcher: iter bucket: Please reduce your request rate.", false, StoreAway, nil},
		{"upload cut", "compaction: group 0@9: upload of " + a + " failed: upload chunks: unexpected EOF", false, StoreAway, nil},
		{"a flag", "thanos: error: unknown long flag '--nope'", false, Misconfigured, nil},
		{"nothing", "", false, Unknown, nil},
		{"something else", "panic: oh", false, Unknown, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var o Outcome
			o.judge(test.fault, test.full)
			if diff := cmp.Diff([]any{test.want, test.blocks}, []any{o.Kind, o.Blocks}); diff != "" {
				t.Errorf("%s\n%s", diff, o.Hint)
			}
			if o.Hint == "" {
				t.Error("no hint")
			}
		})
	}
}

func TestReader(t *testing.T) {
	log := strings.Join([]string{
		`{"level":"info","msg":"compaction available and planned","group":"0@{env=\"prod\"}","plan":"[a b]"}`,
		`{"level":"info","msg":"uploaded block","result_block":"01M81VR6DERFT0R5AW1H4F5THR"}`,
		`{"level":"info","msg":"uploaded block","id":"01M81VR6DERFT0R5AW1H4F5THR"}`,
		`{"level":"info","msg":"downsampled block","id":"01M81VR6DERFT0R5AW1H4F5THR"}`,
		`{"level":"info","msg":"block has been marked for deletion","block":"01M81VR5PMQ1QHGC45G5MXAA39"}`,
		`{"level":"warn","msg":"changing probe status","reason":null,"status":"not-ready"}`,
		`{"level":"warn","msg":"changing probe status","reason":"compaction: in vain","status":"not-ready"}`,
		`{"level":"error","err":"in vain\ncompaction\nmain.main\n\t/src/main.go:1\ncompact command failed\nmain.main\n\t/src/main.go:169"}`,
		`not JSON`,
		`{"level":"info","msg":"` + strings.Repeat("x", maxText) + `"}`,
		`the end`,
	}, "\n")
	for _, piece := range []int{1, 7, 1 << 20} {
		var out bytes.Buffer
		r := newReader(&out)
		if _, err := io.CopyBuffer(struct{ io.Writer }{r}, struct{ io.Reader }{strings.NewReader(log)}, make([]byte, piece)); err != nil {
			t.Fatal(err)
		}
		r.close()
		if diff := cmp.Diff(Counts{Compacted: 1, Downsampled: 1, Marked: 1}, r.counts); diff != "" {
			t.Error(diff)
		}
		if got := r.fault(); got != "compaction: in vain" {
			t.Errorf("fault %q", got)
		}
		if got := r.err; got != "in vain; compaction; compact command failed" {
			t.Errorf("error %q", got)
		}
		if n := strings.Count(out.String(), "\n"); n != len(r.lines) || n != 9 {
			t.Errorf("%d lines written and %d kept: %q", n, len(r.lines), r.lines)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"level":"error","err":"compact blocks [`+"\n"), 3)
	f.Add([]byte(`{"msg":"uploaded block","result_block":{}}`+"\n\n\x00"), 1)
	f.Fuzz(func(t *testing.T, log []byte, piece int) {
		r := newReader(io.Discard)
		for len(log) > 0 {
			n := min(len(log), max(1, piece))
			if k, err := r.Write(log[:n]); k != n || err != nil {
				t.Fatal(k, err)
			}
			log = log[n:]
		}
		r.close()
		if len(r.line) > maxText || len(r.lines) > maxLines {
			t.Error("it is not bounded")
		}
		var o Outcome
		o.judge(r.fault(), false)
		if o.Kind == "" || len(o.Blocks) > maxBlocks || len(o.Hint) > 2000 {
			t.Errorf("%+v", o)
		}
	})
}

// TestRelabel holds what Thanos will do with the configuration against the selector itself.
func TestRelabel(t *testing.T) {
	blocks := []labels.Labels{
		labels.FromStrings("env", "prod", "replica", "a"), labels.FromStrings("env", "dev"), labels.FromStrings("env", "prod.eu", "shard", "1"),
		labels.FromStrings("replica", "a"), labels.FromStrings("env", "$(HOME)"), labels.FromStrings("env", "a\nb"),
	}
	for _, selector := range []string{
		`{env="prod"}`, `{env="prod.eu"}`, `{env!="prod"}`, `{env=~"prod.*"}`, `{env!~"prod|dev"}`, `{env="prod",replica="a"}`,
		`{env=~".+",shard=""}`, `{env="$(HOME)"}`, `{env=~"a.b"}`, `{env=~"\\$\\(HOME\\)"}`, `{"env"="prod"}`,
	} {
		text, err := rulesOf(selector)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, "$") || !json.Valid([]byte(text)) {
			t.Errorf("%s: Thanos would put variables into %s", selector, text)
		}
		var rules []*relabel.Config
		if err := yaml.Unmarshal([]byte(text), &rules); err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			if err := r.Validate(model.UTF8Validation); err != nil {
				t.Fatal(err)
			}
		}
		matchers, err := selectors.ParseMetricSelector(selector)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range blocks {
			got := relabel.ProcessBuilder(labels.NewBuilder(block), rules...)
			want := true
			for _, m := range matchers {
				want = want && m.Matches(block.Get(m.Name))
			}
			if got != want {
				t.Errorf("%s of %s: %v, want %v", selector, block, got, want)
			}
		}
	}
	for _, wrong := range []string{"", "{", "up", `up{env="prod"}`, `{env="prod"} or 1`, `{__name__="x"}`} {
		if _, err := rulesOf(wrong); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}
