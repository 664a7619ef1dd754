package github

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
)

func TestCut(t *testing.T) {
	tests := []struct {
		name, text, want string
		most             int
	}{
		{"short", "live on 2/2 Prometheus", "live on 2/2 Prometheus", 140},
		{"exact", "1234567890", "1234567890", 10},
		{"word", "one two three four", "one two three…", 17},
		{"word ends at the limit", "one two three four", "one two three…", 14},
		{"long word", "abcdefghijklmnopqrstuvwxyz", "abcdefghi…", 10},
		{"punctuation", "refused: bad rule, line 7", "refused: bad rule…", 20},
		{"lines", "one\n\ttwo\r\nthree\x00", "one two three", 20},
		{"no utf-8", "a\xffb", "a\uFFFDb", 20},
		{"accents", "abcdefghe\u0301\u0301xyz", "abcdefgh…", 11},
		{"other scripts", strings.Repeat("語", 20), strings.Repeat("語", 9) + "…", 10},
		{"empty", "", "", 10},
		{"spaces", "   ", "", 10},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, cut(test.text, test.most)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func FuzzFit(f *testing.F) {
	f.Add("live on 2/2", "watchbill/prod", "https://example.com")
	f.Add(strings.Repeat("wörd ", 50), strings.Repeat("x", 300), "javascript:alert(1)")
	f.Add("\xff\U0001F600\n", "", "://")
	f.Fuzz(func(t *testing.T, text, context, link string) {
		s := fit(forge.Status{Commit: "c", Context: context, State: forge.Success, Text: text, URL: link})
		for what, got := range map[string]string{"text": s.Text, "context": s.Context} {
			most := map[string]int{"text": maxText, "context": maxContext}[what]
			if n := utf8.RuneCountInString(got); n > most || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x00") {
				t.Errorf("%s of %d characters: %q", what, n, got)
			}
		}
		if again := fit(s); again != s {
			t.Errorf("fitting twice changes it: %+v, %+v", s, again)
		}
	})
}

func TestParseRepo(t *testing.T) {
	const gh = "https://api.github.com/"
	tests := map[string]Repo{
		"https://github.com/example/monitoring":               {gh, "example", "monitoring"},
		"https://github.com/example/monitoring.git":           {gh, "example", "monitoring"},
		"https://github.com/example/monitoring.git/":          {gh, "example", "monitoring"},
		"https://www.GitHub.com/example/mon.i-to_ring":        {gh, "example", "mon.i-to_ring"},
		"git@github.com:example/monitoring.git":               {gh, "example", "monitoring"},
		"github.com:example/monitoring":                       {gh, "example", "monitoring"},
		"ssh://git@github.com/example/monitoring.git":         {gh, "example", "monitoring"},
		"ssh://git@ssh.github.com:443/example/monitoring":     {gh, "example", "monitoring"},
		"https://example.ghe.com/example/monitoring":          {"https://api.example.ghe.com/", "example", "monitoring"},
		"git@example.ghe.com:example/monitoring.git":          {"https://api.example.ghe.com/", "example", "monitoring"},
		"https://git.example.com/example/monitoring.git":      {"https://git.example.com/api/v3/", "example", "monitoring"},
		"https://git.example.com:8443/example/monitoring":     {"https://git.example.com:8443/api/v3/", "example", "monitoring"},
		"ssh://git@git.example.com:2222/example/mon.git":      {"https://git.example.com/api/v3/", "example", "mon"},
		"https://user:token@github.com/example/monitoring":    {gh, "example", "monitoring"},
		"https://github.com/example/monitoring/":              {gh, "example", "monitoring"},
		"":                                                    {},
		"/srv/git/monitoring.git":                             {},
		"file:///srv/git/monitoring.git":                      {},
		"https://github.com/example":                          {},
		"https://github.com/":                                 {},
		"https://github.com/group/sub/monitoring":             {},
		"https://github.com/example/..":                       {},
		"https://github.com/example/mo%20nitoring":            {},
		"git://github.com/example/monitoring":                 {},
		"https://tok\x00en@github.com/example/secret-planted": {},
	}
	for raw, want := range tests {
		got, err := ParseRepo(raw)
		if diff := cmp.Diff(want, got); diff != "" || (err != nil) != (want == Repo{}) {
			t.Errorf("%q: %v\n%s", raw, err, diff)
		}
		if err != nil && strings.Contains(err.Error(), "planted") {
			t.Errorf("%q: the error quotes the URL: %v", raw, err)
		}
	}
	if owner, name, err := ParseName("example/monitoring"); owner != "example" || name != "monitoring" || err != nil {
		t.Errorf("%s %s %v", owner, name, err)
	}
	if _, _, err := ParseName("example"); err == nil {
		t.Error("a name without a slash is taken")
	}
}

func FuzzParseRepo(f *testing.F) {
	for _, seed := range []string{"https://github.com/a/b", "git@h:a/b.git", "ssh://h:22/a/b", "a:b", "://", "https://[::1]/a/b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := ParseRepo(raw)
		if err == nil && (!nameForm.MatchString(r.Owner) || !nameForm.MatchString(r.Name) || strings.Contains(r.API, "@")) {
			t.Errorf("%q: %+v", raw, r)
		}
	})
}
