package notify

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed formats/*.json
var formats embed.FS

var (
	slackFormat     = compile(Slack)
	pagerDutyFormat = compile(PagerDuty)
	webhookFormat   = compile(Webhook)
)

// compile panics on a schema that is none, which is a fault of this package.
func compile(kind string) *jsonschema.Schema {
	name := "formats/" + kind + ".json"
	text, err := formats.ReadFile(name)
	if err != nil {
		panic(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(name, doc); err != nil {
		panic(err)
	}
	return c.MustCompile(name)
}

// readJSON reads a request's body. It wants a POST of JSON, and one document in which no key stands twice.
func readJSON(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method != http.MethodPost {
		return nil, fmt.Errorf("the method is %s and not POST", r.Method)
	}
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := parameters["charset"]
	if err != nil || kind != "application/json" || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return nil, fmt.Errorf("the content type is %q and not application/json", r.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := once(decoder); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not JSON: there is more after the document")
	}
	return body, nil
}

// once reads one value and refuses an object with a key twice, of which encoding/json takes the last.
func once(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[any]bool{}
	for d.More() {
		if open == '{' {
			key, err := d.Token()
			if err != nil {
				return err
			}
			if seen[key] {
				return fmt.Errorf("the key %q stands twice", key)
			}
			seen[key] = true
		}
		if err := once(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// violations are what a body has against its format, by place, sorted.
func violations(format *jsonschema.Schema, body []byte) []string {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return []string{err.Error()}
	}
	err = format.Validate(doc)
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return nil
	}
	var out []string
	for _, unit := range invalid.BasicOutput().Errors {
		if unit.Error != nil {
			out = append(out, "/"+strings.TrimPrefix(unit.InstanceLocation, "/")+": "+unit.Error.String())
		}
	}
	slices.Sort(out)
	return out
}
