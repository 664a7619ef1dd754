package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

func TestParseGauges(t *testing.T) {
	names := []string{"a_total", "b"}
	for text, want := range map[string]struct {
		values []float64
		err    string
	}{
		"# HELP b x\nb 1.5e+09\na_total 2\n":     {values: []float64{2, 1.5e9}},
		"a_total  3 1700000000\nb NaN_not\n":     {err: "metric b"},
		"a_total 1\n":                            {err: "metric b is not there"},
		"a_total{x=\"b 1\"} 1\nb 1\na_total 4\n": {values: []float64{4, 1}},
		"b 1\nb 2\na_total 1\n":                  {values: []float64{1, 1}},
		"b\na_total 1\n":                         {err: "metric b"},
		"":                                       {err: "is not there"},
		strings.Repeat("x", 2<<20):               {err: "too long"},
	} {
		values, err := parseGauges(strings.NewReader(text), names)
		if diff := cmp.Diff(want.values, values); diff != "" {
			t.Errorf("%.40q: %s", text, diff)
		}
		if (err == nil) != (want.err == "") || (err != nil && !strings.Contains(err.Error(), want.err)) {
			t.Errorf("%.40q: error %v, want %q", text, err, want.err)
		}
	}
}

func FuzzParseGauges(f *testing.F) {
	f.Add("# HELP b x\nb 1.5e+09\na_total 2 17\n")
	f.Add("a_total{b=\"\\n\"} 1\nb +Inf\n")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := parseGauges(strings.NewReader(text), []string{"a_total", "b"})
		if err == nil && len(values) != 2 {
			t.Errorf("%d values", len(values))
		}
		for _, v := range values {
			if at, err := seconds(v); err == nil && (at.Unix() < 0 || at.Unix() > 1e11+1) {
				t.Errorf("%v is the time %s", v, at)
			}
		}
	})
}

func TestParseRules(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	for body, want := range map[string]string{
		`{"status":"success","data":{"groups":[]}}`: "",
		`{"data":{"groups":[{"name":"watchbill","rules":[{"name":"watchbill:bundle_info","labels":{"digest":"` + digest + `"}}]}]}}`: digest,
		`{"data":{"groups":[{"rules":[{"name":"another","labels":{"digest":"x"}}]}]}}`:                                               "",
	} {
		if got, err := parseRules(strings.NewReader(body)); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", body, got, err, want)
		}
	}
	twice := `{"name":"watchbill:bundle_info","labels":{"digest":"x"}}`
	for _, body := range []string{``, `[]`, `{"data":{"groups":[{"rules":[` + twice + `,` + twice + `]}]}}`} {
		if got, err := parseRules(strings.NewReader(body)); err == nil {
			t.Errorf("%s: taken as %q", body, got)
		}
	}
}

func FuzzParseRules(f *testing.F) {
	f.Add(`{"data":{"groups":[{"rules":[{"name":"watchbill:bundle_info","labels":{"digest":"x"}}]}]}}`)
	f.Fuzz(func(t *testing.T, body string) {
		if got, err := parseRules(strings.NewReader(body)); err != nil && got != "" {
			t.Errorf("%q beside %v", got, err)
		}
	})
}

// TestMarkerIsARuleFile holds the marker against the upstream parser.
func TestMarkerIsARuleFile(t *testing.T) {
	sum := sha256.Sum256(nil)
	digest := hex.EncodeToString(sum[:])
	text, err := markerFile("", digest)
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse([]byte(text), false, model.UTF8Validation, parser.NewParser(parser.Options{}), promslog.NewNopLogger())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	rule := groups.Groups[0].Rules[0]
	if rule.Record != marker || rule.Labels["digest"] != digest {
		t.Errorf("rule %+v", rule)
	}
	if _, err := markerFile("groups: []", digest); err == nil {
		t.Error("a bundle's own file was written over")
	}
}

func TestWithDigest(t *testing.T) {
	for content, want := range map[string]string{
		"a: 1\n": "a: 1\n# watchbill bundle d\n",
		"a: 1":   "a: 1\n# watchbill bundle d\n",
		"":       "# watchbill bundle d\n",
	} {
		if got, err := withDigest(content, "d"); err != nil || got != want {
			t.Errorf("%q: %q, %v", content, got, err)
		}
	}
}

func TestSeconds(t *testing.T) {
	at, err := seconds(1.7953487823156602e+09)
	if want := time.UnixMicro(1795348782315660); err != nil || !at.Equal(want) {
		t.Errorf("%s, %v, want %s", at, err, want)
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), -1, 1e300} {
		if at, err := seconds(v); err == nil {
			t.Errorf("%v is taken for %s", v, at)
		}
	}
}

// TestReloadAnswers: which answers are refusals, and which are faults.
func TestReloadAnswers(t *testing.T) {
	for code, want := range map[int]string{
		200: "", 500: "refused", 403: "--web.enable-lifecycle", 503: "it answers 503", 302: "it answers 302",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(code)
			w.Write([]byte(" failed to reload config: \xff\n"))
		}))
		p, err := newProcess(prometheusKind, server.URL+"/prefix/")
		if err != nil {
			t.Fatal(err)
		}
		err = p.reload(t.Context())
		switch cause, refused := errors.AsType[*refusal](err); {
		case want == "" && err != nil, want != "" && err == nil:
			t.Errorf("%d: %v", code, err)
		case want == "refused" && (!refused || cause.words != "failed to reload config: \uFFFD"):
			t.Errorf("%d: %#v", code, err)
		case want != "refused" && refused, err != nil && !refused && !strings.Contains(err.Error(), want):
			t.Errorf("%d: %v, want %q", code, err, want)
		}
		p.http.CloseIdleConnections()
		server.Close()
	}
	for _, address := range []string{"", "127.0.0.1:9090", "ftp://x", "http://"} {
		if _, err := newProcess(prometheusKind, address); err == nil {
			t.Errorf("%q was taken for an address", address)
		}
	}
}
