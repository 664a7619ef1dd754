package validate

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// origin is the part of the raw text that one byte of a value comes from.
type origin struct{ from, to int }

// scalarDecoder reads a YAML scalar as the YAML library does, and notes where
// each byte of its value comes from. It is given the value, and so need not know
// where a plain scalar ends and how deep the block around a literal is indented.
type scalarDecoder struct {
	raw     []byte
	at      int
	most    int // bytes that are wanted
	text    []byte
	origins []origin
}

func (d *scalarDecoder) decode(value string) {
	for d.skipProperty() {
	}
	switch d.peek(0) {
	case '\'', '"':
		quote := d.raw[d.at]
		d.at++
		d.flow(quote)
	case '|', '>':
		literal := d.raw[d.at] == '|'
		for d.at < len(d.raw) && !d.atBreak() {
			d.at++
		}
		d.takeBreak()
		d.block(literal, indentOf(d.raw[d.at:])-indentOf([]byte(value)))
	default:
		d.flow(0)
	}
}

// skipProperty passes a tag or an anchor before the scalar, and comments after it.
func (d *scalarDecoder) skipProperty() bool {
	if c := d.peek(0); c != '!' && c != '&' {
		return false
	}
	for d.at < len(d.raw) && d.raw[d.at] != ' ' && d.raw[d.at] != '\t' && !d.atBreak() {
		d.at++
	}
	for d.breaks(); d.peek(0) == '#'; d.breaks() {
		for d.at < len(d.raw) && !d.atBreak() {
			d.at++
		}
	}
	return true
}

// peek is a byte further on; 0 after the end.
func (d *scalarDecoder) peek(n int) byte {
	if d.at+n >= len(d.raw) {
		return 0
	}
	return d.raw[d.at+n]
}

func (d *scalarDecoder) more() bool { return d.at < len(d.raw) && len(d.text) < d.most }

func (d *scalarDecoder) emit(text string, from origin) {
	for i := range len(text) {
		d.text = append(d.text, text[i])
		d.origins = append(d.origins, from)
	}
}

// take emits the next bytes as something else, or as they are.
func (d *scalarDecoder) take(n int, as string) {
	d.emit(as, origin{d.at, d.at + n})
	d.at += n
}

func (d *scalarDecoder) takeByte() { d.take(1, string(d.raw[d.at:d.at+1])) }

// lineBreak is a line's end, and what it is in the value.
type lineBreak struct {
	text string
	from origin
}

// breakSizes are the ends of lines that YAML 1.1 knows.
var breakSizes = []struct{ raw, text string }{
	{"\r\n", "\n"}, {"\n", "\n"}, {"\r", "\n"}, {"\u0085", "\n"}, {"\u2028", "\u2028"}, {"\u2029", "\u2029"},
}

func (d *scalarDecoder) breakHere() (lineBreak, bool) {
	if c := d.peek(0); c != '\n' && c != '\r' && c < utf8.RuneSelf {
		return lineBreak{}, false
	}
	for _, b := range breakSizes {
		if bytes.HasPrefix(d.raw[d.at:], []byte(b.raw)) {
			return lineBreak{b.text, origin{d.at, d.at + len(b.raw)}}, true
		}
	}
	return lineBreak{}, false
}

func (d *scalarDecoder) atBreak() bool {
	_, ok := d.breakHere()
	return ok
}

func (d *scalarDecoder) takeBreak() (lineBreak, bool) {
	b, ok := d.breakHere()
	if ok {
		d.at = b.from.to
	}
	return b, ok
}

func (d *scalarDecoder) emitBreaks(breaks []lineBreak) {
	for _, b := range breaks {
		d.emit(b.text, b.from)
	}
}

// flow reads a plain scalar (quote 0) or a quoted one.
func (d *scalarDecoder) flow(quote byte) {
	for d.more() {
		c := d.raw[d.at]
		switch {
		case c == ' ' || c == '\t' || d.atBreak():
			d.fold()
		case quote == '"' && c == '\\':
			d.escape()
		case quote == '\'' && c == '\'' && d.peek(1) == '\'':
			d.take(2, "'")
		case quote != 0 && c == quote:
			return
		default:
			d.takeByte()
		}
	}
}

// fold reads white space: as it is within a line; between lines one break is a
// blank, and of several the first is dropped.
func (d *scalarDecoder) fold() {
	start := d.at
	breaks := d.breaks()
	if len(breaks) == 0 {
		end := d.at
		for d.at = start; d.at < end; {
			d.takeByte()
		}
		return
	}
	if breaks[0].text == "\n" {
		if len(breaks) == 1 {
			d.emit(" ", breaks[0].from)
		}
		breaks = breaks[1:]
	}
	d.emitBreaks(breaks)
}

// breaks passes white space and returns the breaks in it.
func (d *scalarDecoder) breaks() (breaks []lineBreak) {
	for d.at < len(d.raw) {
		if b, ok := d.takeBreak(); ok {
			breaks = append(breaks, b)
		} else if c := d.raw[d.at]; c == ' ' || c == '\t' {
			d.at++
		} else {
			break
		}
	}
	return breaks
}

// escapes are those of one character.
var escapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r", 'e': "\x1b",
	' ': " ", '"': `"`, '\'': "'", '/': "/", '\\': `\`, 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// escape reads what begins with a backslash in a double-quoted scalar.
func (d *scalarDecoder) escape() {
	start := d.at
	d.at++
	if _, ok := d.takeBreak(); ok { // the line goes on; empty lines after it count
		d.emitBreaks(d.breaks())
		return
	}
	c := d.peek(0)
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	d.at = min(d.at+1+digits, len(d.raw))
	text := escapes[c]
	if digits > 0 {
		n, err := strconv.ParseUint(string(d.raw[min(start+2, d.at):d.at]), 16, 31)
		if err != nil {
			return
		}
		text = string(rune(n))
	}
	d.emit(text, origin{start, d.at})
}

// block reads a literal or folded scalar, from the line after its header.
func (d *scalarDecoder) block(literal bool, indent int) {
	var leading []lineBreak // the break of the line before, if there is one
	leadingBlank := false
	trailing, inside := d.emptyLines(indent)
	for ; inside && d.more(); trailing, inside = d.emptyLines(indent) {
		blank := d.peek(0) == ' ' || d.peek(0) == '\t'
		folded := !literal && !leadingBlank && !blank && len(leading) > 0 && leading[0].text == "\n"
		switch {
		case !folded:
			d.emitBreaks(leading)
		case len(trailing) == 0:
			d.emit(" ", leading[0].from)
		}
		d.emitBreaks(trailing)
		leadingBlank = blank
		for d.at < len(d.raw) && !d.atBreak() {
			d.takeByte()
		}
		leading = nil
		if b, ok := d.takeBreak(); ok {
			leading = []lineBreak{b}
		}
	}
	d.emitBreaks(leading)
	d.emitBreaks(trailing)
}

// emptyLines passes lines without text and the next line's indentation; inside
// says that a line of the scalar follows.
func (d *scalarDecoder) emptyLines(indent int) (breaks []lineBreak, inside bool) {
	for {
		column := 0
		for ; column < indent && d.peek(0) == ' '; column++ {
			d.at++
		}
		b, ok := d.takeBreak()
		if !ok {
			return breaks, column == indent && d.at < len(d.raw)
		}
		breaks = append(breaks, b)
	}
}

// indentOf is how many spaces stand before the first thing that can be seen.
func indentOf(text []byte) int {
	white := text[:len(text)-len(bytes.TrimLeft(text, " \t\r\n\u0085\u2028\u2029"))]
	line := white[len(bytes.TrimRight(white, " \t")):]
	return len(line) - len(bytes.TrimLeft(line, " "))
}
