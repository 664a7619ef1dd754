package storetest

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchbill/watchbill/stores"
)

// FaultProxy stands before an S3 server and breaks what its rule says.
type FaultProxy struct {
	// Endpoint is its host:port.
	Endpoint string

	target string
	client *http.Transport
	closed chan struct{} // ends what hangs

	mu       sync.Mutex
	rule     Rule
	requests int
	faults   int
	lists    map[string]answer // the first answer of each listing
}

// answer is one that is kept.
type answer struct {
	header http.Header
	body   []byte
}

// maxList bounds what is kept of a listing's answer.
const maxList = 16 << 20

// NewFaultProxy starts a proxy without faults.
func NewFaultProxy(t testing.TB, target string) *FaultProxy {
	p := &FaultProxy{
		target: target, closed: make(chan struct{}), lists: map[string]answer{},
		client: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64, ExpectContinueTimeout: time.Second},
	}
	server := httptest.NewServer(p)
	p.Endpoint = strings.TrimPrefix(server.URL, "http://")
	t.Cleanup(func() {
		close(p.closed)
		server.CloseClientConnections()
		server.Close()
		p.client.CloseIdleConnections()
	})
	return p
}

// Before is the server's configuration with the proxy in between.
func (p *FaultProxy) Before(c stores.Config) stores.Config {
	c.Endpoint = p.Endpoint
	return c
}

// Break sets the rule for the requests from now on; nil breaks none.
func (p *FaultProxy) Break(rule Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule, p.requests = rule, 0
}

// Requests is how many came since the rule was set; Faults how many were broken at all.
func (p *FaultProxy) Requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}

func (p *FaultProxy) Faults() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults
}

func (p *FaultProxy) fault(r *http.Request) Fault {
	p.mu.Lock()
	rule, n := p.rule, p.requests
	p.requests++
	p.mu.Unlock()
	if rule == nil {
		return None
	}
	fault := rule(n, r)
	if fault != None {
		p.mu.Lock()
		p.faults++
		p.mu.Unlock()
	}
	return fault
}

func (p *FaultProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch fault := p.fault(r); fault {
	case Unavailable:
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20))
		w.WriteHeader(http.StatusServiceUnavailable)
	case Hang:
		p.hang(r)
	case StaleList:
		p.stale(w, r)
	default:
		p.pass(w, r, fault)
	}
}

func (p *FaultProxy) hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client leaves
	select {
	case <-r.Context().Done():
	case <-p.closed:
	}
	panic(http.ErrAbortHandler)
}

func (p *FaultProxy) stale(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	before, found := p.lists[listOf(r)]
	p.mu.Unlock()
	if !found {
		p.pass(w, r, None)
		return
	}
	maps.Copy(w.Header(), before.header)
	_, _ = w.Write(before.body)
}

// listOf tells listings apart: the pages that follow hang on the server's own tokens.
func listOf(r *http.Request) string { return r.URL.Path + "?" + r.URL.Query().Encode() }

func (p *FaultProxy) pass(w http.ResponseWriter, r *http.Request, fault Fault) {
	response, err := p.client.RoundTrip(p.onward(r, fault))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer response.Body.Close()
	if fault == LostAnswer {
		_, _ = io.Copy(io.Discard, response.Body)
		panic(http.ErrAbortHandler)
	}
	if IsList(r) && response.StatusCode == http.StatusOK {
		p.keep(r, response)
	}
	maps.Copy(w.Header(), response.Header)
	if response.ContentLength >= 0 && r.Method != http.MethodHead {
		w.Header().Set("Content-Length", response.Header.Get("Content-Length"))
	}
	w.WriteHeader(response.StatusCode)
	p.answer(w, r, response, fault)
}

// onward is the request to the server, with the host that was signed.
func (p *FaultProxy) onward(r *http.Request, fault Fault) *http.Request {
	onward := r.Clone(r.Context())
	onward.RequestURI = ""
	onward.URL.Scheme, onward.URL.Host = "http", p.target
	onward.Header.Del("Connection")
	if r.ContentLength == 0 {
		onward.Body = http.NoBody
	}
	if fault == CutUpload {
		onward.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, r.ContentLength/2), broken{}))
	}
	return onward
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("cut") }

func (p *FaultProxy) keep(r *http.Request, response *http.Response) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxList))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, found := p.lists[listOf(r)]; !found {
		p.lists[listOf(r)] = answer{response.Header.Clone(), body}
	}
}

func (p *FaultProxy) answer(w http.ResponseWriter, r *http.Request, response *http.Response, fault Fault) {
	switch fault {
	case CutDownload:
		_, _ = io.CopyN(w, response.Body, max(response.ContentLength, 2)/2)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case SlowBody:
		p.trickle(w, r, response.Body)
	default:
		_, _ = io.Copy(w, response.Body)
	}
}

// trickle takes about half a second.
func (p *FaultProxy) trickle(w http.ResponseWriter, r *http.Request, body io.Reader) {
	content, _ := io.ReadAll(io.LimitReader(body, maxList))
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for piece := range slices.Chunk(content, len(content)/10+1) {
		if _, err := w.Write(piece); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-p.closed:
			return
		}
	}
}
