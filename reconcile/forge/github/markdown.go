package github

import (
	"strings"
	"unicode/utf8"
)

const cutNotice = "\n\n_Cut here: GitHub takes no more._"

// cutMarkdown shortens a text to at most so much, by the size that is given, at
// the end of a line, and says so. Code fences and <details> that are open there
// are closed, so that what follows is not swallowed.
func cutMarkdown(text string, most int, size func(string) int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if size(text) <= most {
		return text
	}
	var open blocks
	var used, end int // size so far, and the byte where the text is cut
	tail := cutNotice
	for at := 0; at < len(text); {
		line := text[at:]
		if n := strings.IndexByte(line, '\n'); n >= 0 {
			line = line[:n+1]
		}
		if used += size(line); used > most {
			break
		}
		open.read(strings.TrimRight(line, "\r\n"))
		at += len(line)
		if closing := open.closing() + cutNotice; used+size(closing) <= most {
			end, tail = at, closing
		}
	}
	if end == 0 { // the first line alone is too long
		end = fitting(text, most-size(tail), size)
	}
	return strings.TrimRight(text[:end], "\r\n") + tail
}

// fitting is the longest prefix of whole characters, in bytes.
func fitting(text string, most int, size func(string) int) int {
	end := 0
	for end < len(text) {
		_, n := utf8.DecodeRuneInString(text[end:])
		if most -= size(text[end : end+n]); most < 0 {
			break
		}
		end += n
	}
	return end
}

// blocks are what is open at a line of Markdown.
type blocks struct {
	fence   string // the characters that opened a code block, or empty
	details int
}

func (b *blocks) read(line string) {
	inner := strings.TrimLeft(line, " ")
	fence := leading(inner)
	switch {
	case len(line)-len(inner) > 3:
	case b.fence != "":
		if len(fence) >= len(b.fence) && fence[0] == b.fence[0] && strings.TrimSpace(inner[len(fence):]) == "" {
			b.fence = ""
		}
		return
	case fence != "" && (fence[0] == '~' || !strings.Contains(inner[len(fence):], "`")):
		b.fence = fence
		return
	}
	if b.fence == "" {
		line = strings.ToLower(line)
		b.details = max(b.details+strings.Count(line, "<details")-strings.Count(line, "</details>"), 0)
	}
}

// leading are the backticks or tildes that a code fence begins with.
func leading(line string) string {
	for _, mark := range []string{"`", "~"} {
		if n := len(line) - len(strings.TrimLeft(line, mark)); n >= 3 {
			return line[:n]
		}
	}
	return ""
}

func (b *blocks) closing() string {
	var tail string
	if b.fence != "" {
		tail = "\n" + b.fence
	}
	return tail + strings.Repeat("\n\n</details>", b.details)
}
