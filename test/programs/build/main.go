//go:build unix

// Command build builds the programs that Watchbill's tests and demo run, and keeps them.
//
//	go run ./test/programs/build prometheus alertmanager cluster
//
// is run from the root of the repository and prints one line for each program, NAME=PATH. A program is built once for
// what it is built from: its place in the cache is named by a digest of the Go version, the flags, its module's go.mod
// and go.sum, and, for a program of this repository, its sources. When none of that has changed, nothing is built and
// the answer takes milliseconds.
//
// A program to add is one line in programs.go and, unless it is ours, one folder beside this one with a go.mod whose
// tool lines name what is built.
//
// The command imports the standard library alone, so that it is itself compiled in a second.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run builds each named program and gives the exit code: 0 when all are there, 2 when one is not.
func run(names []string, stdout, stderr io.Writer) int {
	if err := buildAll(names, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "build:", err)
		return 2
	}
	return 0
}

func buildAll(names []string, stdout, stderr io.Writer) error {
	if len(names) == 0 {
		return fmt.Errorf("name what to build: %s", strings.Join(known(), ", "))
	}
	if _, err := os.Stat("test/programs/build"); err != nil {
		return errors.New("run this from the root of the repository")
	}
	store, err := openCache()
	if err != nil {
		return err
	}
	for _, name := range names {
		p, ok := find(name)
		if !ok {
			return fmt.Errorf("no program is called %q, there are: %s", name, strings.Join(known(), ", "))
		}
		path, err := store.path(p, stderr)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(stdout, "%s=%s\n", name, path)
	}
	return nil
}
