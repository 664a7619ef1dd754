package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/watchbill/watchbill/validate"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitFailure `xml:"failure"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes a test suite for each file: an error is a test that failed, a
// warning is one that passed and says something, and a file without either is one
// that passed.
func JUnit(w io.Writer, findings []validate.Finding, o Options) error {
	byFile := map[string][]validate.Finding{}
	files := slices.Clone(o.Files)
	for _, f := range findings {
		byFile[f.File] = append(byFile[f.File], f)
		files = append(files, f.File)
	}
	slices.Sort(files)
	all := junitSuites{Name: "watchbill validate"}
	for _, file := range slices.Compact(files) {
		s := o.junitSuite(file, byFile[file])
		all.Suites = append(all.Suites, s)
		all.Tests += s.Tests
		all.Failures += s.Failures
	}
	content, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("write the findings as JUnit: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s%s\n", xml.Header, content); err != nil {
		return fmt.Errorf("write the findings: %w", err)
	}
	return nil
}

func (o Options) junitSuite(file string, findings []validate.Finding) junitSuite {
	name := o.path(file)
	if name == "" {
		name = "the repo"
	}
	s := junitSuite{Name: name, Tests: max(len(findings), 1)}
	if len(findings) == 0 {
		s.Cases = []junitCase{{Name: "valid", Class: name}}
	}
	for _, f := range findings {
		c := junitCase{Name: f.Check, Class: name, File: o.path(f.File), Line: f.Line}
		if f.Line > 0 {
			c.Name = fmt.Sprintf("%s at %d:%d", f.Check, f.Line, f.Column)
		}
		f.File = c.File
		text := f.String() + strings.TrimPrefix(details(f), f.Message)
		if f.Severity == validate.Error {
			s.Failures++
			c.Failure = &junitFailure{Message: f.Message, Type: f.Check, Text: text}
		} else {
			c.Out = text
		}
		s.Cases = append(s.Cases, c)
	}
	return s
}
