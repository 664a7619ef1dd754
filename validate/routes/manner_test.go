package routes

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestManners: how people are told depends on what time intervals are, and not on their names.
func TestManners(t *testing.T) {
	config := func(night, location string) string {
		return "time_intervals:\n- {name: " + night + ", time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}], location: " + location + "}]}\n" +
			"route:\n  receiver: all\n  group_wait: 10s\n  routes:\n" +
			"  - {matchers: [team=a], receiver: page, continue: true, group_by: [b, a], mute_time_intervals: [" + night + "]}\n" +
			"  - {matchers: [team=a], receiver: chat, group_by: ['...'], repeat_interval: 1d, active_time_intervals: [" + night + "]}\n" +
			"receivers:\n- name: all\n- name: page\n  pagerduty_configs: [{routing_key_file: /page}]\n- name: chat\n  slack_configs: [{channel: '#a', api_url_file: /chat}, {channel: '#b', api_url_file: /chat}]\n"
	}
	alerts := []Alert{alertOf("A", "up == 0"), {Team: "b", Name: "B", Expr: "up == 0", Static: map[string]string{"team": "b"}}}
	const night = `{"times":[{"start_time":"22:00","end_time":"24:00"}]}`
	page := Manner{"pagerduty page", []string{"a", "b"}, "10s", "5m", "4h", night, ""}
	chat := Manner{"slack #a chat", []string{"..."}, "10s", "5m", "1d", "", night}
	second := chat
	second.Destination = "slack #b chat"
	want := [][]Manner{{page, chat, second}, nil}
	for _, text := range []string{config("night", "UTC"), config("other", "Etc/UTC")} {
		got := mustLoad(t, text).Manners(alerts, nil, NewKnower())
		if diff := cmp.Diff(want, got); (diff == "") != (text == config("night", "UTC")) {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff(want, mustLoad(t, config("dark", "UTC")).Manners(alerts, nil, NewKnower())); diff != "" {
		t.Errorf("with another name (-want +got):\n%s", diff)
	}
}
