package validate

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// placeIn finds where the byte at offset of a YAML scalar's value stands in the
// file, given where the scalar begins. Folding, indentation and quoting change
// white space and escapes only, so the value's other bytes stand in the file in
// the same order: counting them leads from one to the other, in every style.
// Where the file does not hold the value (an alias, say) it is the scalar's place.
func placeIn(content []byte, scalar repolayout.Pos, value string, offset int) repolayout.Pos {
	start, ok := offsetOf(content, scalar.Line, scalar.Column)
	if !ok || offset > len(value) {
		return scalar
	}
	raw, ok := rawOffset(newScalarReader(content[start:]), value, offset)
	if !ok {
		return scalar
	}
	pos := scalar
	pos.Line, pos.Column = lineColumn(content, start+raw)
	return pos
}

// rawOffset walks value and the raw text side by side up to offset.
func rawOffset(raw *scalarReader, value string, offset int) (int, bool) {
	end, gap := 0, 0 // the raw offset after the last byte that counts, and the blanks since
	for i := range len(value) {
		if isBlank(value[i]) {
			if i == offset {
				return end + gap, end > 0
			}
			gap++
			continue
		}
		b, at, ok := raw.next()
		if !ok || b != value[i] {
			return 0, false
		}
		if i == offset {
			return at, true
		}
		end, gap = raw.at, 0
	}
	return end, end > 0
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// scalarReader reads the bytes of a scalar that are not white space, in the
// style that its first byte shows.
type scalarReader struct {
	raw     []byte
	at      int
	style   byte   // ' or " or 0 for plain and block scalars
	pending []byte // of an escape that stands for several bytes
	from    int    // where that escape begins
}

func newScalarReader(raw []byte) *scalarReader {
	r := &scalarReader{raw: raw}
	for r.skipProperty() {
	}
	if r.at == len(raw) {
		return r
	}
	switch c := raw[r.at]; c {
	case '\'', '"':
		r.style = c
		r.at++
	case '|', '>':
		if n := bytes.IndexByte(raw[r.at:], '\n'); n >= 0 {
			r.at += n + 1
		}
	}
	return r
}

// skipProperty passes a tag or an anchor before the scalar.
func (r *scalarReader) skipProperty() bool {
	if r.at == len(r.raw) || r.raw[r.at] != '!' && r.raw[r.at] != '&' {
		return false
	}
	for r.at < len(r.raw) && !isBlank(r.raw[r.at]) {
		r.at++
	}
	for r.at < len(r.raw) && isBlank(r.raw[r.at]) {
		r.at++
	}
	return true
}

// next returns the next byte that is not white space, and where it stands.
func (r *scalarReader) next() (b byte, at int, ok bool) {
	for {
		if len(r.pending) > 0 {
			b, r.pending = r.pending[0], r.pending[1:]
			if isBlank(b) {
				continue
			}
			return b, r.from, true
		}
		if r.at >= len(r.raw) {
			return 0, 0, false
		}
		b, at = r.raw[r.at], r.at
		r.at++
		switch {
		case isBlank(b):
		case r.style == '"' && b == '\\':
			r.escape()
		case b == r.style && r.style == '\'' && r.at < len(r.raw) && r.raw[r.at] == '\'':
			r.at++
			return b, at, true
		case b == r.style && r.style != 0:
			return 0, 0, false
		default:
			return b, at, true
		}
	}
}

// escape reads what follows a backslash in a double-quoted scalar.
func (r *scalarReader) escape() {
	r.from = r.at - 1
	if r.at >= len(r.raw) {
		return
	}
	c := r.raw[r.at]
	r.at++
	if digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]; digits > 0 && r.at+digits <= len(r.raw) {
		n, err := strconv.ParseUint(string(r.raw[r.at:r.at+digits]), 16, 32)
		if err == nil {
			r.pending = utf8.AppendRune(nil, rune(n))
			r.at += digits
		}
		return
	}
	switch c {
	case '"', '\\', '/':
		r.pending = []byte{c}
	case '0', 'a', 'b', 'e', 'f', 'v':
		r.pending = []byte{map[byte]byte{'0': 0, 'a': 7, 'b': 8, 'e': 27, 'f': 12, 'v': 11}[c]}
	case 'N':
		r.pending = []byte("\u0085")
	case '_':
		r.pending = []byte("\u00a0")
	case 'L':
		r.pending = []byte("\u2028")
	case 'P':
		r.pending = []byte("\u2029")
	}
	// What is left is n, t, r, a blank or the end of the line: white space.
}

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
