package validate

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	texttemplate "text/template"
	"time"
	_ "time/tzdata" // so that the function tz finds its zones on every machine

	amtemplate "github.com/prometheus/alertmanager/template"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// sampleData are what templates are run on: alerts that fire, that are over, and both.
func sampleData() []any {
	firing, resolved := sampleAlert("firing"), sampleAlert("resolved")
	var samples []any
	for _, alerts := range []amtemplate.Alerts{{firing}, {resolved}, {firing, resolved}} {
		samples = append(samples, &amtemplate.Data{
			Receiver: "sample", Status: alerts[0].Status, Alerts: alerts,
			GroupLabels:  amtemplate.KV{"alertname": "SampleAlert"},
			CommonLabels: firing.Labels, CommonAnnotations: firing.Annotations,
			ExternalURL: "http://alertmanager.example",
		})
	}
	return samples
}

func sampleAlert(status string) amtemplate.Alert {
	// The time of Go's layouts: formatted by any layout, it never grows.
	at := time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC)
	return amtemplate.Alert{
		Status: status,
		Labels: amtemplate.KV{
			"alertname": "SampleAlert", "team": "sample", "severity": "critical", "namespace": "default",
			"service": "sample", "job": "sample", "instance": "sample:8080", "pod": "sample-0", "cluster": "sample",
		},
		Annotations: amtemplate.KV{
			"summary": "a sample", "description": "what a sample alert says", "runbook_url": "http://runbooks.example/sample",
		},
		StartsAt: at, EndsAt: at.Add(time.Hour),
		GeneratorURL: "http://prometheus.example/graph", Fingerprint: "0123456789abcdef",
	}
}

// partData are what a template may be called with instead of the whole data.
func partData() []any {
	alert := sampleAlert("firing")
	return []any{
		amtemplate.Alerts{alert, alert}, alert, alert.Labels, alert.Labels.SortedPairs(),
		alert.Labels.SortedPairs()[0], "text", alert.StartsAt,
	}
}

// runEntry runs a template that only receivers can call. What they call it with
// is mostly the whole data; a template that is made for a part of it may run on
// that, unless it stands in for one of Alertmanager's own.
func (s *templateSet) runEntry(name string) {
	fault, failed := s.runOn(name, sampleData())
	if !failed {
		return
	}
	if !s.own[name] && fault.message != errBudget.Error() {
		for _, part := range partData() {
			if _, failed := s.runOn(name, []any{part}); !failed {
				return
			}
		}
	}
	if fault.file == "" {
		fault.file, fault.offset = s.placeOf(name)
	}
	s.add(fault)
}

// runOn runs a template on each sample until one fails.
func (s *templateSet) runOn(name string, samples []any) (templateFault, bool) {
	for _, data := range samples {
		if err := s.run(s.text.Lookup(name), data); err != nil {
			return s.runFault(err, ""), true
		}
	}
	return templateFault{}, false
}

// run runs a template within a new budget. A panic is an error: text/template
// recovers most of them, but not those of the runtime.
func (s *templateSet) run(t *texttemplate.Template, data any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("running it panics: %v", r)
		}
	}()
	s.budget.reset()
	return t.Execute(s.budget, data)
}

// runError is how text/template words it: name, line, column from 0, template, what.
var runError = regexp.MustCompile(`(?s)^template: (.*?):(\d+):(\d+): executing "(.*?)" at <(.*?)>: (.*)$`)

// runFault says where a run failed and why: in a file, or in a receiver's text.
func (s *templateSet) runFault(err error, text string) templateFault {
	m := runError.FindStringSubmatch(err.Error())
	if errors.Is(err, errBudget) {
		fault := templateFault{message: errBudget.Error(), hint: "look for a template that calls itself, or a loop that is too long"}
		if m != nil {
			fault.file, fault.offset = s.placeOf(m[4])
		}
		return fault
	}
	if m == nil {
		return templateFault{message: strings.TrimPrefix(err.Error(), "template: ")}
	}
	fault := templateFault{message: fmt.Sprintf("%s: %s", m[5], runMessage(m[6]))}
	if f := s.files[m[1]]; f != nil {
		fault.file, text = f.Path, string(f.Content)
	}
	if m[1] == receiverName || fault.file != "" {
		line, _ := strconv.Atoi(m[2])
		column, _ := strconv.Atoi(m[3])
		start, _ := offsetOf([]byte(text), line, 1)
		fault.offset, fault.end = wordAt(text, m[5], start+column)
	}
	return fault
}

var (
	dataType  = regexp.MustCompile(`in type \*?template\.(\w+)`)
	dataValue = regexp.MustCompile(`(?s)(range can't iterate over) .*$`)
)

// runMessage leaves Go's names and the sample's values out.
func runMessage(message string) string {
	return dataValue.ReplaceAllString(dataType.ReplaceAllString(message, "in $1"), "$1 this")
}

// placeOf is where a template of a file of the repo begins.
func (s *templateSet) placeOf(name string) (file string, offset int) {
	t := s.text.Lookup(name)
	if t == nil || t.Tree == nil || s.files[t.ParseName] == nil {
		return "", 0
	}
	for _, n := range t.Root.Nodes[1:] { // the first counts steps
		if strings.TrimSpace(n.String()) != "" {
			return t.ParseName, int(n.Position())
		}
	}
	return t.ParseName, 0
}

// receiverText checks a text that a receiver sends: Alertmanager takes each for a template.
func (s *templateSet) receiverText(text, owner string, at repolayout.Pos, content []byte) []Finding {
	if !strings.Contains(text, "{{") {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	faults, known := s.texts[text]
	if !known {
		faults = s.checkText(text)
		s.texts[text] = faults
	}
	var found []Finding
	for _, fault := range faults {
		if fault.file != "" {
			found = append(found, s.finding(fault))
			continue
		}
		f := Finding{Check: routingTemplate, Severity: Error, Owner: owner, Message: fault.message, Hint: fault.hint}
		f.Mark(content, at, text, fault.offset, fault.end)
		found = append(found, f)
	}
	return found
}

// receiverName is how a receiver's text is called while it is checked.
const receiverName = "receiver"

// checkText parses, lints and runs a text in the set, and leaves nothing behind in it.
func (s *templateSet) checkText(text string) []templateFault {
	if s.text == nil {
		return nil
	}
	if len(text) > maxText {
		return []templateFault{{message: fmt.Sprintf("the text takes %d KiB; the most is %d KiB", len(text)>>10, maxText>>10)}}
	}
	clone, err := s.text.Clone()
	if err != nil {
		return []templateFault{{message: err.Error()}}
	}
	t, err := clone.New(receiverName).Parse(text)
	if err != nil {
		return []templateFault{parseFault("", text, err)}
	}
	if t.Tree == nil {
		return nil
	}
	if faults := s.lint(t.Root, "", text); len(faults) > 0 {
		return faults
	}
	addSteps(t.Root)
	for _, data := range sampleData() {
		if err := s.run(t, data); err != nil {
			return []templateFault{s.runFault(err, text)}
		}
	}
	return nil
}
