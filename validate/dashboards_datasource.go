package validate

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
)

// The data source that Grafana is given; package render writes it.
const (
	sourceUID  = "thanos"
	sourceName = "Thanos"
)

// ownSources are those that every Grafana has.
var ownSources = map[string]bool{
	"": true, "default": true, "grafana": true, "__expr__": true, "-100": true,
	"-- Grafana --": true, "-- Mixed --": true, "-- Dashboard --": true,
	sourceUID: true, sourceName: true,
}

// asks notes the data source that something names, and says whether it is asked
// in PromQL; where none is named, it is as around it.
func (r *dashboardReader) asks(name string, source *jsonValue, otherwise bool) bool {
	id, kind := source, ""
	if source != nil && source.fields != nil {
		id, kind = source.field("uid"), source.string("type")
	}
	uid := ""
	if id != nil {
		uid = id.text
	}
	if uid == "-- Mixed --" {
		return true
	}
	variable := variablePattern.FindStringSubmatch(uid)
	switch {
	case variable != nil:
		used := variable[1] + variable[2] + variable[3]
		plugin, known := r.variables[used]
		if !known && !strings.HasPrefix(used, "DS_") && !strings.HasPrefix(used, "__") {
			r.sources.add(name, id, fmt.Sprintf("of the variable %q, which the dashboard does not have", used), didYouMean(used, maps.Keys(r.variables)))
		}
		kind = cmp.Or(kind, plugin)
	case !ownSources[uid]:
		r.sources.add(name, id, fmt.Sprintf("%q, which Grafana is not given", clip(uid)), r.rightSource(source, kind))
	}
	switch {
	case kind != "":
		return kind == "prometheus"
	case uid == "":
		return otherwise
	}
	return !strings.Contains(strings.ToLower(uid), "loki") // whose language is another, under the same key
}

// rightSource says what to write.
func (r *dashboardReader) rightSource(source *jsonValue, kind string) string {
	switch {
	case kind != "" && kind != "prometheus":
		return fmt.Sprintf("the only one is the uid %q, for PromQL; if this one is added to Grafana by other means, turn dashboards/datasource off under policies.severity", sourceUID)
	case source.fields == nil:
		return fmt.Sprintf(`write {"type": "prometheus", "uid": %q}`, sourceUID)
	}
	return fmt.Sprintf(`write "uid": %q`, sourceUID)
}

// unknownSources are said once for each, where it stands first.
type unknownSources struct {
	list []*unknownSource
	seen map[string]*unknownSource
}

type unknownSource struct {
	by, what, hint string
	value          *jsonValue
	others         int
}

func (u *unknownSources) add(by string, value *jsonValue, what, hint string) {
	if u.seen == nil {
		u.seen = map[string]*unknownSource{}
	}
	if known := u.seen[what]; known != nil {
		known.others++
		return
	}
	u.seen[what] = &unknownSource{by: by, what: what, hint: hint, value: value}
	u.list = append(u.list, u.seen[what])
}

func (u *unknownSources) report(r *dashboardReader) {
	for _, s := range u.list {
		more := ""
		switch {
		case s.others == 1:
			more = "; so does one place more"
		case s.others > 1:
			more = fmt.Sprintf("; so do %d places more", s.others)
		}
		r.add(dashboardsDatasource, Warning, s.value, 0, len(s.value.text), s.hint, "%s asks the data source %s%s", s.by, s.what, more)
	}
}
