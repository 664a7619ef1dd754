package retain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/retain"
)

const (
	days  = 24 * time.Hour
	hours = time.Hour
)

func rule(t testing.TB, selector string, ages retain.Ages) retain.Rule {
	t.Helper()
	matchers, err := retain.ParseSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return retain.Rule{Matchers: matchers, Ages: ages}
}

func TestParseSelector(t *testing.T) {
	for text, want := range map[string]string{
		`{env="dev"}`:                      `{env="dev"}`,
		`{ env =~ "dev|test", team!="a" }`: `{env=~"dev|test", team!="a"}`,
		`{team!="a",env=~"dev|test"}`:      `{env=~"dev|test", team!="a"}`,
		`{env="dev",env="dev"}`:            `{env="dev"}`,
		`{"odd name"="x"}`:                 `{"odd name"="x"}`,
	} {
		if got := rule(t, text, retain.Ages{}).String(); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		``:               "unexpected end",
		`{}`:             "picks every block",
		`{env}`:          "unexpected",
		`{env=~"("}`:     "missing closing )",
		`up`:             "names a metric",
		`up{env="dev"}`:  "names a metric",
		`rate(up[5m])`:   "unexpected",
		`{env="dev"}[1]`: "unexpected",
	} {
		if m, err := retain.ParseSelector(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want an error with %q", text, m, err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	dev := func(raw time.Duration) retain.Rule { return rule(t, `{env="dev"}`, retain.Ages{Raw: raw}) }
	for name, c := range map[string]struct {
		policy retain.Policy
		want   []string
	}{
		"nothing":        {retain.Policy{Downsample: true}, nil},
		"usual":          {retain.Policy{Default: retain.Ages{30 * days, 180 * days, 0}, Rules: []retain.Rule{dev(7 * days)}, Downsample: true}, nil},
		"least":          {retain.Policy{Default: retain.Ages{40 * hours, 10 * days, 10 * days}, Downsample: true}, nil},
		"same rule":      {retain.Policy{Rules: []retain.Rule{dev(7 * days), dev(7 * days)}}, nil},
		"short and flat": {retain.Policy{Default: retain.Ages{time.Hour, 2 * hours, 1}, MaxBytes: 1}, nil},
		"raw": {retain.Policy{Default: retain.Ages{Raw: 39 * hours}, Downsample: true}, []string{
			"default ages: raw blocks would go after 1d15h, before there can be 5m blocks of them: keep them 40h or longer, or turn downsampling off"}},
		"raw of a rule": {retain.Policy{Rules: []retain.Rule{dev(time.Hour)}, Downsample: true}, []string{
			`rule {env="dev"}: raw blocks would go after 1h, before there can be 5m blocks of them: keep them 40h or longer, or turn downsampling off`}},
		"5m": {retain.Policy{Default: retain.Ages{FiveMinutes: 9 * days, Raw: 2 * days}, Downsample: true}, []string{
			"default ages: 5m blocks would go after 9d, before there can be 1h blocks of them: keep them 10d or longer, or turn downsampling off"}},
		"5m before raw": {retain.Policy{Default: retain.Ages{30 * days, 20 * days, 0}, Downsample: true}, []string{
			"default ages: 5m blocks would go after 20d while the raw blocks that they are made of stay 30d, and each compaction would make them again: keep 5m as long as raw, or longer"}},
		"1h before 5m": {retain.Policy{Default: retain.Ages{30 * days, 0, 90 * days}, Downsample: true}, []string{
			"default ages: 1h blocks would go after 90d while the 5m blocks that they are made of stay for ever, and each compaction would make them again: keep 1h as long as 5m, or longer"}},
		"contradiction": {retain.Policy{Rules: []retain.Rule{dev(7 * days), dev(8 * days)}}, []string{
			`rule {env="dev"} is there twice, with other ages: remove one of them`}},
		"no selector": {retain.Policy{Rules: []retain.Rule{{}}}, []string{"a rule has no selector: set the default ages instead"}},
		"below zero": {retain.Policy{Default: retain.Ages{OneHour: -1}, MaxBytes: -1, DeleteDelay: -1}, []string{
			"default ages: the age of 1h is below zero", "max bytes is below zero: -1", "the delete delay is below zero: -1ns"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, err := range c.policy.Check() {
				got = append(got, err.Error())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if _, err := retain.Make(c.policy, &audit.Inventory{}, now); (err != nil) != (c.want != nil) {
				t.Errorf("a plan is made: %v", err)
			}
		})
	}
}

// The table of the package comment, and what keeps a block all the same.
func TestDecision(t *testing.T) {
	w := newWorld(1)
	raw, five, one := int64(0), int64(300_000), int64(3_600_000)
	prod := labels.FromStrings("env", "prod")
	block := func(resolution, ends int64) *audit.Block { // ends some days ago
		to := now.UnixMilli() - ends*day
		w.block(prod, resolution, to-2*day, to, nil)
		b := &w.inv.Blocks[len(w.inv.Blocks)-1]
		b.State, b.Mark, b.Described, b.Bytes, b.Why = audit.Whole, nil, true, 100, ""
		b.Labels, b.MinTime, b.MaxTime, b.Resolution = prod, to-2*day, to, resolution
		b.Sources = append(b.Sources, w.id())
		return b
	}
	type blocks []*audit.Block
	copyOf := func(b *audit.Block, resolution int64) *audit.Block {
		c := *b
		c.ID, c.Resolution = w.id(), resolution
		return &c
	}
	change := func(b *audit.Block, f func(*audit.Block)) *audit.Block { f(b); return b }
	old := block(raw, 50)
	for _, c := range []struct {
		name   string
		policy retain.Policy
		blocks blocks // the first is the one that is asked about
		want   retain.Action
		why    string
	}{
		{"nothing is set", retain.Policy{}, blocks{old}, retain.Keep, "no setting speaks of it"},
		{"younger", retain.Policy{Default: retain.Ages{Raw: 60 * days}}, blocks{old}, retain.Keep, "until 2026-06-11T12:00Z, 60d after its end, by (default)"},
		{"exactly as old", retain.Policy{Default: retain.Ages{Raw: 50 * days}}, blocks{old}, retain.Keep, "until 2026-06-01T12:00Z, 50d after its end, by (default)"},
		{"older", retain.Policy{Default: retain.Ages{Raw: 50*days - 1}}, blocks{old}, retain.Mark, "older than 49d23h59m59s999ms, by (default)"},
		{"of another resolution", retain.Policy{Default: retain.Ages{Raw: 10 * days}}, blocks{block(five, 50)}, retain.Keep, "for ever, by (default)"},
		{"a rule in place of the default", retain.Policy{Default: retain.Ages{Raw: 10 * days}, Rules: []retain.Rule{rule(t, `{env="prod"}`, retain.Ages{})}},
			blocks{old}, retain.Keep, `for ever, by {env="prod"}`},
		{"a rule for others", retain.Policy{Default: retain.Ages{Raw: 10 * days}, Rules: []retain.Rule{rule(t, `{env="dev"}`, retain.Ages{})}},
			blocks{old}, retain.Mark, "older than 10d, by (default)"},
		{"the longer of two rules", retain.Policy{Rules: []retain.Rule{rule(t, `{env="prod"}`, retain.Ages{Raw: 2 * days}), rule(t, `{env=~".+"}`, retain.Ages{Raw: 60 * days})}},
			blocks{old}, retain.Keep, `until 2026-06-11T12:00Z, 60d after its end, by {env=~".+"}`},
		{"within max bytes", retain.Policy{MaxBytes: 200}, blocks{old, block(raw, 1)}, retain.Keep, "among the newest 200 B"},
		{"beyond max bytes", retain.Policy{MaxBytes: 199}, blocks{old, block(raw, 1)}, retain.Mark, "beyond the newest 199 B"},
		{"marked blocks do not count", retain.Policy{MaxBytes: 199}, blocks{old, change(block(raw, 1), func(b *audit.Block) { b.Mark = &audit.Mark{} })},
			retain.Keep, "among the newest 199 B"},
		{"max bytes and an age that keeps", retain.Policy{MaxBytes: 1, Default: retain.Ages{Raw: 60 * days}}, blocks{old}, retain.Keep,
			"until 2026-06-11T12:00Z, 60d after its end, by (default)"},
		{"an age and max bytes that keeps", retain.Policy{MaxBytes: 100, Default: retain.Ages{Raw: 10 * days}}, blocks{old}, retain.Keep, "among the newest 100 B"},
		{"both", retain.Policy{MaxBytes: 99, Default: retain.Ages{Raw: 10 * days}}, blocks{old}, retain.Mark, "older than 10d, by (default); beyond the newest 99 B"},
		{"max bytes promises nothing", retain.Policy{MaxBytes: 99, Downsample: true}, blocks{old}, retain.Mark, "beyond the newest 99 B"},
		{"the only copy", retain.Policy{Default: retain.Ages{Raw: 10 * days}, Downsample: true}, blocks{old}, retain.Keep,
			"the only copy: older than 10d, by (default), but 5m is promised for its time and no coarser blocks cover it"},
		{"a copy", retain.Policy{Default: retain.Ages{Raw: 10 * days}, Downsample: true}, blocks{old, copyOf(old, five)}, retain.Mark, "older than 10d, by (default)"},
		{"a copy of other labels", retain.Policy{Default: retain.Ages{Raw: 10 * days}, Downsample: true},
			blocks{old, change(copyOf(old, five), func(b *audit.Block) { b.Labels = labels.EmptyLabels() })}, retain.Keep,
			"the only copy: older than 10d, by (default), but 5m is promised for its time and no coarser blocks cover it"},
		{"a copy that is not whole", retain.Policy{Default: retain.Ages{Raw: 10 * days}, Downsample: true},
			blocks{old, change(copyOf(old, five), func(b *audit.Block) { b.State = audit.Partial })}, retain.Keep,
			"the only copy: older than 10d, by (default), but 5m is promised for its time and no coarser blocks cover it"},
		{"a copy that is marked", retain.Policy{Default: retain.Ages{Raw: 10 * days}, Downsample: true},
			blocks{old, change(copyOf(old, five), func(b *audit.Block) { b.Mark = &audit.Mark{} })}, retain.Keep,
			"the only copy: older than 10d, by (default), but 5m is promised for its time and no coarser blocks cover it"},
		{"a copy that ends a moment too soon", retain.Policy{Default: retain.Ages{Raw: 10 * days}, Downsample: true},
			blocks{old, change(copyOf(old, five), func(b *audit.Block) { b.MaxTime-- })}, retain.Keep,
			"the only copy: older than 10d, by (default), but 5m is promised for its time and no coarser blocks cover it"},
		{"it came late", retain.Policy{Default: retain.Ages{Raw: 10 * days}, Downsample: true},
			blocks{old, change(copyOf(old, five), func(b *audit.Block) { b.Sources = block(raw, 50).Sources })}, retain.Keep,
			"the only copy: older than 10d, by (default), but 5m is promised for its time and the coarser blocks of its time were not made of it"},
		{"only 1h is promised", retain.Policy{Default: retain.Ages{10 * days, 20 * days, 0}, Downsample: true}, blocks{old, copyOf(old, one)},
			retain.Mark, "older than 10d, by (default)"},
		{"only 1h is promised, and not there", retain.Policy{Default: retain.Ages{10 * days, 20 * days, 0}, Downsample: true}, blocks{old},
			retain.Keep, "the only copy: older than 10d, by (default), but 1h is promised for its time and no coarser blocks cover it"},
		{"1h is promised, and the 5m block stays for it", retain.Policy{Default: retain.Ages{10 * days, 20 * days, 0}, Downsample: true},
			blocks{old, copyOf(old, five)}, retain.Mark, "older than 10d, by (default)"},
		{"nothing is promised any more", retain.Policy{Default: retain.Ages{10 * days, 20 * days, 30 * days}, Downsample: true}, blocks{old},
			retain.Mark, "older than 10d, by (default)"},
		{"in the future", retain.Policy{MaxBytes: 1}, blocks{block(raw, -1)}, retain.Left, "it ends in the future, at 2026-06-02T12:00Z"},
		{"not whole", retain.Policy{MaxBytes: 1}, blocks{change(block(raw, 50), func(b *audit.Block) { b.State, b.Why = audit.Partial, "index is missing" })},
			retain.Left, "index is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inv := &audit.Inventory{}
			for _, b := range c.blocks {
				inv.Blocks = append(inv.Blocks, *b)
			}
			plan, err := retain.Make(c.policy, inv, now)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range plan.Steps {
				if s.Block == c.blocks[0].ID && (s.Action != c.want || s.Why != c.why) {
					t.Errorf("%s: %s\nwant %s: %s", s.Action, s.Why, c.want, c.why)
				}
			}
		})
	}
}
