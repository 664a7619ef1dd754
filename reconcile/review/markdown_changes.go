package review

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// group is what changes in the same environments.
type group struct {
	names          []string
	files, objects []textChange
	rules          []ruleChange
}

// groups joins what changes in several environments in the same way; that of the most comes first.
func (r *report) groups() []*group {
	where := map[string][]string{} // environments by change
	for i := range r.environments {
		r.environments[i].each(func(key string, _ func(*group)) {
			where[key] = append(where[key], r.environments[i].name)
		})
	}
	byNames, done := map[string]*group{}, map[string]bool{}
	for i := range r.environments {
		r.environments[i].each(func(key string, put func(*group)) {
			if done[key] {
				return
			}
			done[key] = true
			names := where[key]
			g := byNames[strings.Join(names, "\x00")]
			if g == nil {
				g = &group{names: names}
				byNames[strings.Join(names, "\x00")] = g
			}
			put(g)
		})
	}
	return slices.SortedFunc(maps.Values(byNames), func(a, b *group) int {
		return cmp.Or(cmp.Compare(len(b.names), len(a.names)), slices.Compare(a.names, b.names))
	})
}

// each calls do for everything that differs, with a key that is equal only for
// equal changes. Environments that come or go are not told in detail.
func (c *environmentChange) each(do func(key string, put func(*group))) {
	if c.verb != changed {
		return
	}
	nth := map[string]int{} // rules may be alike
	for _, r := range c.rules {
		key := fmt.Sprintf("rule %+v", r)
		nth[key]++
		do(fmt.Sprint(key, nth[key]), func(g *group) { g.rules = append(g.rules, r) })
	}
	for _, f := range c.files {
		do(fmt.Sprintf("file %+v", f), func(g *group) { g.files = append(g.files, f) })
	}
	for _, o := range c.objects {
		do(fmt.Sprintf("object %+v", o), func(g *group) { g.objects = append(g.objects, o) })
	}
}

func (w *writer) writeEnvironments() {
	if len(w.environments) == 0 {
		return
	}
	groups := w.groups()
	s := &section{head: "\n#### What changes\n"}
	var whole []string
	for i := range w.environments {
		if text := w.environments[i].itself(); text != "" {
			whole = append(whole, text)
		}
	}
	if len(groups)+len(whole) == 0 {
		return // teams in quarantine change nothing
	}
	if len(whole) > 0 {
		s.head += "\n"
	}
	s.fill(len(whole), w.most, func(i int) string { return whole[i] })
	w.sections = append(w.sections, s)
	for i, g := range groups {
		if i == w.most/2 {
			w.section(fmt.Sprintf("\nWhat changes in %s more is not shown here.\n", several(len(groups)-i, "group")+" of environments"))
			break
		}
		w.writeGroup(g)
		w.writeDiffs(g)
	}
}

// itself says what becomes of the environment as a whole.
func (c *environmentChange) itself() string {
	switch {
	case c.blocked:
		return fmt.Sprintf("- %s is not compared, as one of the two revisions cannot be rendered for it\n", code(c.name))
	case c.verb == added:
		return fmt.Sprintf("- environment %s is new, with %s and %s\n", code(c.name), several(len(c.objects), "object"), several(len(c.files), "file"))
	case c.verb == removed:
		return fmt.Sprintf("- environment %s is not in the repo any more; what runs of it stays as it is\n", code(c.name))
	}
	return ""
}

func (w *writer) writeGroup(g *group) {
	s := w.section("\n**In " + codes(g.names) + "**\n\n")
	var texts []textChange // rules say what is in their files
	for _, f := range g.files {
		if !strings.HasPrefix(f.name, rulesFolder) || len(g.rules) == 0 {
			texts = append(texts, f)
		}
	}
	s.fill(len(g.rules), w.most, func(i int) string { return g.rules[i].line() })
	s.fill(len(g.objects), w.most, func(i int) string {
		kind, name, _ := strings.Cut(g.objects[i].name, " ")
		return fmt.Sprintf("- %s %s %s\n", kind, code(name), g.objects[i].verb)
	})
	s.fill(len(texts), w.most, func(i int) string { return fmt.Sprintf("- file %s %s\n", code(texts[i].name), texts[i].verb) })
}

func (r *ruleChange) line() string {
	kind := "recording rule"
	if r.alert {
		kind = "alert"
	}
	text := fmt.Sprintf("- %s %s %s", kind, code(r.name), r.verb)
	if r.verb == moved {
		text += " from " + prose(r.from) + " to group " + code(r.group)
	} else {
		text += ", group " + code(r.group)
	}
	if len(r.what) > 0 {
		text += ": " + prose(strings.Join(r.what, ", "))
	}
	return text + "\n"
}

// writeDiffs folds the differences of all files and objects away.
func (w *writer) writeDiffs(g *group) {
	all := slices.Concat(g.files, g.objects)
	if len(all) == 0 {
		return
	}
	plus, minus := 0, 0
	for i := range all {
		plus, minus = plus+all[i].plus, minus+all[i].minus
	}
	var what []string
	if n := len(g.files); n > 0 {
		what = append(what, several(n, "file"))
	}
	if n := len(g.objects); n > 0 {
		what = append(what, several(n, "object"))
	}
	s := w.section(fmt.Sprintf("\n<details><summary>Diff of %s, +%d −%d</summary>\n\n", strings.Join(what, " and "), plus, minus))
	s.foot = "</details>\n"
	shown := min(len(all), 4*w.most)
	for i := range shown {
		s.items = append(s.items, w.diffItem(&all[i]))
	}
	s.left = len(all) - shown
}

func (w *writer) diffItem(c *textChange) item {
	head := fmt.Sprintf("%s, %s", code(c.name), c.verb)
	if c.large {
		return item{text: head + ": too large to be compared here\n\n"}
	}
	counts := fmt.Sprintf("%s: +%d −%d, not shown here\n\n", head, c.plus, c.minus)
	return w.item(len(c.diff), func() string { return head + "\n\n" + fenced("diff", redact(c.diff)) + "\n" }, counts)
}

func (w *writer) writeLost() {
	if len(w.lost) == 0 {
		return
	}
	s := w.section("\n#### Alerts that lose their state\n\nThey are pending or firing now.\n\n")
	s.fill(len(w.lost), w.most, func(i int) string { return w.lost[i].line() })
}

func (l *lostAlert) line() string {
	then := fmt.Sprintf("it begins anew, pending for %s, and is told again if it still holds", l.waits)
	switch {
	case l.gone:
		then = "it is resolved"
	case l.waits == 0:
		then = "it begins anew, and is told again if it still holds"
	}
	return fmt.Sprintf("- %s: %s %s, %s since %s: %s, so %s\n", code(l.environment), code(l.alert.Name), code(labelText(l.alert.Labels)),
		l.alert.State, l.alert.Since.UTC().Format("2006-01-02 15:04 MST"), l.why, then)
}

func labelText(set map[string]string) string {
	var out []string
	for name, value := range set {
		if name != "alertname" {
			out = append(out, fmt.Sprintf("%s=%q", name, value))
		}
	}
	slices.Sort(out)
	return shorten("{"+strings.Join(out, ", ")+"}", 300)
}

func (w *writer) writeFired() {
	if len(w.fired) == 0 {
		return
	}
	s := w.section("\n#### How often they would have fired\n\n| environment | alert | over | before | after | |\n| --- | --- | --- | --- | --- | --- |\n")
	s.fill(len(w.fired), w.most, func(i int) string {
		f := &w.fired[i]
		return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", code(f.environment), strings.ReplaceAll(code(f.Alert), "|", `\|`),
			days(f.Over), times(f.Before), times(f.After), prose(f.Text))
	})
	s.table()
}

func times(n int) string {
	if n < 0 {
		return "-"
	}
	return several(n, "time")
}

func days(d time.Duration) string {
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.String()
}

func (w *writer) writeRetention() {
	if len(w.retention) == 0 {
		return
	}
	s := w.section("\n#### Retention\n\n")
	s.fill(len(w.retention), w.most, func(i int) string { return w.retention[i].line() })
}

func (c *retentionChange) line() string {
	text := fmt.Sprintf("- %s: %s\n", code(c.environment), prose(strings.Join(c.ages, ", ")))
	if !c.asked {
		return text
	}
	said := c.deletes
	if said == "" {
		said = "no block would be deleted"
	}
	for line := range strings.Lines(strings.TrimSpace(said)) {
		text += "  " + prose(line) + "\n"
	}
	return text
}

// writeRest says what the answer would hold if the running stack had been asked.
func (w *writer) writeRest() {
	var missing, words []string
	if w.firingWanted && len(w.firingAsked) == 0 {
		missing = append(missing, "which alerts would lose their state")
	} else if len(w.firingAsked) > 0 && len(w.lost) == 0 {
		words = append(words, fmt.Sprintf("No pending or firing alert of %s would lose its state.", codes(w.firingAsked)))
	}
	if slices.ContainsFunc(w.retention, func(c retentionChange) bool { return !c.asked }) {
		missing = append(missing, "which blocks would be deleted")
	}
	if len(missing) > 0 {
		text := "Not asked: " + strings.Join(missing, ", ")
		if !w.live {
			text += ", as the pull request is from a fork (`policies.review.liveDataForForks`)"
		}
		words = append(words, text+".")
	}
	for _, u := range w.unanswered {
		words = append(words, "Not answered: "+prose(u)+".")
	}
	if len(words) > 0 {
		w.section("\n<sub>" + strings.Join(words, " ") + "</sub>\n")
	}
}
