package github

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// verdicts are requests that Prism has allowed, and answers to them. It takes
// milliseconds for each, and what it says depends on them alone: so it is asked
// about each once. What it does not allow is never among them.
type verdicts struct {
	mu      sync.Mutex
	allowed map[digest]bool
}

type digest [sha256.Size]byte

func (v *verdicts) has(d digest) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.allowed[d]
}

func (v *verdicts) add(all ...digest) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.allowed == nil {
		v.allowed = map[digest]bool{}
	}
	for _, d := range all {
		v.allowed[d] = true
	}
}

// unheeded are the headers that are another each time, and that GitHub's
// description says nothing of; but it does in the answer to rateLimitPath, which
// is therefore not remembered.
var unheeded = []string{"Authorization", "If-None-Match", "Date", "Etag",
	"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Used", "X-Ratelimit-Reset"}

const rateLimitPath = "/rate_limit"

// digest is of all that a verdict can depend on. The address of the stand-in is
// left out: it is of the same form for all stand-ins of a judge.
func (f *front) digest(header http.Header, parts ...string) digest {
	header = header.Clone()
	for _, name := range unheeded {
		header.Del(name)
	}
	sum := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(sum, "%q\n", strings.ReplaceAll(part, f.stub.base, ""))
	}
	var text strings.Builder
	_ = header.Write(&text) // sorted; a builder has no errors
	fmt.Fprint(sum, strings.ReplaceAll(text.String(), f.stub.base, ""))
	return digest(sum.Sum(nil))
}

// exchange has the stub answer a request, after Prism has allowed the request,
// and gives the answer if Prism allows that too; else what Prism says.
func (f *front) exchange(r *http.Request, body string) *recorder {
	known := &f.judge.verdicts
	asked := f.digest(r.Header, r.Method, r.URL.EscapedPath(), r.URL.RawQuery, body)
	said := newRecorder()
	answer := sync.OnceFunc(func() { f.stub.ServeHTTP(said, withBody(r, body)) })
	told := func() digest {
		return f.digest(said.header, string(asked[:]), strconv.Itoa(said.status), said.body.String())
	}
	if known.has(asked) {
		if answer(); known.has(told()) {
			return said
		}
	}
	var reached atomic.Bool
	refusal := f.ask(withBody(r, body), func(w http.ResponseWriter, passed *http.Request) {
		_, _ = io.Copy(io.Discard, passed.Body) // else the connection is closed before Prism has read the answer
		answer()
		reached.Store(true)
		said.send(w)
	})
	switch {
	case refusal != nil:
		return refusal
	case !reached.Load():
		return f.refuse(r, http.StatusBadGateway, problem{Title: "Prism answered by itself"})
	case r.URL.Path != rateLimitPath:
		known.add(asked, told())
	}
	return said
}

func withBody(r *http.Request, body string) *http.Request {
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = http.NoBody, int64(len(body))
	if body != "" {
		r.Body = io.NopCloser(strings.NewReader(body))
	}
	return r
}

// ask sends a request through Prism to what answers it. Nil is that Prism has
// nothing against either; else it is what Prism says.
func (f *front) ask(r *http.Request, upstream http.HandlerFunc) *recorder {
	id := f.judge.add(upstream)
	defer f.judge.remove(id)
	r.Header.Set(askedHeader, id)
	r.URL.Scheme, r.URL.Host, r.RequestURI = f.prism.Scheme, f.prism.Host, ""
	status, kind, text, err := f.send(r)
	if err != nil {
		return f.refuse(r, http.StatusBadGateway, problem{Title: "no answer of Prism", Detail: err.Error()})
	}
	if kind != problemType {
		return nil
	}
	var p problem
	if err := json.Unmarshal(text, &p); err != nil {
		p = problem{Title: "Prism's answer cannot be read", Detail: err.Error()}
	}
	return f.refuse(r, status, p)
}

func (f *front) send(r *http.Request) (status int, kind string, text []byte, err error) {
	answer, err := f.transport.RoundTrip(r)
	if err != nil {
		return 0, "", nil, err
	}
	defer answer.Body.Close()
	kind, _, _ = mime.ParseMediaType(answer.Header.Get("Content-Type"))
	text, err = io.ReadAll(answer.Body)
	return answer.StatusCode, kind, text, err
}

// problemType is of Prism's own answers, and of no other.
const problemType = "application/problem+json"

// problem is Prism's own answer.
type problem struct {
	Title      string `json:"title"`
	Detail     string `json:"detail"`
	Validation []struct {
		Location []any  `json:"location"`
		Message  string `json:"message"`
	} `json:"validation,omitempty"`
}

// words are the problem's, without those that say the same, and not all of very many.
func (p problem) words() []string {
	const most = 10
	var words []string
	for _, v := range p.Validation {
		var place []string
		for _, part := range v.Location {
			place = append(place, fmt.Sprint(part))
		}
		if line := strings.Join(place, ".") + ": " + v.Message; !slices.Contains(words, line) {
			words = append(words, line)
		}
	}
	if len(words) == 0 {
		return []string{p.Title + ": " + p.Detail}
	}
	if more := len(words) - most; more > 0 {
		words = append(words[:most], fmt.Sprintf("and %d more", more))
	}
	return words
}

// refuse answers with a problem, which is a violation unless nobody waits for it any longer.
func (f *front) refuse(r *http.Request, status int, p problem) *recorder {
	if r.Context().Err() == nil {
		f.violated(r, status, p.words()...)
	}
	answer := newRecorder()
	answer.header.Set("Content-Type", problemType)
	answer.status = status
	_ = json.NewEncoder(&answer.body).Encode(p) // a buffer has no errors
	return answer
}
