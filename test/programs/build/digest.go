//go:build unix

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/build"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// digest names what a program is built from: 16 hexadecimal digits.
func digest(p program) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOOS, runtime.GOARCH, p.pkg, p.with, p.args)
	files := []string{filepath.Join(p.dir, "go.mod"), filepath.Join(p.dir, "go.sum")}
	if p.npm {
		files = []string{filepath.Join(p.dir, "package.json"), filepath.Join(p.dir, "package-lock.json")}
	}
	if p.ours {
		sources, err := sources(p)
		if err != nil {
			return "", err
		}
		files = append(files, sources...)
	}
	for _, file := range files {
		if err := add(sum, file); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// add mixes a file's name and content into the digest.
func add(sum hash.Hash, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	content := sha256.New()
	if _, err := io.Copy(content, f); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	_, err = fmt.Fprintf(sum, "%s %x\n", file, content.Sum(nil))
	return err
}

// sources are the files of its module that a program is built from, sorted: the Go files of its packages and of every
// package of the module that these import, and what they embed. Tests are no part of it.
func sources(p program) ([]string, error) {
	module, err := modulePath(filepath.Join(p.dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	target := build.Default
	target.CgoEnabled = false

	var files []string
	todo := []string{filepath.Join(p.dir, p.pkg)}
	if p.with != "" {
		todo = append(todo, filepath.Join(p.dir, p.with))
	}
	seen := map[string]bool{}
	for len(todo) > 0 {
		dir := todo[0]
		todo = todo[1:]
		if seen[dir] {
			continue
		}
		seen[dir] = true
		pkg, err := target.ImportDir(dir, 0)
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Concat(pkg.GoFiles, pkg.SFiles) {
			files = append(files, filepath.Join(dir, name))
		}
		embedded, err := embeds(dir, pkg.EmbedPatterns)
		if err != nil {
			return nil, err
		}
		files = append(files, embedded...)
		for _, path := range pkg.Imports {
			if inside, ok := strings.CutPrefix(path, module+"/"); ok {
				todo = append(todo, filepath.Join(p.dir, inside))
			} else if path == module {
				todo = append(todo, p.dir)
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// embeds are the files that a package's go:embed patterns name. A pattern that is a folder means all files in it; a few
// more files in the digest than in the binary do no harm.
func embeds(dir string, patterns []string) ([]string, error) {
	var files []string
	for _, pattern := range patterns {
		matches, err := filepath.Glob(filepath.Join(dir, strings.TrimPrefix(pattern, "all:")))
		if err != nil {
			return nil, fmt.Errorf("%s: embed %s: %w", dir, pattern, err)
		}
		for _, match := range matches {
			err := filepath.WalkDir(match, func(path string, entry fs.DirEntry, err error) error {
				if err == nil && entry.Type().IsRegular() {
					files = append(files, path)
				}
				return err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

// modulePath reads a module's path from its go.mod.
func modulePath(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(path), nil
		}
	}
	return "", fmt.Errorf("%s: no module line", file)
}
