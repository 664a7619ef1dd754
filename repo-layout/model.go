package repolayout

import (
	"strings"

	"github.com/prometheus/prometheus/model/rulefmt"
)

// Pos is a place in a file of the monitoring repo. Line and Column count from
// 1; a zero Line means the file as a whole.
type Pos struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// Place is where the value of one key stands.
type Place struct {
	Path string
	Pos  Pos
}

// Places says where values stand. Paths into our own files are written
// "routes[0].receivers[1].slack.urlKey"; in rule files they are names of labels.
type Places []Place

// At is the place of a path, or of the nearest thing around it that has one.
func (p Places) At(path string) Pos {
	for path != "" {
		if at, ok := p.find(path); ok {
			return at
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	at, _ := p.find("")
	return at
}

func (p Places) find(path string) (Pos, bool) {
	for i := range p {
		if p[i].Path == path {
			return p[i].Pos, true
		}
	}
	return Pos{}, false
}

// Problem is one thing that the loader could not accept. The rest of the repo
// is loaded all the same, so that one broken file hides no other.
type Problem struct {
	Pos
	// Check is the stable id of what was broken, e.g. "layout/unknown-key"; see [Checks].
	Check string
	// Warning is set where the repo can be used all the same.
	Warning bool
	// Owner is the team whose folder holds the file; empty for the repo's own.
	Owner   string
	Message string
	// Hint says what to do about it; may be empty.
	Hint string
}

// Repo is a monitoring repo at one revision. It is immutable once loaded, and
// unchanged teams are the same pointer from one load to the next.
type Repo struct {
	Stack        Stack
	Environments []*Environment // sorted by name
	Teams        []*Team        // sorted by name
	Templates    []*File        // alertmanager/templates/*.tmpl, sorted by path
	Patches      []*File        // patches/*.yaml, sorted by path
	CodeOwners   *CodeOwners    // nil where there is no such file
}

// File is one file as it stands in the repo.
type File struct {
	// Path is slash-separated, from the root of the repo.
	Path string
	// Digest is equal only for equal content: a git blob id, or a SHA-256.
	Digest  string
	Content []byte
}

// Team is one folder teams/NAME.
type Team struct {
	Name string
	// Digest covers every file of the folder: equal digests, equal teams.
	Digest     string
	Spec       TeamSpec
	Rules      []*RuleFile   // rules/**, sorted by path
	Scrape     []*ScrapeFile // scrape/**, sorted by path
	Tests      []*File       // tests/*.yaml, sorted by path
	Dashboards []*File       // dashboards/*.json, sorted by path

	whole func() *Team // of an outline
}

// RuleFile is one Prometheus rule file, with the place of everything in it.
type RuleFile struct {
	*File
	// Environment is the one environment it is meant for (rules/ENV/*.yaml), or
	// empty for all of them (rules/*.yaml).
	Environment string
	// Groups are those of the first document, which is all that Prometheus
	// reads, as far as they could be read; rulefmt says what is wrong with them.
	Groups []RuleGroup
}

// RuleGroup is upstream's rule group and where its parts stand.
type RuleGroup struct {
	rulefmt.RuleGroup
	Pos      Pos
	LabelPos Places    // the values of the group's labels, by name
	RulePos  []RulePos // one for each of Rules
}

// RulePos says where the parts of one rule stand.
type RulePos struct {
	Rule        Pos
	Name        Pos    // the value of alert or record
	Expr        Pos    // the value of expr
	Labels      Places // the values, by label name
	Annotations Places // the values, by annotation name
}

// ScrapeFile is one file of scrape_configs, in the format that Prometheus's
// scrape_config_files reads.
type ScrapeFile struct {
	*File
	Environment string // as in RuleFile
	Jobs        []ScrapeJob
}

// ScrapeJob is the name of one scrape config and where it stands.
type ScrapeJob struct {
	Name string
	Pos  Pos
}
