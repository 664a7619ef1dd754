package repolayout

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shown is a file without its secrets, as it is shown line by line.
func shown(file, content string) string {
	s, lines := SecretsOf(file, []byte(content)), strings.Split(content, "\n")
	for i, line := range lines {
		for p := len(s.Line(i+1)) - 1; p >= 0; p-- {
			part := s.Line(i + 1)[p]
			line = line[:part.From] + Hidden + line[part.To:]
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

func TestSecretsOf(t *testing.T) {
	const scrape, team, patch = "teams/a/scrape/a.yaml", "teams/a/team.yaml", "patches/a.yaml"
	for _, tt := range []struct{ name, file, content, want string }{
		{"none", scrape, "a: b\nkeys: c # d\n", "a: b\nkeys: c # d\n"},
		{"a key of Prometheus", scrape, "- bearer_token: hunter2\n  job_name: a\n", "- bearer_token: <secret>\n  job_name: a\n"},
		{"with what says where it is", scrape, "basic_auth:\n  password_file: /etc/a\n  username: a\n", "basic_auth:\n  password_file: /etc/a\n  username: a\n"},
		{"in a flow mapping", scrape, "a: {password: hunter2, b: c}\nd: {password: hunter2}\ne: f\n", "a: {password: <secret>, b: c}\nd: {password: <secret>\ne: f\n"},
		{"quoted, with a comment", scrape, "password: 'hunt''er' # was hunter1\n# next\na: b\n", "password: <secret>\n# next\na: b\n"},
		{"over lines", scrape, "key: |\n  hunter2\n\n  # hunter3\na: b\n", "key: <secret>\n  <secret>\n\n  <secret>\na: b\n"},
		{"quoted over lines", scrape, "password: \"hun\\\"t\n  er\" \na: b\n", "password: <secret>\n  <secret> \na: b\n"},
		{"plain over lines", scrape, "password: hun\n  ter2\n# next\n- a\n", "password: <secret>\n  <secret>\n# next\n- a\n"},
		{"a list", scrape, "X-Api-Key:\n  values: [hunter2, hunter3]\n  files: [/a]\n", "X-Api-Key:\n  values: [<secret>, <secret>\n  files: [/a]\n"},
		{"an anchor", scrape, "x: &p hunter2\npassword: *p\na: *p\n", "x: <secret>\npassword: *p\na: *p\n"},
		{"text where a mapping belongs", scrape, "basic_auth: a:hunter2\nauthorization: {type: a}\n", "basic_auth: <secret>\nauthorization: {type: a}\n"},
		{"a colon without a blank", scrape, "a:\n- password:hunter2\n", "a:\n- <secret>\n"},
		{"in a comment", scrape, "a: b # token = hunter2\n", "a: b # token = <secret>\n"},
		{"in a URL", scrape, "a: http://b:hunter2@c/d # 1\n", "a: http://b:<secret>@c/d # 1\n"},
		{"in a URL that is none", scrape, "a: http://b:hunt/er@2@c/d\n", "a: http://b:<secret>@c/d\n"},
		{"a port, and no password", scrape, "a: http://b:9090/c@d\n", "a: http://b:9090/c@d\n"},
		{"no YAML", scrape, "a: [\npassword: hunter2\nkey:\n  - x: hunter2\n\nb: c\n", "a: [\npassword: <secret>\nkey:\n  - <secret>\n\nb: c\n"},
		{"a number", scrape, "password: 12345\n", "password: <secret>\n"},
		{"wide characters", scrape, "{日本: 日本, password: 日本2}\n", "{日本: 日本, password: <secret>\n"},
		{"carriage returns", scrape, "password: hunter2\r\na: b\r\n", "password: <secret>\r\na: b\r\n"},
		{"line breaks of YAML alone", scrape, "a: b\rpassword: hunter2\n", "a: b\rpassword: <secret>\n"},
		{"a name of our own", team, "urlKey: payments-slack\n", "urlKey: payments-slack\n"},
		{"a secret where a name belongs", team, "urlKey: https://hooks.example/x\nintegrationKey: [a]\n", "urlKey: <secret>\nintegrationKey: [<secret>\n"},
		{"a key that we do not know", "watchbill.yaml", "smtp_password: hunter2\n", "smtp_password: <secret>\n"},
		{"the name of a Secret", "environments/a.yaml", "objectStore: {secret: bucket-keys}\n", "objectStore: {secret: bucket-keys}\n"},
		{"a variable of a patch", patch, "env:\n- name: DB_PASSWORD\n  value: hunter2\n- name: A\n  value: b\n", "env:\n- name: DB_PASSWORD\n  value: <secret>\n- name: A\n  value: b\n"},
		{"a Secret", patch, "kind: Secret\nstringData:\n  a: hunter2\n", "kind: Secret\nstringData:\n  a: <secret>\n"},
		{"where a Secret is", patch, "secret: {secretName: a}\nsecretKeyRef: {name: a, key: b}\n", "secret: {secretName: a}\nsecretKeyRef: {name: a, key: b}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, shown(tt.file, tt.content)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHide(t *testing.T) {
	s := SecretsOf("teams/a/scrape/a.yaml", []byte("a: [\npassword: hunter2-and-more\ntoken: \"s3\\\"cret\"\nkey: ab\nurl: http://u:pa/ss@h\n"))
	for _, tt := range []struct{ text, want string }{
		{"a hunter of 2", "a hunter of 2"},
		{"cannot unmarshal !!str `hunter2...` into", "cannot unmarshal !!str `<secret>...` into"},
		{`"hunter2-and-more" and "hunter2-and…"`, `"<secret>" and "<secret>…"`},
		{"about ab, or s3\\\"cret", "about ab, or <secret>"},
		{"xhunter2", "xhunter2"},
		{"a hunter2-and", "a hunter2-and"},
		{`invalid port ":pass" of ftp://a:b@c`, `invalid port ":pass" of ftp://a:<secret>@c`},
	} {
		if got := s.Hide(tt.text); got != tt.want {
			t.Errorf("%s becomes %s, want %s", tt.text, got, tt.want)
		}
	}
}
