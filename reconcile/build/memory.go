package build

import (
	"io/fs"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/memory"
)

// Remember has Check use what the memory knows, and keep there what it finds out.
// What it answers is the same with a memory and without.
func (b *Builder) Remember(m *memory.Memory) {
	b.memory = m
	b.validator.Memory, b.tests.Memory = m, m
	b.configs.memory, b.configs.routing.Memory = m, m
}

// Only has Check make some of the checks.
func (b *Builder) Only(checks *validate.Selection) {
	b.only, b.validator.OnlySyntax = checks, checks.OnlySyntax()
}

// loadToCheck reads a revision for Check: of teams that the memory knows, only
// the outline.
func (b *Builder) loadToCheck(fsys fs.FS) (*repolayout.Repo, []repolayout.Problem) {
	if b.only.OnlySyntax() {
		return b.loader.LoadOutlines(fsys, repolayout.Outlines{
			Recall: func(string, string) (o repolayout.Outline, known bool) { return },
			Visit:  b.validator.Visit,
		})
	}
	if b.memory == nil {
		return b.loader.Load(fsys)
	}
	key := func(team, digest string) memory.Key { return memory.KeyOf("outline", team, digest) }
	return b.loader.LoadOutlines(fsys, repolayout.Outlines{
		Recall: func(team, digest string) (repolayout.Outline, bool) {
			return memory.Recall[repolayout.Outline](b.memory, key(team, digest))
		},
		Keep: func(team, digest string, o repolayout.Outline) { memory.Keep(b.memory, key(team, digest), o) },
	})
}
