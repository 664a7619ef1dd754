package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
)

const (
	home   = "https://github.com/watchbill/watchbill"
	pages  = home + "/blob/main/docs/checks/"
	schema = "https://json.schemastore.org/sarif-2.1.0.json"
)

// The part of SARIF 2.1.0 that code scanning reads.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string      `json:"id"`
		Short   sarifText   `json:"shortDescription"`
		HelpURI string      `json:"helpUri"`
		Default sarifConfig `json:"defaultConfiguration"`
	}
	sarifConfig struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
		Properties   map[string]string `json:"properties,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndLine     int `json:"endLine,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
)

// SARIF writes findings in the format of code scanning, version 2.1.0. A result's
// fingerprint is of its check, file and line of source, so that it stays the same
// finding when lines are added above it.
func SARIF(w io.Writer, findings []validate.Finding, o Options) error {
	rules := sarifRules(findings)
	index := map[string]int{}
	for i, r := range rules {
		index[r.ID] = i
	}
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "watchbill", Version: o.Version, InformationURI: home, Rules: rules}},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
	}
	source, seen := o.source(), map[string]int{}
	for _, f := range findings {
		r := o.sarifResult(f)
		r.RuleIndex = index[f.Check]
		line, _ := source(f.File).at(f.Line)
		r.Fingerprints = map[string]string{"watchbillFinding/v1": fingerprint(f, line.text, seen)}
		run.Results = append(run.Results, r)
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(sarifLog{Schema: schema, Version: "2.1.0", Runs: []sarifRun{run}}); err != nil {
		return fmt.Errorf("write the findings as SARIF: %w", err)
	}
	return nil
}

// sarifRules describes every check that there is, and any other that found something.
func sarifRules(findings []validate.Finding) []sarifRule {
	known := map[string]bool{}
	var rules []sarifRule
	add := func(id, title string, severity validate.Severity) {
		if !known[id] {
			known[id] = true
			rules = append(rules, sarifRule{ID: id, Short: sarifText{title}, HelpURI: pageOf(id), Default: sarifConfig{string(severity)}})
		}
	}
	for _, c := range validate.Checks() {
		add(c.ID, c.Title, c.Severity)
	}
	for _, c := range repolayout.Checks() {
		add(c.ID, c.Title, validate.Error)
	}
	for _, f := range findings {
		add(f.Check, f.Check, f.Severity)
	}
	slices.SortFunc(rules, func(a, b sarifRule) int { return cmp.Compare(a.ID, b.ID) })
	return rules
}

// pageOf is a check's page; those of the loader share one.
func pageOf(id string) string {
	if strings.HasPrefix(id, "layout/") {
		return pages + "layout.md"
	}
	return pages + strings.ReplaceAll(id, "/", "-") + ".md"
}

func (o Options) sarifResult(f validate.Finding) sarifResult {
	r := sarifResult{RuleID: f.Check, Level: string(f.Severity), Message: sarifText{details(f)}}
	if f.Owner != "" {
		r.Properties = map[string]string{"owner": f.Owner}
	}
	file := f.File
	if file == "" { // code scanning refuses a result without a place
		file = "watchbill.yaml"
	}
	at := sarifPhysical{Artifact: sarifArtifact{URI: (&url.URL{Path: o.path(file)}).String(), Base: "%SRCROOT%"}}
	if strings.HasPrefix(o.path(file), "/") {
		at.Artifact = sarifArtifact{URI: (&url.URL{Scheme: "file", Path: o.path(file)}).String()}
	}
	if f.Line > 0 {
		at.Region = &sarifRegion{StartLine: f.Line, StartColumn: f.Column, EndLine: f.EndLine, EndColumn: f.EndColumn}
	}
	r.Locations = []sarifLocation{{at}}
	return r
}

// fingerprint counts what would else be equal.
func fingerprint(f validate.Finding, line string, seen map[string]int) string {
	key := strings.Join([]string{f.Check, f.File, strings.TrimSpace(line)}, "\x00")
	if line == "" {
		key += "\x00" + f.Message
	}
	seen[key]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, seen[key]))
	return hex.EncodeToString(sum[:16])
}
