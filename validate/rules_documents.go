package validate

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// maxDocuments is how many of them are reported: one is as wrong as a thousand.
const maxDocuments = 10

// otherDocuments reports the documents of a rule file after the first, which
// Prometheus passes over without a word, and what is wrong inside them.
func otherDocuments(team string, f *repolayout.RuleFile) []Finding {
	var found []Finding
	later := laterDocuments(f.Content)
	for _, d := range later[:min(len(later), maxDocuments)] {
		found = append(found, Finding{
			Check: rulesDocuments, Severity: Error, Owner: team,
			Pos:     repolayout.Pos{File: f.Path, Line: d.first, Column: 1},
			Message: "Prometheus reads only the first YAML document of a rule file; what begins here would be lost",
			Hint:    "put the groups under one `groups:` without `---` between them, or make two files of it",
		})
		// With its earlier lines left empty, all lines of the document keep their numbers.
		padded := append(bytes.Repeat([]byte{'\n'}, d.line-1), d.text...)
		_, errs := rulefmt.Parse(padded, false, model.UTF8Validation, promQL, slog.New(slog.DiscardHandler))
		for _, err := range errs {
			found = append(found, rulefmtFindings(team, f.File, d, err)...)
		}
	}
	return found
}

// document is one part of a file between document markers.
type document struct {
	text  []byte
	line  int // that text begins at
	first int // the first line that holds more than a comment; 0 if none does
	open  bool
}

// laterDocuments are the documents after the first that hold anything.
func laterDocuments(content []byte) []document {
	parts := partsOf(content)
	for i, p := range parts {
		if p.first == 0 && !p.open {
			continue // comments before the first document
		}
		var later []document
		for _, p := range parts[i+1:] {
			if p.first > 0 {
				later = append(later, p)
			}
		}
		return later
	}
	return nil
}

// partsOf cuts a file at its document markers, `---` and `...`, which can stand
// nowhere else at the beginning of a line.
func partsOf(content []byte) []document {
	parts := []document{{line: 1}}
	line := 0
	for text := range bytes.Lines(content) {
		line++
		if isMarker(text) {
			open := text[0] == '-'
			text = text[len("---"):]
			parts = append(parts, document{line: line, open: open})
		}
		part := &parts[len(parts)-1]
		part.text = append(part.text, text...)
		if trimmed := bytes.TrimSpace(text); part.first == 0 && len(trimmed) > 0 && trimmed[0] != '#' && trimmed[0] != '%' {
			part.first = line
		}
	}
	return parts
}

// isMarker says whether a line begins or ends a document.
func isMarker(line []byte) bool {
	if !bytes.HasPrefix(line, []byte("---")) && !bytes.HasPrefix(line, []byte("...")) {
		return false
	}
	return len(line) == 3 || isBlank(line[3])
}

var (
	// rulefmtPlace is how rulefmt writes where something stands: once, or twice for two keys.
	rulefmtPlace = regexp.MustCompile(`(?s)^(\d+):(\d+): (?:\d+:\d+: )?(.*)$`)
	// innerPlace is how it goes on with a place inside an expression or a template.
	innerPlace = regexp.MustCompile(`(?:\d+:\d+: parse error|template: __alert_\S*:\d+): `)
)

// rulefmtFindings turns an error of rulefmt.Parse about a later document into findings.
func rulefmtFindings(owner string, f *repolayout.File, d document, err error) []Finding {
	var yamlError *yaml.TypeError
	if errors.As(err, &yamlError) || strings.HasPrefix(err.Error(), "yaml: ") {
		return yamlFindings(rulesSyntax, owner, f, err, slices.Values(ruleKeys()))
	}
	finding := Finding{
		Check: rulesSyntax, Severity: Error, Owner: owner, Message: innerPlace.ReplaceAllString(err.Error(), ""),
		Pos: repolayout.Pos{File: f.Path, Line: d.first, Column: 1},
	}
	if m := rulefmtPlace.FindStringSubmatch(finding.Message); m != nil {
		finding.Line, _ = strconv.Atoi(m[1])
		finding.Column, _ = strconv.Atoi(m[2])
		finding.Message = m[3]
	}
	var parse parser.ParseErrors
	if errors.As(err, &parse) && len(parse) > 0 {
		from, to := errorSpan(parse[0].Query, &parse[0])
		finding.Mark(f.Content, finding.Pos, parse[0].Query, from, to)
	}
	return []Finding{finding}
}

// ruleKeys are the keys of rule files, for suggestions.
var ruleKeys = sync.OnceValue(func() []string {
	keys := map[string]bool{}
	yamlKeys(reflect.TypeFor[rulefmt.RuleGroups](), keys, map[reflect.Type]bool{})
	return slices.Sorted(maps.Keys(keys))
})
