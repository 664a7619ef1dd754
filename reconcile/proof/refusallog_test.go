package proof

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/watchbill/watchbill/test/upstream"
)

// TestRefusalLog reads lines that Prometheus 3.15 wrote.
func TestRefusalLog(t *testing.T) {
	const ca = "scrape job self: error creating HTTP client: unable to read CA cert: unable to read file /nowhere/ca.crt: " +
		"open /nowhere/ca.crt: no such file or directory"
	early := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		file  string
		since time.Time
		want  string
	}{
		{"bad-ca.json.log", early, ca},
		{"bad-ca.logfmt.log", early, ca},
		{"bad-rules.json.log", early, "c.rules.yaml: yaml: line 2: did not find expected key"},
		{"bad-key.json.log", early, "parsing YAML file p.yml: yaml: unmarshal errors: line 6: field bogus not found in type config.plain"},
		{"bad-ca.json.log", early.Add(24 * time.Hour), ""},
	} {
		text, err := os.ReadFile(filepath.Join("testdata", c.file))
		if err != nil {
			t.Fatal(err)
		}
		if got := RefusalLog(text, c.since); got != c.want {
			t.Errorf("%s since %s:\n got %q\nwant %q", c.file, c.since, got, c.want)
		}
	}
}

func TestRefusalLogOfParts(t *testing.T) {
	const begins = `{"level":"INFO","msg":"Loading configuration file"}` + "\n"
	const failed = `{"level":"ERROR","msg":"Error reloading config","err":"one or more errors occurred"}` + "\n"
	bad := func(what string) string {
		return `{"level":"ERROR","msg":"loading groups failed","err":"` + what + `"}` + "\n"
	}
	for text, want := range map[string]string{
		"":                        "",
		"no log at all\x00\xff\n": "",
		begins + bad("a"):         "", // still going on
		begins + failed:           "one or more errors occurred",
		bad("before") + begins + bad("a") + failed:                       "a",
		begins + bad("a") + bad("b") + bad("c") + bad("d") + failed:      "a; b; and 2 more",
		bad("its beginning is cut off") + failed:                         "its beginning is cut off",
		begins + bad("first") + failed + begins + bad("second") + failed: "second",
	} {
		if got := RefusalLog([]byte(text), time.Time{}); got != want {
			t.Errorf("%q\n got %q\nwant %q", text, got, want)
		}
	}
}

func FuzzRefusalLog(f *testing.F) {
	for _, file := range []string{"bad-ca.json.log", "bad-ca.logfmt.log", "bad-rules.json.log"} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`level=error msg="Error reloading config" err="\`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if got := RefusalLog(text, time.Time{}); strings.ContainsAny(got, "\n\r") {
			t.Errorf("more than one line: %q", got)
		}
	})
}

// TestRealRefusalLog has the Prometheus that Watchbill is built for refuse a bundle, and reads why.
func TestRealRefusalLog(t *testing.T) {
	for _, format := range []string{"json", "logfmt"} {
		dir := t.TempDir()
		write := func(name, content string) {
			t.Helper()
			upstream.Write(t, dir, map[string]string{name: content})
		}
		write("prometheus.yml", "rule_files: [bad.yaml]\n")
		p := upstream.Prometheus(t, dir, "--log.format="+format)
		reload := func(want int) {
			t.Helper()
			if status, body := p.Ask(t, http.MethodPost, "/-/reload"); status != want {
				t.Fatalf("the reload is answered with %d, want %d: %s", status, want, body)
			}
		}
		began := time.Now().Add(-time.Second)
		write("bad.yaml", "groups: [{name: g, rules: [{alert: A, expr: 'sum('}]}]\n")
		reload(http.StatusInternalServerError)
		write("bad.yaml", "groups: []\n")
		reload(http.StatusOK)
		p.Stop()
		said := RefusalLog([]byte(p.Log()), began)
		if !strings.Contains(said, "bad.yaml: ") || !strings.HasSuffix(said, "parse error: unclosed left parenthesis") {
			t.Errorf("%s: %q", format, said)
		}
	}
}
