package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/report"
)

// checkChange checks a folder as it is now and as it was at a revision, and
// returns the findings that what is between them has to do with. How many it
// leaves out goes to the error stream.
func checkChange(ctx context.Context, io streams, builder *build.Builder, folder string, now fs.FS, since string, checks *validate.Selection) ([]validate.Finding, error) {
	then, commit, err := folderSince(ctx, folder, since)
	if err != nil {
		return nil, err
	}
	all := builder.Check(now)
	kept := all
	if then != nil {
		changed, err := build.ChangedFiles(then, now)
		if err != nil {
			return nil, err
		}
		all = validate.WithRemoved(all, checks.Of(removedRecords(builder, then, now, changed)))
		kept = build.Concerned(builder.Check(then), all, changed)
	}
	left := without(all, kept)
	if len(left) > 0 {
		fmt.Fprintf(io.err, "watchbill: left out, as nothing that changed since %s (%.12s) has to do with it: %s\n", since, commit, report.Summary(left))
	}
	return kept, nil
}

// removedRecords are the recording rules that the change takes away and that are
// still read. Most changes take none out of a file, and then neither revision has
// to be read once more.
func removedRecords(builder *build.Builder, then, now fs.FS, changed map[string]bool) []validate.Finding {
	for file := range changed {
		if !strings.HasPrefix(file, "teams/") || !strings.Contains(file, "/rules/") {
			continue
		}
		before, err := fs.ReadFile(then, file)
		if err != nil || !bytes.Contains(before, []byte("record")) {
			continue
		}
		after, _ := fs.ReadFile(now, file) // one that is gone records nothing
		if losesRecord(before, after) {
			base, _ := builder.Load(then) // what is wrong with either, the other checks report
			head, _ := builder.Load(now)
			return validate.Removed(base, head, time.Now().UTC())
		}
	}
	return nil
}

// losesRecord says whether a rule file recorded a series that it records no more.
// Where that cannot be told, it may.
func losesRecord(before, after []byte) bool {
	was, known := recordsOf(before)
	is, alsoKnown := recordsOf(after)
	if !known || !alsoKnown {
		return true
	}
	for name := range was {
		if !is[name] {
			return true
		}
	}
	return false
}

// recordsOf are the names of the series that a rule file records.
func recordsOf(content []byte) (names map[string]bool, ok bool) {
	var file struct {
		Groups []struct {
			Rules []struct {
				Record string `yaml:"record"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		return nil, false
	}
	names = map[string]bool{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if rule.Record != "" {
				names[rule.Record] = true
			}
		}
	}
	return names, true
}

// folderSince is the folder as it was when this branch and a revision parted,
// nil if it was not there yet, and the commit's id.
func folderSince(ctx context.Context, folder, since string) (fs.FS, string, error) {
	repo, err := openRepository(ctx, folder)
	if err != nil {
		return nil, "", err
	}
	commit, err := askGit(ctx, folder, "rev-parse", "--verify", "--end-of-options", since+"^{commit}")
	if err != nil {
		return nil, "", fmt.Errorf("find revision %s: %w; give a commit, branch or tag that this clone has", since, err)
	}
	commit = strings.TrimSpace(commit)
	// Without a common commit, as in a clone of depth 1, it is the revision itself.
	if base, err := askGit(ctx, folder, "merge-base", commit, "HEAD"); err == nil {
		commit = strings.TrimSpace(base)
	}
	if _, err := askGit(ctx, folder, "cat-file", "-e", commit+":"+repo.prefix); err != nil {
		return nil, commit, nil //nolint:nilerr // the folder was not there yet
	}
	then, err := repo.at(ctx, commit)
	return then, commit, err
}

// without are the findings that are not among those kept, which are some of all in the same order.
func without(all, kept []validate.Finding) []validate.Finding {
	var left []validate.Finding
	for _, f := range all {
		if len(kept) > 0 && kept[0].String() == f.String() && kept[0].Owner == f.Owner {
			kept = kept[1:]
			continue
		}
		left = append(left, f)
	}
	return left
}
