// Package importer turns what people have (rule files, PrometheusRule and
// AlertmanagerConfig manifests, an alertmanager.yml, a prometheus.yml) into a
// monitoring repo of the layout that package repolayout reads.
//
// [Import] is pure: files in, files and notes out. It carries over the meaning
// and not the syntax. Rules move as they are, into the folder of the team that
// their labels name. Who is told is asked of Alertmanager's own dispatcher, for
// each team and severity, and written down as the routes of a team.yaml.
//
// What the layout cannot say is a [Note] with file and line, and never left out
// in silence. What is secret is in no file and no note: a [Secret] says which key
// of the receivers' Secret gets the value that stands at a place of the input.
//
// Whether the result means the same is for others to say: [Result.Groups] are the
// rules that were read, [CompareRules] holds them against a repo, and
// [Result.Alertmanager] is the configuration that was read, with the secrets
// replaced by the names of their keys, so that it can be asked whom it tells.
package importer

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/rulefmt"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Options say what the input leaves open.
type Options struct {
	// Environment that the repo gets; one is enough to begin with.
	Environment string
	// Namespace of that environment.
	Namespace string
	// TeamLabel is the label by which alerts name their team.
	TeamLabel string
	// Team gets what names no team.
	Team string
}

// Source is one file of the input.
type Source struct {
	Path    string
	Content []byte
}

// Kind is what a note says of the input.
type Kind string

const (
	Lost    Kind = "not carried" // it is not in the result
	Changed Kind = "changed"     // it is, and means something else
	ToDo    Kind = "to do"       // it is, and somebody has something left to do
)

// Note is something that a person has to know of the result.
type Note struct {
	repolayout.Pos
	Kind    Kind
	Message string
	Hint    string
}

// Secret is a key of the receivers' Secret that has to get a value.
type Secret struct {
	Key string
	// From says what the value is, without the value: "the value of api_url".
	From string
	repolayout.Pos
}

// Group is a rule group of the input.
type Group struct {
	repolayout.Pos
	rulefmt.RuleGroup
	// Namespace of the manifest that it stands in.
	Namespace string
	// Teams are those that its rules went to, one for each rule.
	Teams []string

	assume bool // see Static
}

// Result is the repo, and what has to be said of it.
type Result struct {
	Files   map[string][]byte
	Notes   []Note
	Secrets []Secret
	Groups  []Group
	// Alertmanager is the alertmanager.yml that was read without its secrets;
	// empty where there was none that could be read.
	Alertmanager []byte
	// Prometheus is what the prometheus.yml said of alerts that are sent.
	Prometheus []byte
}

// importing is one run of Import.
type importing struct {
	Options
	res  Result
	keys keys

	docs      []document
	rules     []*ruleDoc
	routing   *routing // nil where there is no Alertmanager configuration
	configs   []*alertmanagerConfig
	main      *document // of alertmanager.yml
	global    *document // of prometheus.yml
	external  externalLabels
	scrape    []*scrapeDoc
	tests     []*document
	moved     map[string]moved // rule files of the input, by their paths
	movedFrom []string         // those paths, in order
	teams     map[string]bool  // that have a folder
	silent    []string         // teams whose alerts nobody is told of
	names     map[string]bool  // of files that were written, in lower case
	stack     repolayout.Stack
	env       repolayout.Environment
	labels    map[string]string // values of the team label, by the team's name
}

// Import makes a monitoring repo of the sources. The error says that a name in
// the options is none; everything else is a note.
func Import(sources []Source, o Options) (*Result, error) {
	for what, name := range map[string]string{"team": o.Team, "environment": o.Environment, "namespace": o.Namespace} {
		if slug(name) != name || name == "" {
			return nil, fmt.Errorf("read the name of the %s: %q is none; write at most 63 lower-case letters, digits and dashes", what, name)
		}
	}
	im := &importing{
		Options: o, teams: map[string]bool{}, names: map[string]bool{}, labels: map[string]string{}, moved: map[string]moved{},
		res:  Result{Files: map[string][]byte{}},
		keys: newKeys(),
	}
	for _, s := range sources {
		im.read(s)
	}
	for i := range im.docs {
		im.sort(&im.docs[i])
	}
	im.readPrometheus()
	im.readRouting()
	im.writeRules()
	im.writeTests()
	im.writeScrape()
	im.writeTeams()
	im.writeStack()
	im.finish()
	return &im.res, nil
}

// plain is the name of a setting, which is no secret even where some value is the same word.
type plain string

// note adds a note. What it is made of is looked through for secrets.
func (im *importing) note(kind Kind, pos repolayout.Pos, hint, format string, args ...any) {
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			args[i] = im.keys.hide(arg)
		case error:
			args[i] = im.keys.hide(arg.Error())
		}
	}
	im.res.Notes = append(im.res.Notes, Note{Pos: pos, Kind: kind, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (im *importing) finish() {
	for _, s := range im.keys.list {
		if im.mentions(s.Key) {
			im.res.Secrets = append(im.res.Secrets, s)
		}
	}
	slices.SortStableFunc(im.res.Notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	seen := map[Note]bool{}
	im.res.Notes = slices.DeleteFunc(im.res.Notes, func(n Note) bool {
		again := seen[n]
		seen[n] = true
		return again
	})
}

// mentions says whether a receiver names a key; those that no team has do not.
func (im *importing) mentions(key string) bool {
	for name, content := range im.res.Files {
		if (strings.HasSuffix(name, "/team.yaml") || name == "watchbill.yaml") && bytes.Contains(content, []byte("Key: "+key+"\n")) {
			return true
		}
	}
	return false
}

// team is the folder of a team, by the value of its label.
func (im *importing) team(label string) string {
	name := slug(label)
	if name == "" {
		return im.Team
	}
	return name
}
