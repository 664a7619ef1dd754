package proof

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What Prometheus logs around a reload.
const (
	reloadBegins = "Loading configuration file"
	reloadFailed = "Error reloading config"
	partFailed   = "Failed to apply configuration" // says only that an earlier line has the cause
)

// maxLine is the longest line of a log that is read; a longer one ends the reading.
const maxLine = 1 << 20

// maxCauses is how many causes of one refusal are told.
const maxCauses = 2

// RefusalLog finds in Prometheus's log, JSON or logfmt, why the newest reload
// since then was refused, as one line. Prometheus writes it nowhere else. It is
// empty if the log does not say.
//
// The newest reload that failed is not the newest: the agent has gone back to
// the bundle before it meanwhile.
func RefusalLog(text []byte, since time.Time) string {
	var attempt, failed []logLine
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line := parseLine(lines.Bytes())
		if line.at.Before(since) {
			continue
		}
		switch {
		case line.message == reloadBegins:
			attempt = nil
		case strings.EqualFold(line.level, "error"):
			attempt = append(attempt, line)
		}
		if line.message == reloadFailed {
			failed, attempt = attempt, nil
		}
	}
	return causes(failed)
}

// causes leaves out the lines that only point to others, if there are others.
func causes(lines []logLine) string {
	var own, wrapping []string
	for _, line := range lines {
		text := line.cause()
		switch line.message {
		case reloadFailed, partFailed:
			wrapping = append(wrapping, text)
		default:
			if !slices.Contains(own, text) { // Prometheus logs a bad rule file twice
				own = append(own, text)
			}
		}
	}
	if len(own) == 0 && len(wrapping) > 0 {
		return wrapping[0] // the earliest is the nearest to the cause
	}
	if more := len(own) - maxCauses; more > 0 {
		own = append(own[:maxCauses], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(own, "; ")
}

// logLine is what is read of one line.
type logLine struct {
	at                  time.Time
	level, message, err string
	scrapePool          string
}

func (l logLine) cause() string {
	text := l.err
	if text == "" {
		text = l.message
	}
	if rest, ok := strings.CutPrefix(text, "couldn't load configuration "); ok {
		if _, after, ok := strings.Cut(rest, "): "); ok {
			text = after
		}
	}
	if l.scrapePool != "" {
		text = "scrape job " + l.scrapePool + ": " + text
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
}

func parseLine(raw []byte) logLine {
	fields := map[string]string{}
	if json.Unmarshal(raw, (*stringFields)(&fields)) != nil {
		fields = parseLogfmt(string(raw))
	}
	line := logLine{level: fields["level"], message: fields["msg"], err: fields["err"], scrapePool: fields["scrape_pool"]}
	if at, err := time.Parse(time.RFC3339Nano, fields["time"]); err == nil {
		line.at = at
	}
	return line
}

// stringFields is a JSON object of which only the strings matter.
type stringFields map[string]string

func (f *stringFields) UnmarshalJSON(raw []byte) error {
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	for key, value := range all {
		if text, ok := value.(string); ok {
			(*f)[key] = text
		}
	}
	return nil
}

// parseLogfmt reads key=value and key="quoted value" pairs; what is neither is skipped.
func parseLogfmt(line string) map[string]string {
	fields := map[string]string{}
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimLeft(line, " ") {
		end := strings.IndexAny(line, "= ")
		if end < 0 || line[end] == ' ' {
			_, line, _ = strings.Cut(line, " ")
			continue
		}
		key, rest := line[:end], line[end+1:]
		if quoted, err := strconv.QuotedPrefix(rest); err == nil {
			fields[key], _ = strconv.Unquote(quoted)
			line = rest[len(quoted):]
			continue
		}
		fields[key], line, _ = strings.Cut(rest, " ")
	}
	return fields
}
