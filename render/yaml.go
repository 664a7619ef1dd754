package render

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// yamlWriter writes the little YAML that rule files need: maps and lists in
// block style, with strings for values. It stands in for a YAML library because
// those take many times as long for the 78 MB of 100,000 rules; a fuzz test
// holds what it writes against such a library.
type yamlWriter struct {
	bytes.Buffer
	begun bool // an item has begun on this line
}

// pair writes "key: value" on a line of its own.
func (w *yamlWriter) pair(indent int, key, value string) {
	w.key(indent, key)
	w.scalar(indent, value)
	w.WriteByte('\n')
}

// raw is pair for a value that needs no quoting and is no string, such as a number.
func (w *yamlWriter) raw(indent int, key, value string) {
	w.key(indent, key)
	w.WriteString(value)
	w.WriteByte('\n')
}

// open writes the "key:" of a nested map or list.
func (w *yamlWriter) open(indent int, key string) {
	w.pad(indent)
	w.WriteString(key)
	w.WriteString(":\n")
}

// item makes the next line, which must be indented by indent+2, the first of a list's item.
func (w *yamlWriter) item(indent int) {
	w.pad(indent)
	w.WriteString("- ")
	w.begun = true
}

func (w *yamlWriter) pad(indent int) {
	if w.begun {
		w.begun = false
		return
	}
	for range indent {
		w.WriteByte(' ')
	}
}

// key writes a map's key up to its value. YAML reads a simple key only if it
// ends within 1,024 characters; a longer one is announced by a question mark.
func (w *yamlWriter) key(indent int, key string) {
	const simple = 160 // an escaped byte takes up to six characters
	w.pad(indent)
	if len(key) <= simple {
		w.flow(key)
		w.WriteString(": ")
		return
	}
	w.WriteString("? ")
	w.flow(key)
	w.WriteByte('\n')
	w.pad(indent)
	w.WriteString(": ")
}

// scalar writes a value of a key that is indented by indent: a text of several
// lines as a literal block, so that a person can read it.
func (w *yamlWriter) scalar(indent int, s string) {
	if !isBlock(s) {
		w.flow(s)
		return
	}
	body, end := strings.CutSuffix(s, "\n")
	w.WriteByte('|')
	if !end {
		w.WriteByte('-')
	}
	for line := range strings.SplitSeq(body, "\n") {
		w.WriteByte('\n')
		if line != "" {
			w.pad(indent + 2)
			w.WriteString(line)
		}
	}
}

// flow writes a scalar that stands on one line.
func (w *yamlWriter) flow(s string) {
	switch {
	case isPlain(s):
		w.WriteString(s)
	case !utf8.ValidString(s):
		// Only a value that was !!binary in its source can hold such bytes.
		fmt.Fprintf(w, "!!binary %q", base64.StdEncoding.EncodeToString([]byte(s)))
	case isPrintable(s, ""):
		w.WriteByte('\'')
		w.WriteString(strings.ReplaceAll(s, "'", "''"))
		w.WriteByte('\'')
	default:
		w.escaped(s)
	}
}

// escaped writes a string in double quotes.
func (w *yamlWriter) escaped(s string) {
	w.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.WriteByte('\\')
			w.WriteRune(r)
		case r == '\n':
			w.WriteString(`\n`)
		case r == '\t':
			w.WriteString(`\t`)
		case isPrint(r):
			w.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(w, `\U%08X`, r)
		default:
			fmt.Fprintf(w, `\u%04X`, r)
		}
	}
	w.WriteByte('"')
}

// isBlock says whether a literal block keeps s as it is. One that starts with
// white space would need an indentation indicator, one that ends in several
// newlines another chomping, and trailing blanks nobody would see.
func isBlock(s string) bool {
	return strings.Contains(s, "\n") && isPrintable(s, "\n\t") &&
		!strings.ContainsAny(s[:1], " \n\t") && !strings.HasSuffix(s, "\n\n") &&
		!strings.Contains(s, " \n") && !strings.Contains(s, "\t\n") && !strings.HasSuffix(s, " ") &&
		!strings.HasSuffix(s, "\t") && !strings.Contains(s, "\n\t")
}

// isPlain says whether s can stand without quotes and is still a string: it
// starts with a letter, is none of the words that YAML 1.1 or 1.2 takes for
// something else, and holds nothing that ends a plain scalar.
func isPlain(s string) bool {
	if s == "" || !isLetter(s[0]) || s[len(s)-1] == ' ' || s[len(s)-1] == ':' {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ' || c > '~':
			return false
		case c == '#' && s[i-1] == ' ', c == ' ' && s[i-1] == ':':
			return false
		}
	}
	return len(s) > len("false") || !isWord(s)
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isWord(s string) bool {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return true
	}
	return false
}

// isPrintable says whether s holds only characters that need no escape, and those of also.
func isPrintable(s, also string) bool {
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		if !isPrint(r) && !strings.ContainsRune(also, r) || r == utf8.RuneError {
			return false
		}
		i += size
	}
	return true
}

func isPrint(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r <= '~'
	}
	return unicode.IsPrint(r)
}
