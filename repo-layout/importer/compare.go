package importer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/rulefmt"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Difference is a rule that is not the same in the repo as it was.
type Difference struct {
	repolayout.Pos
	Team, Group, Rule string
	What              string
}

// CompareRules holds the rules that were read against those of a repo, and says
// which are missing, other or in another order. It knows nothing of how the
// repo was made.
func CompareRules(read []Group, repo *repolayout.Repo) (same int, differences []Difference) {
	c := comparison{have: map[string][]place{}}
	for _, team := range repo.Teams {
		for _, file := range team.Rules {
			for i := range file.Groups {
				g := &file.Groups[i]
				for j := range g.Rules {
					id := identity(team.Name, &g.RuleGroup, j)
					c.have[id] = append(c.have[id], place{file.Path, i, j, false})
				}
			}
		}
	}
	for i := range read {
		c.group(&read[i])
	}
	for _, team := range repo.Teams {
		c.added(team)
	}
	return c.same, c.found
}

type place struct {
	file        string
	group, rule int
	taken       bool
}

type comparison struct {
	have  map[string][]place
	same  int
	found []Difference
}

// group looks for the rules of one group, and wants them in the same order
// wherever several of them are in one group.
func (c *comparison) group(g *Group) {
	last := map[string]int{} // the rule that was found last, by file and group
	for i := range g.Rules {
		team := g.Teams[i]
		at := c.take(identity(team, &g.RuleGroup, i), last)
		name := g.Rules[i].Alert + g.Rules[i].Record
		switch {
		case at == nil:
			c.found = append(c.found, Difference{g.Pos, team, g.Name, name, "it is not in the result as it was read"})
			continue
		case at.rule < last[at.key()]:
			c.found = append(c.found, Difference{g.Pos, team, g.Name, name, "it is evaluated at another place of its group"})
		default:
			c.same++
		}
		last[at.key()] = at.rule + 1
	}
}

func (p *place) key() string { return fmt.Sprintf("%s#%d", p.file, p.group) }

// take finds a rule that is in order, or any.
func (c *comparison) take(id string, last map[string]int) *place {
	places := c.have[id]
	var any *place
	for i := range places {
		p := &places[i]
		if p.taken {
			continue
		}
		if next, begun := last[p.key()]; begun && p.rule >= next {
			any = p
			break
		}
		if any == nil {
			any = p
		}
	}
	if any != nil {
		any.taken = true
	}
	return any
}

// added are rules that nobody has read.
func (c *comparison) added(team *repolayout.Team) {
	for _, file := range team.Rules {
		for i := range file.Groups {
			g := &file.Groups[i]
			for j := range g.Rules {
				for _, p := range c.have[identity(team.Name, &g.RuleGroup, j)] {
					if p.file == file.Path && p.group == i && p.rule == j && !p.taken {
						c.found = append(c.found, Difference{g.Pos, team.Name, g.Name, g.Rules[j].Alert + g.Rules[j].Record, "it is in the result and was not in what was read"})
					}
				}
			}
		}
	}
}

// identity is everything that makes a rule what it is, but for the team label
// of an alert, which is its folder's.
func identity(team string, g *rulefmt.RuleGroup, nth int) string {
	r := &g.Rules[nth]
	labels := maps.Clone(g.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, r.Labels)
	if r.Alert != "" {
		delete(labels, teamLabel)
	}
	offset := ""
	if g.QueryOffset != nil {
		offset = g.QueryOffset.String()
	}
	return fmt.Sprintf("%q", []string{
		team, g.Name, g.Interval.String(), offset, fmt.Sprint(g.Limit), r.Record, r.Alert, r.Expr,
		r.For.String(), r.KeepFiringFor.String(), sorted(labels), sorted(r.Annotations),
	})
}

func sorted(m map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%q=%q,", name, m[name])
	}
	return b.String()
}
