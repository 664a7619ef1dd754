package github

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object.
type object = map[string]any

// like is GitHub's own example of an answer, or the first one of a list of
// examples, as if it were of the repository, with some values set. A key with
// dots is of an object inside.
func (s *Stub) like(example string, repo *Repo, set object) object {
	key := example
	if repo != nil {
		key += " " + repo.full()
	}
	if s.moved[key] == nil {
		s.moved[key] = s.move(example, repo)
	}
	return with(clone(s.moved[key]).(object), set)
}

func (s *Stub) move(example string, repo *Repo) object {
	value, err := s.examples.example(example)
	if err != nil {
		panic(err) // a fault of this package, which its tests see
	}
	if list, ok := value.([]any); ok {
		value = list[0]
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	moved := strings.ReplaceAll(string(text), "https://api.github.com", s.base)
	if repo != nil {
		for _, name := range []string{"octocat/Hello-World", "octocat/example", "github/hello-world", "github/rest-api-description"} {
			moved = strings.ReplaceAll(moved, name, repo.full())
		}
	}
	var o object
	if err := json.Unmarshal([]byte(moved), &o); err != nil {
		panic(err)
	}
	return o
}

// clone copies a value of JSON.
func clone(value any) any {
	switch value := value.(type) {
	case object:
		o := make(object, len(value))
		for key, inner := range value {
			o[key] = clone(inner)
		}
		return o
	case []any:
		list := make([]any, len(value))
		for i, inner := range value {
			list[i] = clone(inner)
		}
		return list
	}
	return value
}

// with sets values in an object, those of its inner objects by keys with dots.
func with(o, set object) object {
	for key, value := range set {
		in, last := o, key
		for {
			outer, inner, more := strings.Cut(last, ".")
			if !more {
				break
			}
			next, is := in[outer].(object)
			if !is {
				next = object{}
				in[outer] = next
			}
			in, last = next, inner
		}
		in[last] = value
	}
	return o
}

// optional is a text, or null.
func optional(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func stampOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stamp(t)
}

// page is the part of a list that a request asks for, with the links to the others.
func page[T any](s *Stub, c *call, all []T, wire func(T) object) ([]object, http.Header) {
	query := c.URL.Query()
	size := min(number(query.Get("per_page"), 30, 100), s.pageSize)
	at := number(query.Get("page"), 1, 1<<30)
	last := max((len(all)+size-1)/size, 1)
	from := min((at-1)*size, len(all))
	part := []object{}
	for _, item := range all[from:min(from+size, len(all))] {
		part = append(part, wire(item))
	}
	var links []string
	link := func(rel string, page int) {
		to := url.URL{Path: c.URL.Path, RawPath: c.URL.RawPath}
		linked := maps.Clone(query)
		linked.Set("page", strconv.Itoa(page))
		links = append(links, fmt.Sprintf(`<%s%s?%s>; rel="%s"`, s.base, to.EscapedPath(), linked.Encode(), rel))
	}
	if at > 1 {
		link("first", 1)
		link("prev", at-1)
	}
	if at < last {
		link("next", at+1)
		link("last", last)
	}
	if links == nil {
		return part, nil
	}
	return part, http.Header{"Link": {strings.Join(links, ", ")}}
}

// SetPageSize says how many entries a page has at most. At GitHub it is 100.
func (s *Stub) SetPageSize(n int) { s.change(func() { s.pageSize = n }) }

// number is a text's, if it is one from 1 to the most.
func number(text string, otherwise, most int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return otherwise
	}
	return min(n, most)
}

// conditional answers with 304 to whoever has the answer already, got with the
// same credential; that costs no request of the limit.
func (s *Stub) conditional(w http.ResponseWriter, c *call, a answer) {
	if c.Method == http.MethodGet && a.status == http.StatusOK {
		text, err := json.Marshal(a.body)
		if err != nil {
			panic(err)
		}
		tag := fmt.Sprintf(`W/"%x"`, sha256.Sum256(append(text, c.Header.Get("Authorization")...)))
		if a.header == nil {
			a.header = http.Header{}
		}
		a.header.Set("ETag", tag)
		if c.Header.Get("If-None-Match") == tag && c.URL.Path != rateLimitPath {
			if c.spent {
				s.remaining++
			}
			a.status, a.body = http.StatusNotModified, nil
		}
	}
	s.write(w, a)
}

func (s *Stub) write(w http.ResponseWriter, a answer) {
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	for key, value := range map[string]int64{"Limit": int64(s.limit), "Remaining": int64(s.remaining),
		"Used": int64(s.limit - s.remaining), "Reset": s.reset.Unix()} {
		w.Header().Set("X-Ratelimit-"+key, strconv.FormatInt(value, 10))
	}
	w.Header().Set("X-Ratelimit-Resource", "core")
	switch {
	case a.page != "":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte(a.page))
	case a.body == nil:
		w.WriteHeader(a.status)
	default:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(a.status)
		_ = json.NewEncoder(w).Encode(a.body)
	}
}
