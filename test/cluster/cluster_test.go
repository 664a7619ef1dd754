package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/watchbill/watchbill/test/cluster/node"
)

func TestOptions(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/cache")
	for name, test := range map[string]struct {
		options  Options
		dir, err string
	}{
		"defaults":     {Options{}, "/cache/watchbill/clusters/demo", ""},
		"a name":       {Options{Name: "two-3"}, "/cache/watchbill/clusters/two-3", ""},
		"a folder":     {Options{Name: "x", Dir: "/tmp/../x"}, "/x", ""},
		"a path":       {Options{Name: "../x"}, "", "cannot be called"},
		"capitals":     {Options{Name: "Demo"}, "", "cannot be called"},
		"a long name":  {Options{Name: strings.Repeat("a", 41)}, "", "cannot be called"},
		"a deep place": {Options{Dir: "/" + strings.Repeat("a", 90)}, "", "can have 90 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.options.complete()
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want one with %q", err, test.err)
				}
				return
			}
			if err != nil || got.Dir != test.dir {
				t.Errorf("folder %q, %v; want %q", got.Dir, err, test.dir)
			}
		})
	}
}

func TestState(t *testing.T) {
	dir := t.TempDir()
	if _, err := load(dir); !errors.Is(err, ErrNone) {
		t.Errorf("an empty folder: %v", err)
	}
	own, ok := look(os.Getpid())
	if !ok {
		t.Fatal("this process is not seen")
	}
	want := &Cluster{Config: node.Config{Name: "x", Dir: dir, Port: 1}, PID: os.Getpid(), Born: own.born}
	if err := want.save(); err != nil {
		t.Fatal(err)
	}
	got, err := load(dir)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if !got.Alive() {
		t.Error("this process is not alive")
	}
	got.Born = "1"
	if got.Alive() {
		t.Error("a process that took over the number is taken for the supervisor")
	}
}

func TestDownOfNone(t *testing.T) {
	dir := t.TempDir()
	if err := Down(Options{Name: "x", Dir: filepath.Join(dir, "x")}); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFindOfNone(t *testing.T) {
	if _, err := Find(Options{Name: "x", Dir: t.TempDir()}); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "cluster up --name x") {
		t.Errorf("error %v, want one with a hint", err)
	}
}
