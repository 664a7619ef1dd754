package validate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonValue is a JSON value and where it stands in its file.
type jsonValue struct {
	from, to int                   // its bytes, without white space around
	text     string                // of a string
	isText   bool                  //
	fields   map[string]*jsonValue // of an object; of a key that stands twice the last holds
	items    []*jsonValue          // of a list
}

// maxJSONDepth bounds the recursion over a dashboard; Grafana's own are ten deep.
const maxJSONDepth = 100

var errJSONDepth = fmt.Errorf("objects and lists stand in each other more than %d deep", maxJSONDepth)

// parseJSON reads one JSON value with the places of all that is in it.
func parseJSON(content []byte) (*jsonValue, error) {
	p := &jsonReader{content: content, decoder: json.NewDecoder(bytes.NewReader(content))}
	return p.value(0)
}

type jsonReader struct {
	content []byte
	decoder *json.Decoder
}

// token is the next one and where it begins: after what separates it from the last.
func (p *jsonReader) token() (json.Token, int, error) {
	at := int(p.decoder.InputOffset())
	token, err := p.decoder.Token()
	if err != nil {
		return nil, at, err
	}
	for at < len(p.content) && bytes.IndexByte([]byte(" \t\r\n,:"), p.content[at]) >= 0 {
		at++
	}
	return token, at, nil
}

func (p *jsonReader) value(depth int) (*jsonValue, error) {
	token, at, err := p.token()
	if err != nil {
		return nil, err
	}
	v := &jsonValue{from: at}
	if delim, ok := token.(json.Delim); ok {
		if depth == maxJSONDepth {
			return nil, errJSONDepth
		}
		if err := p.inside(v, delim, depth+1); err != nil {
			return nil, err
		}
	}
	v.text, v.isText = token.(string)
	v.to = int(p.decoder.InputOffset())
	return v, nil
}

// inside reads the parts of an object or a list, and its end.
func (p *jsonReader) inside(v *jsonValue, delim json.Delim, depth int) error {
	if delim == '{' {
		v.fields = map[string]*jsonValue{}
	}
	for p.decoder.More() {
		name := ""
		if delim == '{' {
			key, _, err := p.token()
			if err != nil {
				return err
			}
			name, _ = key.(string)
		}
		part, err := p.value(depth)
		if err != nil {
			return err
		}
		if delim == '{' {
			v.fields[name] = part
		} else {
			v.items = append(v.items, part)
		}
	}
	_, err := p.decoder.Token()
	return err
}

// The parts of a value; of none, none.
func (v *jsonValue) field(name string) *jsonValue {
	if v == nil {
		return nil
	}
	return v.fields[name]
}

func (v *jsonValue) list(name string) []*jsonValue {
	if list := v.field(name); list != nil {
		return list.items
	}
	return nil
}

func (v *jsonValue) string(name string) string {
	if text := v.field(name); text != nil {
		return text.text
	}
	return ""
}

// textOrigins is where each byte of a JSON string comes from, given the string
// with its quotes, counted from the first of them; nothing where it reads otherwise.
func textOrigins(raw []byte, value string) []origin {
	origins := make([]origin, 0, len(value))
	for at := 1; at < len(raw)-1; {
		size, wide := textUnit(raw[at : len(raw)-1])
		for range wide {
			origins = append(origins, origin{at, at + size})
		}
		at += size
	}
	if len(origins) != len(value) {
		return nil
	}
	return origins
}

// textUnit is how many bytes of a JSON string stand for the next character, and
// how many that takes in UTF-8.
func textUnit(raw []byte) (size, wide int) {
	if raw[0] != '\\' || len(raw) < 2 {
		if r, size := utf8.DecodeRune(raw); r != utf8.RuneError || size > 1 {
			return size, size
		}
		return 1, utf8.RuneLen(utf8.RuneError)
	}
	first, ok := escapedUnit(raw)
	if !ok {
		return 2, 1
	}
	if utf16.IsSurrogate(first) {
		if second, ok := escapedUnit(raw[6:]); ok && utf16.DecodeRune(first, second) != utf8.RuneError {
			return 12, utf8.RuneLen(utf16.DecodeRune(first, second))
		}
		first = utf8.RuneError
	}
	return 6, utf8.RuneLen(first)
}

// escapedUnit reads \uXXXX.
func escapedUnit(raw []byte) (rune, bool) {
	var n rune
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	_, err := fmt.Sscanf(string(raw[2:6]), "%04x", &n)
	return n, err == nil
}
