package routes

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// treeGenerator writes Alertmanager configurations of few labels and values, so
// that routes often overlap.
type treeGenerator struct {
	*rand.Rand
	receivers int
}

var (
	treeLabels   = []string{"team", "severity", "namespace", "job"}
	treeValues   = []string{"a", "b", "ab", "warning", "critical", "x-1"}
	treePatterns = []string{"a|b", ".*", ".+", "a.*", ".*b", "critical|warning", "", "(?i)A", "[^a]", "x-[0-9]+", `\w+`, "a?", ".{2}"}
)

func (g *treeGenerator) matcher() string {
	name := pick(g.Rand, treeLabels...)
	if g.IntN(2) == 0 {
		return fmt.Sprintf("%s%s%q", name, pick(g.Rand, "=", "=", "=", "!="), pick(g.Rand, append(treeValues, "")...))
	}
	return fmt.Sprintf("%s%s%q", name, pick(g.Rand, "=~", "=~", "!~"), pick(g.Rand, treePatterns...))
}

// route writes a route as a list item; prefix is put before receivers' names.
func (g *treeGenerator) route(b *strings.Builder, indent, prefix string, depth int, root bool) {
	inner := indent + "  "
	if root {
		inner = indent
		fmt.Fprintf(b, "%sreceiver: %sr0\n", inner, prefix)
	} else {
		fmt.Fprintf(b, "%s- receiver: %sr%d\n", indent, prefix, g.IntN(g.receivers))
		for i := range g.IntN(3) {
			if i == 0 {
				fmt.Fprintf(b, "%smatchers:\n", inner)
			}
			fmt.Fprintf(b, "%s- '%s'\n", inner, g.matcher())
		}
		if g.IntN(4) == 0 {
			fmt.Fprintf(b, "%scontinue: true\n", inner)
		}
	}
	if depth > 0 {
		for i := range g.IntN(5) {
			if i == 0 {
				fmt.Fprintf(b, "%sroutes:\n", inner)
			}
			g.route(b, inner, prefix, depth-1, false)
		}
	}
}

func (g *treeGenerator) config() string {
	var b strings.Builder
	b.WriteString("route:\n")
	g.route(&b, "  ", "", 3, true)
	b.WriteString("receivers:\n")
	for i := range g.receivers {
		fmt.Fprintf(&b, "- name: r%d\n", i)
	}
	return b.String()
}

func (g *treeGenerator) labelSet() map[string]string {
	set := map[string]string{}
	for _, name := range treeLabels {
		if g.IntN(4) > 0 {
			set[name] = pick(g.Rand, append(treeValues, "A", "other", "x-22", "ba")...)
		}
	}
	return set
}

// partly forgets some of what is known of a label set.
func (g *treeGenerator) partly(set map[string]string) Labels {
	l := Labels{open: g.IntN(4) == 0}
	for _, name := range treeLabels {
		switch g.IntN(4) {
		case 0:
			l = l.With(name, Anything())
		case 1:
			l = l.With(name, OneOf(set[name], pick(g.Rand, treeValues...), pick(g.Rand, append(treeValues, "")...)))
		default:
			l = l.With(name, OneOf(set[name]))
		}
	}
	return l
}

// complete is a random label set of those that are possible.
func (g *treeGenerator) complete(l Labels) map[string]string {
	set := map[string]string{}
	for _, name := range treeLabels {
		v := l.Of(name)
		value := pick(g.Rand, append(treeValues, "", "A", "B", "other", "x-7", "bb", "é")...)
		if !v.any {
			value = pick(g.Rand, v.set...)
		}
		if value != "" {
			set[name] = value
		}
	}
	return set
}
