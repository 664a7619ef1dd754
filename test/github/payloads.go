package github

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" // GitHub sends the old signature too, and nobody may take it
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Payload is one of GitHub's published examples of what a webhook carries.
type Payload struct {
	Event  string // as in the X-GitHub-Event header
	Action string // may be empty
	Body   []byte
	// Wrong is why it does not fit the published schema of its event: some
	// examples are older than the schemas. Nil for most.
	Wrong error
}

// Payloads are the examples of some events, in the order in which they are
// published. They need WATCHBILL_PRISM, beside which they lie.
func Payloads(events ...string) ([]Payload, error) {
	file, err := pkg("", "@octokit", "webhooks-examples", "api.github.com", "index.json")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var published []struct {
		Name     string
		Examples []json.RawMessage
	}
	if err := json.Unmarshal(text, &published); err != nil {
		return nil, fmt.Errorf("read GitHub's example payloads %s: %w", file, err)
	}
	schemas, err := openSchemas()
	if err != nil {
		return nil, err
	}
	var all []Payload
	for _, event := range published {
		if !slices.Contains(events, event.Name) {
			continue
		}
		for _, body := range event.Examples {
			var head struct{ Action string }
			if err := json.Unmarshal(body, &head); err != nil {
				return nil, fmt.Errorf("read GitHub's example payload of %s: %w", event.Name, err)
			}
			all = append(all, Payload{Event: event.Name, Action: head.Action, Body: body, Wrong: schemas.check(event.Name, body)})
		}
	}
	return all, nil
}

// CheckPayload says why a body is none that GitHub would send for the event.
func CheckPayload(event string, body []byte) error {
	schemas, err := openSchemas()
	if err != nil {
		return err
	}
	return schemas.check(event, body)
}

// schemas are the published ones of all events.
type schemas struct{ compiler *jsonschema.Compiler }

func openSchemas() (*schemas, error) {
	file, err := pkg("", "@octokit", "webhooks-schemas", "schema.json")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	// The library's own takes none with an operator, as {/owner}.
	c.RegisterFormat(&jsonschema.Format{Name: "uri-template", Validate: func(any) error { return nil }})
	if err := c.AddResource("webhooks.json", document); err != nil {
		return nil, err
	}
	return &schemas{c}, nil
}

func (s *schemas) check(event string, body []byte) error {
	// An event with actions is called one way, one without the other.
	schema, err := s.compiler.Compile("webhooks.json#/definitions/" + event + "_event")
	if err != nil {
		if schema, err = s.compiler.Compile("webhooks.json#/definitions/" + event + "$event"); err != nil {
			return fmt.Errorf("there is no published schema of the event %s: %w", event, err)
		}
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("read the payload of %s: %w", event, err)
	}
	return schema.Validate(value)
}

// Delivery is a request as GitHub's webhooks make it, with a new delivery id.
func Delivery(ctx context.Context, url, secret, event string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	old, current := hmac.New(sha1.New, []byte(secret)), hmac.New(sha256.New, []byte(secret))
	old.Write(body)
	current.Write(body)
	for key, value := range map[string]string{
		"Content-Type":        "application/json",
		"User-Agent":          "GitHub-Hookshot/044aadd",
		"X-GitHub-Delivery":   fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]),
		"X-GitHub-Event":      event,
		"X-GitHub-Hook-ID":    "292430182",
		"X-Hub-Signature":     "sha1=" + hex.EncodeToString(old.Sum(nil)),
		"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(current.Sum(nil)),
	} {
		r.Header.Set(key, value)
	}
	return r, nil
}
