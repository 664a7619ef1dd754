package storetest

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
)

// Fault is one way in which a server or the network fails.
type Fault int

const (
	// None lets the request pass.
	None Fault = iota
	// Unavailable answers 503 and does nothing.
	Unavailable
	// Hang takes the request and answers nothing until the client leaves.
	Hang
	// SlowBody sends the answer's body in small pieces with pauses.
	SlowBody
	// CutUpload breaks both connections after half of the request's body.
	CutUpload
	// CutDownload breaks the connection after half of the answer's body.
	CutDownload
	// LostAnswer lets the server do its work and breaks the connection before the answer.
	LostAnswer
	// StaleList answers a listing as the same one was answered the first time;
	// the first one passes.
	StaleList
)

// Rule says what happens to a request, of which n came before.
type Rule func(n int, r *http.Request) Fault

// Sprinkle breaks about one in so many requests, but never more than two in a
// row, by one of the faults that fits the request.
func Sprinkle(seed uint64, oneIn int, faults ...Fault) Rule {
	if len(faults) == 0 {
		faults = []Fault{Unavailable, CutUpload, CutDownload, LostAnswer}
	}
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, seed))
	row := 0
	return func(_ int, r *http.Request) Fault {
		mu.Lock()
		defer mu.Unlock()
		fault := faults[random.IntN(len(faults))]
		if random.IntN(oneIn) != 0 || row == 2 || !fault.fits(r) {
			row = 0
			return None
		}
		row++
		return fault
	}
}

func (f Fault) fits(r *http.Request) bool {
	switch f {
	case CutUpload:
		return r.ContentLength > 0
	case CutDownload, SlowBody:
		return r.Method == http.MethodGet
	case StaleList:
		return IsList(r)
	}
	return true
}

// Nth breaks the first requests from one on that match.
func Nth(from, count int, fault Fault, match func(*http.Request) bool) Rule {
	var mu sync.Mutex
	seen := 0
	return func(_ int, r *http.Request) Fault {
		if !match(r) {
			return None
		}
		mu.Lock()
		defer mu.Unlock()
		seen++
		if seen <= from || seen > from+count {
			return None
		}
		return fault
	}
}

// Always breaks each request that matches.
func Always(fault Fault, match func(*http.Request) bool) Rule {
	return func(_ int, r *http.Request) Fault {
		if match(r) {
			return fault
		}
		return None
	}
}

// What a request of S3 is.

func IsList(r *http.Request) bool {
	return r.Method == http.MethodGet && r.URL.Query().Get("list-type") == "2"
}
func IsGet(r *http.Request) bool { return r.Method == http.MethodGet && !IsList(r) }
func IsPut(r *http.Request) bool {
	return r.Method == http.MethodPut && !r.URL.Query().Has("uploadId")
}
func IsPart(r *http.Request) bool {
	return r.Method == http.MethodPut && r.URL.Query().Has("uploadId")
}
func IsComplete(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
}
func IsDelete(r *http.Request) bool {
	return r.Method == http.MethodDelete && !r.URL.Query().Has("uploadId")
}
func IsAny(*http.Request) bool { return true }

// IsTo matches requests of objects whose key ends so.
func IsTo(suffix string) func(*http.Request) bool {
	return func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, suffix) }
}
