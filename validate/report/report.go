// Package report writes findings for those who read them: people at a terminal
// ([Text]), GitHub's annotations ([GitHub]), code scanning ([SARIF]) and test
// reports of CI systems ([JUnit]).
//
// Each is a function of the findings and of [Options]. Nothing is read from disk:
// the lines that are shown come from the repo that was validated, which may be a
// revision that stands in no folder. What a user wrote (messages quote it) cannot
// reach a terminal's or a runner's control codes.
package report

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
)

// Options say how findings are shown.
type Options struct {
	// Source gives a file's content as it was validated, nil where there is none. It may be nil.
	Source func(path string) []byte
	// Folder is where the repo lies, as seen from whoever reads: it is put before each path.
	Folder string
	// Color is for terminals.
	Color bool
	// Width is the most that a line of source takes; 0 is 160.
	Width int
	// Limit is how many findings Text shows in full; 0 is all of them.
	Limit int
	// Version of Watchbill, for SARIF.
	Version string
	// Files are the files that were looked at, for JUnit.
	Files []string
}

func (o Options) path(file string) string {
	if file == "" || o.Folder == "" {
		return file
	}
	return path.Join(o.Folder, file)
}

// source returns Source with the last file kept, as findings come file by file.
func (o Options) source() func(file string) *lines {
	var last string
	var known *lines
	return func(file string) *lines {
		if known == nil || file != last {
			last, known = file, &lines{}
			if o.Source != nil {
				known = newLines(file, o.Source(file))
			}
		}
		return known
	}
}

// lines is a file by its lines.
type lines struct {
	content []byte
	starts  []int
	secrets *repolayout.Secrets
}

func newLines(file string, content []byte) *lines {
	l := &lines{content: content, secrets: repolayout.SecretsOf(file, content)}
	if len(content) == 0 {
		return l
	}
	l.starts = []int{0}
	for at, b := range content[:len(content)-1] {
		if b == '\n' {
			l.starts = append(l.starts, at+1)
		}
	}
	return l
}

// at is a line from 1 on.
func (l *lines) at(line int) (source, bool) {
	if line < 1 || line > len(l.starts) {
		return source{}, false
	}
	end := len(l.content)
	if line < len(l.starts) {
		end = l.starts[line]
	}
	return hide(strings.TrimRight(string(l.content[l.starts[line-1]:end]), "\r\n"), l.secrets.Line(line)), true
}

// Summary counts findings: "2 errors, 1 warning in 2 files".
func Summary(findings []validate.Finding) string {
	counts, files := map[validate.Severity]int{}, map[string]bool{}
	for _, f := range findings {
		counts[f.Severity]++
		if f.File != "" {
			files[f.File] = true
		}
	}
	text := count(counts[validate.Error], "error") + ", " + count(counts[validate.Warning], "warning")
	if len(files) > 0 {
		text += " in " + count(len(files), "file")
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// printable keeps what a user wrote from doing anything to a terminal, and on one line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		return harmless(r)
	}, s)
}

// harmless is a character, or one that stands for what a terminal would act on.
func harmless(r rune) rune {
	if r == '\n' || r == '\t' || unicode.IsPrint(r) && r != utf8.RuneError {
		return r
	}
	return '�'
}

// details is a finding's message with all that is said besides, line by line.
func details(f validate.Finding) string {
	text := f.Message
	if len(f.Others) > 0 {
		text += "\nalso of: " + strings.Join(f.Others, ", ")
	}
	if f.Hint != "" {
		text += "\nhint: " + f.Hint
	}
	return text
}
