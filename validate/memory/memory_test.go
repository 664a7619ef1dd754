package memory

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

var day = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string, now time.Time) *Memory {
	t.Helper()
	m, err := Open(dir, "repo", now)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func save(t *testing.T, m *Memory) {
	t.Helper()
	if err := m.Save(); err != nil {
		t.Fatal(err)
	}
}

// fileOf is the one memory in a folder.
func fileOf(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v: %v", files, err)
	}
	return files[0]
}

func knows(m *Memory, part string) bool {
	v, ok := Recall[[]string](m, KeyOf("kind", part))
	return ok && len(v) == 1 && v[0] == part
}

func TestWhatIsKeptIsKnownNextTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "cache")
	m := open(t, dir, day)
	Keep(m, KeyOf("kind", "a"), []string{"a"})
	save(t, m)
	info, err := os.Stat(fileOf(t, dir))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others can read it", info.Mode(), err)
	}
	m = open(t, dir, day)
	if !knows(m, "a") || knows(m, "b") {
		t.Error("it knows something else than was kept")
	}
	if _, ok := Recall[[]string](m, KeyOf("kinda", "")); ok {
		t.Error("the parts of a key run together")
	}
	var none *Memory
	Keep(none, KeyOf("kind"), 1)
	if _, ok := Recall[int](none, KeyOf("kind")); ok || none.Save() != nil {
		t.Error("no memory is one all the same")
	}
}

// TestDamagedFiles leaves a file as a crash or a full disk may: it counts as none.
func TestDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, day)
	Keep(m, KeyOf("kind", "a"), []string{"a"})
	save(t, m)
	path := fileOf(t, dir)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for n := range whole {
		write(whole[:n])
		if knows(open(t, dir, day), "a") {
			t.Fatalf("the first %d bytes of %d are enough", n, len(whole))
		}
		changed := append([]byte(nil), whole...)
		changed[n] ^= 0x20
		write(changed)
		if knows(open(t, dir, day), "a") {
			t.Fatalf("byte %d can be another", n)
		}
	}
	save(t, m) // has nothing new, and writes nothing
	m = open(t, dir, day)
	Keep(m, KeyOf("kind", "b"), []string{"b"})
	save(t, m)
	if m = open(t, dir, day); !knows(m, "b") {
		t.Error("a damaged file is not replaced")
	}
	other := KeyOf("another build")
	m.build = other
	m.changed = true
	save(t, m)
	if knows(open(t, dir, day), "b") {
		t.Error("what another build found is believed")
	}
}

func TestOldEntriesGo(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, day)
	Keep(m, KeyOf("kind", "used"), []string{"used"})
	Keep(m, KeyOf("kind", "unused"), []string{"unused"})
	save(t, m)
	later := day.Add(20 * 24 * time.Hour)
	if m = open(t, dir, later); !knows(m, "used") {
		t.Fatal("forgotten too soon")
	}
	save(t, m)
	m = open(t, dir, later.Add(20*24*time.Hour))
	Keep(m, KeyOf("kind", "new"), []string{"new"})
	save(t, m)
	if m = open(t, dir, later); !knows(m, "used") || knows(m, "unused") {
		t.Error("what was of use must stay, and the rest go")
	}
}

func TestSizeIsBounded(t *testing.T) {
	m := &Memory{entries: map[Key]entry{}, today: dayOf(day)}
	big := string(make([]byte, 10<<20))
	for i := range byte(10) {
		m.entries[KeyOf("kind", string(i))] = entry{Used: m.today - uint32(i), Value: big}
	}
	m.forget()
	if _, newest := m.entries[KeyOf("kind", string(byte(0)))]; len(m.entries) != 3 || !newest {
		t.Errorf("%d entries of 10 MiB left", len(m.entries))
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{
		"old.memory": 40 * 24 * time.Hour, "young.memory": time.Hour, "killed.new": 2 * time.Hour, "writing.new": time.Second, "not ours": 90 * 24 * time.Hour,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := sweep(dir, "own"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"old.memory": false, "young.memory": true, "killed.new": false, "writing.new": true, "not ours": true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTwoAtOnce has many runs write one memory: each that opens it finds one of
// them whole.
func TestTwoAtOnce(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range byte(8) {
		all.Go(func() {
			m := open(t, dir, day)
			if len(m.entries) > 0 && !knows(m, "always") {
				t.Error("half a memory")
			}
			Keep(m, KeyOf("kind", "always"), []string{"always"})
			Keep(m, KeyOf("kind", string(i)), []string{string(i)})
			save(t, m)
		})
	}
	all.Wait()
	if !knows(open(t, dir, day), "always") {
		t.Error("nothing is left")
	}
}

func TestBuildOf(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if id := buildID(program[:64<<10]); len(id) < 40 {
		t.Errorf("the build id %q", id)
	}
	for _, content := range []string{"", "a program", "\xff Go build ID: \"abc\"\n \xff"} {
		path := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		one, err := buildOf(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content+"x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if other, _ := buildOf(path); (one == other) != (len(content) > 20) {
			t.Errorf("%q: the program has changed and its key has not, or the other way round", content)
		}
	}
}
