package github

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// askedHeader says which question a request is of: one judge serves many stubs.
const askedHeader = "Watchbill-Asked"

// judge is a running Prism and what is behind it.
type judge struct {
	examples *description
	prism    *prism
	dir      string
	upstream *http.Server
	served   chan struct{}
	verdicts verdicts

	mu     sync.Mutex
	behind map[string]http.HandlerFunc // what answers to a question that Prism is thinking about
	next   int
}

func startJudge(ctx context.Context, program string) (*judge, error) {
	if program == "" {
		program = os.Getenv("WATCHBILL_PRISM")
	}
	file, err := pkg(program, "@octokit", "openapi", "generated", "api.github.com.json")
	if err != nil {
		return nil, err
	}
	whole, err := readDescription(file)
	if err != nil {
		return nil, err
	}
	j := &judge{examples: whole, behind: map[string]http.HandlerFunc{}, served: make(chan struct{})}
	part, err := whole.subset()
	if err != nil {
		return nil, err
	}
	whole.Paths = nil // 12 MB that nobody asks for again
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	j.upstream = &http.Server{Handler: http.HandlerFunc(j.dispatch), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(j.served)
		_ = j.upstream.Serve(l) // until close
	}()
	if err := j.describe(ctx, program, part, "http://"+l.Addr().String()); err != nil {
		return nil, errors.Join(err, j.close())
	}
	return j, nil
}

// describe starts Prism with a description.
func (j *judge) describe(ctx context.Context, program string, part *description, upstream string) error {
	text, err := json.Marshal(part)
	if err != nil {
		return err
	}
	if j.dir, err = os.MkdirTemp("", "watchbill-github-"); err != nil {
		return err
	}
	file := filepath.Join(j.dir, "description.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	j.prism, err = startPrism(ctx, program, file, upstream)
	return err
}

// close ends Prism and what is behind it.
func (j *judge) close() error {
	if j.prism != nil {
		j.prism.end()
	}
	err := j.upstream.Close()
	<-j.served
	if j.dir != "" {
		err = errors.Join(err, os.RemoveAll(j.dir))
	}
	return err
}

// add takes in what answers to one question, and gives what the question has to carry.
func (j *judge) add(answer http.HandlerFunc) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.next++
	id := strconv.Itoa(j.next)
	j.behind[id] = answer
	return id
}

func (j *judge) remove(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.behind, id)
}

// dispatch takes what Prism let through.
func (j *judge) dispatch(w http.ResponseWriter, r *http.Request) {
	j.mu.Lock()
	answer := j.behind[r.Header.Get(askedHeader)]
	j.mu.Unlock()
	if answer == nil {
		http.Error(w, "nobody waits for this any longer", http.StatusGone)
		return
	}
	answer(w, r)
}
