package github

import (
	"net/url"
	"strings"
	"unicode"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// What GitHub takes; it answers 422 to more.
const (
	maxText    = 140
	maxContext = 255
)

// fit makes a status one that GitHub takes as it is, so that what is sent can be
// compared with what is shown.
func fit(s forge.Status) forge.Status {
	s.Text = cut(basic(s.Text), maxText)
	s.Context = cut(basic(s.Context), maxContext)
	s.URL = link(s.URL)
	return s
}

// link is a URL that a browser opens, or none.
func link(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return raw
}

// basic replaces what GitHub's statuses cannot hold: characters beyond the
// basic plane, emoji for the most part.
func basic(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 0xFFFF {
			return '?'
		}
		return r
	}, text)
}

// cut shortens a text to at most so many characters, at the end of a word where
// one is near, and says so with an ellipsis. Whatever would break a line is a
// space.
func cut(text string, most int) string {
	text = clean(text)
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	end := most - 1
	if space := lastSpace(runes, most*2/3, end); space > 0 {
		end = space
	} else { // one long word, cut inside, but never between a letter and its accents
		for end > 1 && unicode.Is(unicode.M, runes[end]) {
			end--
		}
	}
	return strings.TrimRight(string(runes[:end]), " ,;:–—-") + "…"
}

// lastSpace looks for a space from most down to least.
func lastSpace(runes []rune, least, most int) int {
	for i := most; i >= least; i-- {
		if runes[i] == ' ' {
			return i
		}
	}
	return 0
}

// line is cut for texts of unknown origin, for a log.
func line(text string, most int) string { return cut(text, most) }

func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.Join(strings.Fields(text), " ")
}
