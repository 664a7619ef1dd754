package node

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHierarchies(t *testing.T) {
	for name, test := range map[string]struct {
		mounts string
		want   []hierarchy
	}{
		"version 1": {
			"tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n",
			[]hierarchy{{"/sys/fs/cgroup/cpu", false}, {"/sys/fs/cgroup/memory", false}},
		},
		"version 2": {
			"proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
			[]hierarchy{{"/sys/fs/cgroup", true}},
		},
		"both": {
			"cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n",
			[]hierarchy{{"/sys/fs/cgroup/cpu", false}, {"/sys/fs/cgroup/unified", true}},
		},
		"none":   {"proc /proc proc rw 0 0\n", nil},
		"broken": {"cgroup\n\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, hierarchies(test.mounts), cmp.AllowUnexported(hierarchy{})); diff != "" {
				t.Errorf("hierarchies (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRemoveTree(t *testing.T) {
	root := filepath.Join(t.TempDir(), "cgroup")
	if err := os.MkdirAll(filepath.Join(root, "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "c"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing left, which is fine
		if err := removeTree(root); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(root); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", root, err)
	}
}

func TestCgroupNamesDiffer(t *testing.T) {
	seen := map[string]Config{}
	for _, config := range []Config{{Name: "a", Dir: "/x/a"}, {Name: "b", Dir: "/x/b"}, {Name: "a", Dir: "/y/a"}} {
		if other, ok := seen[config.Cgroup()]; ok {
			t.Errorf("%+v and %+v share %s", config, other, config.Cgroup())
		}
		seen[config.Cgroup()] = config
	}
}
