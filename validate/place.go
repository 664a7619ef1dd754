package validate

import (
	"bytes"
	"unicode/utf8"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Mark gives the finding the span that the bytes from to to of a YAML scalar's
// value take in the file, given where the scalar begins: in every style, and in
// escapes and folded lines too. Where the file does not hold the value (an alias,
// say) the finding stands at the scalar, without an end.
func (f *Finding) Mark(content []byte, scalar repolayout.Pos, value string, from, to int) {
	f.Pos, f.EndLine, f.EndColumn = scalar, 0, 0
	origins, start, ok := originsOf(content, scalar, value)
	if !ok {
		return
	}
	from, to = max(0, min(from, len(value))), min(to, len(value))
	begin, _ := rawSpan(origins, value, from)
	f.Line, f.Column = lineColumn(content, start+begin)
	for to > from+1 && isBlank(value[to-1]) {
		to--
	}
	if to > from {
		_, end := rawSpan(origins, value, to-1)
		f.EndLine, f.EndColumn = lineColumn(content, start+end)
	}
}

// originsOf is where each byte of the value comes from, counted from the
// scalar's start, which is given too.
func originsOf(content []byte, scalar repolayout.Pos, value string) (origins []origin, start int, ok bool) {
	start, ok = offsetOf(content, scalar.Line, scalar.Column)
	if !ok || value == "" {
		return nil, 0, false
	}
	d := &scalarDecoder{raw: content[start:], most: len(value)}
	d.decode(value)
	if len(d.text) < len(value) || string(d.text[:len(value)]) != value {
		return nil, 0, false
	}
	return d.origins, start, true
}

// rawSpan is where a byte of the value begins and ends in the raw text. What is
// after the value's end is after the last byte that can be seen: "unexpected end
// of input" is said of the expression's last line, not of the one below it.
func rawSpan(origins []origin, value string, offset int) (from, to int) {
	if offset < len(value) {
		return origins[offset].from, origins[offset].to
	}
	last := len(value) - 1
	for last > 0 && isBlank(value[last]) {
		last--
	}
	return origins[last].to, origins[last].to
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// offsetOf is the byte offset of a line and column, which counts characters.
func offsetOf(content []byte, line, column int) (int, bool) {
	if line < 1 || column < 1 {
		return 0, false
	}
	at := 0
	for ; line > 1; line-- {
		n := bytes.IndexByte(content[at:], '\n')
		if n < 0 {
			return 0, false
		}
		at += n + 1
	}
	for ; column > 1 && at < len(content) && content[at] != '\n'; column-- {
		_, size := utf8.DecodeRune(content[at:])
		at += size
	}
	return at, column == 1
}

// lineColumn is the line and column, in characters, of a byte offset.
func lineColumn(content []byte, offset int) (line, column int) {
	before := content[:min(offset, len(content))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte{'\n'}) + 1, utf8.RuneCount(before[start:]) + 1
}
