package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/repo-layout/importer"
)

// What one import reads at the most.
const (
	maxImportFiles = 50_000
	maxImportBytes = 1 << 30
)

// importKinds are the endings of files that are looked at in a folder.
var importKinds = []string{".yaml", ".yml", ".rules", ".rule", ".tmpl"}

// sourceReader reads files, each once.
type sourceReader struct {
	sources []importer.Source
	notes   []importer.Note
	seen    map[string]bool
	bytes   int
}

// readSources reads the files and folders that were named, and the files that
// these name.
func readSources(args []string) ([]importer.Source, []importer.Note, error) {
	r := &sourceReader{seen: map[string]bool{}}
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("read what is to be imported: %w", err)
		case info.IsDir():
			err = r.folder(arg)
		case info.Mode().IsRegular():
			err = r.file(arg)
		default:
			err = fmt.Errorf("read %s: it is no file and no folder", arg)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	for i := 0; i < len(r.sources); i++ { // what is named may name more
		if err := r.follow(r.sources[i]); err != nil {
			return nil, nil, err
		}
	}
	if len(r.sources) == 0 {
		return nil, nil, fmt.Errorf("read %s: there is no file that ends in %s", strings.Join(args, ", "), strings.Join(importKinds, ", "))
	}
	return r.sources, r.notes, nil
}

func (r *sourceReader) folder(dir string) error {
	return filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("read the folder to import: %w", err)
		case file != dir && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
		case entry.Type().IsRegular() && slices.Contains(importKinds, filepath.Ext(file)):
			return r.file(file)
		}
		return nil
	})
}

func (r *sourceReader) file(file string) error {
	whole, err := filepath.Abs(file)
	if err != nil {
		return fmt.Errorf("find %s: %w", file, err)
	}
	if r.seen[whole] {
		return nil
	}
	r.seen[whole] = true
	content, err := readSource(file)
	if errors.Is(err, errSourceTooLarge) {
		r.note(file, "split it", "the file has more than %d MiB and was not read", importer.MaxFile>>20)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	r.sources = append(r.sources, importer.Source{Path: filepath.ToSlash(file), Content: content})
	if r.bytes += len(content); r.bytes > maxImportBytes || len(r.sources) > maxImportFiles {
		return fmt.Errorf("read %s: that makes more than %d files or %d MiB; import a part at a time", file, maxImportFiles, maxImportBytes>>20)
	}
	return nil
}

var errSourceTooLarge = errors.New("the file is too large")

func readSource(file string) (content []byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	content, err = io.ReadAll(io.LimitReader(f, importer.MaxFile+1))
	if err == nil && len(content) > importer.MaxFile {
		err = errSourceTooLarge
	}
	return content, err
}

func (r *sourceReader) note(file, hint, format string, args ...any) {
	r.notes = append(r.notes, importer.Note{Pos: repolayout.Pos{File: file}, Kind: importer.Lost, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// follow reads what a configuration names, from where it stands.
func (r *sourceReader) follow(s importer.Source) error {
	for _, pattern := range importer.References(s) {
		from := filepath.FromSlash(pattern)
		if !filepath.IsAbs(from) {
			from = filepath.Join(filepath.Dir(s.Path), from)
		}
		found, err := filepath.Glob(from)
		if err != nil {
			r.note(s.Path, "", "the pattern %q cannot be read", pattern)
			continue
		}
		if len(found) == 0 && !r.has(filepath.Base(from)) && !strings.ContainsAny(filepath.Base(from), "*?[") {
			r.note(s.Path, "give the files, or the folder that they are in, beside this one", "there is no file %q here, which it names", pattern)
		}
		for _, file := range found {
			if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
				continue
			}
			if err := r.file(file); err != nil {
				return err
			}
		}
	}
	return nil
}

// has says whether a file of this name was read from elsewhere.
func (r *sourceReader) has(pattern string) bool {
	return slices.ContainsFunc(r.sources, func(s importer.Source) bool {
		ok, err := filepath.Match(pattern, filepath.Base(s.Path))
		return err == nil && ok
	})
}
