//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The lock names each package by its content, and no place that it comes from.
func TestLockNamesNoRegistry(t *testing.T) {
	lock, err := os.ReadFile("../../github/npm/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	packages, integrities := strings.Count(string(lock), "\n    \"node_modules/"), strings.Count(string(lock), `"integrity": "sha512-`)
	if packages == 0 || packages != integrities || strings.Contains(string(lock), `"resolved"`) {
		t.Errorf("%d packages, %d integrities; write it with --omit-lockfile-registry-resolved", packages, integrities)
	}
}

// packages is a program of npm packages that are none but itself.
func packages(t *testing.T) program {
	t.Helper()
	t.Chdir(t.TempDir())
	write(t, "m/package.json", `{"name":"m","version":"1.0.0","private":true,"dependencies":{}}`)
	write(t, "m/package-lock.json", `{"name":"m","version":"1.0.0","lockfileVersion":3,"requires":true,"packages":{"":{"name":"m","version":"1.0.0"}}}`)
	return program{name: "x", dir: "m", pkg: "some/index.js", npm: true}
}

// inPath puts programs in place of all others.
func inPath(t *testing.T, scripts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

func TestNpmInstall(t *testing.T) {
	for name, c := range map[string]struct {
		scripts map[string]string
		want    string // of the error; empty is none
	}{
		"all there":   {map[string]string{"node": "echo v18.20.1", "npm": "echo $*"}, ""},
		"no node":     {map[string]string{"npm": ""}, "apt-get install --no-install-recommends nodejs"},
		"neither":     {nil, "apt-get install --no-install-recommends nodejs npm"},
		"old node":    {map[string]string{"node": "echo v18.19.9", "npm": ""}, "node is 18.19.9, and has to be 18.20.1 or later"},
		"npm refuses": {map[string]string{"node": "echo v24.0.0", "npm": "exit 3"}, "npm ci: exit status 3"},
	} {
		t.Run(name, func(t *testing.T) {
			p := packages(t)
			inPath(t, c.scripts)
			var said bytes.Buffer
			path, err := cache{t.TempDir()}.path(p, &said)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil || !strings.Contains(said.String(), "ci --ignore-scripts") {
				t.Fatalf("error %v, said %s", err, said.String())
			}
			inPath(t, map[string]string{"node": "echo started $*"})
			t.Setenv("PATH", os.Getenv("PATH")+":/usr/bin:/bin")
			output, err := exec.Command(path, "--help").Output()
			if want := "started " + filepath.Dir(path) + "/node_modules/some/index.js --help\n"; err != nil || string(output) != want {
				t.Errorf("error %v, started %q, want %q", err, output, want)
			}
		})
	}
}

func TestNpmDigest(t *testing.T) {
	p := packages(t)
	before, err := digest(p)
	if err != nil {
		t.Fatal(err)
	}
	write(t, "m/package-lock.json", "{}")
	if after, err := digest(p); err != nil || after == before {
		t.Errorf("a change of the lock is not seen: %s, %v", after, err)
	}
}
