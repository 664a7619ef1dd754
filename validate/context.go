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

	globalsKey string // equal only for equal globals
	key        string // equal only for equal contexts
}

func newContext(stack repolayout.Stack, templates *templateSet) *checkContext {
	c := &checkContext{severities: stack.Severities, templates: templates}
	if len(c.severities) == 0 {
		c.severities = repolayout.DefaultStack().Severities
	}
	c.globals = config.DefaultGlobalConfig
	setDuration(&c.globals.ScrapeInterval, stack.Prometheus.ScrapeInterval)
	setDuration(&c.globals.ScrapeTimeout, stack.Prometheus.ScrapeTimeout)
	c.globalsKey = fmt.Sprint(c.globals.ScrapeInterval, c.globals.ScrapeTimeout)
	c.rules = newRuleContext(stack, c.globals.ScrapeInterval)
	c.key = strings.Join([]string{c.globalsKey, c.rules.key, fmt.Sprintf("%q", c.severities), templates.key}, "\n")
	return c
}

// setDuration leaves the default where the stack says nothing, or nothing that
// can be read: that is the loader's to report.
func setDuration(to *model.Duration, from repolayout.Duration) {
	if d, err := model.ParseDuration(string(from)); err == nil && d > 0 {
		*to = d
	}
}
