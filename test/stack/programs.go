package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Programs builds the named programs, unless they are built already, and says
// where each of them lies. See test/programs/build for their names.
func Programs(ctx context.Context, progress io.Writer, names ...string) (map[string]string, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", append([]string{"run", "./test/programs/build"}, names...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, &out, progress
	EndWith(cmd)
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("build %s: %w", strings.Join(names, ", "), err)
	}
	paths := map[string]string{}
	for line := range strings.Lines(out.String()) {
		name, path, _ := strings.Cut(strings.TrimSpace(line), "=")
		paths[name] = path
	}
	for _, name := range names {
		if paths[name] == "" {
			return nil, fmt.Errorf("build %s: the builder did not say where it is", name)
		}
	}
	return paths, nil
}

// EndWith makes a command and all that it starts end with its context.
func EndWith(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
}

// Root is the folder of the checkout that the working directory is in.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module github.com/watchbill/watchbill\n") {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("this has to run inside a checkout of Watchbill")
		}
		dir = up
	}
}
