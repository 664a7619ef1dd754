package live

import (
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
)

// rule is one that is checked.
type rule struct {
	team string
	file *repolayout.RuleFile
	*rulefmt.Rule
	at   repolayout.RulePos
	expr parser.Expr
}

// promQL reads what any Prometheus may be told to read: what the one that is
// asked does not know, it refuses by itself.
var promQL = parser.NewParser(parser.Options{
	EnableExperimentalFunctions: true, ExperimentalDurationExpr: true,
	EnableExtendedRangeSelectors: true, EnableBinopFillModifiers: true,
})

// maxExpr is how long an expression may be that is looked at, in bytes: the parser recurses.
const maxExpr = 64 << 10

func parse(expr string) (parser.Expr, bool) {
	if len(expr) > maxExpr {
		return nil, false
	}
	e, err := promQL.ParseExpr(expr)
	return e, err == nil
}

// runsIn says whether a rule file is meant for an environment; nil is what all have.
func runsIn(f *repolayout.RuleFile, env *repolayout.Environment) bool {
	return f.Environment == "" || env != nil && f.Environment == env.Name
}

// rulesOf are the rules to check. What does not parse is for other checks to say.
func rulesOf(repo *repolayout.Repo, o Options) []*rule {
	var out []*rule
	for _, team := range repo.Teams {
		for _, file := range team.Rules {
			if !runsIn(file, o.Environment) || o.Files != nil && !o.Files[file.Path] {
				continue
			}
			for i := range file.Groups {
				g := &file.Groups[i]
				for j := range g.Rules {
					if expr, ok := parse(g.Rules[j].Expr); ok && j < len(g.RulePos) {
						out = append(out, &rule{team: team.Name, file: file, Rule: &g.Rules[j], at: g.RulePos[j], expr: expr})
					}
				}
			}
		}
	}
	return out
}

// recordedBy are the names that the repo's own rules record, in any environment:
// what they will give is not there before they run.
func recordedBy(repo *repolayout.Repo) map[string]bool {
	names := map[string]bool{}
	for _, team := range repo.Teams {
		for _, file := range team.Rules {
			for i := range file.Groups {
				for j := range file.Groups[i].Rules {
					if name := file.Groups[i].Rules[j].Record; name != "" {
						names[name] = true
					}
				}
			}
		}
	}
	return names
}

func durationOf(written repolayout.Duration, otherwise time.Duration) time.Duration {
	if d, err := model.ParseDuration(string(written)); err == nil && d > 0 {
		return time.Duration(d)
	}
	return otherwise
}

// finding is one of this rule, at some bytes of its expression.
func (r *rule) finding(check string, at posrange, hint, message string) validate.Finding {
	f := validate.Finding{
		Check: check, Severity: validate.Warning, Owner: r.team, Hint: hint,
		Message: r.title() + ": " + message,
	}
	f.Mark(r.file.Content, r.at.Expr, r.Expr, at.from, at.to)
	return f
}

func (r *rule) title() string {
	if r.Alert != "" {
		return `alert "` + r.Alert + `"`
	}
	return `record "` + r.Record + `"`
}

// posrange is a part of an expression, in bytes.
type posrange struct{ from, to int }

func (r *rule) node(n parser.Node) posrange {
	at := n.PositionRange()
	return posrange{max(0, min(int(at.Start), len(r.Expr))), max(0, min(int(at.End), len(r.Expr)))}
}

func (r *rule) whole() posrange { return posrange{0, len(r.Expr)} }
