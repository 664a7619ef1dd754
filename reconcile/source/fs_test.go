package source

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestFSKeepsItsContracts(t *testing.T) {
	o := newOrigin(t, nil)
	o.push(map[string]string{
		"watchbill.yaml":                 "a: b\n",
		"teams/payments/rules/a.yaml":    "groups: []\n",
		"teams/payments/rules/a-b.yaml":  "groups: []\n",
		"teams/payments.txt":             "git sorts this before the folder\n",
		"teams/payments-old/team.yaml":   "owner: x\n",
		"environments/prod.yaml":         strings.Repeat("x", 100_000),
		"patches/deep/er/and/deeper.txt": "x",
	})
	rev := fetch(t, open(t, o.options(t)))
	err := fstest.TestFS(rev.FS, "watchbill.yaml", "teams/payments/rules/a.yaml", "teams/payments.txt", "patches/deep/er/and/deeper.txt")
	if err != nil {
		t.Error(err)
	}
}

// listing is every path with its kind, size and readability.
func listing(t *testing.T, fsys fs.FS) []string {
	t.Helper()
	var list []string
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			list = append(list, fmt.Sprintf("%q: %v", path, err))
			return nil
		}
		if d.IsDir() {
			return nil
		}
		line := fmt.Sprintf("%q %v", path, d.Type())
		if info, err := d.Info(); err != nil || info.Mode().Type() != d.Type() || info.Name() != d.Name() {
			line += fmt.Sprintf(" info %v %v", info, err)
		} else {
			line += fmt.Sprintf(" %d", info.Size())
		}
		if _, err := fs.ReadFile(fsys, path); err != nil {
			line += " " + err.Error()[strings.LastIndex(err.Error(), ": "):]
		}
		list = append(list, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestFSOfHostileRepo(t *testing.T) {
	o := newOrigin(t, nil)
	write(t, filepath.Join(o.work, "ok.yaml"), "fine\n")
	write(t, filepath.Join(o.work, "run.sh"), "#!\n")
	write(t, filepath.Join(o.work, "bad-\xff\xfe.yaml"), "not utf-8 in the name\n")
	write(t, filepath.Join(o.work, "huge.yaml"), strings.Repeat("y", 10<<20))
	for link, target := range map[string]string{"out": "/etc/passwd", "up": "../../secret", "folder": "teams", "self": "self"} {
		if err := os.Symlink(target, filepath.Join(o.work, link)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(o.work, "teams/a.yaml"), "a\n")
	if err := os.Chmod(filepath.Join(o.work, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	o.git("update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("1", 40)+",module")
	o.git("add", "-A", "--", "ok.yaml", "run.sh", "bad-\xff\xfe.yaml", "huge.yaml", "out", "up", "folder", "self", "teams")
	o.git("commit", "-q", "-m", "hostile\x01 things")
	o.git("push", "-q", "origin", "HEAD:main")
	opts := o.options(t)
	opts.MaxFileBytes = 1 << 20
	rev := fetch(t, open(t, opts))
	want := []string{
		`"bad-\xff\xfe.yaml" ---------- 22 : invalid argument`,
		`"folder" L--------- 5 : is a symbolic link, which is not followed`,
		`"huge.yaml" ---------- 10485760 : 10485760 bytes, and at most 1048576 are read`,
		`"module" ?--------- 0 : is a submodule or has an impossible name`,
		`"ok.yaml" ---------- 5`,
		`"out" L--------- 11 : is a symbolic link, which is not followed`,
		`"run.sh" ---------- 3`,
		`"self" L--------- 4 : is a symbolic link, which is not followed`,
		`"teams/a.yaml" ---------- 2`,
		`"up" L--------- 12 : is a symbolic link, which is not followed`,
	}
	if diff := cmp.Diff(want, listing(t, rev.FS)); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"folder/a.yaml", "module/x", "ok.yaml/x", "nothing", "teams/nothing"} {
		if _, err := rev.FS.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Stat(%q): %v", name, err)
		}
	}
	for _, name := range []string{"", "/", "../x", "teams/", "./teams", "teams/../ok.yaml"} {
		if _, err := rev.FS.Open(name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Open(%q): %v", name, err)
		}
	}
	if target, err := rev.FS.ReadLink("up"); err != nil || target != "../../secret" {
		t.Errorf("ReadLink: %q, %v", target, err)
	}
	if _, err := rev.FS.ReadDir("ok.yaml"); err == nil {
		t.Error("a file was listed")
	}
	if _, err := rev.FS.ReadFile("teams"); err == nil {
		t.Error("a folder was read")
	}
	if rev.Message != "hostile things" {
		t.Errorf("message %q", rev.Message)
	}
}

// Names that git's own commands refuse to write, in a tree made by hand.
func TestFSOfImpossibleNames(t *testing.T) {
	o := newOrigin(t, nil)
	o.push(map[string]string{"a.yaml": "a\n", "teams/x": "x"})
	sub := o.git("rev-parse", "HEAD:teams")
	blob, other := o.git("rev-parse", "HEAD:a.yaml"), o.git("rev-parse", "HEAD:teams/x")
	var tree bytes.Buffer
	for _, e := range []struct{ mode, name, id string }{
		{"40000", ".", sub}, {"40000", "..", sub}, {"40000", ".git", sub},
		{"100644", "a/b", blob}, {"100644", "good.yaml", blob}, {"100644", "good.yaml", other},
	} {
		id, err := hex.DecodeString(e.id)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&tree, "%s %s\x00%s", e.mode, e.name, id)
	}
	cmd := exec.CommandContext(t.Context(), "git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin")
	cmd.Dir, cmd.Stdin = o.bare, &tree
	id, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	commit := run(t, o.bare, "git", "commit-tree", "-m", "x", strings.TrimSpace(string(id)))
	run(t, o.bare, "git", "update-ref", "refs/heads/main", commit)
	rev := fetch(t, open(t, o.options(t)))
	want := []string{
		`"." ?--------- 0 : is a directory`,
		`".." ?--------- 0 : invalid argument`,
		`".git/x" ---------- 1`,
		`"a/b" ?--------- 0 : file does not exist`,
		`"good.yaml" ---------- 2`,
	}
	got := listing(t, rev.FS)
	for i := range got { // WalkDir joins "." and "." to "."
		got[i] = strings.Replace(got[i], ": is a folder", ": is a directory", 1)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDigestsAreGits(t *testing.T) {
	o := newOrigin(t, nil)
	o.push(map[string]string{"teams/a/team.yaml": "a\n", "teams/b/team.yaml": "b\n"})
	s := open(t, o.options(t))
	before := fetch(t, s)
	digest := func(rev Revision, name string) string {
		t.Helper()
		info, err := rev.FS.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info.(interface{ Digest() string }).Digest()
	}
	for _, name := range []string{"teams", "teams/a", "teams/a/team.yaml"} {
		if got, want := digest(before, name), o.git("rev-parse", "HEAD:"+name); got != want {
			t.Errorf("%s: %s, git says %s", name, got, want)
		}
	}
	o.push(map[string]string{"teams/b/team.yaml": "c\n"})
	after := fetch(t, s)
	if digest(before, "teams/a") != digest(after, "teams/a") || digest(before, "teams/b") == digest(after, "teams/b") {
		t.Error("digests do not tell changed folders from unchanged ones")
	}
	entries, err := after.FS.ReadDir("teams")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.(interface{ Digest() string }).Digest() != digest(after, "teams/"+e.Name()) {
			t.Errorf("%s: entry and info have different digests", e.Name())
		}
	}
}

// Many readers at once, while fetches come in and packs are joined under them.
func TestConcurrentReads(t *testing.T) {
	o := newOrigin(t, nil)
	files := map[string]string{}
	for i := range 100 {
		files[fmt.Sprintf("teams/t%d/rules.yaml", i)] = strings.Repeat(fmt.Sprintf("rule %d\n", i), 50+i)
	}
	o.push(files)
	s := open(t, o.options(t))
	rev := fetch(t, s)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				for i := range 100 {
					name := fmt.Sprintf("teams/t%d/rules.yaml", i)
					f, err := rev.FS.Open(name)
					if err != nil {
						t.Error(err)
						return
					}
					b, err := io.ReadAll(f)
					if err != nil || string(b) != files[name] {
						t.Errorf("%s: %d bytes, %v", name, len(b), err)
						return
					}
				}
			}
		})
	}
	for i := range mostPacks + 2 {
		o.push(map[string]string{"watchbill.yaml": fmt.Sprintf("%d\n", i)})
		fetch(t, s)
	}
	close(stop)
	wg.Wait()
}

func TestTreeCacheIsBounded(t *testing.T) {
	c := newTreeCache(100)
	for i := range 10_000 {
		var h [20]byte
		h[0], h[1] = byte(i), byte(i>>8)
		c.put(h, make([]entry, 3))
		if n := len(c.young) + len(c.old); n > 30 {
			t.Fatalf("%d folders of 3 in a cache for 100 entries", n)
		}
		if _, ok := c.get(h); !ok {
			t.Fatal("what was put last is not there")
		}
		var first [20]byte
		if _, ok := c.get(first); !ok {
			t.Fatal("what is asked for again and again was forgotten")
		}
	}
}
