package validate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMutes(t *testing.T) {
	const times = "  times: [{weekdays: [sunday]}]\n"
	for _, tt := range []struct {
		name, team string
		want       []string
	}{
		{"known", "owner: a\nroutes:\n- receivers: &r [{webhook: {urlKey: a}}]\n  mute: [a, b]\n- receivers: *r\n  mute: [b]\nmuteTimes:\n- name: a\n" + times + "- name: b\n" + times, nil},
		{"misspelt, and so unused", "owner: a\nroutes:\n- receivers: [{webhook: {urlKey: a}}]\n  mute:\n  - a\n  - weekend\nmuteTimes:\n- name: weekends\n" + times + "- name: a\n" + times, []string{
			`payments: teams/payments/team.yaml:6:5: error: the team has no mute time "weekend" [team/mute] (did you mean "weekends"?)`,
			`payments: teams/payments/team.yaml:8:3: warning: no route names the mute time "weekends", so it mutes nothing [team/mute] (add mute: [weekends] to a route, or delete it)`,
		}},
		{"none at all", "owner: a\nroutes:\n- receivers: [{webhook: {urlKey: a}}]\n  mute: [nights]\n", []string{
			`payments: teams/payments/team.yaml:4:10: error: the team has no mute time "nights" [team/mute] (add it under muteTimes in this file)`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(check(t, repoOf(map[string]string{"teams/payments/team.yaml": tt.team})))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
	// A mute time of another team is none of this one's.
	files := map[string]string{
		"teams/payments/team.yaml": "owner: a\nroutes:\n- receivers: [{webhook: {urlKey: a}}]\n  mute: [nights]\n",
		"teams/search/team.yaml":   "owner: a\nroutes:\n- receivers: [{webhook: {urlKey: a}}]\n  mute: [nights]\nmuteTimes:\n- name: nights\n" + times,
	}
	want := []string{`payments: teams/payments/team.yaml:4:10: error: the team has no mute time "nights" [team/mute] (add it under muteTimes in this file)`}
	if diff := cmp.Diff(want, lines(check(t, repoOf(files)))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
