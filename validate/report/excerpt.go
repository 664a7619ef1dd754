package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// excerpt is a line of source as it is shown, with the columns that a mark goes under.
type excerpt struct {
	text          string
	before, under int
}

// cell is one character as a terminal shows it.
type cell struct {
	text  string
	width int
}

const tab = "    "

func cellOf(r rune) cell {
	switch {
	case r == '\t':
		return cell{tab, len(tab)}
	case !unicode.IsPrint(r) || r == utf8.RuneError:
		return cell{"�", 1}
	case unicode.In(r, unicode.Mn, unicode.Me):
		return cell{string(r), 0}
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return cell{string(r), 2}
	}
	return cell{string(r), 1}
}

// newExcerpt shows the part of a line around the characters from to to, in at
// most so many columns.
func newExcerpt(line string, from, to, most int) excerpt {
	from, to = min(from, len(line)), min(to, len(line)+1)
	skip := max(0, from-most)
	var cells []cell
	at, total, more := 0, 0, false
	for _, r := range line {
		if more = at >= from+2*most; more {
			break
		}
		if at >= skip {
			cells = append(cells, cellOf(r))
			total += cells[len(cells)-1].width
		}
		at++
	}
	from, to = min(from-skip, len(cells)), min(to-skip, len(cells))
	lo, hi := 0, len(cells)
	if skip > 0 || more || total > most {
		lo, hi = window(cells, from, to, most-2)
	}
	var out excerpt
	var text strings.Builder
	if skip > 0 || lo > 0 {
		text.WriteString("…")
		out.before = 1
	}
	for i := lo; i < hi; i++ {
		text.WriteString(cells[i].text)
		switch {
		case i < from:
			out.before += cells[i].width
		case i < to:
			out.under += cells[i].width
		}
	}
	if more || hi < len(cells) {
		text.WriteString("…")
	}
	out.text = text.String()
	return out
}

// window grows from the span's start to its end, and then to both sides, while there is room.
func window(cells []cell, from, to, most int) (lo, hi int) {
	lo, hi = from, from
	used := 0
	grow := func(i int) bool {
		if i < 0 || i >= len(cells) || used+cells[i].width > most {
			return false
		}
		used += cells[i].width
		return true
	}
	for hi < to && grow(hi) {
		hi++
	}
	for more := true; more; {
		more = false
		if grow(lo - 1) {
			lo, more = lo-1, true
		}
		if grow(hi) {
			hi, more = hi+1, true
		}
	}
	return lo, hi
}
