package review

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchbill/watchbill/render/bundle"
)

// lostAlert is an alert that is pending or firing, and would not be any more.
type lostAlert struct {
	environment string
	alert       LiveAlert
	// gone is set when nothing takes its place: it is resolved. Else a rule of the
	// same name begins anew, and waits that long.
	gone  bool
	waits model.Duration
	why   string
}

// lost are the alerts whose state the merge drops and the base keeps. Those that
// several replicas hold are told once.
//
// At a reload Prometheus finds each group's predecessor by file and name. The
// n-th rule of a name and labels takes over the alerts of the n-th such rule of
// its predecessor; all other alerts are dropped. See CopyState in Prometheus's
// rules/group.go: neither expr, for nor annotations have a part in it.
func lost(name string, before, after map[string]string, alerts []LiveAlert) []lostAlert {
	b, a := stateIndex{files: before}, stateIndex{files: after}
	var out []lostAlert
	told := map[string]bool{}
	for _, alert := range alerts {
		if alert.State != "pending" && alert.State != "firing" {
			continue
		}
		if before[bundle.Prometheus+"/"+alert.File] == after[bundle.Prometheus+"/"+alert.File] {
			continue
		}
		key := fmt.Sprint(alert.File, alert.Group, alert.Name, alert.RuleLabels, alert.Nth, alert.Labels)
		if b.keeps(&alert) && !a.keeps(&alert) && !told[key] {
			told[key] = true
			l := lostAlert{environment: name, alert: alert}
			a.explain(&l)
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(x, y lostAlert) int {
		return cmp.Or(cmp.Compare(x.alert.State, y.alert.State), cmp.Compare(x.alert.Name, y.alert.Name), x.alert.Since.Compare(y.alert.Since))
	})
	return out
}

// stateIndex finds the rules of a revision by what Prometheus knows them by.
type stateIndex struct {
	files map[string]string
	rules map[string][]rule // by file
}

func (s *stateIndex) of(file string) []rule {
	if known, ok := s.rules[file]; ok {
		return known
	}
	if s.rules == nil {
		s.rules = map[string][]rule{}
	}
	path := bundle.Prometheus + "/" + file
	s.rules[file] = rulesOf(path, s.files[path])
	return s.rules[file]
}

// keeps says whether a rule is there that takes the alert over.
func (s *stateIndex) keeps(alert *LiveAlert) bool {
	identity, n := alert.Name+labels.FromMap(alert.RuleLabels).String(), 0
	for _, r := range s.of(alert.File) {
		if r.group == alert.Group && r.identity() == identity {
			if n == alert.Nth {
				return true
			}
			n++
		}
	}
	return false
}

// explain says why there is none, and what comes in its place.
func (s *stateIndex) explain(l *lostAlert) {
	for _, r := range s.of(l.alert.File) {
		if r.Alert != l.alert.Name {
			continue
		}
		l.waits = r.For
		if r.group == l.alert.Group && labels.Equal(r.labels, labels.FromMap(l.alert.RuleLabels)) {
			l.gone, l.why = true, "there are fewer rules of its name and labels"
			return
		}
		if r.group == l.alert.Group {
			l.why = "its rule gives other labels"
			return
		}
		l.why = "its rule is in another group"
	}
	if l.why != "" {
		return
	}
	for _, path := range slices.Sorted(maps.Keys(s.files)) {
		file, isRules := strings.CutPrefix(path, bundle.Prometheus+"/")
		if !isRules || !strings.HasPrefix(path, rulesFolder) || folder(file) != folder(l.alert.File) {
			continue
		}
		for _, r := range s.of(file) {
			if r.Alert == l.alert.Name {
				l.waits, l.why = r.For, "its rule is in another file"
				return
			}
		}
	}
	l.gone, l.why = true, "its rule is removed"
}

// folder is the team's: rules/payments.
func folder(file string) string {
	parts := strings.SplitN(file, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}
