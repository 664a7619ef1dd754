package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// programs writes programs of some content and gives their paths.
func programs(t *testing.T, contents ...string) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i, content := range contents {
		path := filepath.Join(dir, string(rune('a'+i)))
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// read reads a tar file: its headers in order and its contents by name.
func read(t *testing.T, archive io.Reader) ([]tar.Header, map[string][]byte) {
	t.Helper()
	var headers []tar.Header
	contents := map[string][]byte{}
	for in := tar.NewReader(archive); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return headers, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, *header)
		if contents[header.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLayer(t *testing.T) {
	image, err := New("probe:1", programs(t, "first", "second")...)
	if err != nil {
		t.Fatal(err)
	}
	var layer bytes.Buffer
	if _, err := image.writeLayer(&layer); err != nil {
		t.Fatal(err)
	}
	type entry struct {
		Name string
		Mode int64
		UID  int
	}
	var got []entry
	headers, contents := read(t, &layer)
	for _, header := range headers {
		got = append(got, entry{header.Name, header.Mode, header.Uid})
	}
	want := []entry{
		{"bin/", 0o755, 0}, {"etc/", 0o755, 0}, {"tmp/", 0o1777, 0},
		{"bin/a", 0o755, 0}, {"bin/b", 0o755, 0}, {"etc/group", 0o644, 0}, {"etc/passwd", 0o644, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("layer (-want +got):\n%s", diff)
	}
	if string(contents["bin/b"]) != "second" || !strings.Contains(string(contents["etc/passwd"]), ":65532:65532:") {
		t.Errorf("contents: %q", contents)
	}
}

// Every digest that an image names must be that of the part it names, and every part must be there.
func TestArchive(t *testing.T) {
	image, err := New("probe:1", programs(t, "first")...)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := image.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	_, contents := read(t, bytes.NewReader(archive))
	for name, content := range contents {
		if want, ok := strings.CutPrefix(name, "blobs/sha256/"); ok {
			if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != want {
				t.Errorf("%s has the digest %x", name, sum)
			}
		}
	}
	type part struct {
		Digest      string
		Size        int
		Annotations map[string]string
	}
	var index struct{ Manifests []part }
	var manifest struct {
		Config part
		Layers []part
	}
	unmarshal(t, contents["index.json"], &index)
	if got := index.Manifests[0]; got.Digest != image.Digest() || got.Annotations["io.containerd.image.name"] != "docker.io/library/probe:1" {
		t.Errorf("index: %+v, want the digest %s", got, image.Digest())
	}
	unmarshal(t, contents[path(image.Digest())], &manifest)
	for _, p := range append(manifest.Layers, manifest.Config) {
		if content, ok := contents[path(p.Digest)]; !ok || len(content) != p.Size {
			t.Errorf("part %+v: there %v, %d bytes", p, ok, len(content))
		}
	}
}

func path(digest string) string { return "blobs/" + strings.Replace(digest, ":", "/", 1) }

func unmarshal(t *testing.T, text []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(text, to); err != nil {
		t.Fatal(err)
	}
}

func TestDigest(t *testing.T) {
	digest := func(name string, contents ...string) string {
		image, err := New(name, programs(t, contents...)...)
		if err != nil {
			t.Fatal(err)
		}
		return image.Digest()
	}
	first := digest("probe:1", "one", "two")
	if again := digest("probe:2", "one", "two"); again != first {
		t.Errorf("equal programs in other folders: %s and %s", first, again)
	}
	if other := digest("probe:1", "one", "three"); other == first {
		t.Error("other programs have the same digest")
	}
}

func TestNewRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		image    string
		programs []string
		want     string
	}{
		"no program":         {"probe:1", nil, "no program"},
		"a bad name":         {"Probe:1", []string{"/bin/true"}, "image name"},
		"an absent program":  {"probe:1", []string{"/does/not/exist"}, "no such file"},
		"a folder's content": {"probe:1", []string{"/"}, "image probe:1"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(test.image, test.programs...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}
