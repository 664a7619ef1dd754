package agent

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchbill/watchbill/render/bundle"
)

// fakeProcess behaves as Prometheus or Alertmanager does towards an agent,
// including the half applied reload. The same cases run against the real
// programs, see real_test.go.
type fakeProcess struct {
	component, dir string
	address        string
	mu             sync.Mutex
	server         *http.Server
	mark           string
	hash           string
	ok             bool
	loaded         time.Time
	reloads        int
	mixtures       []string
	versions       []string // of every load that took, in order
	dieOnReload    bool
}

func newFakeProcess(t *testing.T, component, dir string) *fakeProcess {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	p := &fakeProcess{component: component, dir: dir, address: l.Addr().String()}
	t.Cleanup(p.stop)
	return p
}

func (p *fakeProcess) url() string { return "http://" + p.address }

// start loads what is current, as a process does, and fails if that is broken.
func (p *fakeProcess) start(t *testing.T) {
	t.Helper()
	if err := p.load(); err != nil && p.component == bundle.Alertmanager {
		t.Fatalf("the process does not start: %v", err)
	}
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /-/reload", p.serveReload)
	mux.HandleFunc("GET /api/v1/rules", p.serveRules)
	mux.HandleFunc("GET /metrics", p.serveMetrics)
	server := &http.Server{Handler: mux}
	p.mu.Lock()
	p.server = server
	p.mu.Unlock()
	go server.Serve(l)
}

func (p *fakeProcess) stop() {
	p.mu.Lock()
	server := p.server
	p.server = nil
	p.mu.Unlock()
	if server != nil {
		server.Close()
	}
}

func (p *fakeProcess) serveReload(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	die := p.dieOnReload
	p.mu.Unlock()
	if die {
		p.stop()
		panic(http.ErrAbortHandler)
	}
	if err := p.load(); err != nil {
		http.Error(w, "failed to reload config: "+err.Error(), http.StatusInternalServerError)
	}
}

var (
	versionLine = regexp.MustCompile(`version: (\S+)`)
	digestLine  = regexp.MustCompile(`digest: "(\w+)"`)
)

// load reads every file, notes when they are not all of one version, and half applies what says "refuse".
func (p *fakeProcess) load() error {
	versions, refuse := map[string]bool{}, false
	var main, marker string
	root, err := filepath.EvalSymlinks(filepath.Join(p.dir, current))
	if err != nil {
		return err
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		raw, err := os.ReadFile(path)
		switch d.Name() {
		case "alertmanager.yml":
			main = string(raw)
		case "bundle.rules.yaml":
			marker = string(raw)
			return err
		}
		if m := versionLine.FindStringSubmatch(string(raw)); m != nil {
			versions[m[1]] = true
		}
		refuse = refuse || strings.Contains(string(raw), "refuse: true")
		return err
	})
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reloads++
	if len(versions) != 1 {
		p.mixtures = append(p.mixtures, fmt.Sprint(versions))
	}
	if m := digestLine.FindStringSubmatch(marker); m != nil {
		p.mark = m[1]
	}
	p.ok = !refuse
	if refuse {
		return fmt.Errorf("this bundle says that it is to be refused")
	}
	p.hash, p.loaded = configHash(main), time.Now()
	for v := range versions {
		p.versions = append(p.versions, v)
	}
	return nil
}

func (p *fakeProcess) serveRules(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.URL.Query().Get("rule_name[]") != marker {
		http.Error(w, "only one rule is to be asked for", http.StatusBadRequest)
		return
	}
	rule := map[string]any{"name": marker, "labels": map[string]string{"digest": p.mark}}
	json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{
		"groups": []any{map[string]any{"name": "watchbill", "rules": []any{rule}}},
	}})
}

func (p *fakeProcess) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ok := map[bool]int{true: 1}[p.ok]
	fmt.Fprintf(w, "# HELP other a metric\nother{a=\"b c\"} 1\nother_total 2 1700000000\n")
	if p.component == bundle.Alertmanager {
		fmt.Fprintf(w, "alertmanager_config_hash %s\n", p.hash)
	}
	loaded := 0.0
	if !p.loaded.IsZero() {
		loaded = float64(p.loaded.UnixNano()) / 1e9
	}
	fmt.Fprintf(w, "%s_config_last_reload_success_timestamp_seconds %v\n", p.component, loaded)
	fmt.Fprintf(w, "%s_config_last_reload_successful %d\n", p.component, ok)
}

// seen returns how often the process loaded, which versions took, and what mixtures it was given.
func (p *fakeProcess) seen() (reloads int, versions, mixtures []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reloads, append([]string(nil), p.versions...), append([]string(nil), p.mixtures...)
}

func (p *fakeProcess) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}
