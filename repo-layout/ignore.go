package repolayout

import (
	"bytes"
	"regexp"
	"unicode/utf8"
)

// Ignore is a comment that silences a check, and the lines that it speaks of:
// those of the rule, job or key that it stands on or right above. First is 0 where
// the file as a whole is meant too.
type Ignore struct {
	Pos         Pos
	Text        string // after the mark
	First, Last int
}

// IgnoreMark is what such a comment begins with.
const IgnoreMark = "watchbill:ignore"

var ignoreComment = regexp.MustCompile(`#[ \t]*` + IgnoreMark + `\b[ \t]*([^\n\r]*)`)

// maxIgnores bounds the comments of one file.
const maxIgnores = 1000

// Ignores reads the comments of a file. Lines says what a comment on a line
// speaks of; nil is the key or list item that begins there.
func Ignores(f *File, lines func(content [][]byte, line int) (first, last int)) []Ignore {
	if !bytes.Contains(f.Content, []byte(IgnoreMark)) {
		return nil
	}
	if lines == nil {
		lines = entryLines
	}
	var out []Ignore
	content := bytes.Split(f.Content, []byte("\n"))
	for i, text := range content {
		m := ignoreComment.FindSubmatchIndex(text)
		if m == nil {
			continue
		}
		if len(out) == maxIgnores {
			break
		}
		c := Ignore{Pos: Pos{File: f.Path, Line: i + 1, Column: utf8.RuneCount(text[:m[0]]) + 1}, Text: string(text[m[2]:m[3]])}
		c.First, c.Last = lines(content, i+1)
		out = append(out, c)
	}
	return out
}

func ignoresIn(f *File) []Ignore { return Ignores(f, nil) }

// entryLines are those of the key or list item on the line, or on the next one
// that is more than a comment, with all that is indented below it.
func entryLines(content [][]byte, line int) (first, last int) {
	first = line
	for first <= len(content) && OnlyComment(content[first-1]) {
		first++
	}
	if first > len(content) {
		return 0, 0
	}
	depth, item := indentation(content[first-1])
	last = first
	for next := first + 1; next <= len(content); next++ {
		if OnlyComment(content[next-1]) {
			continue
		}
		if deep, isItem := indentation(content[next-1]); deep < depth || deep == depth && (item || !isItem) {
			break
		}
		last = next
	}
	for before := first - 1; ; before-- {
		if before == 0 {
			return 0, last // nothing stands above it
		}
		if !OnlyComment(content[before-1]) {
			return first, last
		}
	}
}

// OnlyComment says that a line holds nothing but a comment, if that.
func OnlyComment(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) == 0 || line[0] == '#'
}

// indentation is how many blanks a line begins with, and whether a list item follows.
func indentation(line []byte) (depth int, item bool) {
	rest := bytes.TrimLeft(line, " ")
	return len(line) - len(rest), bytes.HasPrefix(rest, []byte("- "))
}
