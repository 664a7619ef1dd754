package bundle

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestArrangeAgreesWithAssemble holds the two ways of putting a bundle together against each other.
func TestArrangeAgreesWithAssemble(t *testing.T) {
	large := strings.Repeat("a line of a file that does not fit a chunk\n", 60_000)
	files := []File{{"alertmanager.yml", large}, {"templates/a.tmpl", "a"}, {"templates/b.tmpl", "b"}}
	chunks, err := Cut("", files)
	if err != nil {
		t.Fatal(err)
	}
	b := New(Alertmanager, chunks)
	if len(b.Chunks) < 3 {
		t.Fatalf("%d chunks, the test wants a file that is cut", len(b.Chunks))
	}
	if err := b.Ref("").Check(); err != nil {
		t.Fatal(err)
	}
	want, err := Assemble(b.Ref(""), b.Chunks)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, arranged(t, b)); diff != "" {
		t.Error(diff)
	}
}

func arranged(t *testing.T, b Bundle) []File {
	data := map[string]map[string]string{}
	var parts []Part
	for _, c := range b.Chunks {
		data[c.Digest] = c.Data
		more, err := c.Parts()
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, more...)
	}
	layouts, err := Arrange(parts)
	if err != nil {
		t.Fatal(err)
	}
	var files []File
	for _, l := range layouts {
		var content strings.Builder
		for _, p := range l.Parts {
			content.WriteString(data[p.Chunk][p.Key])
		}
		files = append(files, File{l.Path, content.String()})
	}
	return files
}

func TestArrangeRefuses(t *testing.T) {
	for name, parts := range map[string][]Part{
		"a part that is missing":   {{Path: "a", part: 1, of: 2}},
		"a path twice":             {{Path: "a"}, {Path: "a"}},
		"a file that is a folder":  {{Path: "a"}, {Path: "a/b"}},
		"parts of different files": {{Path: "a", part: 1, of: 2}, {Path: "a", part: 2, of: 3}},
	} {
		if got, err := Arrange(parts); err == nil {
			t.Errorf("%s: taken, as %v", name, got)
		}
	}
}

func TestRefCheckRefuses(t *testing.T) {
	chunks, err := Cut("", []File{{"a", "a"}})
	if err != nil {
		t.Fatal(err)
	}
	good := New(Prometheus, chunks).Ref("")
	for name, ref := range map[string]Ref{
		"nothing":             {},
		"a path":              {Digest: "../../etc", Chunks: good.Chunks},
		"capitals":            {Digest: strings.ToUpper(good.Digest), Chunks: good.Chunks},
		"other chunks":        {Digest: good.Digest, Chunks: append([]string{good.Digest}, good.Chunks...)},
		"a chunk that is cut": {Digest: good.Digest, Chunks: []string{good.Chunks[0][:20]}},
	} {
		if ref.Check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}
