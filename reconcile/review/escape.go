package review

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What users wrote stands in code, where Markdown means nothing, or in prose,
// where its characters are escaped. Nobody is mentioned by it, nothing is linked,
// no other issue is referred to.

// maxProse is how much of one message is shown.
const maxProse = 600

var proseEscapes = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`, "|", `\|`, "!", `\!`, "$", `\$`,
	"<", "&lt;", ">", "&gt;", "&", "&amp;",
	"@", "@\u200b", "#", "#\u200b", "://", ":\u200b//", "www.", "www\u200b.", "GH-", "GH\u200b-",
)

// prose is a user's text within a line of Markdown.
func prose(s string) string {
	return proseEscapes.Replace(shorten(oneLine(redact(s)), maxProse))
}

// code is a user's text as inline code.
func code(s string) string {
	s = oneLine(redact(s))
	if s == "" {
		return "` `"
	}
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	if len(fence) > 1 || strings.HasPrefix(s, " ") && strings.HasSuffix(s, " ") {
		s = " " + s + " " // Markdown takes one away at each end
	}
	return fence + s + fence
}

// fenced is a block of code that nothing in it can end.
func fenced(language, body string) string {
	fence := strings.Repeat("`", max(3, longestRun(body, '`')+1))
	return fence + language + "\n" + strings.Map(visible, body) + "\n" + fence + "\n"
}

func longestRun(s string, of rune) int {
	longest, run := 0, 0
	for _, r := range s {
		if r != of {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// oneLine takes away ends of lines, and what is not to be seen.
func oneLine(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		return visible(r)
	}, s)), " ")
}

// visible shows a character that would hide, or turn the direction of what follows.
func visible(r rune) rune {
	if r == '\n' || r == '\t' || unicode.IsPrint(r) && r != utf8.RuneError {
		return r
	}
	return '�'
}

func shorten(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

var (
	// https://user:password@host
	userInfo = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#"'@]*:[^\s/?#"']*@`)
	// ?token=…
	secretParameter = regexp.MustCompile(`(?i)([?&](?:[a-z0-9_.-]*(?:token|secret|password|passwd|signature)|sig|key|api[_-]?key)=)[^\s&"'<>]+`)
	// password: …, in a file that a program reads
	secretKey = regexp.MustCompile(`(?im)^([ +-]*(?:- )?["']?(?:password|passwd|bearer_token|credentials|client_secret|secret_key|access_key|session_token|auth_token|api_key|token|routing_key|service_key|opsgenie_api_key|slack_api_url|smtp_auth_password)["']?:[ \t]+)\S.*$`)
	// a Slack webhook's path is its secret
	webhookPath = regexp.MustCompile(`(hooks\.slack\.com/(?:services|workflows)/)[^\s"'<>]+`)
	privateKey  = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`)
)

const redacted = "<redacted>"

// redact takes out what looks like a credential. None should stand in the repo,
// but if one does, it need not stand in a comment too.
func redact(s string) string {
	s = userInfo.ReplaceAllString(s, "${1}"+redacted+"@")
	s = secretParameter.ReplaceAllString(s, "${1}"+redacted)
	s = webhookPath.ReplaceAllString(s, "${1}"+redacted)
	s = privateKey.ReplaceAllString(s, redacted)
	return secretKey.ReplaceAllString(s, "${1}"+redacted)
}
