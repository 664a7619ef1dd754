package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/watchbill/watchbill/test/upstream"
)

// serve starts a stand-in and returns it with its URL.
func serve(t *testing.T) (*Server, string) {
	t.Helper()
	s := New()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-ended })
	return s, "http://" + l.Addr().String()
}

// startAlertmanager starts the real one with files in a folder of their own, and
// returns its address. DIR in a file is that folder.
func startAlertmanager(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, placed := t.TempDir(), map[string]string{}
	for name, text := range files {
		placed[name] = strings.ReplaceAll(text, "DIR", dir)
	}
	upstream.Write(t, dir, placed)
	return upstream.Start(t, "alertmanager", upstream.Listen, "--config.file="+filepath.Join(dir, "alertmanager.yml"),
		"--storage.path="+filepath.Join(dir, "data"), "--cluster.listen-address=", "--log.level=debug").Address
}

// alert tells Alertmanager of an alert, or that it is over.
func alert(ctx context.Context, address, name string, ends time.Time) error {
	a := map[string]any{
		"labels":      map[string]string{"alertname": name, "severity": "critical", "team": "payments"},
		"annotations": map[string]string{"summary": "Too many <errors> & \"more\"."},
	}
	if !ends.IsZero() {
		a["endsAt"] = ends
	}
	body, err := json.Marshal([]any{a})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/api/v2/alerts", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("alertmanager answers %s", answer.Status)
	}
	return nil
}

// until tries again until there is no error.
func until(ctx context.Context, t *testing.T, try func() error) {
	t.Helper()
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-ticks.C:
		}
	}
}

// await waits until so many notifications were taken.
func await(ctx context.Context, t *testing.T, s *Server, n int) {
	t.Helper()
	until(ctx, t, func() error {
		if got := s.Received(); len(got) < n {
			return fmt.Errorf("received %d of %d: %+v, faults %q", len(got), n, got, s.Faults())
		}
		return nil
	})
}

// lines are how often what was told.
func lines(s *Server) map[string]int {
	counts := map[string]int{}
	for _, n := range s.Received() {
		what := n.Title + n.Text
		if n.Kind == Webhook {
			what = n.Alerts[0].Labels["alertname"]
		}
		counts[n.Kind+" "+n.Status+" "+what]++
	}
	return counts
}

func noFaults(t *testing.T, s *Server) {
	t.Helper()
	if faults := s.Faults(); len(faults) > 0 {
		t.Errorf("faults:\n%s", strings.Join(faults, "\n"))
	}
}
