package source

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever happened to the folder, the next process converges.
func TestDamagedCloneIsMadeAnew(t *testing.T) {
	tests := map[string]func(t *testing.T, s *Source){
		"pack truncated": func(t *testing.T, s *Source) {
			path := s.objects.packs[0].base + ".pack"
			if err := os.Truncate(path, s.objects.packs[0].bytes/2); err != nil {
				t.Fatal(err)
			}
		},
		"pack with another byte": func(t *testing.T, s *Source) {
			path := s.objects.packs[0].base + ".pack"
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"index empty":     func(t *testing.T, s *Source) { overwrite(t, s.objects.packs[0].base+".idx", "") },
		"index gone":      func(t *testing.T, s *Source) { remove(t, s.objects.packs[0].base+".idx") },
		"packs gone":      func(t *testing.T, s *Source) { remove(t, s.clone.packDir()) },
		"last pack gone":  func(t *testing.T, s *Source) { remove(t, s.objects.packs[1].base+".pack") },
		"first pack gone": func(t *testing.T, s *Source) { remove(t, s.objects.packs[0].base+".pack") },
		"head empty":      func(t *testing.T, s *Source) { overwrite(t, filepath.Join(s.clone.repo(), "refs/heads/main"), "") },
		"head nonsense": func(t *testing.T, s *Source) {
			overwrite(t, filepath.Join(s.clone.repo(), "refs/heads/main"), "nonsense\n")
		},
		"head of nothing": func(t *testing.T, s *Source) {
			overwrite(t, filepath.Join(s.clone.repo(), "refs/heads/main"), strings.Repeat("1", 40)+"\n")
		},
		"config empty":   func(t *testing.T, s *Source) { overwrite(t, filepath.Join(s.clone.repo(), "config"), "") },
		"config garbage": func(t *testing.T, s *Source) { overwrite(t, filepath.Join(s.clone.repo(), "config"), "[[[\x00") },
		"repo a file": func(t *testing.T, s *Source) {
			remove(t, s.clone.repo())
			overwrite(t, s.clone.repo(), "not a folder")
		},
		"repo gone":           func(t *testing.T, s *Source) { remove(t, s.clone.repo()) },
		"fetch interrupted":   func(t *testing.T, s *Source) { overwrite(t, filepath.Join(s.clone.packDir(), temporary+"1"), "PACK") },
		"renewal interrupted": func(t *testing.T, s *Source) { overwrite(t, filepath.Join(s.clone.dir, "new.git"), "x") },
		"untouched":           func(*testing.T, *Source) {},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t, nil)
			o.push(map[string]string{"a/a": "1", "b": strings.Repeat("some text\n", 1000)})
			s := open(t, o.options(t))
			fetch(t, s)
			commit := o.push(map[string]string{"a/a": "2"})
			fetch(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			// Close forgets the packs; the spoilers want them.
			if err := s.objects.load(); err != nil {
				t.Fatal(err)
			}
			spoil(t, s)
			s.objects.close()

			s = open(t, s.opts)
			rev := fetch(t, s)
			if rev.Commit != commit || read(t, rev, "a/a") != "2" || len(read(t, rev, "b")) != 10000 {
				t.Errorf("revision %+v", rev)
			}
			if left, _ := filepath.Glob(filepath.Join(s.clone.packDir(), temporary+"*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			run(t, s.clone.repo(), "git", "fsck", "--strict", "--full")
		})
	}
}

// Damage that comes while the daemon runs is found by the read that meets it.
func TestDamageWhileRunning(t *testing.T) {
	o := newOrigin(t, nil)
	commit := o.push(map[string]string{"a": strings.Repeat("some text, ", 10)})
	s := open(t, o.options(t))
	rev := fetch(t, s)
	path := s.objects.packs[0].base + ".pack"
	if err := os.Truncate(path, 20); err != nil {
		t.Fatal(err)
	}
	s.objects.bases.Clear()
	if _, err := rev.FS.ReadFile("a"); !errors.Is(err, errDamaged) {
		t.Fatalf("reading from a truncated pack: %v", err)
	}
	if again := fetch(t, s); again.Commit != commit || len(read(t, again, "a")) != 110 {
		t.Errorf("after the damage: %+v", again)
	}
	if len(read(t, rev, "a")) != 110 {
		t.Error("the revision from before the damage cannot be read")
	}
}

func overwrite(t *testing.T, path, content string) {
	t.Helper()
	_ = os.Chmod(path, 0o600)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func TestForeignFolderIsMovedAway(t *testing.T) {
	o := newOrigin(t, nil)
	commit := o.push(map[string]string{"a": "1"})
	opts := o.options(t)
	var log interface{ String() string }
	opts.Log, log = logs()
	run(t, ".", "git", "init", "-q", "--bare", filepath.Join(opts.Dir, "repo.git"))
	write(t, filepath.Join(opts.Dir, "repo.git", "precious"), "kept")
	s := open(t, opts)
	if rev := fetch(t, s); rev.Commit != commit {
		t.Errorf("revision %+v", rev)
	}
	if b, err := os.ReadFile(filepath.Join(opts.Dir, "foreign-1.git", "precious")); err != nil || string(b) != "kept" {
		t.Errorf("what was there: %q, %v", b, err)
	}
	if !strings.Contains(log.String(), "moved away") {
		t.Errorf("log: %s", log)
	}
}

func TestOtherRemoteOrBranch(t *testing.T) {
	one, two := newOrigin(t, nil), newOrigin(t, nil)
	one.push(map[string]string{"a": "one"})
	commit := two.push(map[string]string{"a": "two"})
	opts := one.options(t)
	s := open(t, opts)
	fetch(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	opts.URL = two.url
	s = open(t, opts)
	if rev := fetch(t, s); rev.Commit != commit || rev.Previous != "" || rev.Forced || read(t, rev, "a") != "two" {
		t.Errorf("another remote: %+v", rev)
	}
	two.git("checkout", "-q", "-b", "release/1")
	write(t, filepath.Join(two.work, "a"), "three")
	two.git("commit", "-q", "-a", "-m", "x")
	two.git("push", "-q", "origin", "HEAD:release/1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	opts.Branch = "release/1"
	if rev := fetch(t, open(t, opts)); rev.Previous != "" || read(t, rev, "a") != "three" {
		t.Errorf("another branch: %+v", rev)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	o := newOrigin(t, nil)
	opts := o.options(t)
	s := open(t, opts)
	_, err := Open(opts)
	if !errors.Is(err, ErrInUse) || !Transient(err) {
		t.Errorf("second process: %v", err)
	}
	reopen(t, s)
}

// Two hundred fetches: neither files, nor descriptors, nor memory pile up, and
// every revision stays readable.
func TestCloneStaysSmall(t *testing.T) {
	o := newOrigin(t, nil)
	first := map[string]string{}
	for i := range 50 {
		first[fmt.Sprintf("teams/t%d/rules/a.yaml", i)] = strings.Repeat(fmt.Sprintf("rule %d\n", i), 100)
	}
	sets := []map[string]string{first}
	for i := range 200 {
		sets = append(sets, map[string]string{"teams/t7/rules/a.yaml": fmt.Sprintf("version %d\n", i)})
	}
	commits := o.commits(sets...)
	s := open(t, o.options(t))
	var early float64
	for i, c := range commits {
		o.pointTo(c)
		if rev := fetch(t, s); rev.Commit != c || rev.Forced {
			t.Fatalf("fetch %d: %+v", i, rev)
		}
		if n := len(s.objects.packs); n > mostPacks {
			t.Fatalf("%d packs after %d fetches", n, i+1)
		}
		if i == 50 {
			early = heapMiB()
		}
	}
	late := heapMiB()
	t.Logf("heap %.1f MiB after 50 fetches, %.1f after 200; %d packs, %d KiB", early, late, len(s.objects.packs), s.objects.size()>>10)
	if late > early+2 {
		t.Error("memory grows with every fetch")
	}
	check := func(s *Source) {
		t.Helper()
		for i, c := range commits[1:] {
			rev, err := s.At(c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(fmt.Sprintf("version %d\n", i), read(t, rev, "teams/t7/rules/a.yaml")); diff != "" {
				t.Fatal(diff)
			}
		}
	}
	check(s)
	// git itself must be content with what joining makes.
	run(t, s.clone.repo(), "git", "fsck", "--strict", "--full")
	for _, p := range s.objects.packs {
		run(t, ".", "git", "verify-pack", p.base+".idx")
	}
	if files, _ := filepath.Glob(filepath.Join(s.clone.packDir(), "*")); len(files) != 2*len(s.objects.packs) {
		t.Errorf("%d files for %d packs", len(files), len(s.objects.packs))
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil && len(open) > 200 {
		t.Errorf("%d open files", len(open))
	}
	check(reopen(t, s))
}

func TestBloatedCloneIsMadeAnew(t *testing.T) {
	before := slack
	slack = 1 << 10
	t.Cleanup(func() { slack = before })
	o := newOrigin(t, nil)
	base := o.push(map[string]string{"a": "1"})
	s := open(t, o.options(t))
	fetch(t, s)
	var lost string
	for i := range 6 {
		o.git("reset", "-q", "--hard", base)
		lost = o.push2force(map[string]string{"a": noise(1000, byte(i))})
		fetch(t, s)
	}
	o.git("reset", "-q", "--hard", base)
	last := o.push2force(map[string]string{"a": "end"})
	rev := fetch(t, s)
	if rev.Commit != last || !s.objects.has(s.head) {
		t.Fatalf("%+v", rev)
	}
	if size := s.objects.size(); size > 4<<10 {
		t.Errorf("%d bytes in the clone", size)
	}
	if _, err := s.At(base); err != nil {
		t.Errorf("a commit of the branch: %v", err)
	}
	_ = lost
	s = reopen(t, s)
	if rev := fetch(t, s); rev.Commit != last || read(t, rev, "a") != "end" {
		t.Errorf("after a restart: %+v", rev)
	}
	run(t, s.clone.repo(), "git", "fsck", "--strict", "--full")
}

// noise does not compress.
func noise(n int, seed byte) string {
	b := make([]byte, n)
	x := uint32(seed) + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return string(b)
}
