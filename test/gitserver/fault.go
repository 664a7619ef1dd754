package gitserver

import (
	"io"
	"net/http"
	"time"
)

// Fault is what goes wrong while it is set. The fields are looked at in the
// order in which they stand; a fault with none of them set does nothing.
type Fault struct {
	// Match picks the requests that are struck; nil strikes all of them.
	Match func(*http.Request) bool
	// Delay holds a request back before anything else is done with it.
	Delay time.Duration
	// Hang never answers: the request ends when its client gives up.
	Hang bool
	// Status answers with this code, and Body as its text.
	Status int
	Body   string
	// CutAfter breaks the connection after that many bytes of the answer's body.
	CutAfter int64
}

// SetFault switches f on in the place of the one before; nil ends it. Requests
// that are under way keep the fault that they began with.
func (s *Server) SetFault(f *Fault) { s.fault.Store(f) }

// PackRequests matches the requests that bring objects, not those that list
// references. Of a client that speaks git's protocol version 2, as git itself
// does and go-git does not, it matches both.
func PackRequests(r *http.Request) bool { return r.Method == http.MethodPost }

// strike answers the request and returns nil, or returns what the answer is to
// be written to.
func (f *Fault) strike(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	select {
	case <-time.After(f.Delay):
	case <-r.Context().Done():
		return nil
	}
	switch {
	case f.Hang:
		// net/http notices that a client is gone only once its request is read.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return nil
	case f.Status != 0:
		http.Error(w, f.Body, f.Status)
		return nil
	case f.CutAfter > 0:
		return &cutter{ResponseWriter: w, left: f.CutAfter}
	}
	return w
}

// cutter lets the first bytes through and then breaks the connection.
type cutter struct {
	http.ResponseWriter
	left int64
}

func (c *cutter) Write(p []byte) (int, error) {
	if int64(len(p)) < c.left {
		c.left -= int64(len(p))
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left])
	if f, ok := c.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
	// net/http's own way to break off an answer without ending it.
	panic(http.ErrAbortHandler)
}
