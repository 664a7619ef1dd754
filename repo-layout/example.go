package repolayout

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed all:example
var example embed.FS

// Example is a monitoring repo to begin with, which watches the stack itself.
func Example() fs.FS {
	sub, err := fs.Sub(example, "example")
	if err != nil {
		return example // cannot be: the name is a constant that embed has checked
	}
	return sub
}

// WriteExample writes [Example] to a folder that is empty, or holds no more
// than .git, or is not there yet. It leaves nothing behind when it fails.
func WriteExample(dir string) (err error) {
	_, statErr := os.Stat(dir)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("write the example: %w", err)
	}
	if err := wantEmpty(dir); err != nil {
		return err
	}
	draft, err := os.MkdirTemp(dir, ".watchbill-init-")
	if err != nil {
		return fmt.Errorf("write the example: %w", err)
	}
	defer func() {
		os.RemoveAll(draft)
		if err != nil && errors.Is(statErr, fs.ErrNotExist) {
			os.Remove(dir)
		}
	}()
	if err := os.CopyFS(draft, Example()); err != nil {
		return fmt.Errorf("write the example: %w", err)
	}
	return moveUp(draft, dir)
}

func wantEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("write the example: %w", err)
	}
	for _, e := range entries {
		if e.Name() != ".git" {
			return fmt.Errorf("write the example: %s is not empty, it holds %s: name a new folder", dir, e.Name())
		}
	}
	return nil
}

// moveUp moves what draft holds to its parent. All of it lies on one file
// system, in a folder that was empty.
func moveUp(draft, dir string) error {
	entries, err := os.ReadDir(draft)
	if err != nil {
		return fmt.Errorf("write the example: %w", err)
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(draft, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("write the example: %w", err)
		}
	}
	return nil
}
