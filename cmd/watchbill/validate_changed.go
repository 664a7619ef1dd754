package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"time"

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
		changed, err := changedFiles(then, now)
		if err != nil {
			return nil, err
		}
		all = validate.WithRemoved(all, checks.Of(removedRecords(builder, then, now, changed)))
		kept = concerned(builder.Check(then), all, changed)
	}
	left := without(all, kept)
	if len(left) > 0 {
		fmt.Fprintf(io.err, "watchbill: left out, as nothing that changed since %s (%.12s) has to do with it: %s\n", since, commit, report.Summary(left))
	}
	return kept, nil
}

// removedRecords are the recording rules that the change takes away and that are
// still read. Most changes touch no file that recorded anything, and then
// neither revision has to be read once more.
func removedRecords(builder *build.Builder, then, now fs.FS, changed map[string]bool) []validate.Finding {
	for file := range changed {
		if !strings.HasPrefix(file, "teams/") || !strings.Contains(file, "/rules/") {
			continue
		}
		before, err := fs.ReadFile(then, file)
		if err == nil && bytes.Contains(before, []byte("record")) {
			base, _ := builder.Load(then) // what is wrong with either, the other checks report
			head, _ := builder.Load(now)
			return validate.Removed(base, head, time.Now().UTC())
		}
	}
	return nil
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

// changedFiles are those that differ, and those that only one of the two has.
func changedFiles(then, now fs.FS) (map[string]bool, error) {
	before, err := blobs(then)
	if err != nil {
		return nil, err
	}
	after, err := blobs(now)
	if err != nil {
		return nil, err
	}
	changed := map[string]bool{}
	for file, id := range before {
		if after[file] != id && !sameText(then, now, file) {
			changed[file] = true
		}
	}
	for file := range after {
		if _, ok := before[file]; !ok {
			changed[file] = true
		}
	}
	return changed, nil
}

// sameText is true of a file that git checked out with other ends of lines.
func sameText(then, now fs.FS, file string) bool {
	before, err := fs.ReadFile(then, file)
	if err != nil {
		return false
	}
	after, err := fs.ReadFile(now, file)
	return err == nil && strings.ReplaceAll(string(after), "\r\n", "\n") == string(before)
}

func blobs(fsys fs.FS) (map[string]string, error) {
	files, err := repoFiles(fsys)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]string, len(files))
	for dir := range dirsOf(files) {
		entries, err := fs.ReadDir(fsys, dir)
		if err != nil {
			return nil, fmt.Errorf("list the files of the monitoring repo: %w", err)
		}
		for _, e := range entries {
			if d, ok := e.(interface{ Digest() string }); ok && !e.IsDir() {
				ids[path.Join(dir, e.Name())] = d.Digest()
			}
		}
	}
	return ids, nil
}

func dirsOf(files []string) map[string]bool {
	dirs := map[string]bool{}
	for _, file := range files {
		dirs[path.Dir(file)] = true
	}
	return dirs
}

// concerned are the findings in changed files, and those that were not there before.
func concerned(before, now []validate.Finding, changed map[string]bool) []validate.Finding {
	known := map[string]int{}
	for _, f := range before {
		known[sameness(f)]++
	}
	var kept []validate.Finding
	for _, f := range now {
		key := sameness(f)
		if known[key] > 0 && !changed[f.File] {
			known[key]--
			continue
		}
		kept = append(kept, f)
	}
	return kept
}

var numbers = regexp.MustCompile(`\d+`)

// sameness is equal for a finding before and after a change that is not its
// cause: messages name lines of other files, and those move.
func sameness(f validate.Finding) string {
	return strings.Join([]string{f.Check, string(f.Severity), f.File, f.Owner, numbers.ReplaceAllString(f.Message, "#")}, "\x00")
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
