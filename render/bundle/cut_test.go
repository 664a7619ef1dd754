package bundle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"
)

// randomFiles are files of one owner, of which some do not fit a chunk.
func randomFiles(r *rand.Rand, count, large int) []File {
	files := make([]File, 0, count)
	for i := range count {
		size := r.IntN(40 << 10)
		if i < large {
			size = maxPart + r.IntN(4<<20)
		}
		files = append(files, File{Path: fmt.Sprintf("rules/team/%d-%x.yaml", i, r.Uint32()), Content: randomText(r, size)})
	}
	return files
}

func randomText(r *rand.Rand, size int) string {
	var text strings.Builder
	for text.Len() < size {
		fmt.Fprintf(&text, "  - alert: Größe%d_%x\n", r.IntN(1000), r.Uint64())
	}
	return text.String()
}

func cut(t testing.TB, files []File) []*Chunk {
	t.Helper()
	chunks, err := Cut("team", files)
	if err != nil {
		t.Fatal(err)
	}
	return chunks
}

func digests(chunks []*Chunk) map[string]bool {
	out := map[string]bool{}
	for _, c := range chunks {
		out[c.Digest] = true
	}
	return out
}

func TestCutIsLosslessAndFits(t *testing.T) {
	const configMap = 1 << 20 // what the API server takes of values, and we leave room besides
	r := rand.New(rand.NewPCG(1, 1))
	for _, shape := range []struct{ count, large int }{{0, 0}, {1, 0}, {10, 0}, {200, 0}, {1, 1}, {60, 3}} {
		files := randomFiles(r, shape.count, shape.large)
		chunks := cut(t, files)
		for _, c := range chunks {
			size := 0
			for key, value := range c.Data {
				size += len(key) + len(value)
				if wrong := validation.IsConfigMapKey(key); len(wrong) > 0 {
					t.Errorf("key %q: %v", key, wrong)
				}
				if !utf8.ValidString(value) {
					t.Errorf("key %s: a character is cut in two", key)
				}
			}
			if size > configMap-(64<<10) {
				t.Errorf("%+v: a chunk of %d bytes", shape, size)
			}
		}
		b := New(Prometheus, chunks)
		got, err := Assemble(b.Ref(""), b.Chunks)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
		if len(got) != len(files) || !slices.Equal(got, files) {
			t.Errorf("%+v: %d files come back as %d others", shape, len(files), len(got))
		}
	}
}

func TestCutDoesNotCareForOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	files := randomFiles(r, 100, 1)
	want := cut(t, files)
	for range 5 {
		r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		if diff := cmp.Diff(digests(want), digests(cut(t, files))); diff != "" {
			t.Fatal(diff)
		}
	}
}

// TestCutMovesNothingElse: a change of one file changes the chunk that holds it
// and no other, as long as its chunk has room.
func TestCutMovesNothingElse(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	files := randomFiles(r, 200, 0)
	before := cut(t, files)
	if len(before) < 4 {
		t.Fatalf("only %d chunks, too few to tell", len(before))
	}
	for i := range files {
		changed := slices.Clone(files)
		changed[i].Content = strings.Replace(changed[i].Content+"\n", "alert", "alarm", 1)
		after := cut(t, changed)
		if gone := missing(before, after); gone != 1 || len(after) != len(before) {
			t.Errorf("file %d: %d of %d chunks are gone, %d are there", i, gone, len(before), len(after))
		}
	}
}

func missing(before, after []*Chunk) int {
	left, n := digests(after), 0
	for _, c := range before {
		if !left[c.Digest] {
			n++
		}
	}
	return n
}

// TestCutOfALargeFileStays: a line put into a large file moves no cut further down.
func TestCutOfALargeFileStays(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	text := randomText(r, 8<<20)
	before := cut(t, []File{{Path: "alertmanager.yml", Content: text}})
	worst := 0
	for range 30 {
		at := strings.Index(text[r.IntN(len(text)-1000):], "\n") + r.IntN(10)*len(text)/10
		at += strings.Index(text[at:], "\n") + 1
		after := cut(t, []File{{Path: "alertmanager.yml", Content: text[:at] + "one line more\n" + text[at:]}})
		worst = max(worst, missing(before, after))
	}
	if worst > 2 {
		t.Errorf("one line changed %d of %d chunks", worst, len(before))
	}
}

func TestCutOfOneLongLine(t *testing.T) {
	text := strings.Repeat("世", 1<<20)
	chunks := cut(t, []File{{Path: "x.tmpl", Content: text}})
	b := New(Alertmanager, chunks)
	got, err := Assemble(b.Ref(""), chunks)
	if err != nil || got[0].Content != text {
		t.Errorf("it does not come back whole: %v", err)
	}
	for _, c := range chunks {
		for key, value := range c.Data {
			if !utf8.ValidString(value) {
				t.Errorf("%s: a character is cut in two", key)
			}
		}
	}
}

func TestCutTellsKeysApart(t *testing.T) {
	long := strings.Repeat("long/", 100)
	files := []File{
		{"a b", "1"}, {"a_b", "2"}, {"a/b", "3"}, {"a!b", "4"}, {"files.json", "5"}, {"..a", "6"}, {".a", "7"}, {"...", "8"},
		{long + "x", "9"}, {"0/" + long + "x", "10"}, {"ü", "11"}, {"a_b-2", "12"}, {"empty", ""},
	}
	chunks := cut(t, files)
	if len(chunks) != 1 {
		t.Fatalf("%d chunks", len(chunks))
	}
	for key := range chunks[0].Data {
		if wrong := validation.IsConfigMapKey(key); len(wrong) > 0 {
			t.Errorf("key %q: %v", key, wrong)
		}
	}
	got, err := Assemble(New(Prometheus, chunks).Ref(""), chunks)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	if diff := cmp.Diff(files, got); diff != "" {
		t.Error(diff)
	}
}

func TestCutRefuses(t *testing.T) {
	for name, files := range map[string][]File{
		"a path twice":              {{"a", "1"}, {"b", ""}, {"a", "2"}},
		"text that is not UTF-8":    {{"a", "caf\xe9"}},
		"a path that is not UTF-8":  {{"caf\xe9", ""}},
		"a path out of the folder":  {{"../a", ""}},
		"an absolute path":          {{"/a", ""}},
		"no path":                   {{"", ""}},
		"a path that fits no chunk": {{strings.Repeat("a", 1<<20), ""}},
	} {
		if _, err := Cut("team", files); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
