package review

import (
	"fmt"
	"slices"
	"strings"

	"github.com/watchbill/watchbill/validate"
)

const (
	// commentRoom is a little less than GitHub takes, in bytes.
	commentRoom = 60_000
	// pageRoom is what a page may have.
	pageRoom = 1 << 20
	// mostListed is how many entries a list of the comment has, and mostPaged those of the page.
	mostListed, mostPaged = 25, 5_000
)

// writer writes a report as Markdown, in sections.
type writer struct {
	*report
	most     int
	room     int // bytes
	long     int // bytes of long items so far
	sections []*section
}

// item is a long one, or its short form where so many came before it that it
// would not be shown: what comes of megabytes need not be written at all.
func (w *writer) item(size int, text func() string, short string) item {
	if w.long += size; w.long > 2*w.room {
		return item{text: short}
	}
	return item{text(), short}
}

// section begins a new one.
func (w *writer) section(head string) *section {
	s := &section{head: head}
	w.sections = append(w.sections, s)
	return s
}

// title is the verdict in one line, in plain words.
func (r *report) title() string {
	errors, warnings := r.count(validate.Error), r.count(validate.Warning)
	switch {
	case errors == 0 && warnings == 0:
		return "Valid"
	case errors == 0:
		return "Valid, with " + several(warnings, "warning")
	case warnings == 0:
		return "Not valid: " + several(errors, "error")
	}
	return fmt.Sprintf("Not valid: %s, %s", several(errors, "error"), several(warnings, "warning"))
}

func (r *report) comment(url string) string {
	more := "\n_Not all is shown here: `watchbill validate` shows every finding, `watchbill diff` what would change in the cluster._\n"
	if url != "" {
		more = fmt.Sprintf("\n_Not all is shown here: [the whole answer](%s) is on Watchbill's own page._\n", url)
	}
	text := r.markdown(mostListed, commentRoom, more)
	if url != "" && !strings.HasSuffix(text, more) {
		text += fmt.Sprintf("\n<sub>[The whole answer](%s)</sub>\n", url)
	}
	return text
}

func (r *report) page() string {
	return r.markdown(mostPaged, pageRoom, "\n_The rest does not fit on this page: `watchbill validate` and `watchbill diff` show it._\n")
}

func (r *report) markdown(most, room int, more string) string {
	w := &writer{report: r, most: most, room: room}
	w.verdict()
	w.writeFindings()
	w.writeFailures()
	w.writeEnvironments()
	w.writeRoutes()
	w.writeLost()
	w.writeFired()
	w.writeRetention()
	w.writeCoverage()
	w.writeRest()
	return join(w.sections, room-256, more)
}

func (w *writer) verdict() {
	mark, text := "✅", ""
	if w.valid() {
		text = w.whatMerged()
	} else {
		mark, text = "❌", w.whatAsItIs()
	}
	text = fmt.Sprintf("### %s %s\n\n%s\n", mark, w.title(), text)
	if w.elsewhere > 0 {
		text += fmt.Sprintf("\n%s elsewhere have nothing to do with it; `watchbill validate` shows them.\n", several(w.elsewhere, "finding"))
	}
	w.section(text)
}

// whatMerged says what a valid change does.
func (w *writer) whatMerged() string {
	if len(w.environments) == 0 {
		return fmt.Sprintf("Merged into %s, it changes nothing that runs.", code(w.pull.Base))
	}
	var names []string
	for i := range w.environments {
		names = append(names, w.environments[i].name)
	}
	return fmt.Sprintf("Merged into %s: %s, in %s.", code(w.pull.Base), w.changes(), codes(names))
}

// whatAsItIs says what would become of a change that has errors.
func (w *writer) whatAsItIs() string {
	var teams []string
	blocked := len(w.environments) == 0
	for i := range w.environments {
		blocked = blocked || w.environments[i].blocked
		teams = append(teams, w.environments[i].quarantined...)
	}
	slices.Sort(teams)
	teams = slices.Compact(teams)
	switch {
	case len(teams) > 0:
		return fmt.Sprintf("Merged as it is, %s would be quarantined: the files of before stay live.", codes(teams))
	case blocked:
		return "Merged as it is, nothing of it would go live."
	}
	return "Once merged it would go live all the same, so put it right first."
}

// codes names several things.
func codes(names []string) string {
	const most = 10
	rest := ""
	if len(names) > most {
		rest = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = code(name)
	}
	return strings.Join(words, ", ") + rest
}

func (w *writer) writeFindings() {
	var errors, warnings []validate.Finding
	for _, f := range w.findings {
		if w.tests.shows(f) {
			continue
		}
		if f.Severity == validate.Error {
			errors = append(errors, f)
		} else {
			warnings = append(warnings, f)
		}
	}
	w.findingList("\n#### Errors\n\n", "", errors)
	if len(warnings) <= 3 {
		w.findingList("\n#### Warnings\n\n", "", warnings)
		return
	}
	w.findingList(fmt.Sprintf("\n<details><summary>%s</summary>\n\n", several(len(warnings), "warning")), "\n</details>\n", warnings)
}

func (w *writer) findingList(head, foot string, findings []validate.Finding) {
	if len(findings) == 0 {
		return
	}
	s := w.section(head)
	s.foot = foot
	s.fill(len(findings), w.most, func(i int) string { return findingLine(findings[i]) })
}

func findingLine(f validate.Finding) string {
	at := f.File
	if f.Line > 0 {
		at = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	if at != "" {
		at = code(at) + ": "
	}
	text := fmt.Sprintf("- %s%s %s\n", at, prose(f.Message), code(f.Check))
	if f.Hint != "" {
		text += fmt.Sprintf("  _%s_\n", prose(f.Hint))
	}
	return text
}

func (w *writer) writeFailures() {
	if len(w.tests.failures) == 0 {
		return
	}
	s := w.section("\n#### Tests that fail\n\n")
	s.left = max(0, len(w.tests.failures)-w.most)
	for _, f := range w.tests.failures[:len(w.tests.failures)-s.left] {
		brief := fmt.Sprintf("- %s: test %s: %s\n", code(fmt.Sprintf("%s:%d", f.file, f.line)), code(f.test), prose(f.message))
		diff := strings.Join(f.diff, "\n")
		s.items = append(s.items, w.item(len(diff), func() string {
			if diff == "" {
				return brief
			}
			return brief + indent(fenced("diff", redact(diff)), "  ")
		}, brief))
	}
}

func (w *writer) writeCoverage() {
	if len(w.tests.coverage) == 0 {
		return
	}
	s := w.section("\n#### Tests\n\n")
	s.fill(len(w.tests.coverage), w.most, func(i int) string {
		c := &w.tests.coverage[i]
		return fmt.Sprintf("- %s: %s\n", code(c.team), c.words())
	})
}

func (c *coverageChange) words() string {
	var words []string
	share := func(what string, was, of, is, now int) {
		if was == is && of == now {
			return
		}
		words = append(words, fmt.Sprintf("%d of %s tested, before %d of %d", is, several(now, what), was, of))
	}
	share("alert", c.before.AlertsTested, c.before.Alerts, c.after.AlertsTested, c.after.Alerts)
	share("recording rule", c.before.RecordsTested, c.before.Records, c.after.RecordsTested, c.after.Records)
	return strings.Join(words, "; ")
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+by) + "\n"
}
