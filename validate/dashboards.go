package validate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// dashboard is what is known of one dashboard's file.
type dashboard struct {
	team     string
	uid      string // empty where there is none, or it is of the wrong form
	at       repolayout.Pos
	uses     []metricUse // of recorded series
	findings []Finding
}

// topKey is a key of a dashboard's outermost object.
type topKey struct {
	value json.RawMessage
	at    int // byte where the value stands
}

// checkDashboard looks at what Grafana needs of a dashboard to take it. That the
// file is JSON, the loader has seen.
func checkDashboard(team string, f *repolayout.File) dashboard {
	d := dashboard{team: team}
	start := repolayout.Pos{File: f.Path, Line: 1, Column: 1}
	place := func(offset int) repolayout.Pos {
		line, column := lineColumn(f.Content, offset)
		return repolayout.Pos{File: f.Path, Line: line, Column: column}
	}
	add := func(check string, severity Severity, at repolayout.Pos, hint, message string) {
		d.findings = append(d.findings, Finding{Check: check, Severity: severity, Owner: team, Pos: at, Message: message, Hint: hint})
	}
	keys, err := topKeys(f.Content)
	if err != nil {
		add(dashboardsJSON, Error, start, "in Grafana: Share, Export, Save to file", err.Error())
		return d
	}
	if _, wrapped := keys["dashboard"]; wrapped && keys["panels"].value == nil {
		add(dashboardsJSON, Error, place(keys["dashboard"].at), "make the value of the key \"dashboard\" the whole file", "this is an answer of Grafana's API, with the dashboard inside")
		return d
	}
	if title, ok := textOf(keys["title"]); !ok || title == "" {
		add(dashboardsJSON, Error, keyPlace(keys, "title", start, place), "", "the dashboard has no title")
	}
	if inputs := keys["__inputs"]; len(bytes.Trim(inputs.value, "[] \n\r\t")) > 0 {
		add(dashboardsJSON, Warning, place(inputs.at), "export it again without \"Export for sharing externally\"",
			"the dashboard asks for inputs, which nobody gives: its panels will find no data source")
	}
	d.at = keyPlace(keys, "uid", start, place)
	uid, ok := textOf(keys["uid"])
	switch {
	case !ok || uid == "":
		add(dashboardsUID, Error, d.at, "add one that never changes, such as \"uid\": \""+team+"-overview\"", "the dashboard has no uid, so each delivery could make another of it")
	case !uidForm.MatchString(uid):
		add(dashboardsUID, Error, d.at, "write at most 40 letters, digits, dashes and underscores", fmt.Sprintf("Grafana does not take the uid %q", clip(uid)))
	default:
		d.uid = uid
	}
	asked := readDashboard(team, f, looksRecorded)
	d.uses = asked.uses
	d.findings = firstOf(append(d.findings, asked.found...))
	return d
}

var uidForm = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)

// topKeys reads the outermost object; of a key that stands twice the last holds, as for Grafana.
func topKeys(content []byte) (map[string]topKey, error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("the file is JSON, but no dashboard: it should be an object")
	}
	keys := map[string]topKey{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("the file is not JSON: %w", err)
		}
		name, _ := token.(string)
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, fmt.Errorf("the file is not JSON: %w", err)
		}
		keys[name] = topKey{value, int(decoder.InputOffset()) - len(value)}
	}
	if _, err := decoder.Token(); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the file is not JSON: %w", err)
	}
	return keys, nil
}

func textOf(k topKey) (string, bool) {
	var text string
	if len(k.value) == 0 || k.value[0] != '"' || json.Unmarshal(k.value, &text) != nil {
		return "", false
	}
	return text, true
}

// keyPlace is where a key's value stands, or else the beginning of the file.
func keyPlace(keys map[string]topKey, name string, start repolayout.Pos, place func(int) repolayout.Pos) repolayout.Pos {
	if k, ok := keys[name]; ok {
		return place(k.at)
	}
	return start
}

// clip shortens what somebody wrote to what a person reads.
func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// duplicateDashboards reports uids that several dashboards have, of which
// Grafana would show only one. All of them are named: nothing says who was first.
func duplicateDashboards(memories []*teamMemory) []Finding {
	byUID := map[string][]*dashboard{}
	for _, m := range memories {
		for _, d := range m.dashboards {
			if d.uid != "" {
				byUID[d.uid] = append(byUID[d.uid], d)
			}
		}
	}
	var found []Finding
	for uid, same := range byUID {
		slices.SortFunc(same, func(a, b *dashboard) int { return cmp.Compare(a.at.File, b.at.File) })
		for i, d := range same[:min(len(same), maxFindings)] {
			if len(same) < 2 {
				break
			}
			other := same[(i+1)%len(same)]
			found = append(found, Finding{
				Check: dashboardsUID, Severity: Error, Owner: d.team, Pos: d.at, Others: otherTeams(d.team, same),
				Message: fmt.Sprintf("the uid %q stands in %s too, so Grafana would show only one of them", uid, other.at.File),
				Hint:    "give each dashboard a uid of its own, such as one that begins with the team's name",
			})
		}
	}
	return found
}

func otherTeams(team string, same []*dashboard) []string {
	var others []string
	for _, d := range same {
		if d.team != team {
			others = append(others, d.team)
		}
	}
	slices.Sort(others)
	return slices.Compact(others)
}
