package validate

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// ruleContext is what the checks of a rule go by, besides its file.
type ruleContext struct {
	policies              repolayout.RulePolicies
	severities            map[string]string // by check, where the policies name one
	alertName, recordName *regexp.Regexp    // nil where any name will do
	interval              time.Duration     // the shortest between two scrapes of a target
	version               release           // of Prometheus
	onlySyntax            bool              // whether Prometheus accepts the rules, and no more

	key string // equal only for equal contexts
}

func newRuleContext(stack repolayout.Stack, interval model.Duration) *ruleContext {
	c := &ruleContext{policies: stack.Policies.Rules, severities: stack.Policies.Severity, interval: time.Duration(interval)}
	c.alertName, c.recordName = whole(c.policies.AlertName), whole(c.policies.RecordName)
	version := stack.Components.Prometheus.Version
	if version == "" {
		version = repolayout.DefaultStack().Components.Prometheus.Version
	}
	c.version = parseRelease(version)
	c.key = fmt.Sprintf("%q %v %v %v", c.policies, c.severities, c.version, c.interval)
	return c
}

// whole is the regexp that matches what the given one matches from end to end.
// One that does not compile is the loader's to report.
func whole(pattern string) *regexp.Regexp {
	if pattern == "" {
		return nil
	}
	re, err := regexp.Compile("^(?s:" + pattern + ")$")
	if err != nil {
		return nil
	}
	return re
}

var scrapeInterval = regexp.MustCompile(`\bscrape_interval["']?:[ \t]*["']?([0-9a-z]+)`)

// of is the context with the team's own targets in mind: where it scrapes one
// more often than the rest, its ranges may be shorter.
func (c *ruleContext) of(team *repolayout.Team) *ruleContext {
	shortest := c.interval
	for _, f := range team.Scrape {
		if !bytes.Contains(f.Content, []byte("scrape_interval")) {
			continue
		}
		for _, m := range scrapeInterval.FindAllSubmatch(f.Content, -1) {
			if d, err := model.ParseDuration(string(m[1])); err == nil && d > 0 {
				shortest = min(shortest, time.Duration(d))
			}
		}
	}
	if shortest == c.interval {
		return c
	}
	own := *c
	own.interval = shortest
	own.key = fmt.Sprintf("%s %v", c.key, shortest)
	return &own
}

// release is a version of Prometheus, as far as its features go by it.
type release struct{ major, minor int }

// parseRelease takes what the loader let through, so it has no errors to tell.
func parseRelease(version string) release {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	var r release
	r.major, _ = strconv.Atoi(major)
	r.minor, _ = strconv.Atoi(minor)
	return r
}

func (r release) before(other release) bool {
	return r.major < other.major || r.major == other.major && r.minor < other.minor
}

func (r release) String() string { return fmt.Sprintf("%d.%d", r.major, r.minor) }
