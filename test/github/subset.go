package github

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// used are the operations that Watchbill's clients ask for. The judge knows no
// other: its start takes longer with each of them, and with all of GitHub's some
// minutes.
var used = map[string][]string{
	"/app":                                 {"get"},
	"/user":                                {"get"},
	"/app/installations/{installation_id}": {"get"},
	"/app/installations/{installation_id}/access_tokens": {"post"},
	"/rate_limit":                                                   {"get"},
	"/repos/{owner}/{repo}":                                         {"get"},
	"/repos/{owner}/{repo}/installation":                            {"get"},
	"/repos/{owner}/{repo}/commits/{ref}":                           {"get"},
	"/repos/{owner}/{repo}/commits/{ref}/status":                    {"get"},
	"/repos/{owner}/{repo}/commits/{ref}/statuses":                  {"get"},
	"/repos/{owner}/{repo}/commits/{ref}/check-runs":                {"get"},
	"/repos/{owner}/{repo}/statuses/{sha}":                          {"post"},
	"/repos/{owner}/{repo}/git/ref/{ref}":                           {"get"},
	"/repos/{owner}/{repo}/git/commits/{commit_sha}":                {"get"},
	"/repos/{owner}/{repo}/pulls":                                   {"get"},
	"/repos/{owner}/{repo}/pulls/{pull_number}":                     {"get"},
	"/repos/{owner}/{repo}/issues/{issue_number}/comments":          {"get", "post"},
	"/repos/{owner}/{repo}/issues/comments/{comment_id}":            {"get", "patch", "delete"},
	"/repos/{owner}/{repo}/check-runs":                              {"post"},
	"/repos/{owner}/{repo}/check-runs/{check_run_id}":               {"get", "patch"},
	"/repos/{owner}/{repo}/check-runs/{check_run_id}/annotations":   {"get"},
	"/repos/{owner}/{repo}/check-suites/{check_suite_id}/rerequest": {"post"},
	"/repos/{owner}/{repo}/deployments":                             {"get", "post"},
	"/repos/{owner}/{repo}/deployments/{deployment_id}":             {"get"},
	"/repos/{owner}/{repo}/deployments/{deployment_id}/statuses":    {"get", "post"},
}

// description is the part of GitHub's OpenAPI description that is read.
type description struct {
	OpenAPI    string                                `json:"openapi"`
	Info       json.RawMessage                       `json:"info"`
	Servers    json.RawMessage                       `json:"servers"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components map[string]map[string]json.RawMessage `json:"components"`
}

func readDescription(file string) (*description, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read GitHub's description: %w", err)
	}
	d := new(description)
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("read GitHub's description %s: %w", file, err)
	}
	return d, nil
}

// subset is a description of the used operations alone, with everything that they refer to.
func (d *description) subset() (*description, error) {
	part := &description{OpenAPI: d.OpenAPI, Info: d.Info, Servers: d.Servers,
		Paths:      map[string]map[string]json.RawMessage{},
		Components: map[string]map[string]json.RawMessage{}}
	for _, path := range slices.Sorted(maps.Keys(used)) {
		operations := map[string]json.RawMessage{}
		for _, method := range used[path] {
			operation, ok := d.Paths[path][method]
			if !ok {
				return nil, fmt.Errorf("GitHub's description has no %s %s", strings.ToUpper(method), path)
			}
			var err error
			if operations[method], err = d.take(operation, part); err != nil {
				return nil, fmt.Errorf("%s %s: %w", strings.ToUpper(method), path, err)
			}
		}
		part.Paths[path] = operations
		// GitHub takes a ref of several segments here, which OpenAPI cannot say: x-multi-segment.
		if base, ok := strings.CutSuffix(path, "/git/ref/{ref}"); ok {
			part.Paths[base+"/git/ref/heads/{ref}"] = operations
		}
	}
	return part, nil
}

// take gives a text without its examples, and adds to the part all components that it refers to.
func (d *description) take(text json.RawMessage, part *description) (json.RawMessage, error) {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return nil, err
	}
	for _, ref := range refs(value, nil) {
		kind, name, _ := strings.Cut(strings.TrimPrefix(ref, "#/components/"), "/")
		if _, ok := part.Components[kind][name]; ok {
			continue
		}
		component, ok := d.Components[kind][name]
		if !ok {
			return nil, fmt.Errorf("GitHub's description refers to %s, which is not there", ref)
		}
		if part.Components[kind] == nil {
			part.Components[kind] = map[string]json.RawMessage{}
		}
		part.Components[kind][name] = component // so that what refers to itself is taken once
		taken, err := d.take(component, part)
		if err != nil {
			return nil, err
		}
		part.Components[kind][name] = taken
	}
	return json.Marshal(value)
}

// refs are the values of all $ref keys. It removes examples, which are for people and make the judge slow to start.
func refs(value any, found []string) []string {
	switch value := value.(type) {
	case []any:
		for _, inner := range value {
			found = refs(inner, found)
		}
	case map[string]any:
		if value["schema"] != nil {
			delete(value, "examples")
		}
		for key, inner := range value {
			if ref, ok := inner.(string); ok && key == "$ref" {
				found = append(found, ref)
			}
			found = refs(inner, found)
		}
	}
	return found
}

// example is GitHub's own example of an answer, by its name among the components.
func (d *description) example(name string) (any, error) {
	var example struct {
		Value any `json:"value"`
	}
	text, ok := d.Components["examples"][name]
	if !ok {
		return nil, fmt.Errorf("GitHub's description has no example %s", name)
	}
	if err := json.Unmarshal(text, &example); err != nil {
		return nil, fmt.Errorf("read the example %s of GitHub's description: %w", name, err)
	}
	return example.Value, nil
}
