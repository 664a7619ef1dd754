package review

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/watchbill/watchbill/validate/routes"
)

func (w *writer) writeRoutes() {
	if w.routesUnknown != "" {
		if len(w.environments) > 0 {
			w.section("\n#### Who is told\n\nNot compared, as " + prose(w.routesUnknown) + ".\n")
		}
		return
	}
	if len(w.routes.Changes) == 0 {
		return
	}
	s := w.section("\n#### Who is told\n\n")
	lines := told(w.routes)
	if len(lines) == 0 {
		lines = []string{"- the same people as before, by other receivers or in other cases\n"}
	}
	s.fill(len(lines), w.most, func(i int) string { return lines[i] })
	w.writeEveryAlert()
}

// writeEveryAlert folds the table of all alerts away that are routed otherwise.
func (w *writer) writeEveryAlert() {
	var b strings.Builder
	if err := escaped(sameEverywhere(w.routes)).Markdown(&b); err != nil {
		return // writing to memory does not fail
	}
	_, rows, _ := strings.Cut(b.String(), "| --- | --- | --- | --- | --- | --- |\n")
	s := w.section("\n<details><summary>Alert by alert</summary>\n\n| | environment | team | alerts | before | after |\n| --- | --- | --- | --- | --- | --- |\n")
	s.foot = "\n</details>\n"
	all := slices.Collect(strings.Lines(rows))
	s.fill(len(all), w.most, func(i int) string { return all[i] })
	s.table()
}

// hearing is what hears of alerts that it did not hear of, or no longer: the
// places, the alerts and the environments, as they are written.
type hearing struct{ verb, places, alerts, environments string }

// told says which places that notifications go to hear of which alerts now and
// did not, or no longer do. Names of receivers have no part in it: one that is
// renamed changes nothing for anybody.
func told(d routes.Difference) []string {
	type change struct{ verb, place, alert string }
	where := map[change][]string{}
	for _, c := range d.Changes {
		for verb, places := range map[string][]string{
			"told now": newDestinations(c.After, c.Before), "no longer told": newDestinations(c.Before, c.After),
		} {
			for _, place := range places {
				key := change{verb, place, c.Alert}
				if !slices.Contains(where[key], c.Environment) {
					where[key] = append(where[key], c.Environment)
				}
			}
		}
	}
	alerts := map[hearing][]string{} // of one place and some environments
	for c, environments := range where {
		slices.Sort(environments)
		key := hearing{verb: c.verb, places: prose(c.place), environments: codes(environments)}
		alerts[key] = append(alerts[key], c.alert)
	}
	places := map[hearing][]string{} // of the same alerts and environments
	for h, names := range alerts {
		slices.Sort(names)
		key := hearing{verb: h.verb, alerts: codes(names), environments: h.environments}
		places[key] = append(places[key], h.places)
	}
	var out []string
	for _, h := range slices.SortedFunc(maps.Keys(places), compareHearings) {
		slices.Sort(places[h])
		out = append(out, fmt.Sprintf("- **%s** of %s, in %s: %s\n", h.verb, h.alerts, h.environments, strings.Join(places[h], "; ")))
	}
	return out
}

// compareHearings puts those who are told now first.
func compareHearings(a, b hearing) int {
	return cmp.Or(cmp.Compare(b.verb, a.verb), cmp.Compare(a.alerts, b.alerts), cmp.Compare(a.environments, b.environments))
}

// newDestinations are the places that a tells, or may tell, and b does not.
func newDestinations(a, b *routes.Recipients) []string {
	before := destinations(b)
	return slices.DeleteFunc(destinations(a), func(d string) bool { return slices.Contains(before, d) })
}

func destinations(r *routes.Recipients) []string {
	if r == nil {
		return nil
	}
	var out []string
	for _, to := range r.Told {
		for _, d := range to.Destinations {
			if to.When == routes.Maybe {
				d = "maybe " + d
			}
			if !slices.Contains(out, d) {
				out = append(out, d)
			}
		}
	}
	return out
}

// sameEverywhere makes one change of those that are the same in several environments.
func sameEverywhere(d routes.Difference) routes.Difference {
	out := routes.Difference{Unchanged: d.Unchanged}
	at := map[[7]string]int{}
	for _, c := range d.Changes {
		key := [7]string{string(c.Kind), c.Team, c.Alert, c.Severity, c.SeverityBefore, c.Before.String(), c.After.String()}
		if i, ok := at[key]; ok {
			out.Changes[i].Environment += ", " + c.Environment
			continue
		}
		at[key] = len(out.Changes)
		out.Changes = append(out.Changes, c)
	}
	return out
}

// escaped is a difference whose texts mean nothing to Markdown; what
// stands in code there, and what breaks a table, is seen to by its printer.
func escaped(d routes.Difference) routes.Difference {
	out := routes.Difference{Unchanged: d.Unchanged}
	for _, c := range d.Changes {
		c.Alert = oneLine(c.Alert) // stands in code
		c.Severity, c.SeverityBefore = inCell(c.Severity), inCell(c.SeverityBefore)
		c.Before, c.After = escapedRecipients(c.Before), escapedRecipients(c.After)
		out.Changes = append(out.Changes, c)
	}
	return out
}

func escapedRecipients(r *routes.Recipients) *routes.Recipients {
	if r == nil {
		return nil
	}
	out := &routes.Recipients{Undecided: inCell(r.Undecided)}
	for _, to := range r.Told {
		to.Receiver = inCell(to.Receiver)
		to.Destinations = slices.Clone(to.Destinations)
		for i := range to.Destinations {
			to.Destinations[i] = inCell(to.Destinations[i])
		}
		out.Told = append(out.Told, to)
	}
	return out
}

var cellEscapes = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`, "!", `\!`, "$", `\$`,
	"&", "&amp;", "#", "#\u200b", "://", ":\u200b//", "www.", "www\u200b.",
)

func inCell(s string) string { return cellEscapes.Replace(shorten(oneLine(redact(s)), 200)) }
