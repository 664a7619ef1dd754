package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/validate"
)

// queryAPI answers as a Prometheus with one series, up, that was down for twenty
// minutes until now. It wants a token if one is given.
func queryAPI(t *testing.T, token string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		data := `[]`
		switch {
		case token != "" && r.Header.Get("Authorization") != "Bearer "+token:
			w.WriteHeader(http.StatusUnauthorized)
			return
		case strings.HasPrefix(r.URL.Path, "/api/v1/label/"):
			data = `["up"]`
		case r.URL.Path == "/api/v1/series":
			data = `[{"__name__":"up","job":"api"}]`
		case r.URL.Path == "/api/v1/query":
			data = `{"resultType":"vector","result":[],"stats":{"samples":{"totalQueryableSamples":1}}}`
		case r.URL.Path == "/api/v1/query_range":
			data = `{"resultType":"matrix","result":[` + strings.Join(downFor(r), ",") + `]}`
		}
		fmt.Fprintf(w, `{"status":"success","data":%s}`, data)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// downFor is the answer to a range query: a sample at each step of its last twenty minutes.
func downFor(r *http.Request) []string {
	var start, end, step float64
	_, _ = fmt.Sscan(r.Form.Get("start"), &start)
	_, _ = fmt.Sscan(r.Form.Get("end"), &end)
	_, _ = fmt.Sscan(r.Form.Get("step"), &step)
	if time.Since(time.Unix(int64(end), 0)) > time.Minute {
		return nil
	}
	var values []string
	for at := start; at <= end; at += step {
		if at >= end-20*60 {
			values = append(values, fmt.Sprintf(`[%.3f,"0"]`, at))
		}
	}
	return []string{`{"metric":{"job":"api"},"values":[` + strings.Join(values, ",") + `]}`}
}

// liveRepo is the example as a git repository, with two more alerts that are not committed.
func liveRepo(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if code := run(t.Context(), []string{"init", dir}, streams{nil, &bytes.Buffer{}, os.Stderr}); code != exitOK {
		t.Fatal(code)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-m", "a"}} {
		if out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	rules := "groups:\n- name: more\n  rules:\n" +
		"  - {alert: ApiDown, expr: up{job=\"api\"} == 0, for: 5m, labels: {severity: warning}, annotations: {summary: a, runbook_url: 'https://example.org'}}\n" +
		"  - {alert: OtherDown, expr: up{job=\"apj\"} == 0, for: 5m, labels: {severity: warning}, annotations: {summary: a, runbook_url: 'https://example.org'}}\n"
	rules = strings.NewReplacer("expr: up", "expr: 'up", " == 0,", " == 0',").Replace(rules)
	if err := os.WriteFile(filepath.Join(dir, "teams/payments/rules/more.yaml"), []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestValidateLive(t *testing.T) {
	dir, address := liveRepo(t), queryAPI(t, "")
	validateLive := func(args ...string) (stdout, stderr string, code int) {
		t.Helper()
		var out, errs bytes.Buffer
		code = run(t.Context(), append([]string{"validate", dir, "--query-environment", "prod"}, args...), streams{nil, &out, &errs})
		return out.String(), errs.String(), code
	}
	t.Run("text", func(t *testing.T) {
		out, _, code := validateLive("--query-url", address, "--changed-since", "HEAD", "--backtest", "7d")
		if code != exitOK || !strings.Contains(out, `no series of up matches job="apj"`) {
			t.Errorf("exit code %d:\n%s", code, out)
		}
		_, table, _ := strings.Cut(out, "ALERT ")
		rows := strings.Split(table, "\n")
		if len(rows) < 3 || !strings.HasPrefix(rows[1], "ApiDown ") || !strings.Contains(rows[1], "payments  new") || !strings.Contains(rows[1], "1x ") || !strings.Contains(rows[1], "fires now") {
			t.Errorf("table:\n%s", table)
		}
		if !strings.Contains(table, "backtest of 2 alerts over the last 7d\n") {
			t.Errorf("table:\n%s", table)
		}
	})
	t.Run("json", func(t *testing.T) {
		out, errs, code := validateLive("--query-url", address, "--changed-since", "HEAD", "--backtest", "7d", "-o", "json")
		var findings []validate.Finding
		if err := json.Unmarshal([]byte(out), &findings); err != nil || code != exitOK {
			t.Fatalf("exit code %d, %v:\n%s", code, err, out)
		}
		var ids []string
		for _, f := range findings {
			ids = append(ids, fmt.Sprint(f.File, " ", f.Line, " ", f.Check))
		}
		if diff := cmp.Diff([]string{"teams/payments/rules/more.yaml 5 live/no-series"}, ids); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !strings.Contains(errs, "backtest of 2 alerts over the last 7d\n") {
			t.Errorf("stderr:\n%s", errs)
		}
	})
	t.Run("down", func(t *testing.T) {
		out, _, code := validateLive("--query-url", "http://ada:secret@127.0.0.1:1", "--changed-since", "HEAD", "--backtest", "7d", "-o", "json")
		if code != exitOK || strings.Count(out, "live checks were not made: ask http://127.0.0.1:1: ") != 1 || strings.Contains(out, "secret") {
			t.Errorf("exit code %d:\n%s", code, out)
		}
	})
	t.Run("token", func(t *testing.T) {
		t.Setenv("WATCHBILL_QUERY_URL", queryAPI(t, "letmein"))
		if out, _, code := validateLive(); code != exitOK || !strings.Contains(out, "401 Unauthorized; is a token needed") {
			t.Errorf("exit code %d:\n%s", code, out)
		}
		t.Setenv(queryToken, "letmein")
		if out, _, code := validateLive(); code != exitOK || strings.Contains(out, "live/unavailable") || !strings.Contains(out, "live/no-series") {
			t.Errorf("exit code %d:\n%s", code, out)
		}
	})
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--backtest", "7d"}, "watchbill: --backtest needs --query-url: alerts are tried against a running Prometheus\n"},
		{[]string{"--query-url", address, "--backtest", "week"}, "watchbill: --backtest \"week\": give a time such as 7d or 12h\n"},
		{[]string{"--query-url", "prometheus:9090"}, "watchbill: --query-url: read the query address: it does not begin with http:// or https:// and a host; write it as http://prometheus:9090\n"},
		{[]string{"--query-url", address, "--query-environment", "none"}, "watchbill: --query-environment: environment \"none\" is not in the repo\n"},
	} {
		if _, errs, code := validateLive(tt.args...); code != exitFault || errs != tt.want {
			t.Errorf("%v: exit code %d, %q, want %q", tt.args, code, errs, tt.want)
		}
	}
}
