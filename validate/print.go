package validate

import (
	"encoding/json"
	"fmt"
	"io"
)

// PrintJSON writes findings for programs: a JSON array, empty rather than null.
// Package report has the forms for people and for the tools around them.
func PrintJSON(w io.Writer, findings []Finding) error {
	if findings == nil {
		findings = []Finding{}
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(findings); err != nil {
		return fmt.Errorf("write the findings: %w", err)
	}
	return nil
}
