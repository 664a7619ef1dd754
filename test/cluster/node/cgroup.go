package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A hierarchy is one mounted tree of cgroups. Version 1 has one for each controller, version 2 one in all.
type hierarchy struct {
	path    string
	unified bool
}

// hierarchies reads the trees out of the text of /proc/mounts.
func hierarchies(mounts string) []hierarchy {
	var found []hierarchy
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) < 3 || (fields[2] != "cgroup" && fields[2] != "cgroup2") {
			continue
		}
		found = append(found, hierarchy{path: fields[1], unified: fields[2] == "cgroup2"})
	}
	return found
}

func mountedHierarchies() ([]hierarchy, error) {
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return nil, err
	}
	return hierarchies(string(mounts)), nil
}

// MakeCgroup makes the cluster's cgroup in every tree.
func (c Config) MakeCgroup() error {
	trees, err := mountedHierarchies()
	if err != nil {
		return err
	}
	for _, tree := range trees {
		if err := os.MkdirAll(filepath.Join(tree.path, c.Cgroup()), 0o755); err != nil {
			return fmt.Errorf("make a cgroup: %w", err)
		}
		if !tree.unified {
			continue
		}
		for _, dir := range []string{tree.path, filepath.Join(tree.path, c.Cgroup())} {
			if err := delegate(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// delegate lets the children of a version 2 cgroup have every controller that it has itself.
func delegate(dir string) error {
	controllers, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, controller := range bytes.Fields(controllers) {
		file := filepath.Join(dir, "cgroup.subtree_control")
		if err := os.WriteFile(file, append([]byte("+"), controller...), 0o644); err != nil {
			return fmt.Errorf("delegate the %s controller: %w", controller, err)
		}
	}
	return nil
}

// RemoveCgroup removes the cluster's cgroup and all below it from every tree. The processes in it are dead already, but
// the kernel may take a moment to let go of them.
func (c Config) RemoveCgroup() error {
	trees, err := mountedHierarchies()
	if err != nil {
		return err
	}
	for _, tree := range trees {
		dir := filepath.Join(tree.path, c.Cgroup())
		err := removeTree(dir)
		for deadline := time.Now().Add(5 * time.Second); err != nil && time.Now().Before(deadline); err = removeTree(dir) {
			time.Sleep(50 * time.Millisecond)
		}
		if err != nil {
			return fmt.Errorf("remove a cgroup: %w", err)
		}
	}
	return nil
}

// removeTree removes a folder of folders from the leaves up. A cgroup's files go with it and cannot be removed by themselves.
func removeTree(root string) error {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, dir := range slices.Backward(dirs) {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}
