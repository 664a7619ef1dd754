package schedule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The outcomes of a run.
const (
	Running = "running" // not over yet
	Done    = "done"
	Nothing = "nothing" // there was nothing to do
	Failed  = "failed"  // may pass by the next tick
	Refused = "refused" // a person must act first
)

// MaxResult is how many bytes of a termination message the kubelet keeps.
const MaxResult = 4096

// What is kept of a result, whoever wrote it.
const (
	maxLines  = 10
	maxLine   = 300
	maxReason = 40
	maxHint   = 600
	maxCounts = 32
	maxLag    = 128
)

// Result is what a run says of itself in its termination message.
type Result struct {
	Outcome string `json:"outcome"`
	// Reason is one word for programs, such as "overlap" or "disk-full".
	Reason string `json:"reason,omitempty"`
	// Hint is what happened, in a sentence, and what to do.
	Hint   string           `json:"hint,omitempty"`
	Counts map[string]int64 `json:"counts,omitempty"`
	// Lag is by how many seconds the bucket is behind each replica, for ship.
	Lag     map[string]float64 `json:"lag,omitempty"`
	Started time.Time          `json:"started,omitzero"`
	Ended   time.Time          `json:"ended,omitzero"`
	// Lines are the last of the log.
	Lines []string `json:"lines,omitempty"`
}

// Good says that the run did all that there was to do.
func (r *Result) Good() bool { return r.Outcome == Done || r.Outcome == Nothing }

// WriteTo writes the result as a termination message: whole if it fits, and
// otherwise without what matters least: the oldest lines, then the lag, then counts.
func (r Result) WriteTo(w io.Writer) (int64, error) {
	r.tidy()
	for {
		raw, err := json.Marshal(r)
		if err != nil {
			return 0, fmt.Errorf("write the result: %w", err)
		}
		if len(raw) <= MaxResult {
			n, err := w.Write(raw)
			return int64(n), err
		}
		switch {
		case len(r.Lines) > 0:
			r.Lines = r.Lines[1:]
		case len(r.Lag) > 0:
			r.Lag = largest(r.Lag, len(r.Lag)*3/4)
		case len(r.Counts) > 0:
			r.Counts = nil
		default:
			r.Hint = clip(r.Hint, len(r.Hint)/2)
		}
	}
}

// ParseResult reads a termination message. Whatever wrote it is not trusted:
// everything is bounded, and nothing in it can move a terminal's cursor.
func ParseResult(message string) (Result, error) {
	var r Result
	if len(message) > MaxResult {
		return r, fmt.Errorf("read the result: %d bytes are more than %d", len(message), MaxResult)
	}
	if err := json.Unmarshal([]byte(message), &r); err != nil {
		return Result{}, fmt.Errorf("read the result: %w", err)
	}
	if !slices.Contains([]string{Done, Nothing, Failed, Refused}, r.Outcome) {
		return Result{}, errors.New("read the result: its outcome is not one that there is")
	}
	r.tidy()
	return r, nil
}

var (
	countName   = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.-]{0,62}$`)
	replicaName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
)

func (r *Result) tidy() {
	r.Reason, r.Hint = clip(plain(r.Reason), maxReason), clip(plain(r.Hint), maxHint)
	lines := make([]string, 0, maxLines)
	for _, line := range r.Lines[max(0, len(r.Lines)-maxLines):] {
		lines = append(lines, clip(plain(line), maxLine))
	}
	r.Lines = lines
	r.Counts = maps.Clone(r.Counts)
	maps.DeleteFunc(r.Counts, func(name string, _ int64) bool { return !countName.MatchString(name) })
	r.Counts = largest(r.Counts, maxCounts)
	r.Lag = maps.Clone(r.Lag)
	maps.DeleteFunc(r.Lag, func(name string, seconds float64) bool {
		return !replicaName.MatchString(name) || math.IsNaN(seconds) || math.IsInf(seconds, 0) || seconds < 0
	})
	r.Lag = largest(r.Lag, maxLag)
}

// largest keeps n entries of a map: those of the largest values, then by name.
func largest[V int64 | float64](m map[string]V, n int) map[string]V {
	if len(m) <= n {
		return m
	}
	names := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if m[a] != m[b] {
			if m[a] > m[b] {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	kept := make(map[string]V, n)
	for _, name := range names[:n] {
		kept[name] = m[name]
	}
	return kept
}

// plain makes a text one line without control characters.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
}

// clip cuts a text to so many bytes, between two characters.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
