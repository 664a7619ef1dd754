package compact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

const (
	maxText  = 64 << 10 // of a line of the log
	maxLines = 20
)

// reader takes the child's log: it counts what was done, keeps the last lines
// and the fault, and writes each line for people. It never fails, so that the
// child never waits.
type reader struct {
	to     io.Writer
	line   []byte
	cut    bool
	counts Counts
	lines  []string
	reason string // why the compactor ended, in its own words
	err    string // the same with the calls that led to it
	plain  string // the last line that is no JSON
}

func newReader(to io.Writer) *reader { return &reader{to: to} }

// Write takes bytes of the log, in pieces of any length.
func (r *reader) Write(p []byte) (int, error) {
	n := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		piece := p
		if end >= 0 {
			piece = p[:end]
		}
		room := maxText - len(r.line)
		r.cut = r.cut || len(piece) > room
		r.line = append(r.line, piece[:min(len(piece), max(room, 0))]...)
		if end < 0 {
			return n, nil
		}
		r.take()
		r.line, r.cut, p = r.line[:0], false, p[end+1:]
	}
}

// close takes the last line, which may have no end.
func (r *reader) close() {
	if len(r.line) > 0 {
		r.take()
	}
}

// entry is a line of Thanos's log, as far as anything here reads it.
type entry struct {
	Level       string `json:"level"`
	Msg         string `json:"msg"`
	Err         any    `json:"err"`
	Reason      any    `json:"reason"`
	Status      string `json:"status"`
	Group       any    `json:"group"`
	Block       any    `json:"block"`
	OldBlock    any    `json:"old_block"`
	ResultBlock any    `json:"result_block"`
	ID          any    `json:"id"`
	New         any    `json:"new"`
}

func (r *reader) take() {
	var e entry
	if r.cut || json.Unmarshal(r.line, &e) != nil {
		// A fault can be longer than a line may be; its beginning says enough.
		if text := strings.TrimSpace(string(r.line)); text != "" {
			r.plain = text
			r.keep(brief(text))
		}
		return
	}
	if e.Msg == "changing probe status" {
		if s, ok := e.Reason.(string); ok && s != "" && r.reason == "" {
			r.reason = s
		}
		return
	}
	r.count(e)
	if s, ok := e.Err.(string); ok && e.Level == "error" {
		r.err = withoutCalls(s)
	}
	if text := e.text(); text != "" {
		r.keep(text)
	}
}

func (r *reader) count(e entry) {
	switch e.Msg {
	case "uploaded block":
		if e.ResultBlock != nil {
			r.counts.Compacted++
		}
	case "downsampled block":
		r.counts.Downsampled++
	case "block has been marked for deletion":
		r.counts.Marked++
	case "deleted block marked for deletion", "deleted aborted partial upload":
		r.counts.Deleted++
	}
}

// noise is what every run says.
var noise = map[string]bool{
	"listening for requests and metrics": true, "Listening on": true, "TLS is disabled.": true, "internal server is shutting down": true,
	"internal server is shutdown gracefully": true, "loading bucket configuration": true, "exiting": true, "starting compact node": true,
	"start optional retention": true, "optional retention apply done": true, "finished running pre compaction callback; downloading blocks": true,
	"running post compaction callback": true, "finished running post compaction callback": true, "compact blocks": true,
	"marking compacted block for deletion": true,
}

func (e entry) text() string {
	if noise[e.Msg] {
		return ""
	}
	var b strings.Builder
	b.WriteString(e.Level + ": " + e.Msg)
	for _, f := range []struct {
		name  string
		value any
	}{{"group", e.Group}, {"block", e.Block}, {"old", e.OldBlock}, {"result", e.ResultBlock}, {"new", e.New}, {"id", e.ID}} {
		if f.value != nil {
			fmt.Fprintf(&b, " %s=%v", f.name, f.value)
		}
	}
	if s, ok := e.Err.(string); ok {
		b.WriteString(" " + withoutCalls(s))
	}
	return brief(b.String())
}

func (r *reader) keep(text string) {
	_, _ = fmt.Fprintln(r.to, text)
	r.lines = append(r.lines, text)
	r.lines = r.lines[max(0, len(r.lines)-maxLines):]
}

// fault is what went wrong, in the child's words.
func (r *reader) fault() string {
	switch {
	case r.reason != "":
		return r.reason
	case r.err != "":
		return r.err
	}
	return r.plain
}

// withoutCalls drops the calls that an error carries: each is two lines, a
// function and, after a tab, its place.
func withoutCalls(text string) string {
	lines := strings.Split(text, "\n")
	var kept []string
	for i, line := range lines {
		called := i+1 < len(lines) && strings.HasPrefix(lines[i+1], "\t")
		if !called && !strings.HasPrefix(line, "\t") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "; ")
}
