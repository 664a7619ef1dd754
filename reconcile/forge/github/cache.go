package github

import (
	"bytes"
	"container/list"
	"io"
	"maps"
	"net/http"
	"sync"
)

// cache keeps answers with their entity tags and asks GitHub only whether they
// have changed: an answer "no" does not count against the rate limit. It never
// answers by itself.
type cache struct {
	next http.RoundTripper

	mu    sync.Mutex
	kept  map[string]*list.Element
	order *list.List // of *keptAnswer, the one used last in front
	size  int
}

type keptAnswer struct {
	key    string
	header http.Header
	body   []byte
}

// A list of a hundred pull requests is some 2 MB.
const (
	maxCached = 16 << 20
	maxEntry  = 4 << 20
)

func newCache(next http.RoundTripper) *cache {
	return &cache{next: next, kept: map[string]*list.Element{}, order: list.New()}
}

// RoundTrip implements http.RoundTripper.
func (c *cache) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet {
		return c.next.RoundTrip(req)
	}
	key := req.URL.String() + " " + req.Header.Get("Accept")
	old := c.load(key)
	if old != nil {
		req = req.Clone(req.Context())
		req.Header.Set("If-None-Match", old.header.Get("ETag"))
	}
	answer, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	switch {
	case answer.StatusCode == http.StatusNotModified && old != nil:
		_ = answer.Body.Close()
		return old.renewed(answer), nil
	case answer.StatusCode == http.StatusOK && answer.Header.Get("ETag") != "" && answer.ContentLength <= maxEntry:
		return c.keep(key, answer)
	}
	return answer, nil
}

// renewed is the answer as it was, with what GitHub says of the rate limit now.
func (k *keptAnswer) renewed(now *http.Response) *http.Response {
	header := k.header.Clone()
	for _, name := range []string{"Date", limitHeader, remainingHeader, resetHeader} {
		header.Del(name) // what it was then is wrong now
		for _, value := range now.Header.Values(name) {
			header.Add(name, value)
		}
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: now.Proto, ProtoMajor: now.ProtoMajor, ProtoMinor: now.ProtoMinor,
		Header: header, Body: io.NopCloser(bytes.NewReader(k.body)), ContentLength: int64(len(k.body)), Request: now.Request,
	}
}

// keep reads the answer. One that proves too large to be kept is passed on as it comes.
func (c *cache) keep(key string, answer *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxEntry+1))
	if err != nil {
		_ = answer.Body.Close()
		return nil, err
	}
	rest := answer.Body
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rest), rest}
	if len(body) <= maxEntry {
		c.store(&keptAnswer{key: key, header: maps.Clone(answer.Header), body: body})
	}
	return answer, nil
}

func (c *cache) load(key string) *keptAnswer {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.kept[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*keptAnswer)
}

func (c *cache) store(k *keptAnswer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.kept[k.key]; e != nil {
		c.remove(e)
	}
	c.kept[k.key] = c.order.PushFront(k)
	for c.size += len(k.body); c.size > maxCached || len(c.kept) > remembered; {
		c.remove(c.order.Back())
	}
}

func (c *cache) remove(e *list.Element) {
	k := c.order.Remove(e).(*keptAnswer)
	delete(c.kept, k.key)
	c.size -= len(k.body)
}
