package validate

import (
	"bytes"
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

var (
	yamlLine     = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	yamlUnknown  = regexp.MustCompile(`^field (\S+) not found in type .*$`)
	yamlTwice    = regexp.MustCompile(`^(?:field (\S+) already set in type .*|key "([^"]*)" already set in map)$`)
	yamlMismatch = regexp.MustCompile("^cannot unmarshal !!(\\w+)(?: `(.*?)(?:\\.\\.\\.)?`)? into (.*)$")
)

// yamlFindings turns what a YAML decoder of upstream said about a file into
// findings, one for each line of it, with the columns found again in the text.
func yamlFindings(check, owner string, f *repolayout.File, err error, known iter.Seq[string]) []Finding {
	var found []Finding
	messages := yamlMessages(err)
	for _, text := range messages[:min(len(messages), maxFindings+1)] {
		finding := Finding{
			Check: check, Severity: Error, Owner: owner, Message: text, Pos: repolayout.Pos{File: f.Path},
		}
		if m := yamlLine.FindStringSubmatch(text); m != nil {
			finding.Line, _ = strconv.Atoi(m[1])
			start, end := lineSpan(f.Content, finding.Line)
			word := finding.explain(m[2], string(f.Content[start:end]), known)
			finding.Column = columnOf(f.Content, finding.Line, word)
		}
		found = append(found, finding)
	}
	return found
}

// yamlMessages takes the messages of a yaml.TypeError apart, of whichever
// version of the library; any other error is one message.
func yamlMessages(err error) []string {
	const prefix = "yaml: unmarshal errors:\n"
	_, list, ok := strings.Cut(err.Error(), prefix)
	if !ok {
		return []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	var messages []string
	for line := range strings.SplitSeq(list, "\n") {
		line = strings.TrimSpace(line)
		if last := len(messages) - 1; last >= 0 && !yamlLine.MatchString(line) { // it quotes a text of several lines
			messages[last] += " " + line
			continue
		}
		messages = append(messages, line)
	}
	return messages
}

// explain words a decoder's message for people, and returns the word of the line that it is about.
func (f *Finding) explain(text, line string, known iter.Seq[string]) (word string) {
	f.Message = text
	if m := yamlUnknown.FindStringSubmatch(text); m != nil {
		f.Message = fmt.Sprintf("unknown key %q", m[1])
		if known != nil {
			f.Hint = didYouMean(m[1], known)
		}
		return m[1]
	}
	if m := yamlTwice.FindStringSubmatch(text); m != nil {
		f.Message, f.Hint = fmt.Sprintf("the key %q stands twice", m[1]+m[2]), "keep one of the two"
		return m[1] + m[2]
	}
	if m := yamlMismatch.FindStringSubmatch(text); m != nil {
		f.Message, f.Hint = fmt.Sprintf("%s cannot be used here", yamlKinds[m[1]]), belongs(m[3])
		if m[2] != "" {
			f.Message = fmt.Sprintf("%q cannot be used here", clip(wholeValue(line, m[2])))
		}
		return m[2]
	}
	return ""
}

// yamlKinds are YAML's types in words.
var yamlKinds = map[string]string{
	"map": "a mapping", "seq": "a list", "str": "text", "int": "a number", "float": "a number", "bool": "a truth value",
	"null": "nothing", "timestamp": "a date", "binary": "binary text", "merge": "a merge key",
}

// belongs says what a decoder's Go type is in a file.
func belongs(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return `a list belongs here: put "- " before each item`
	case strings.HasPrefix(goType, "map["), strings.HasPrefix(goType, "config."):
		return "keys with values belong here, as in key: value"
	case goType == "string":
		return "text belongs here"
	case goType == "bool":
		return "true or false belongs here, without quotes"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"), strings.HasPrefix(goType, "float"):
		return "a number belongs here, without quotes"
	}
	return ""
}

// wholeValue is the scalar of a line of which a decoder quotes only how it
// begins: ten characters or less as they are, else seven.
func wholeValue(line, begin string) string {
	const cut = 7
	at := strings.Index(line, begin)
	if at < 0 || len(begin) != cut || strings.Count(line, begin) > 1 {
		return begin
	}
	rest := line[at:]
	end := len(rest)
	switch {
	case strings.HasSuffix(line[:at], `"`), strings.HasSuffix(line[:at], "'"):
		if n := strings.IndexByte(rest, line[at-1]); n >= 0 {
			end = n
		}
	default:
		if n := strings.IndexAny(rest, ",]}"); n >= 0 && strings.ContainsAny(line[:at], "[{") {
			end = n
		}
		if n := strings.Index(rest[:end], " #"); n >= 0 {
			end = n
		}
	}
	return strings.TrimRight(rest[:end], " \t\r")
}

// lineSpan is where a line begins and ends; nothing of a line that there is not.
func lineSpan(content []byte, line int) (start, end int) {
	start, ok := offsetOf(content, line, 1)
	if !ok {
		return 0, 0
	}
	if n := bytes.IndexByte(content[start:], '\n'); n >= 0 {
		return start, start + n
	}
	return start, len(content)
}

// columnOf is the column where a word stands in a line, or else where its text begins.
func columnOf(content []byte, line int, word string) int {
	start, end := lineSpan(content, line)
	text := content[start:end]
	if start == end {
		return 1
	}
	at := -1
	if word != "" {
		at = bytes.Index(text, []byte(word))
	}
	if at < 0 {
		at = len(text) - len(bytes.TrimLeft(text, " \t-"))
	}
	_, column := lineColumn(content, start+at)
	return column
}
