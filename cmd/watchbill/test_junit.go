package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/watchbill/watchbill/validate/ruletest"
)

// The format that CI systems read: a suite is a test file.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		File      string        `xml:"file,attr"`
		Line      int           `xml:"line,attr,omitempty"`
		Time      string        `xml:"time,attr"`
		Failure   *junitFailure `xml:"failure"`
		Error     *junitFailure `xml:"error"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// junit writes the results in JUnit's format.
func (r *testReport) junit(w io.Writer) error {
	out := junitSuites{}
	for i := range r.Files {
		out.Suites = append(out.Suites, suiteOf(&r.Files[i]))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func suiteOf(f *ruletest.FileResult) junitSuite {
	s := junitSuite{Name: f.Path, Tests: len(f.Tests)}
	total := 0.0
	for i := range f.Tests {
		t := &f.Tests[i]
		c := junitCase{Name: t.Name, Classname: f.Path, File: f.Path, Line: t.Line, Time: seconds(t.Duration.Seconds())}
		if !t.Passed {
			c.Failure = failureOf(f.Path, t)
			s.Failures++
		}
		total += t.Duration.Seconds()
		s.Cases = append(s.Cases, c)
	}
	s.Time = seconds(total)
	for _, p := range f.Problems {
		if p.Warning {
			continue
		}
		s.Errors++
		s.Tests++
		s.Cases = append(s.Cases, junitCase{
			Name: "(file)", Classname: f.Path, File: f.Path, Line: p.Line, Time: seconds(0),
			Error: &junitFailure{Message: p.Message, Text: place(f.Path, p.Position) + ": " + p.Message + "\n" + p.Hint},
		})
	}
	return s
}

func failureOf(path string, t *ruletest.TestResult) *junitFailure {
	var b strings.Builder
	for i := range t.Failures {
		f := &t.Failures[i]
		fmt.Fprintf(&b, "%s: %s\n", place(path, f.Position), f.Message)
		writeDiff(&b, f)
		writeHint(&b, f.Hint)
	}
	message := "failed"
	if len(t.Failures) > 0 {
		message = t.Failures[0].Message
	}
	return &junitFailure{Message: message, Text: b.String()}
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }
