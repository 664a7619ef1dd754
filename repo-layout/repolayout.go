// Package repolayout is the contract of a monitoring repo: what may stand in
// it, as Go types, a loader, JSON schemas and an example.
//
// A monitoring repo says what is scraped, what alerts and who is told:
//
//	watchbill.yaml                 the stack: versions, defaults, the on-call copy
//	environments/ENV.yaml          one place that the repo is rendered for
//	teams/TEAM/team.yaml           owner of the folder, and who is told
//	teams/TEAM/rules/*.yaml        Prometheus rule files, for all environments
//	teams/TEAM/rules/ENV/*.yaml    the same, for one environment
//	teams/TEAM/scrape/*.yaml       scrape configs, under the one key scrape_configs
//	teams/TEAM/scrape/ENV/*.yaml   the same, for one environment
//	teams/TEAM/tests/*.yaml        rule unit tests in promtool's format
//	teams/TEAM/dashboards/*.json   Grafana dashboards
//	alertmanager/templates/*.tmpl  notification templates
//	patches/*.yaml                 patches on rendered objects
//
// Names of environments and teams come from the file and the folder. Both .yaml
// and .yml will do. Files for people (*.md, LICENSE, CODEOWNERS, docs/ and
// everything that begins with a dot) may stand anywhere and are not read, but for
// the one CODEOWNERS that GitHub reads.
//
// # Loading
//
// A [Loader] reads a repo from an [io/fs.FS] into a [Repo] and a list of
// [Problem]. Both are always there: what is broken is reported with its place
// and left out or filled with defaults, so that one broken file hides no other,
// and the caller decides what a team's problems mean for everyone else. A repo
// is immutable; a team that has not changed since the last load is the same
// pointer, and where the file system knows digests (see [Digester]) a load costs
// what has changed.
//
// Our own files are read strictly: an unknown key is a problem with the key that
// was probably meant. Files of upstream formats are only read for what stands
// where (see [RuleFile] and [ScrapeFile]); whether Prometheus takes them is for
// package validate to say. A file of which nothing could be read is not in the
// repo at all, and its problem says why.
//
// The loader trusts nothing: it follows no symlinks, reads no file above 4 MiB,
// bounds what YAML aliases and nesting can make of a file, and repeats no value
// that may be a secret.
//
// # What it does not do
//
// It does not look into PromQL or templates, does not compare teams with each
// other, and writes nothing but the example ([WriteExample]).
package repolayout
