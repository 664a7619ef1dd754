package query

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/validate/live"
)

const empty = `{"status":"success","data":{"resultType":"vector","result":[]}}`

// serve starts a server and gives a client of it, whose address has a password in it.
func serve(t *testing.T, handle http.HandlerFunc, o Options) (*Client, string) {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	o.URL = strings.Replace(server.URL, "http://", "http://ada:pa%24%24word@", 1) + "/prefix/"
	o.RetryAfter = time.Millisecond
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, server.URL + "/prefix"
}

func ask(t *testing.T, c *Client) error {
	t.Helper()
	_, err := c.Query(t.Context(), `up{job="secret"}`, time.Unix(0, 0))
	return err
}

// TestErrors: what is refused, what fails, how often is asked, and what is said.
func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name    string
		status  int
		body    string
		tries   int32
		want    string // ADDRESS stands for the server's
		refused bool
	}{
		{"fine", 200, empty, 1, "", false},
		{"a query that it does not take", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\":\n parse error"}`, 1, `invalid parameter "query": parse error`, true},
		{"too much for it", 422, `{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory in query execution"}`, 1, "query processing would load too many samples into memory in query execution", true},
		{"too slow for it", 503, `{"status":"error","errorType":"timeout","error":"query timed out"}`, 1, "query timed out", true},
		{"it fails", 500, `{"status":"error","errorType":"internal","error":"disk"}`, 2, "ask ADDRESS: 500 Internal Server Error: disk", false},
		{"a proxy", 502, "<html>", 2, "ask ADDRESS: 502 Bad Gateway", false},
		{"not ready", 503, "Service Unavailable", 2, "ask ADDRESS: 503 Service Unavailable", false},
		{"another path", 404, "404 page not found", 1, "ask ADDRESS: 404 Not Found", false},
		{"no token", 401, "", 1, "ask ADDRESS: 401 Unauthorized; is a token needed, or another one?", false},
		{"a login page", 302, "", 1, "ask ADDRESS: 302 Found to another address; give that one", false},
		{"another program", 200, "hello", 1, "ask ADDRESS: what answers is no Prometheus query API", false},
		{"an empty answer", 200, `{"status":"success"}`, 1, "ask ADDRESS: read the answer: unexpected end of JSON input", false},
		{"another result", 200, `{"status":"success","data":{"resultType":"streams","result":[]}}`, 1, `ask ADDRESS: read the answer: unknown value type "streams"`, false},
		{"too large", 200, `{"status":"success","data":"` + strings.Repeat("x", 1000) + `"}`, 1, "the answer is larger than 1000 bytes", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tries atomic.Int32
			c, address := serve(t, func(w http.ResponseWriter, r *http.Request) {
				tries.Add(1)
				w.Header().Set("Location", "http://other.example.org/")
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			}, Options{MaxBytes: 1000})
			got := ""
			err := ask(t, c)
			if err != nil {
				got = err.Error()
			}
			var refusal *live.Refusal
			if want := strings.ReplaceAll(tt.want, "ADDRESS", address); got != want || errors.As(err, &refusal) != tt.refused || tries.Load() != tt.tries {
				t.Errorf("%q after %d tries, refused %v; want %q after %d, %v", got, tries.Load(), refusal != nil, want, tt.tries, tt.refused)
			}
		})
	}
}

func TestSecondTry(t *testing.T) {
	var tries atomic.Int32
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if tries.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		fmt.Fprint(w, empty)
	}, Options{})
	if err := ask(t, c); err != nil || tries.Load() != 2 {
		t.Errorf("%v after %d tries", err, tries.Load())
	}
}

// TestDown: neither the query nor the password is in the error.
func TestDown(t *testing.T) {
	c, _ := serve(t, nil, Options{})
	closed, err := New(Options{URL: "http://ada:pa%24%24word@127.0.0.1:1/x"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = closed.Series(t.Context(), `{job="secret"}`, live.Window{}, 1)
	if want := "ask http://127.0.0.1:1/x: dial tcp 127.0.0.1:1: connect: connection refused"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Query(ctx, "up", time.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestSlow(t *testing.T) {
	gone := make(chan struct{})
	c, address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		<-r.Context().Done()
		close(gone)
	}, Options{Timeout: 20 * time.Millisecond})
	err := ask(t, c)
	if want := "ask " + address + ": no answer in time: context deadline exceeded"; err == nil || err.Error() != want || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want %s", err, want)
	}
	<-gone
}

// TestQuestions holds what is sent: by POST, and by GET where that is all that is taken.
func TestQuestions(t *testing.T) {
	var got []string
	gets := false
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if gets && r.Method != http.MethodGet {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		_ = r.ParseForm()
		user, password, _ := r.BasicAuth()
		got = append(got, fmt.Sprintf("%s %s %s %s:%s", r.Method, r.URL.EscapedPath(), r.Form.Encode(), user, password))
		fmt.Fprint(w, `{"status":"success","data":[]}`)
	}, Options{})
	within := live.Window{From: time.UnixMilli(1_500), To: time.UnixMilli(2_000_000_000_123)}
	put := func() {
		_, _ = c.Query(t.Context(), "up", time.UnixMilli(1_500))
		_, _ = c.QueryRange(t.Context(), "up", live.Steps{Window: within, Every: 1500 * time.Millisecond}, 7)
		_, _ = c.Series(t.Context(), `{__name__="up"}`, within, 7)
		_, _ = c.LabelValues(t.Context(), "job", `{__name__="up"}`, within, 7)
		_, _ = c.LabelValues(t.Context(), "a.b", "", within, 7)
	}
	put()
	gets = true
	put()
	const times = "end=2000000000.123&limit=7&"
	var want []string
	for _, method := range []string{"POST", "GET"} {
		want = append(want,
			method+" /prefix/api/v1/query query=up&stats=all&time=1.500 ada:pa$$word",
			method+" /prefix/api/v1/query_range "+times+"query=up&start=1.500&step=1.5 ada:pa$$word",
			method+" /prefix/api/v1/series "+times+"match%5B%5D=%7B__name__%3D%22up%22%7D&start=1.500 ada:pa$$word",
			"GET /prefix/api/v1/label/job/values "+times+"match%5B%5D=%7B__name__%3D%22up%22%7D&start=1.500 ada:pa$$word",
			"GET /prefix/api/v1/label/U__a_2e_b/values "+times+"start=1.500 ada:pa$$word")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestToken is read anew, and never said.
func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	var got []string
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		fmt.Fprint(w, empty)
	}, Options{Token: TokenFile(file)})
	var errs []string
	for _, content := range []string{"", "one\n", "two", "a\nb"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := ask(t, c); err != nil {
			errs = append(errs, err.Error())
		}
	}
	if diff := cmp.Diff([]string{"Bearer one", "Bearer two"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, err := range errs {
		if !strings.HasSuffix(err, file+" holds no token on one line") {
			t.Error(err)
		}
	}
	if len(errs) != 2 {
		t.Errorf("errors %q", errs)
	}
}

func TestNew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{URL: "http://ada:secret@x y"}, "read the query address: it is no URL; write it as http://prometheus:9090"},
		{Options{URL: "prometheus:9090"}, "read the query address: it does not begin with http:// or https:// and a host; write it as http://prometheus:9090"},
		{Options{URL: "https:///x"}, "read the query address: it does not begin with http:// or https:// and a host; write it as http://prometheus:9090"},
		{Options{URL: "https://x", CAFile: file}, "read the authorities of the query address: " + file + " holds no certificate in PEM"},
		{Options{URL: "https://x", CAFile: file + ".none"}, "read the authorities of the query address: open " + file + ".none: no such file or directory"},
	} {
		if _, err := New(tt.o); err == nil || err.Error() != tt.want {
			t.Errorf("%q: %v, want %s", tt.o.URL, err, tt.want)
		}
	}
}

// TestAnswers reads every kind of result.
func TestAnswers(t *testing.T) {
	var body string
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, body) }, Options{})
	for _, tt := range []struct {
		name, data, want string
	}{
		{"vector", `{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[1.5,"+Inf"]}],"stats":{"samples":{"totalQueryableSamples":7}}}`,
			`{[{{__name__="up", job="a"} [{1500 +Inf}]}] 7 true}`},
		{"matrix", `{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"],[3,"NaN"]],"histograms":[[2,{"count":"1","sum":"1"}]]}]}`,
			`{[{{} [{1000 1} {2000 0} {3000 NaN}]}] 0 false}`},
		{"scalar", `{"resultType":"scalar","result":[2,"5"]}`, `{[{{} [{2000 5}]}] 0 false}`},
	} {
		body = `{"status":"success","data":` + tt.data + `}`
		got, err := c.Query(t.Context(), "x", time.Unix(0, 0))
		if err != nil || fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, %v, want %s", tt.name, got, err, tt.want)
		}
	}
}
