package report

import (
	"unicode/utf8"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// source is a line without its end, and with a word in place of each secret in it.
type source struct {
	text   string
	hidden []repolayout.Part // in characters of the line as it stands in its file
}

// hide takes some bytes out of a line.
func hide(line string, secret []repolayout.Part) source {
	var s source
	done, characters := 0, 0
	for _, p := range secret {
		s.text += line[done:p.From] + repolayout.Hidden
		from := characters + utf8.RuneCountInString(line[done:p.From])
		characters = from + utf8.RuneCountInString(line[p.From:p.To])
		s.hidden = append(s.hidden, repolayout.Part{From: from, To: characters})
		done = p.To
	}
	s.text += line[done:]
	return s
}

// place is where a character of the line is shown, and that of the end of a span
// after what stands for a secret that it ends in.
func (s source) place(at int, end bool) int {
	shift := 0
	for _, p := range s.hidden {
		switch {
		case at >= p.To:
			shift += len(repolayout.Hidden) - (p.To - p.From)
		case at > p.From && end:
			return p.From + shift + len(repolayout.Hidden)
		case at > p.From:
			return p.From + shift
		}
	}
	return at + shift
}
