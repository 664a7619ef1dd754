package hook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/forge/github"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const plantedSecret = "planted-webhook-secret"

// receiver is a server on a real port, and what it handed on.
type receiver struct {
	*Server
	t       *testing.T
	address string
	client  *http.Client
	log     *buffer

	mu     sync.Mutex
	events []forge.Event
}

// buffer may be written to by several.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// reset keeps what must not be there in sight of the check at the end, and drops the rest.
func (b *buffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !told(b.b.String()) {
		b.b.Reset()
	}
}

// told says that a log tells what no log may.
func told(log string) bool {
	return strings.Contains(log, "planted") || strings.Contains(log, "sha256=")
}

func webhook() forge.Hook {
	return &github.Webhook{
		Owner: "example", Name: "monitoring", Log: slog.New(slog.DiscardHandler),
		Secrets: func() ([][]byte, error) { return [][]byte{[]byte(plantedSecret)}, nil },
	}
}

// serve starts a receiver that takes as much as it is sent, unless o says otherwise.
func serve(t *testing.T, o Options) *receiver {
	t.Helper()
	r := &receiver{t: t, log: &buffer{}}
	if o.Hook == nil {
		o.Hook = webhook()
	}
	if o.Rate == 0 {
		o.Rate, o.Burst = 1e6, 1e6
	}
	o.Log = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.Deliver = func(e forge.Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, e)
	}
	var err error
	r.Server, err = New(o)
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	r.address = listener.Addr().String()
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	r.client = &http.Client{Transport: transport}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx, listener) }()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		if log := r.log.String(); told(log) {
			t.Errorf("the log tells the secret, a signature or a payload: %s", log)
		}
	})
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *receiver) delivered() []forge.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]forge.Event(nil), r.events...)
}

// drain gives what was delivered since it was asked last.
func (r *receiver) drain() []forge.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.events
	r.events = nil
	return events
}

func sign(body string) string {
	mac := hmac.New(sha256.New, []byte(plantedSecret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// push is a delivery as GitHub makes it; the payload holds more than is taken.
func push(branch string) string {
	return fmt.Sprintf(`{"ref":"refs/heads/%s","pusher":{"name":"planted"},"repository":{"full_name":"example/monitoring"}}`, branch)
}

func (r *receiver) request(id, body string) *http.Request {
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, "http://"+r.address+"/hooks/github", strings.NewReader(body))
	must(r.t, err)
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-GitHub-Delivery", id)
	req.Header.Set("X-Hub-Signature-256", sign(body))
	req.Header.Set("Content-Type", "application/json")
	return req
}

// do gives the status and the text of the answer.
func (r *receiver) do(req *http.Request) (int, string) {
	r.t.Helper()
	resp, err := r.client.Do(req)
	must(r.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(r.t, err)
	return resp.StatusCode, strings.TrimSpace(string(text))
}
