package validate

import (
	"maps"
	"strconv"
	"strings"
	"sync"
	"text/template/parse"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/template"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// maxText bounds a label's or an annotation's template, whose parser recurses.
const maxText = 64 << 10

// prelude is what Prometheus puts before each template.
const prelude = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"

// textBuiltins are text/template's own functions, which it does not list; a test does.
var textBuiltins = []string{
	"and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or",
	"print", "printf", "println", "slice", "urlquery",
}

// alertFuncs are the names of the functions that templates of rules may call.
var alertFuncs = sync.OnceValue(func() map[string]any {
	names := funcNames{}
	template.RegisterFeatures(names)
	for _, name := range textBuiltins {
		names[name] = true
	}
	return names
})

// funcNames is a feature registry that keeps the names alone.
type funcNames map[string]any

func (n funcNames) Enable(_, name string)            { n[name] = true }
func (n funcNames) Disable(_, name string)           { delete(n, name) }
func (n funcNames) Set(_, name string, enabled bool) { n[name] = enabled }
func (n funcNames) Get() map[string]map[string]bool  { return nil }

// parsesAsTemplate says whether Prometheus can parse the template of a label or
// annotation of an alert. It never says yes to one that Prometheus refuses; a no
// is for upstream to confirm and explain.
func parsesAsTemplate(alert, text string) bool {
	if len(text) > maxText {
		return false
	}
	_, err := parse.Parse(templateName(alert), prelude+text, "", "", alertFuncs())
	return err == nil
}

// templateName is upstream's name for an alert's templates, which one of them may try to define.
func templateName(alert string) string { return "__alert_" + alert }

// text reports what upstream has against one label or annotation of a rule.
func (c *ruleChecker) text(r *rulefmt.Rule, at repolayout.Pos, value string, part rulefmt.Rule) {
	if len(value) > maxText {
		c.add(at, "", "%s: a text takes %d KiB; the most is %d KiB", nameOf(r), len(value)>>10, maxText>>10)
		return
	}
	part.Alert, part.Record = r.Alert, ""
	if r.Alert == "" {
		part.Record = "probe"
	}
	for _, err := range probe(part) {
		// Such as: annotation "summary": template: __alert_Name:1: unexpected {{end}}
		which, rest, _ := strings.Cut(err.Error(), "template: "+templateName(r.Alert)+":")
		number, what, ok := strings.Cut(rest, ": ")
		line, notNumber := strconv.Atoi(number)
		if !ok || notNumber != nil {
			c.add(at, "", "%s: %v", nameOf(r), err)
			continue
		}
		from, to := templateSpan(value, line, what)
		c.addIn(spot{at, value, from, to}, functionHint(what, maps.Keys(alertFuncs())), "%s: %s%s", nameOf(r), which, what)
	}
}
