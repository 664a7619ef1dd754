package validate

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/relabel"
)

// abstractLabels are the labels of a target or sample that is not known: of
// each label, what its value can be.
type abstractLabels struct {
	named map[string]possible
	// rest is what labels that are not named can be, and open are prefixes of those
	// of them that may be there. What changed the rest later is in changes.
	rest    func(name string) possible
	open    []string
	changes []func(name string, before possible) possible
}

func (l *abstractLabels) of(name string) possible {
	if p, ok := l.named[name]; ok {
		return p
	}
	p := l.rest(name)
	for _, change := range l.changes {
		p = change(name, p)
	}
	return p
}

func (l *abstractLabels) values(names []string, sep string) joined {
	parts := make([]possible, len(names))
	for i, name := range names {
		parts[i] = l.of(name)
	}
	return join(parts, sep)
}

// spoil makes every label of a prefix one that may be anything.
func (l *abstractLabels) spoil(prefix string) {
	l.open = append(slices.Clip(l.open), prefix)
	l.change(func(name string, before possible) possible {
		if strings.HasPrefix(name, prefix) {
			return possible{any: true}
		}
		return before
	})
}

// drop takes labels away, by their names.
func (l *abstractLabels) drop(gone func(name string) bool) {
	l.change(func(name string, before possible) possible {
		if gone(name) {
			return exactly("")
		}
		return before
	})
}

func (l *abstractLabels) change(change func(string, possible) possible) {
	for name, p := range l.named {
		l.named[name] = change(name, p)
	}
	l.changes = append(slices.Clip(l.changes), change)
}

// rename is labelmap: each label that the regexp matches is copied to a name that is made of its own.
func (l *abstractLabels) rename(c *relabel.Config) {
	before := maps.Clone(l.named)
	to := map[string]possible{}
	for name, p := range before {
		if p.isEmpty() || !c.Regex.MatchString(name) {
			continue
		}
		target := c.Regex.ReplaceAllString(name, c.Replacement)
		if p.mayBeEmpty() { // then nothing is copied
			p = p.or(l.of(target))
		}
		if other, twice := to[target]; twice {
			p = p.or(other)
		}
		to[target] = p
	}
	maps.Copy(l.named, to)
	for _, prefix := range l.open {
		from := joined{parts: []possible{exactly(prefix), {any: true}}}
		if reaches(c.Regex, from) {
			l.spoil(literalPrefix(c.Replacement))
			return
		}
	}
}

// literalPrefix is what a replacement begins with, whatever its variables are.
func literalPrefix(replacement string) string {
	prefix, _, _ := strings.Cut(replacement, "$")
	return prefix
}
