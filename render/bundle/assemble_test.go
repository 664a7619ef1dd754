package bundle

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// forge makes a chunk of any data and manifest, with the digest that belongs to it.
func forge(data map[string]string, manifest ...entry) *Chunk {
	data = maps.Clone(data)
	if manifest != nil {
		raw, err := json.Marshal(manifest)
		if err != nil {
			panic(err)
		}
		data[manifestKey] = string(raw)
	}
	return &Chunk{Digest: DataDigest(data), Data: data}
}

func TestAssembleRefuses(t *testing.T) {
	one := forge(map[string]string{"a": "1"}, entry{Path: "a", Key: "a"})
	two := forge(map[string]string{"b": "2"}, entry{Path: "b", Key: "b"})
	cases := map[string]struct {
		chunks []*Chunk
		ref    func(Ref) Ref // what the index says, made of the one that fits
		want   string
	}{
		"content that was changed":         {chunks: []*Chunk{{Digest: one.Digest, Data: map[string]string{"a": "2", manifestKey: one.Data[manifestKey]}}}, want: "its content has the digest"},
		"a key that was added":             {chunks: []*Chunk{{Digest: one.Digest, Data: map[string]string{"a": "1", "b": "", manifestKey: one.Data[manifestKey]}}}, want: "its content has the digest"},
		"text moved from key to value":     {chunks: []*Chunk{{Digest: DataDigest(map[string]string{"ab": "c"}), Data: map[string]string{"a": "bc"}}}, want: "its content has the digest"},
		"a chunk too few":                  {chunks: []*Chunk{one}, ref: func(Ref) Ref { return New("", []*Chunk{one, two}).Ref("") }, want: "is missing"},
		"a chunk too many":                 {chunks: []*Chunk{one, two}, ref: func(Ref) Ref { return New("", []*Chunk{one}).Ref("") }, want: "and 2 are there"},
		"a chunk twice":                    {chunks: []*Chunk{one, one}, ref: func(Ref) Ref { return New("", []*Chunk{one}).Ref("") }, want: "and 2 are there"},
		"another chunk":                    {chunks: []*Chunk{two}, ref: func(Ref) Ref { return New("", []*Chunk{one}).Ref("") }, want: "is missing"},
		"a list that makes another digest": {chunks: []*Chunk{one, two}, ref: func(r Ref) Ref { r.Chunks = r.Chunks[:1]; return r }, want: "its chunks make"},
		"a digest that is a path":          {chunks: []*Chunk{one}, ref: func(r Ref) Ref { r.Digest = "../x"; return r }, want: "no SHA-256"},
		"no manifest":                      {chunks: []*Chunk{forge(map[string]string{"a": "1"})}, want: "read files.json"},
		"a manifest that is no list":       {chunks: []*Chunk{forge(map[string]string{manifestKey: "{}"})}, want: "read files.json"},
		"a key that is not there":          {chunks: []*Chunk{forge(map[string]string{}, entry{Path: "a", Key: "a"})}, want: "which is not there"},
		"a path out of the folder":         {chunks: []*Chunk{forge(map[string]string{"a": ""}, entry{Path: "../a", Key: "a"})}, want: "no path inside"},
		"an absolute path":                 {chunks: []*Chunk{forge(map[string]string{"a": ""}, entry{Path: "/etc/passwd", Key: "a"})}, want: "no path inside"},
		"a path with a NUL":                {chunks: []*Chunk{forge(map[string]string{"a": ""}, entry{Path: "a\x00b", Key: "a"})}, want: "no path inside"},
		"the folder itself":                {chunks: []*Chunk{forge(map[string]string{"a": ""}, entry{Path: ".", Key: "a"})}, want: "no path inside"},
		"a path twice":                     {chunks: []*Chunk{forge(map[string]string{"a": "", "b": ""}, entry{Path: "x", Key: "a"}, entry{Path: "x", Key: "b"})}, want: "parts are there"},
		"a file that is a folder":          {chunks: []*Chunk{forge(map[string]string{"a": ""}, entry{Path: "x", Key: "a"}, entry{Path: "x-y", Key: "a"}, entry{Path: "x/y/z", Key: "a"})}, want: "the folder of"},
		"a part that is missing":           {chunks: []*Chunk{forge(map[string]string{"a": ""}, entry{"x", "a", 1, 2})}, want: "1 of 2 parts"},
		"a part twice":                     {chunks: []*Chunk{forge(map[string]string{"a": ""}, entry{"x", "a", 1, 2}, entry{"x", "a", 1, 2})}, want: "stands where"},
		"parts that disagree":              {chunks: []*Chunk{forge(map[string]string{"a": ""}, entry{"x", "a", 1, 2}, entry{"x", "a", 2, 3})}, want: "stands where"},
		"a part of nothing":                {chunks: []*Chunk{forge(map[string]string{"a": ""}, entry{"x", "a", 1, 0})}, want: "parts are there"},
		"a whole file and a part":          {chunks: []*Chunk{forge(map[string]string{"a": ""}, entry{"x", "a", 0, 0}, entry{"x", "a", 1, 2})}, want: "parts are there"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			ref := New("", c.chunks).Ref("")
			if c.ref != nil {
				ref = c.ref(ref)
			}
			files, err := Assemble(ref, c.chunks)
			if err == nil {
				t.Fatalf("taken, as %v", files)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("refused for another reason: %v, want %q", err, c.want)
			}
		})
	}
}

func TestIndexRoundTrip(t *testing.T) {
	b := New(Prometheus, cut(t, []File{{"a", "1"}}))
	last := New(Prometheus, cut(t, []File{{"a", "0"}})).Ref("c0ffee")
	for _, want := range []Index{
		{Component: Prometheus, Wanted: b.Ref("facade")},
		{Component: Prometheus, Wanted: b.Ref("facade"), LastGood: &last},
	} {
		data, err := want.Data()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseIndex(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestIndexSaysWhatToStartOn(t *testing.T) {
	wanted, last := Ref{Digest: "new"}, Ref{Digest: "old"}
	for _, c := range []struct {
		index  Index
		start  string
		proven bool
	}{
		{Index{Wanted: wanted}, "new", false},
		{Index{Wanted: wanted, LastGood: &last}, "old", false},
		{Index{Wanted: wanted, LastGood: &wanted}, "new", true},
	} {
		if c.index.Start().Digest != c.start || c.index.Proven() != c.proven {
			t.Errorf("%+v: starts on %s, proven %v", c.index, c.index.Start().Digest, c.index.Proven())
		}
	}
}

func FuzzParseIndex(f *testing.F) {
	ref := New(Prometheus, nil).Ref("c0ffee")
	data, err := Index{Component: Prometheus, Wanted: ref, LastGood: &ref}.Data()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[indexKey])
	f.Add(`{"wanted":{"digest":"../../etc"}}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, text string) {
		index, err := ParseIndex(map[string]string{indexKey: text})
		if err != nil {
			return
		}
		for _, digest := range append([]string{index.Wanted.Digest, index.Start().Digest}, index.Wanted.Chunks...) {
			if len(digest) != 64 || strings.Trim(digest, "0123456789abcdef") != "" {
				t.Errorf("it lets the digest %q through", digest)
			}
		}
		data, err := index.Data()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseIndex(data); err != nil || !cmp.Equal(index, again) {
			t.Errorf("it comes back as %+v: %v", again, err)
		}
	})
}

// FuzzAssemble: whatever a chunk says that has its right digest, no file leaves
// the folder, none comes twice, and none is made of what is not in the chunk.
func FuzzAssemble(f *testing.F) {
	f.Add(`[{"path":"a","key":"one"},{"path":"b/c","key":"two"}]`, "1", "2")
	f.Add(`[{"path":"a","key":"one","part":1,"of":2},{"path":"a","key":"two","part":2,"of":2}]`, "1", "2")
	f.Add(`[{"path":"../a","key":"one"}]`, "", "")
	f.Add(`[{"path":"a","key":"files.json","part":-1,"of":-1}]`, "", "")
	f.Fuzz(func(t *testing.T, manifest, one, two string) {
		chunk := forge(map[string]string{"one": one, "two": two, manifestKey: manifest})
		chunks := []*Chunk{chunk}
		files, err := Assemble(New(Prometheus, chunks).Ref(""), chunks)
		if err != nil {
			return
		}
		for i, file := range files {
			if strings.HasPrefix(file.Path, "/") || slices.Contains(strings.Split(file.Path, "/"), "..") {
				t.Errorf("%q leaves the folder", file.Path)
			}
			if i > 0 && files[i-1].Path >= file.Path {
				t.Errorf("%q comes after %q", file.Path, files[i-1].Path)
			}
		}
	})
}
