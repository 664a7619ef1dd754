package validate

import (
	"fmt"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// checkContext is what the findings of a team depend on besides the team.
type checkContext struct {
	severities []string
	globals    config.GlobalConfig // of the rendered prometheus.yml, as far as scrape configs see it
	templates  *templateSet
	rules      *ruleContext

	folders []string // of Prometheus's pod, that patches mount

	scrapeKey string // equal only for equal globals and folders
	key       string // equal only for equal contexts
}

func newContext(stack repolayout.Stack, patches []*repolayout.File, templates *templateSet) *checkContext {
	c := &checkContext{severities: stack.Severities, templates: templates}
	if len(c.severities) == 0 {
		c.severities = repolayout.DefaultStack().Severities
	}
	c.globals = config.DefaultGlobalConfig
	setDuration(&c.globals.ScrapeInterval, stack.Prometheus.ScrapeInterval)
	setDuration(&c.globals.ScrapeTimeout, stack.Prometheus.ScrapeTimeout)
	c.folders = mountedFolders(patches)
	c.scrapeKey = fmt.Sprintf("%s %s %q", c.globals.ScrapeInterval, c.globals.ScrapeTimeout, c.folders)
	c.rules = newRuleContext(stack, c.globals.ScrapeInterval)
	c.key = strings.Join([]string{c.scrapeKey, c.rules.key, fmt.Sprintf("%q", c.severities), templates.key}, "\n")
	return c
}

// onlySyntax leaves out all but the checks that promtool makes of rules.
func (c *checkContext) onlySyntax() {
	rules := *c.rules
	rules.onlySyntax, rules.key = true, "only syntax"
	c.rules, c.key = &rules, "only syntax"
}

// setDuration leaves the default where the stack says nothing, or nothing that
// can be read: that is the loader's to report.
func setDuration(to *model.Duration, from repolayout.Duration) {
	if d, err := model.ParseDuration(string(from)); err == nil && d > 0 {
		*to = d
	}
}
