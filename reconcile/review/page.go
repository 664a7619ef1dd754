package review

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// maxPages is how many bytes all pages have together; beyond, the oldest pull
// requests have none.
const maxPages = 32 << 20

func (r *Reviewer) setPage(pull int, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pages[pull] = text
	size := 0
	for _, n := range slices.Backward(slices.Sorted(maps.Keys(r.pages))) {
		if size += len(r.pages[n]); size > maxPages && n != pull {
			delete(r.pages, n)
		}
	}
}

// Page is the whole answer on an open pull request, in Markdown.
func (r *Reviewer) Page(pull int) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text, ok := r.pages[pull]
	return text, ok
}

// Handler serves the pages at /pulls/NUMBER. It is meant for a listener that
// only those reach who may read the repository.
func (r *Reviewer) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pulls/{number}", func(w http.ResponseWriter, req *http.Request) {
		number, err := strconv.Atoi(req.PathValue("number"))
		text, ok := r.Page(number)
		if err != nil || !ok {
			http.Error(w, "there is no answer on this pull request: it is closed, or was not looked at yet", http.StatusNotFound)
			return
		}
		header := w.Header()
		header.Set("Content-Type", "text/plain; charset=utf-8")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		fmt.Fprint(w, text)
	})
	return mux
}

// pageURL is where people read the page; empty without an address.
func (r *Reviewer) pageURL(pull int) string {
	if r.opts.ExternalURL == "" {
		return ""
	}
	return fmt.Sprintf("%s/pulls/%d", r.opts.ExternalURL, pull)
}
