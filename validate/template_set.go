package validate

import (
	"cmp"
	"fmt"
	htmltemplate "html/template"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	texttemplate "text/template"
	"text/template/parse"

	amtemplate "github.com/prometheus/alertmanager/template"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// maxTemplateFile bounds a template file, whose parser recurses.
const maxTemplateFile = 1 << 20

// Templates checks notification templates: they parse, they call only what
// Alertmanager knows, and they run on sample alerts, to an end.
func Templates(files []*repolayout.File) []Finding {
	return Sort(slices.Clone(newTemplateSet(files).findings))
}

// templateMemory keeps the last set of templates.
type templateMemory struct{ last *templateSet }

func (m *templateMemory) check(files []*repolayout.File) *templateSet {
	if m.last == nil || m.last.key != templateKey(files) {
		m.last = newTemplateSet(files)
	}
	return m.last
}

func templateKey(files []*repolayout.File) string {
	var key strings.Builder
	for _, f := range files {
		fmt.Fprintf(&key, "%q %s\n", f.Path, cmp.Or(f.Digest, string(f.Content)))
	}
	return key.String()
}

// templateSet is Alertmanager's own templates and the repo's, parsed and checked.
type templateSet struct {
	key      string
	findings []Finding // in the repo's files

	mu     sync.Mutex // of all below: budgets are shared
	files  map[string]*repolayout.File
	own    map[string]bool // the names of Alertmanager's own templates that are called with the whole data
	text   *texttemplate.Template
	budget *budget
	texts  map[string][]templateFault // of receivers' texts, by text
}

// templateFault is what is wrong at an offset of a template's text.
type templateFault struct {
	file    string // of the repo; empty for a receiver's text
	offset  int
	end     int // at most offset where only the beginning is known
	message string
	hint    string
}

// instancesTemplate is the one of Alertmanager's own templates that receivers
// call with a list of alerts.
const instancesTemplate = "pagerduty.default.instances"

func newTemplateSet(files []*repolayout.File) *templateSet {
	s := &templateSet{
		key: templateKey(files), files: map[string]*repolayout.File{}, own: map[string]bool{},
		texts: map[string][]templateFault{}, budget: newBudget(),
	}
	_, err := amtemplate.FromGlobs(nil, func(text *texttemplate.Template, _ *htmltemplate.Template) { s.text = text })
	if err != nil { // Alertmanager's own templates are compiled in
		s.findings = []Finding{{Check: routingTemplate, Severity: Error, Message: fmt.Sprintf("read Alertmanager's own templates: %v", err)}}
		return s
	}
	s.text.Funcs(s.budget.funcs())
	for _, name := range newerTemplates {
		s.remove(name)
	}
	for _, t := range s.text.Templates() {
		s.own[t.Name()] = t.Name() != instancesTemplate
	}
	for _, f := range files {
		s.parse(f)
	}
	s.checkFiles()
	return s
}

// remove makes a template one that is not there: text/template cannot forget a name.
func (s *templateSet) remove(name string) {
	if t := s.text.Lookup(name); t != nil {
		t.Tree = nil
	}
}

// parse adds a file as Alertmanager does: it can be called by its base name too.
func (s *templateSet) parse(f *repolayout.File) {
	defer survive(&s.findings, routingTemplate, "", f.Path)
	s.files[f.Path] = f
	if len(f.Content) > maxTemplateFile {
		s.add(templateFault{file: f.Path, message: fmt.Sprintf("the file takes %d KiB; the most is %d KiB", len(f.Content)>>10, maxTemplateFile>>10)})
		return
	}
	t, err := s.text.New(f.Path).Parse(string(f.Content))
	if err != nil {
		s.add(parseFault(f.Path, string(f.Content), err))
		s.standIns(f.Content)
		return
	}
	if t.Tree != nil {
		_, _ = s.text.AddParseTree(path.Base(f.Path), t.Tree)
	}
}

var definition = regexp.MustCompile(`\{\{-?\s*(?:define|block)\s+"([^"]+)"`)

// standIns are empty templates for those of a file that cannot be parsed: who
// calls them is not to blame.
func (s *templateSet) standIns(content []byte) {
	for _, m := range definition.FindAllSubmatch(content, -1) {
		if name := string(m[1]); !s.defines(name) {
			_, _ = s.text.New(name).Parse("") // nothing is wrong with nothing
		}
	}
}

// add reports a fault in a file of the repo.
func (s *templateSet) add(fault templateFault) {
	s.findings = append(s.findings, s.finding(fault))
}

func (s *templateSet) finding(fault templateFault) Finding {
	f := Finding{
		Check: routingTemplate, Severity: Error, Pos: repolayout.Pos{File: fault.file}, Message: fault.message, Hint: fault.hint,
	}
	content := s.files[fault.file].Content
	f.Line, f.Column = lineColumn(content, fault.offset)
	if fault.end > fault.offset {
		f.EndLine, f.EndColumn = lineColumn(content, fault.end)
	}
	return f
}

// parseError is how text/template words it; the name is the one that was given.
var parseError = regexp.MustCompile(`(?s)^template: (.*?):(\d+): (.*)$`)

func parseFault(file, text string, err error) templateFault {
	fault := templateFault{file: file, message: err.Error()}
	if m := parseError.FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[2])
		fault.message = m[3]
		fault.offset, fault.end = templateSpan(text, line, m[3])
		fault.hint = functionHint(m[3], maps.Keys(knownFuncs()))
	}
	return fault
}

// lineOffset is where the text of a line begins.
func lineOffset(text string, line int) int {
	offset := 0
	for ; line > 1; line-- {
		n := strings.IndexByte(text[offset:], '\n')
		if n < 0 {
			return offset
		}
		offset += n + 1
	}
	for offset < len(text) && (text[offset] == ' ' || text[offset] == '\t') {
		offset++
	}
	return offset
}

// knownFuncs are the functions that templates may call.
func knownFuncs() map[string]any {
	known := map[string]any{}
	for name := range amtemplate.DefaultFuncs {
		known[name] = true
	}
	for _, name := range textBuiltins {
		known[name] = true
	}
	for _, name := range newerFuncs {
		delete(known, name)
	}
	return known
}

// checkFiles looks at every template of the repo's files, and runs those that
// no other template calls: the others are run through them.
func (s *templateSet) checkFiles() {
	called := map[string]bool{}
	var mine []*texttemplate.Template
	for _, t := range s.text.Templates() {
		if t.Tree == nil {
			continue
		}
		eachNode(t.Root, func(n parse.Node) {
			if c, ok := n.(*parse.TemplateNode); ok {
				called[c.Name] = true
			}
		})
		if s.files[t.ParseName] != nil && t.Name() != path.Base(t.ParseName) {
			mine = append(mine, t)
		}
	}
	slices.SortFunc(mine, func(a, b *texttemplate.Template) int { return cmp.Compare(a.Name(), b.Name()) })
	for _, t := range mine {
		for _, fault := range s.lint(t.Root, t.ParseName, string(s.files[t.ParseName].Content)) {
			s.add(fault)
		}
	}
	for _, t := range s.text.Templates() {
		if t.Tree != nil {
			addSteps(t.Root)
		}
	}
	if len(s.findings) > 0 {
		return // what is known to be wrong need not be run
	}
	for _, t := range mine {
		if !called[t.Name()] {
			s.runEntry(t.Name())
		}
	}
}
