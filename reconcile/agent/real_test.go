package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/upstream"
)

// realProcess is the real Prometheus or Alertmanager over a bundle's folder. The
// agent knows its address before it starts, and when it starts again.
type realProcess struct {
	component, dir, address string
	data                    string
	server                  *upstream.Server // nil unless it runs
}

func newRealProcess(t *testing.T, component, dir string) *realProcess {
	upstream.Path(t, component)
	return &realProcess{component: component, dir: dir, address: freeAddress(t), data: t.TempDir()}
}

func (p *realProcess) url() string { return "http://" + p.address }

func (p *realProcess) start(t *testing.T) {
	t.Helper()
	args := []string{
		"--config.file=" + filepath.Join(p.dir, current, p.component+".yml"),
		"--web.listen-address=" + p.address, "--log.format=json",
	}
	if p.component == bundle.Prometheus {
		args = append(args, "--storage.tsdb.path="+p.data, "--web.enable-lifecycle", "--web.enable-admin-api", "--scrape.discovery-reload-interval=50ms")
	} else {
		args = append(args, "--storage.path="+p.data, "--cluster.listen-address=")
	}
	p.server = upstream.Start(t, p.component, args...)
}

func (p *realProcess) stop() {
	if p.server != nil {
		p.server.Stop()
		p.server = nil
	}
}

// api reads one of the process's pages.
func (p *realProcess) api(t *testing.T, path string) string {
	t.Helper()
	status, body := p.server.Ask(t, http.MethodGet, path)
	if status == 0 {
		t.Fatal(body)
	}
	return body
}

const realConfig = `
global: {scrape_interval: 1s}
rule_files: [bundle.rules.yaml, rules/a/*.yaml, rules/b/*.yaml, rules/c/*.yaml]
scrape_configs:
  - job_name: self
    static_configs: [{targets: ["127.0.0.1:1"]}]
`

const realRoute = `
route: {receiver: nobody}
receivers: [{name: nobody}]
templates: ["templates/*.tmpl"]
`

// realBundle is a bundle that the real program takes; its version stands in every file.
func realBundle(t *testing.T, component, version string) bundle.Bundle {
	if component == bundle.Alertmanager {
		return realAlertmanager(t, "# version "+version+realRoute, `{{ define "a" }}version `+version+`{{ end }}`)
	}
	return realPrometheus(t, realConfig, ruleFile("V"+version, "vector(1)"))
}

func ruleFile(name, expr string) string {
	return fmt.Sprintf("groups:\n- name: g\n  rules:\n  - alert: %s\n    expr: %s\n", name, expr)
}

func realPrometheus(t *testing.T, config, rules string) bundle.Bundle {
	chunks := cut(t, "", bundle.File{Path: "prometheus.yml", Content: config})
	for _, team := range []string{"a", "b", "c"} {
		chunks = append(chunks, cut(t, team, bundle.File{Path: "rules/" + team + "/r.yaml", Content: rules})...)
	}
	return bundle.New(bundle.Prometheus, chunks)
}

func realAlertmanager(t *testing.T, config, template string) bundle.Bundle {
	return bundle.New(bundle.Alertmanager, cut(t, "",
		bundle.File{Path: "alertmanager.yml", Content: config},
		bundle.File{Path: "templates/a.tmpl", Content: template}))
}

// realRig is an agent beside a real program.
type realRig struct {
	kube    *fakeKube
	process *realProcess
	dir     string
}

func newRealRig(t *testing.T, component string) (*realRig, agentUnderTest, bundle.Bundle) {
	t.Helper()
	dir := t.TempDir()
	r := &realRig{process: newRealProcess(t, component, dir), dir: dir, kube: newFakeKube(t)}
	one := realBundle(t, component, "1")
	r.want(t, one, nil)
	a := newAgent(t, r.kube, component, dir, r.process.url())
	a.options.ReloadTimeout = 10 * time.Second
	running := start(t, a)
	eventually(t, "ready", a.ready.Load)
	r.process.start(t)
	running.untilLive(t, one)
	return r, running, one
}

func (r *realRig) want(t *testing.T, wanted bundle.Bundle, lastGood *bundle.Bundle) {
	t.Helper()
	r.kube.putChunks(wanted)
	r.kube.putIndex(t, wanted, lastGood)
}

func TestRealChange(t *testing.T) {
	both(t, func(t *testing.T, component string) {
		r, a, one := newRealRig(t, component)
		two := realBundle(t, component, "2")
		r.want(t, two, &one)
		a.untilLive(t, two)
		if component == bundle.Prometheus {
			if rules := r.process.api(t, "/api/v1/rules"); !strings.Contains(rules, `"V2"`) || strings.Contains(rules, `"V1"`) {
				t.Errorf("rules %s", rules)
			}
		}
	})
}

// TestRealRefused: what the real programs refuse, how they say it, and that the old bundle runs afterwards.
func TestRealRefused(t *testing.T) {
	badCA := strings.Replace(realConfig, "    static", "    scheme: https\n    tls_config: {ca_file: /nowhere/ca.crt}\n    static", 1)
	for name, c := range map[string]struct {
		component string
		bad       func(t *testing.T) bundle.Bundle
		words     string // in the report
		log       string // in the process's log
	}{
		"a CA file that is not there: half applied, the new rules run": {
			component: bundle.Prometheus,
			bad:       func(t *testing.T) bundle.Bundle { return realPrometheus(t, badCA, ruleFile("V2", "vector(1)")) },
			words:     "one or more errors occurred while applying the new configuration",
			log:       "unable to read CA cert: unable to read file /nowhere/ca.crt",
		},
		"a rule file that does not parse": {
			component: bundle.Prometheus,
			bad:       func(t *testing.T) bundle.Bundle { return realPrometheus(t, realConfig, ruleFile("V2", "sum(")) },
			words:     "one or more errors occurred",
			log:       "parse error: unclosed left parenthesis",
		},
		"a key that is none": {
			component: bundle.Prometheus,
			bad: func(t *testing.T) bundle.Bundle {
				return realPrometheus(t, "bogus: 1\n"+realConfig, ruleFile("V2", "1"))
			},
			words: "field bogus not found",
			log:   "field bogus not found",
		},
		"a route to nobody": {
			component: bundle.Alertmanager,
			bad: func(t *testing.T) bundle.Bundle {
				return realAlertmanager(t, "route: {receiver: x}\nreceivers: []\n", "")
			},
			words: `undefined receiver "x" used in route`,
		},
		"a template that does not parse": {
			component: bundle.Alertmanager,
			bad:       func(t *testing.T) bundle.Bundle { return realAlertmanager(t, realRoute, "{{ define }") },
			words:     "template",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, a, one := newRealRig(t, c.component)
			if c.component == bundle.Prometheus {
				eventually(t, "scraping", func() bool { return strings.Contains(r.process.api(t, "/api/v1/targets"), `"self"`) })
			}
			r.want(t, c.bad(t), &one)
			report := a.untilState(t, Refused)
			if !strings.Contains(report.Error, c.words) || strings.Contains(report.Error, "going back") || report.Live != one.Digest {
				t.Errorf("report %+v, want %q", report, c.words)
			}
			checkVolume(t, r.dir, one)
			if c.component == bundle.Prometheus {
				if rules := r.process.api(t, "/api/v1/rules"); !strings.Contains(rules, `"V1"`) || strings.Contains(rules, `"V2"`) {
					t.Errorf("the old rules do not run: %s", rules)
				}
				if !strings.Contains(r.process.server.Log(), c.log) {
					t.Errorf("the log does not say %q", c.log)
				}
			}
			three := realBundle(t, c.component, "3")
			r.want(t, three, &one)
			a.untilLive(t, three)
		})
	}
}

func TestRealProcessRestarts(t *testing.T) {
	both(t, func(t *testing.T, component string) {
		r, a, one := newRealRig(t, component)
		r.process.stop()
		a.untilState(t, Failed)
		r.process.start(t)
		a.untilLive(t, one)
		two := realBundle(t, component, "2")
		r.want(t, two, &one)
		a.untilLive(t, two)
	})
}

// TestRealStartsOnLastGood: an agent without a volume, a process that is not up, a bundle that is not proven.
func TestRealStartsOnLastGood(t *testing.T) {
	both(t, func(t *testing.T, component string) {
		r, a, one := newRealRig(t, component)
		two := realBundle(t, component, "2")
		a.stop()
		r.process.stop()
		r.want(t, two, &one)
		r.dir = t.TempDir()
		r.process.dir = r.dir
		b := start(t, newAgent(t, r.kube, component, r.dir, r.process.url()))
		eventually(t, "ready", b.ready.Load)
		checkVolume(t, r.dir, one)
		r.process.start(t)
		b.untilLive(t, two)
	})
}

// TestRealBurst: each state that the real Prometheus shows is that of one bundle.
func TestRealBurst(t *testing.T) {
	r, a, last := newRealRig(t, bundle.Prometheus)
	ctx, cancel := context.WithCancel(t.Context())
	mixed := make(chan error, 1)
	go func() { mixed <- lookForMixtures(ctx, r.process.url()) }()
	for i := range 50 {
		last = realBundle(t, bundle.Prometheus, fmt.Sprint(100+i))
		r.want(t, last, nil)
		time.Sleep(10 * time.Millisecond)
	}
	a.untilLive(t, last)
	cancel()
	if err := <-mixed; err != nil {
		t.Error(err)
	}
}

// lookForMixtures asks for the rules again and again: all three groups must be of one version.
func lookForMixtures(ctx context.Context, url string) error {
	client := &http.Client{}
	defer client.CloseIdleConnections()
	for n := 0; ; n++ {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/rules?type=alert", nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if ctx.Err() != nil && n > 0 {
			return nil
		} else if err != nil {
			return err
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			return nil // the end
		}
		versions := map[string]bool{}
		for _, rest := range bytes.Split(body, []byte(`"name":"V`))[1:] {
			versions[string(rest[:bytes.IndexByte(rest, '"')])] = true
		}
		if len(versions) != 1 {
			return errors.New("rules of these versions run at once: " + fmt.Sprint(versions))
		}
	}
}

// TestRealLatency logs what the agent adds to the bare reload: from the write of the index to the proof in the report.
func TestRealLatency(t *testing.T) {
	both(t, func(t *testing.T, component string) {
		r, a, last := newRealRig(t, component)
		var ours, reload []time.Duration
		for i := range 20 {
			next := realBundle(t, component, fmt.Sprint(2+i))
			r.kube.putChunks(next)
			time.Sleep(20 * time.Millisecond)
			began := time.Now()
			r.kube.putIndex(t, next, &last)
			report := a.untilLive(t, next)
			ours = append(ours, time.Since(began))
			reload = append(reload, time.Duration(report.ReloadSeconds*float64(time.Second)))
			last = next
		}
		slices.Sort(ours)
		slices.Sort(reload)
		t.Logf("index to proof: median %s, worst %s; of it the reload: median %s", ours[10], ours[19], reload[10])
		if added := ours[10] - reload[10]; added > 250*time.Millisecond {
			t.Errorf("the agent adds %s to a reload", added)
		}
	})
}
