package validate

import (
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// maxQueries is how many expressions of one dashboard are looked at.
const maxQueries = 2000

// dashboardReader goes over a dashboard's panels, variables and annotations.
type dashboardReader struct {
	team      string
	file      *repolayout.File
	variables map[string]string // the kind of plugin of those that choose a data source
	sources   unknownSources
	queries   int
	left      int // bytes that may still be parsed
	wanted    func(string) bool
	uses      []metricUse
	read      *jsonValue // whose origins are kept
	origins   []origin
	found     []Finding
}

// readDashboard checks what a dashboard asks, and whom, and lists the wanted series that it reads.
func readDashboard(team string, f *repolayout.File, wanted func(string) bool) *dashboardReader {
	r := &dashboardReader{team: team, file: f, wanted: wanted, variables: map[string]string{}, left: maxParsedBytes}
	root, err := parseJSON(f.Content)
	if err != nil {
		r.found = []Finding{{
			Check: dashboardsQuery, Severity: Warning, Owner: team, Pos: repolayout.Pos{File: f.Path, Line: 1, Column: 1},
			Message: "the queries of the dashboard are not looked at: " + err.Error(), Hint: "make several dashboards of it",
		}}
		return r
	}
	variables := root.field("templating").list("list")
	for _, v := range variables {
		r.variables[v.string("name")] = ""
		if v.string("type") == "datasource" {
			r.variables[v.string("name")] = v.string("query")
		}
	}
	for _, v := range variables {
		r.variable(v)
	}
	for _, a := range root.field("annotations").list("list") {
		r.annotation(a)
	}
	r.panels(root)
	for _, row := range root.list("rows") { // before Grafana 5
		r.panels(row)
	}
	r.sources.report(r)
	return r
}

// panels reads those of a dashboard or row; a row that is folded up holds its own.
func (r *dashboardReader) panels(within *jsonValue) {
	for _, p := range within.list("panels") {
		name := fmt.Sprintf("panel %q", clip(p.string("title")))
		asks := r.asks(name, p.field("datasource"), true)
		for _, target := range p.list("targets") {
			if expr := target.field("expr"); r.asks(name, target.field("datasource"), asks) && expr != nil {
				r.query(name, expr, 0, len(expr.text))
			}
		}
		r.panels(p)
	}
}

func (r *dashboardReader) annotation(a *jsonValue) {
	name := fmt.Sprintf("annotation %q", clip(a.string("name")))
	if !r.asks(name, a.field("datasource"), true) {
		return
	}
	for _, in := range []*jsonValue{a, a.field("target")} {
		if expr := in.field("expr"); expr != nil {
			r.query(name, expr, 0, len(expr.text))
		}
	}
}

// What a variable asks for its values, as Grafana's editor for Prometheus writes it.
var (
	valueFunction = regexp.MustCompile(`^\s*(label_values|label_names|metrics|query_result)\b`)
	valueQuery    = regexp.MustCompile(`(?s)^\s*(?:label_values\((?:(.+),)?[^,()]+\)|label_names\((.*)\)|metrics\(.+\)|query_result\((.+)\))\s*$`)
)

// variable reads where a variable's values come from.
func (r *dashboardReader) variable(v *jsonValue) {
	name := fmt.Sprintf("variable %q", clip(v.string("name")))
	kind := v.string("type")
	if kind != "query" && kind != "adhoc" || !r.asks(name, v.field("datasource"), true) || kind == "adhoc" {
		return
	}
	query := v.field("query")
	if inner := query.field("query"); inner != nil {
		query = inner
	}
	if query == nil || !query.isText {
		return
	}
	m := valueQuery.FindStringSubmatchIndex(query.text)
	switch {
	case m == nil && valueFunction.MatchString(query.text):
		r.add(dashboardsQuery, Error, query, 0, len(query.text), "write label_values(SELECTOR, LABEL), label_values(LABEL), label_names(), metrics(REGEXP) or query_result(EXPRESSION)",
			"%s: Grafana does not read this query", name)
	case m == nil:
		r.query(name, query, 0, len(query.text))
	default:
		for group := 2; group < len(m); group += 2 {
			if m[group] >= 0 {
				r.query(name, query, m[group], m[group+1])
			}
		}
	}
}

// query looks at the expression that is a part of a text.
func (r *dashboardReader) query(name string, value *jsonValue, from, to int) {
	expr := value.text[from:to]
	if strings.TrimSpace(expr) == "" {
		return
	}
	if r.queries++; r.queries >= maxQueries {
		if r.queries == maxQueries {
			r.add(dashboardsQuery, Warning, value, from, to, "make several dashboards of it", "the dashboard has %d expressions or more; this one and those after it are not looked at", maxQueries)
		}
		return
	}
	if why := tooMuch(expr); why != "" {
		r.add(dashboardsQuery, Error, value, from, to, "record parts of it with rules", "%s: %s", name, why)
		return
	}
	if r.undefined(name, value, from, expr) {
		return
	}
	result := resolve(expr, &r.left)
	switch {
	case result.fault != nil:
		r.fault(name, value, from, &result)
	case result.expr != nil:
		r.reads(name, value, from, &result)
	}
}

// undefined reports variables that the dashboard does not have. In strings a $
// may stand for itself, and some Grafana knows by itself.
func (r *dashboardReader) undefined(name string, value *jsonValue, from int, expr string) bool {
	wrong := false
	for _, use := range variablesIn(expr) {
		_, known := r.variables[use.name]
		if known || use.inString() || strings.HasPrefix(use.name, "__") || use.name == "interval" || use.name == "timeFilter" {
			continue
		}
		wrong = true
		hint := didYouMean(use.name, maps.Keys(r.variables))
		if hint == "" {
			hint = "in Grafana: Settings, Variables, Add variable"
		}
		r.add(dashboardsQuery, Error, value, from+use.from, from+use.to, hint, "%s: the dashboard has no variable %q", name, use.name)
	}
	return wrong
}

// fault says what the parser said, where in the file it said it.
func (r *dashboardReader) fault(name string, value *jsonValue, from int, result *resolved) {
	start, end := errorSpan(result.text, result.fault)
	start, end = spanThrough(result.origins, result.text, start, end)
	message := fmt.Sprint(result.fault.Err)
	r.add(dashboardsQuery, Error, value, from+start, from+end, promQLHint(result.text, message), "%s: could not parse expression: %s", name, message)
}

// reads notes the wanted series that an expression reads, each once.
func (r *dashboardReader) reads(name string, value *jsonValue, from int, result *resolved) {
	seen := map[string]bool{}
	parser.Inspect(result.expr, func(n parser.Node, _ []parser.Node) error {
		s, ok := n.(*parser.VectorSelector)
		if !ok || seen[s.Name] || !r.wanted(s.Name) {
			return nil
		}
		seen[s.Name] = true
		span := nameSpan(s, result.text)
		first, last := spanThrough(result.origins, result.text, span[0], span[1])
		if last-first == span[1]-span[0] { // else a variable is a part of it
			r.uses = append(r.uses, metricUse{name: s.Name, by: name, environment: elsewhere, at: r.at(value, from+first, from+last)})
		}
		return nil
	})
}

// spanThrough is the part that some bytes of a text come from.
func spanThrough(origins []origin, text string, from, to int) (int, int) {
	if len(origins) == 0 {
		return 0, 0
	}
	begin, _ := rawSpan(origins, text, from)
	for to > from+1 && isBlank(text[to-1]) {
		to--
	}
	if to <= from {
		return begin, begin
	}
	_, end := rawSpan(origins, text, to-1)
	return begin, end
}

// at is a finding that stands at a part of a string.
func (r *dashboardReader) at(value *jsonValue, from, to int) Finding {
	f := Finding{Owner: r.team, Pos: repolayout.Pos{File: r.file.Path}}
	f.Line, f.Column = lineColumn(r.file.Content, value.from)
	if r.read != value {
		r.read, r.origins = value, textOrigins(r.file.Content[value.from:value.to], value.text)
	}
	if len(r.origins) == 0 {
		return f
	}
	begin, end := spanThrough(r.origins, value.text, from, to)
	f.Line, f.Column = lineColumn(r.file.Content, value.from+begin)
	if end > begin {
		f.EndLine, f.EndColumn = lineColumn(r.file.Content, value.from+end)
	}
	return f
}

func (r *dashboardReader) add(check string, severity Severity, value *jsonValue, from, to int, hint, format string, args ...any) {
	if len(r.found) > maxFindings {
		return
	}
	f := r.at(value, from, to)
	f.Check, f.Severity, f.Hint, f.Message = check, severity, hint, fmt.Sprintf(format, args...)
	r.found = append(r.found, f)
}
