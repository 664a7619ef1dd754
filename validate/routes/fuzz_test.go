package routes

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// FuzzPartition: of any value, some witness says what it says, where the
// partition claims to be complete.
func FuzzPartition(f *testing.F) {
	for _, seed := range [][3]string{
		{"a.*", ".*b", "ab"}, {"warning|info", "(?i)prod", "PROD"}, {`x\b.`, "[^a]", "x\x01"}, {"a)|(b", "x.*", "xb"},
		{"((((x{0,9}){0,9}){0,9}){0,9}){0,9}", ".+", "xx"}, {"(a|b|c|d)*e", "(.*x){9}", ""}, {"(?s).*", `\pL+`, "ä"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, first, second, value string) {
		if !utf8.ValidString(value) {
			return
		}
		var matchers []*labels.Matcher
		for _, text := range []string{first, second} {
			m, err := labels.NewMatcher(labels.MatchRegexp, "l", text)
			if err != nil {
				return
			}
			matchers = append(matchers, m)
		}
		matchers = append(matchers, mustMatcher(t, labels.MatchEqual, "l", second))
		began := time.Now()
		p, err := newPartition("l", matchers)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%q and %q take %v", first, second, took)
		}
		if err != nil || !p.complete {
			return
		}
		n, ok := p.atomOf(value)
		if !ok || answers(matchers, p.witnesses[n]) != answers(matchers, value) {
			t.Errorf("%q and %q: of the like of %q there is no witness, only %q", first, second, value, p.witnesses)
		}
	})
}

// FuzzKnower: no expression, label or configuration makes what is found out of
// an alert's labels run away, and what is sent is known by what is known of it.
func FuzzKnower(f *testing.F) {
	f.Add(`label_replace(up{job="a-b"}, "team", "$2$1", "job", "(.)-(.)")`, "{{ $labels.team }}-x", "alerting: {alert_relabel_configs: [{action: labelkeep, regex: 'a|c'}]}")
	f.Add(`sum by (job) (up) * on (job) group_left (a) up == 1 or absent(up{job="a"})`, "{{ if eq 1 2 }}{{ end }}", "global: {external_labels: {a: '${X}', b: y}}")
	f.Add(`count_values("a", up)`, strings.Repeat("{{ with 1 }}", 50), "alerting: {alert_relabel_configs: [{source_labels: [a, b], regex: '(.*)(.*)', target_label: a, replacement: $1$2$1$2}]}")
	f.Add(strings.Repeat("(", 900)+"up"+strings.Repeat(")", 900), `{{ printf "%1000000d" 1 }}`, "global: &a {external_labels: *a}")
	f.Fuzz(func(t *testing.T, expr, label, config string) {
		sender, err := ParseSender([]byte(config))
		if err != nil {
			if sender, err = ParseSender(nil); err != nil {
				t.Fatal(err)
			}
		}
		alert := &Alert{Name: "A", Team: "a", Expr: expr, Static: map[string]string{"team": "a", "severity": label}}
		began := time.Now()
		known := NewKnower().Of(alert, sender)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it takes %v", took)
		}
		if again := NewKnower().Of(alert, sender); again.String() != known.String() {
			t.Errorf("%s, and then %s", known, again)
		}
	})
}
