package proof

import (
	"bytes"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// realPrometheus is a Prometheus whose log can be read once it was stopped.
type realPrometheus struct {
	command *exec.Cmd
	address string
	log     bytes.Buffer
}

func startPrometheus(t *testing.T, binary, dir, format string) *realPrometheus {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	p := &realPrometheus{address: l.Addr().String()}
	p.command = exec.Command(binary, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.enable-lifecycle", "--web.listen-address="+p.address, "--log.format="+format)
	p.command.Stderr = &p.log
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		response, err := http.Get("http://" + p.address + "/-/ready")
		if err == nil {
			response.Body.Close()
		}
		if err == nil && response.StatusCode == http.StatusOK {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatal("prometheus is not ready after 20 s")
		}
	}
}

func (p *realPrometheus) reload(t *testing.T, want int) {
	t.Helper()
	response, err := http.Post("http://"+p.address+"/-/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != want {
		t.Fatalf("the reload is answered with %d, want %d", response.StatusCode, want)
	}
}

func (p *realPrometheus) stop() {
	if p.command != nil {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
		p.command = nil
		http.DefaultClient.CloseIdleConnections()
	}
}
