package build

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/watchbill/watchbill/render"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/memory"
)

// configChecks remembers, for each environment, the verdict on the
// configurations that were rendered last, so that a change of a rule does not
// load every team's routes again.
type configChecks struct {
	verdicts map[string]verdict
	routing  validate.Routing
	memory   *memory.Memory
}

type verdict struct {
	of       [sha256.Size]byte // the rendered configurations and the templates
	findings []validate.Finding
}

// check looks at what is rendered for an environment and, where the programs
// would take it, at where it sends the teams' alerts.
func (c *configChecks) check(r *render.Renderer, repo *repolayout.Repo, env *repolayout.Environment) []validate.Finding {
	prometheus, err := r.PrometheusConfig(repo, env)
	if err != nil {
		return []validate.Finding{unrendered(env, err)}
	}
	alertmanager, err := r.AlertmanagerConfig(repo, env)
	if err != nil {
		return []validate.Finding{unrendered(env, err)}
	}
	found := c.verdict(r, repo, env, prometheus, alertmanager)
	if len(validate.Blocking(found)) > 0 {
		return found
	}
	return slices.Concat(found, c.routing.Check(repo, env, prometheus, alertmanager))
}

func (c *configChecks) verdict(r *render.Renderer, repo *repolayout.Repo, env *repolayout.Environment, prometheus, alertmanager []byte) []validate.Finding {
	h := sha256.New()
	fmt.Fprintf(h, "%d %s%d %s", len(prometheus), prometheus, len(alertmanager), alertmanager)
	for _, t := range repo.Templates {
		fmt.Fprintf(h, "%s %s\n", t.Path, t.Digest)
	}
	of := [sha256.Size]byte(h.Sum(nil))
	if last, ok := c.verdicts[env.Name]; ok && last.of == of {
		return last.findings
	}
	accepted := memory.KeyOf("accepted", string(of[:]))
	if _, ok := memory.Recall[bool](c.memory, accepted); ok {
		return nil
	}
	findings := validate.PrometheusConfig(env.Pos.File, prometheus)
	routing := validate.AlertmanagerConfig(env.Pos.File, "", alertmanager, repo.Templates...)
	if len(validate.Blocking(routing)) > 0 {
		routing = blameRouting(r, repo, env, routing)
	}
	findings = append(findings, routing...)
	if len(findings) == 0 {
		memory.Keep(c.memory, accepted, true)
	}
	if c.verdicts == nil {
		c.verdicts = map[string]verdict{}
	}
	c.verdicts[env.Name] = verdict{of, findings}
	return findings
}

// blameRouting loads each team's part of the Alertmanager configuration by
// itself; if every one is fine alone, the fault is the whole's.
func blameRouting(r *render.Renderer, repo *repolayout.Repo, env *repolayout.Environment, whole []validate.Finding) []validate.Finding {
	var found []validate.Finding
	for _, t := range repo.Teams {
		content, err := r.AlertmanagerConfig(repo.WithTeams([]*repolayout.Team{t}), env)
		if err != nil {
			continue // the whole would not have been rendered either
		}
		found = append(found, validate.AlertmanagerConfig(t.Spec.Pos.File, t.Name, content, repo.Templates...)...)
	}
	if len(validate.Blocking(found)) == 0 {
		return whole
	}
	return found
}

// patchFindings are of patches that no environment can apply.
func patchFindings(repo *repolayout.Repo) []validate.Finding {
	var out []validate.Finding
	for _, p := range render.CheckPatches(repo) {
		out = append(out, validate.Finding{
			Check: repolayout.BadPatch, Severity: validate.Error, Pos: p.Pos, Message: p.Message, Hint: p.Hint,
		})
	}
	return out
}

func unrendered(env *repolayout.Environment, err error) validate.Finding {
	return validate.Finding{
		Check: "render/config", Severity: validate.Error,
		Pos: repolayout.Pos{File: env.Pos.File}, Message: err.Error(),
	}
}
