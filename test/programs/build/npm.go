//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// leastNode is the oldest Node.js that the packages run on.
const leastNode = "18.20.1"

// unused are large files of the packages that nobody asks for.
var unused = []string{
	"@octokit/openapi/generated/*.deref.json",
	"@octokit/openapi/generated/ghec*",
	"@octokit/openapi/generated/ghes*",
	"@octokit/webhooks-examples/ghes*",
}

// npmInstall puts the packages of a lock file into a folder, with a program that starts one of them. Scripts of
// packages do not run.
func npmInstall(p program, into string, progress io.Writer) error {
	if err := needNode(progress); err != nil {
		return err
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(p.dir, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(into, name), text, 0o644); err != nil {
			return err
		}
	}
	command := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
	command.Dir = into
	command.Stdout, command.Stderr = progress, progress
	if err := command.Run(); err != nil {
		return fmt.Errorf("npm ci: %w; it needs a network, or npm's own cache", err)
	}
	packages := filepath.Join(into, "node_modules")
	for _, pattern := range unused {
		files, err := filepath.Glob(filepath.Join(packages, pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := os.RemoveAll(file); err != nil {
				return err
			}
		}
	}
	start := "#!/bin/sh\nexec node \"$(dirname \"$0\")/node_modules/" + p.pkg + "\" \"$@\"\n"
	return os.WriteFile(filepath.Join(into, p.name), []byte(start), 0o755)
}

// needNode looks for Node.js and npm, and on Debian installs them for root.
func needNode(progress io.Writer) error {
	missing := missingNode()
	if len(missing) == 0 {
		return tooOld()
	}
	hint := fmt.Errorf("it needs Node.js %s or later and npm; on Debian or Ubuntu: apt-get install --no-install-recommends %s",
		leastNode, strings.Join(missing, " "))
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return hint
	}
	fmt.Fprintln(progress, "installing", strings.Join(missing, " "))
	for _, args := range [][]string{{"update"}, append([]string{"install", "--yes", "--no-install-recommends"}, missing...)} {
		command := exec.Command("apt-get", args...)
		command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%w (apt-get %s: %w\n%s)", hint, args[0], err, output)
		}
	}
	if len(missingNode()) > 0 {
		return hint
	}
	return tooOld()
}

// missingNode are the Debian packages whose program is not there.
func missingNode() []string {
	var missing []string
	for _, need := range [][2]string{{"node", "nodejs"}, {"npm", "npm"}} {
		if _, err := exec.LookPath(need[0]); err != nil {
			missing = append(missing, need[1])
		}
	}
	return missing
}

func tooOld() error {
	output, err := exec.Command("node", "--version").Output()
	if err != nil {
		return fmt.Errorf("node --version: %w", err)
	}
	version := strings.TrimPrefix(strings.TrimSpace(string(output)), "v")
	if older(version, leastNode) {
		return errors.New("node is " + version + ", and has to be " + leastNode + " or later")
	}
	return nil
}

// older compares versions of three numbers.
func older(version, than string) bool { return slices.Compare(numbers(version), numbers(than)) < 0 }

func numbers(version string) []int {
	var all []int
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			break
		}
		all = append(all, n)
	}
	return all
}
