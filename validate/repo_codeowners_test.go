package validate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCodeOwners(t *testing.T) {
	unowned := func(file string) string {
		return "payments: teams/payments/team.yaml:1:1: warning: no pattern of " + file + " owns teams/payments, so a change of it needs nobody's approval [repo/codeowners] " +
			"(add a line such as /teams/payments/ and who owns it, an @user, an @organization/team or an address)"
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"no such file", nil, nil},
		{"everything", map[string]string{"CODEOWNERS": "* @example/watch\n"}, nil},
		{"a team that is left out", map[string]string{"CODEOWNERS": "/teams/search/ @example/search\n"}, []string{unowned("CODEOWNERS")}},
		{"in .github", map[string]string{"CODEOWNERS": "* @a\n", ".github/CODEOWNERS": "/teams/search/ @example/search\n"}, []string{unowned(".github/CODEOWNERS")}},
		{"in docs", map[string]string{"docs/CODEOWNERS": "/teams/search/ @example/search\n"}, []string{unowned("docs/CODEOWNERS")}},
		{"a part of the folder", map[string]string{"CODEOWNERS": "/teams/search/ @a\n/teams/*/rules/ @b\n", ruleFile: "groups: []\n"}, nil},
		{"a line without an owner", map[string]string{"CODEOWNERS": "* @a\n/teams/payments/\n"}, []string{
			"payments: teams/payments/team.yaml:1:1: warning: line 2 of CODEOWNERS names nobody who owns teams/payments, so a change of it needs nobody's approval [repo/codeowners] " +
				"(write behind the pattern who owns it, an @user, an @organization/team or an address; the last line that matches holds)",
		}},
		{"silenced", map[string]string{"CODEOWNERS": "/teams/search/ @a\n", "teams/payments/team.yaml": "# watchbill:ignore repo/codeowners it is a sandbox\n" + base["teams/payments/team.yaml"]}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(check(t, repoOf(tt.files)))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
