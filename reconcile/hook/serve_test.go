package hook

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// dial opens a connection by hand. A test that hangs on it fails after a minute.
func (r *receiver) dial() net.Conn {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.address)
	must(r.t, err)
	must(r.t, conn.SetDeadline(time.Now().Add(time.Minute)))
	r.t.Cleanup(func() { conn.Close() })
	return conn
}

// begin sends a delivery but for the end of its body, which it returns.
func (r *receiver) begin(conn net.Conn, from, id string) (rest string) {
	r.t.Helper()
	body := push("main")
	_, err := fmt.Fprintf(conn, "POST /hooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nContent-Type: application/json\r\n"+
		"X-Forwarded-For: %s\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: %s\r\nX-Hub-Signature-256: %s\r\n\r\n%s", len(body), from, id, sign(body), body[:9])
	must(r.t, err)
	return body[9:]
}

func (r *receiver) eventually(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("never: %s", what)
		}
	}
}

// TestSlowHeader: the connection is closed without an answer.
func TestSlowHeader(t *testing.T) {
	r := serve(t, Options{HeaderTimeout: 50 * time.Millisecond})
	conn := r.dial()
	_, err := fmt.Fprint(conn, "POST /hooks/github HTTP/1.1\r\nHost: x\r\nX-GitHub-Event: pu")
	must(t, err)
	if got, err := io.ReadAll(conn); len(got) > 0 || err != nil {
		t.Errorf("answered %q, %v", got, err)
	}
}

// TestLargeHeader: what is far more than GitHub sends is not read.
func TestLargeHeader(t *testing.T) {
	r := serve(t, Options{})
	conn := r.dial()
	_, err := fmt.Fprintf(conn, "POST /hooks/github HTTP/1.1\r\nHost: x\r\nX-Filler: %s\r\n\r\n", strings.Repeat("x", 24<<10))
	must(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

func TestSlowBody(t *testing.T) {
	r := serve(t, Options{ReadTimeout: time.Second})
	conn := r.dial()
	r.begin(conn, "", "slow")
	text, err := io.ReadAll(conn)
	if !strings.HasPrefix(string(text), "HTTP/1.1 408 ") || !strings.Contains(string(text), "did not come in time") || err != nil {
		t.Errorf("answered %q, %v", text, err)
	}
	if len(r.delivered()) != 0 || len(r.bodies) != 0 {
		t.Errorf("%d delivered, %d bodies still read", len(r.delivered()), len(r.bodies))
	}
}

// TestDeclaredTooLarge: what says that it is too large is refused before any of it has come.
func TestDeclaredTooLarge(t *testing.T) {
	r := serve(t, Options{})
	conn := r.dial()
	_, err := fmt.Fprintf(conn, "POST /hooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 3<<20+1)
	must(t, err)
	text, err := io.ReadAll(conn)
	if !strings.HasPrefix(string(text), "HTTP/1.1 413 ") || err != nil {
		t.Errorf("answered %q, %v", text, err)
	}
}

// TestTwoLengths: what a proxy may read otherwise than we do is refused.
func TestTwoLengths(t *testing.T) {
	r := serve(t, Options{})
	for _, header := range []string{"Content-Length: 5\r\nContent-Length: 6", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"} {
		conn := r.dial()
		_, err := fmt.Fprintf(conn, "POST /hooks/github HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", header)
		must(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		must(t, err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusNotImplemented {
			t.Errorf("%q: answered %d", header, resp.StatusCode)
		}
	}
}

// TestCutOff: a sender that goes away in the middle leaves nothing behind.
func TestCutOff(t *testing.T) {
	r := serve(t, Options{})
	conn := r.dial()
	r.begin(conn, "", "cut")
	r.eventually("the body is read", func() bool { return len(r.bodies) == 1 })
	must(t, conn.Close())
	r.eventually("its turn is over", func() bool { return len(r.bodies) == 0 })
	if status, _ := r.do(r.request("cut", push("main"))); status != http.StatusAccepted {
		t.Errorf("the next one is answered %d", status)
	}
}

// TestBodiesAtOnce: slow senders take up their share and no more, and what they
// send in the end is taken.
func TestBodiesAtOnce(t *testing.T) {
	r := serve(t, Options{MaxBodies: 2, MaxWait: time.Millisecond, ReadTimeout: time.Minute, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	from := func(source, id string) *http.Request {
		req := r.request(id, push("main"))
		req.Header.Set("X-Forwarded-For", source)
		return req
	}
	busyFor := func(source string) {
		t.Helper()
		resp, err := r.client.Do(from(source, "refused"))
		must(t, err)
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "1" {
			t.Errorf("%s: answered %d, Retry-After %q", source, resp.StatusCode, resp.Header.Get("Retry-After"))
		}
	}
	slow := []net.Conn{r.dial(), r.dial()}
	rest := r.begin(slow[0], "192.0.2.1", "slow-1")
	r.eventually("the first body is read", func() bool { return len(r.bodies) == 1 })
	busyFor("192.0.2.1")
	if status, _ := r.do(from("192.0.2.2", "quick")); status != http.StatusAccepted {
		t.Errorf("another source: answered %d", status)
	}
	r.begin(slow[1], "192.0.2.2", "slow-2")
	r.eventually("the second body is read", func() bool { return len(r.bodies) == 2 })
	busyFor("192.0.2.3")
	for _, conn := range slow {
		_, err := io.WriteString(conn, rest)
		must(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		must(t, err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted {
			t.Errorf("a slow one: answered %d", resp.StatusCode)
		}
	}
	r.eventually("all turns are over", func() bool { return len(r.bodies) == 0 })
	if status, _ := r.do(from("192.0.2.3", "refused")); status != http.StatusAccepted {
		t.Errorf("afterwards: answered %d", status)
	}
}

// TestConnections: more than so many are not served at the same time, and none is lost.
func TestConnections(t *testing.T) {
	const most, all = 3, 30
	var served, mostServed atomic.Int64
	entered, leave := make(chan struct{}), make(chan struct{})
	r := serve(t, Options{MaxConnections: most, Hook: hookFunc(func(http.Header, []byte) (forge.Event, error) {
		raise(&mostServed, served.Add(1))
		defer served.Add(-1)
		entered <- struct{}{}
		<-leave
		return forge.Event{Kind: forge.Pushed}, nil
	})})
	conns := make([]net.Conn, all)
	for i := range conns {
		conns[i] = r.dial()
		_, err := fmt.Fprint(conns[i], "POST /hooks/github HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		must(t, err)
	}
	for range most {
		<-entered
	}
	for range all - most { // one goes, one comes
		leave <- struct{}{}
		<-entered
	}
	close(leave)
	for _, conn := range conns {
		if text, err := io.ReadAll(conn); !strings.HasPrefix(string(text), "HTTP/1.1 202 ") || err != nil {
			t.Errorf("answered %q, %v", text, err)
		}
	}
	if n := len(r.delivered()); n != all || mostServed.Load() != most {
		t.Errorf("%d delivered, want %d; %d at the same time", n, all, mostServed.Load())
	}
}

// TestListenFails: an address that is taken is said, with the flag that changes it.
func TestListenFails(t *testing.T) {
	r := serve(t, Options{})
	err := r.ListenAndServe(t.Context(), r.address)
	if err == nil || !strings.Contains(err.Error(), "--webhook-listen") {
		t.Errorf("error: %v", err)
	}
}
