package schedule

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestResultThereAndBack(t *testing.T) {
	began := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	r := Result{
		Outcome: Refused, Reason: "overlap", Hint: "two blocks overlap", Counts: map[string]int64{"compacted": 3},
		Lag: map[string]float64{"prometheus-0": 12.5}, Started: began, Ended: began.Add(time.Minute), Lines: []string{"a", "b"},
	}
	var b bytes.Buffer
	_, err := r.WriteTo(&b)
	must(t, err)
	got, err := ParseResult(b.String())
	must(t, err)
	if diff := cmp.Diff(r, got); diff != "" {
		t.Error(diff)
	}
}

func TestAResultAlwaysFits(t *testing.T) {
	long := Result{Outcome: Failed, Reason: strings.Repeat("<", 1000), Hint: strings.Repeat("\"é\u2028<", 9000), Counts: map[string]int64{}, Lag: map[string]float64{}}
	for i := range 500 {
		long.Counts[fmt.Sprintf("c%d%s", i, strings.Repeat("x", 50))] = int64(i)
		long.Lag[fmt.Sprintf("prometheus-shard-%d", i)] = float64(i)
		long.Lines = append(long.Lines, strings.Repeat("\\", 5000))
	}
	var b bytes.Buffer
	_, err := long.WriteTo(&b)
	must(t, err)
	if b.Len() > MaxResult {
		t.Fatalf("%d bytes", b.Len())
	}
	got, err := ParseResult(b.String())
	must(t, err)
	if got.Outcome != Failed || got.Hint == "" {
		t.Errorf("what matters is lost: %+v", got)
	}
	if got.Lag["prometheus-shard-499"] == 0 {
		t.Error("the largest lag was let go before smaller ones")
	}
}

func TestParseResultRefuses(t *testing.T) {
	for _, message := range []string{
		"", "null", "{", "[]", `{"outcome":"great"}`, `{"outcome":"running"}`, `{"outcome":"done","started":"yesterday"}`,
		`{"outcome":"done","lines":["` + strings.Repeat("x", MaxResult) + `"]}`,
	} {
		if _, err := ParseResult(message); err == nil {
			t.Errorf("%.40q is taken", message)
		}
	}
}

func FuzzParseResult(f *testing.F) {
	f.Add(`{"outcome":"done","counts":{"a":1},"lag":{"prometheus-0":1e300},"lines":["\u001b[2J\r\n"]}`)
	f.Add(`{"outcome":"failed","hint":"\ud800","reason":"\u202e"}`)
	f.Fuzz(func(t *testing.T, message string) {
		r, err := ParseResult(message)
		if err != nil {
			return
		}
		if len(r.Lines) > maxLines || len(r.Counts) > maxCounts || len(r.Lag) > maxLag {
			t.Error("it is not bounded")
		}
		for _, s := range append([]string{r.Reason, r.Hint}, r.Lines...) {
			if len(s) > maxHint || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("%q is not for a terminal", s)
			}
		}
		var b bytes.Buffer
		if _, err := r.WriteTo(&b); err != nil || b.Len() > MaxResult {
			t.Errorf("written again it has %d bytes: %v", b.Len(), err)
		}
		if _, err := ParseResult(b.String()); err != nil {
			t.Errorf("written again it cannot be read: %v", err)
		}
	})
}
