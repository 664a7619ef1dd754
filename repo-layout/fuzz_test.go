package repolayout

import (
	"strings"
	"testing"
	"testing/fstest"
)

// FuzzLoad puts any content in the place of each kind of file, loads the repo,
// and holds the loader to its promises: no panic, every problem placed in the
// file that was changed, the same answer twice, and an answer in agreement with
// the schema for the files that have one.
func FuzzLoad(f *testing.F) {
	kinds := []struct{ file, schema string }{
		{"watchbill.yaml", "watchbill"},
		{"environments/prod.yaml", "environment"},
		{"teams/payments/team.yaml", "team"},
		{"teams/payments/rules/a.yaml", ""},
		{"teams/payments/scrape/a.yaml", ""},
		{"teams/payments/tests/a.yaml", ""},
		{"teams/payments/dashboards/a.json", ""},
		{"alertmanager/templates/a.tmpl", ""},
		{"patches/a.yaml", ""},
	}
	for _, d := range ownDocuments {
		for i, k := range kinds {
			if k.schema == d.schema {
				f.Add(uint8(i), []byte(d.content))
			}
		}
	}
	for _, text := range []string{bomb, "groups: &a [*a]", ruleText(1, 1, 1), "a: *b", "<<: [1]", "<<: {<<: {a: b}}", "<<: {<<}", "? [a]\n: b", "- !!binary x", "\uFEFF", "{}\n---\n{}", "%YAML 9.9\n---\n", "scrape_configs: [{job_name: a}]"} {
		for i := range kinds {
			f.Add(uint8(i), []byte(text))
		}
	}
	schemas := map[string]func([]byte) error{}
	for _, k := range kinds {
		if k.schema != "" {
			s := compileSchema(f, k.schema)
			schemas[k.schema] = func(content []byte) error { return schemaError(s, content) }
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, content []byte) {
		k := kinds[int(kind)%len(kinds)]
		fsys := goodRepo(nil)
		fsys[k.file] = &fstest.MapFile{Data: content}
		repo, problems := NewLoader().Load(fsys)
		if len(repo.Environments) != 1 || len(repo.Teams) != 1 {
			t.Fatalf("%d environments, %d teams", len(repo.Environments), len(repo.Teams))
		}
		checkProblems(t, k.file, content, problems)
		if _, again := NewLoader().Load(fsys); strings.Join(lines(again), "\n") != strings.Join(lines(problems), "\n") {
			t.Errorf("another answer the second time: %q and %q", lines(problems), lines(again))
		}
		// What the loader takes, the schema takes.
		if schema, ok := schemas[k.schema]; ok && len(problems) == 0 {
			if err := schema(content); err != nil {
				t.Errorf("the schema refuses what the loader takes: %v", err)
			}
		}
	})
}

func checkProblems(t *testing.T, file string, content []byte, problems []Problem) {
	t.Helper()
	last := strings.Count(string(content), "\n") + strings.Count(string(content), "\r") + strings.Count(string(content), "\u2028") +
		strings.Count(string(content), "\u2029") + strings.Count(string(content), "\u0085") + 2
	for _, p := range problems {
		switch {
		case p.Check == unknownSeverity: // the team's, when the fuzzer changes the list
		case p.File != file:
			t.Errorf("a problem in %s, where nothing was changed: %s", p.File, line(p))
		case p.Line > last:
			t.Errorf("line %d of %d: %s", p.Line, last, line(p))
		case p.Message == "" || strings.Contains(p.Message, "%!"):
			t.Errorf("message %q", p.Message)
		}
	}
}

// FuzzSecretsOf wants parts that are in their lines, and that lines without their
// parts hide no more.
func FuzzSecretsOf(f *testing.F) {
	for _, seed := range []string{"a: {password: b, c: d}", "token: |\n  a\n\n  b\nc: *d", "x: &p [a]\npassword: *p", "a: http://b:c@d", "a: [\nkey:\n - b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		s := SecretsOf("teams/a/scrape/a.yaml", []byte(content))
		for i, line := range strings.Split(content, "\n") {
			last := 0
			for _, p := range s.Line(i + 1) {
				if p.From < last || p.To <= p.From || p.To > len(line) {
					t.Fatalf("%v in %q", s.Line(i+1), line)
				}
				last = p.To
			}
		}
		s.Hide(content)
	})
}

// FuzzCodeOwners wants an answer for any pattern: the last line that matches, or none.
func FuzzCodeOwners(f *testing.F) {
	for _, seed := range []string{"* @a", "/teams/**/a? @b", "a\\ b/ c", "!x\n[a] b", "**/ @a", "/ @a", "/* @a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := new(report).parseCodeOwners(&File{Content: []byte(text)}).(*CodeOwners)
		if !ok {
			return
		}
		owned, line := c.Owned("teams/a/team.yaml")
		if lines := strings.Split(text, "\n"); line > len(lines) || owned && (line == 0 || len(strings.Fields(lines[line-1])) < 2) {
			t.Errorf("owned %t by line %d", owned, line)
		}
	})
}
