package agent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/watchbill/watchbill/render/bundle"
)

const testNamespace = "monitoring"

// fakeKube speaks the part of the Kubernetes API that an agent uses: get, list
// of one and watch of ConfigMaps. The end-to-end tests have the real one.
type fakeKube struct {
	*httptest.Server
	mu       sync.Mutex
	version  int
	objects  map[string]configMap
	watchers map[chan string]string // events as JSON lines, and the name watched
	away     bool                   // answers 503 and ends watches
	gets     map[string]int
}

func newFakeKube(t *testing.T) *fakeKube {
	k := &fakeKube{objects: map[string]configMap{}, watchers: map[chan string]string{}, gets: map[string]int{}}
	k.Server = httptest.NewServer(k)
	t.Cleanup(func() { k.setAway(true); k.CloseClientConnections(); k.Close() })
	return k
}

func (k *fakeKube) config() *rest.Config { return &rest.Config{Host: k.URL} }

func (k *fakeKube) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const prefix = "/api/v1/namespaces/" + testNamespace + "/configmaps"
	path, ok := strings.CutPrefix(r.URL.Path, prefix)
	k.mu.Lock()
	away := k.away
	k.mu.Unlock()
	switch {
	case away:
		k.fail(w, http.StatusServiceUnavailable, "the API server is away")
	case !ok || r.Method != http.MethodGet:
		k.fail(w, http.StatusForbidden, "an agent has no business at "+r.Method+" "+r.URL.Path)
	case path != "":
		k.serveOne(w, strings.TrimPrefix(path, "/"))
	case r.URL.Query().Get("watch") == "1":
		k.serveWatch(w, r)
	default:
		k.serveList(w, selected(r))
	}
}

func selected(r *http.Request) string {
	return strings.TrimPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name=")
}

func (k *fakeKube) fail(w http.ResponseWriter, code int, message string) {
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "code": code, "message": message})
}

func (k *fakeKube) serveOne(w http.ResponseWriter, name string) {
	k.mu.Lock()
	object, ok := k.objects[name]
	k.gets[name]++
	k.mu.Unlock()
	if !ok {
		k.fail(w, http.StatusNotFound, fmt.Sprintf("configmaps %q not found", name))
		return
	}
	json.NewEncoder(w).Encode(object)
}

func (k *fakeKube) serveList(w http.ResponseWriter, name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	items := []configMap{}
	if object, ok := k.objects[name]; ok {
		items = append(items, object)
	}
	json.NewEncoder(w).Encode(map[string]any{
		"metadata": map[string]string{"resourceVersion": strconv.Itoa(k.version)}, "items": items,
	})
}

func (k *fakeKube) serveWatch(w http.ResponseWriter, r *http.Request) {
	events := make(chan string, 1000)
	k.mu.Lock()
	from, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	k.watchers[events] = selected(r)
	if object, ok := k.objects[selected(r)]; ok { // what came between the list and the watch
		if version, _ := strconv.Atoi(object.Metadata.ResourceVersion); version > from {
			events <- eventLine("MODIFIED", object)
		}
	}
	k.mu.Unlock()
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			k.mu.Lock()
			delete(k.watchers, events)
			k.mu.Unlock()
			return
		case event, ok := <-events:
			if !ok {
				return
			}
			fmt.Fprintln(w, event)
			w.(http.Flusher).Flush()
		}
	}
}

func eventLine(kind string, object any) string {
	raw, _ := json.Marshal(map[string]any{"type": kind, "object": object})
	return string(raw)
}

func (k *fakeKube) put(name string, data map[string]string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.version++
	object := configMap{Data: data}
	object.Metadata.ResourceVersion = strconv.Itoa(k.version)
	k.objects[name] = object
	for events, watched := range k.watchers {
		if watched == name {
			events <- eventLine("MODIFIED", object)
		}
	}
}

func (k *fakeKube) remove(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.objects, name)
}

// setAway takes the API server away, or brings it back.
func (k *fakeKube) setAway(away bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.away = away
	if away {
		for events := range k.watchers {
			close(events)
			delete(k.watchers, events)
		}
	}
}

// putChunks writes a bundle's chunks, and putIndex the index, which is what switches agents.
func (k *fakeKube) putChunks(b bundle.Bundle) {
	for _, c := range b.Chunks {
		k.put(bundle.Name(b.Component, c.Digest), c.Data)
	}
}

func (k *fakeKube) putIndex(t *testing.T, wanted bundle.Bundle, lastGood *bundle.Bundle) {
	t.Helper()
	index := bundle.Index{Component: wanted.Component, Wanted: wanted.Ref("r")}
	if lastGood != nil {
		good := lastGood.Ref("r")
		index.LastGood = &good
	}
	data, err := index.Data()
	if err != nil {
		t.Fatal(err)
	}
	k.put(bundle.IndexName(wanted.Component), data)
}

func (k *fakeKube) fetched(b bundle.Bundle) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range b.Chunks {
		n += k.gets[bundle.Name(b.Component, c.Digest)]
	}
	return n
}
