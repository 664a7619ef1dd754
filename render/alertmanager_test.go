package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/dispatch"

	"github.com/watchbill/watchbill/render"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

func slack(channel string) []repolayout.Receiver {
	return []repolayout.Receiver{{Slack: &repolayout.Slack{Channel: channel, URLKey: "slack-url"}}}
}

// TestOddRoutes: what a repo may hold, if not what one would write.
func TestOddRoutes(t *testing.T) {
	team := func(name string, routes ...repolayout.TeamRoute) *repolayout.Team {
		return &repolayout.Team{Name: name, Spec: repolayout.TeamSpec{Routes: routes}}
	}
	quote := `a"b\c.*|d`
	repo := &repolayout.Repo{
		Stack: repolayout.Stack{Severities: []string{quote}},
		Teams: []*repolayout.Team{
			team("none"),
			team("on-call-alerts", repolayout.TeamRoute{Receivers: slack("#a")}),
			team("twice",
				repolayout.TeamRoute{Severities: []string{quote}, Receivers: slack("#first")},
				repolayout.TeamRoute{Severities: []string{quote}, Receivers: slack("#never")},
				repolayout.TeamRoute{Severities: []string{"warning", quote}, Receivers: slack("#{{ }}: %")},
			),
			team("yes", repolayout.TeamRoute{Receivers: slack("no")}),
		},
	}
	text, err := render.New(options).AlertmanagerConfig(repo, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := amconfig.Load(string(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	route := dispatch.NewRoute(cfg.Route, nil)
	for _, c := range []struct{ team, severity, want string }{
		{"none", quote, ""},
		{"on-call-alerts", "", "on-call-alerts/default"},
		{"twice", quote, "twice/" + quote},
		{"twice", "warning", "twice/warning-" + quote},
		{"twice", "abc", ""},
		{"twice", "ab", ""},
		{"yes", "x", "yes/default"},
		{"YES", "x", ""},
	} {
		want := []string{"on-call-alerts"}
		if c.want != "" {
			want = append(want, c.want)
		}
		if diff := cmp.Diff(want, receivers(route, c.team, c.severity)); diff != "" {
			t.Errorf("%s, %s: %s", c.team, c.severity, diff)
		}
	}
	if got := cfg.Receivers[len(cfg.Receivers)-1].SlackConfigs[0].Channel; got != "no" {
		t.Errorf("the channel is %q", got)
	}
}

func TestGraverAlertsInhibit(t *testing.T) {
	repo := &repolayout.Repo{Stack: repolayout.Stack{Severities: []string{"critical", "warning", "info"}}}
	text, err := render.New(options).AlertmanagerConfig(repo, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := amconfig.Load(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range cfg.InhibitRules {
		got = append(got, r.SourceMatchers[0].String()+" quiets "+r.TargetMatchers[0].String()+" of the same "+strings.Join(r.Equal, ", "))
	}
	want := []string{
		`severity="critical" quiets severity=~"warning|info" of the same team, alertname, namespace`,
		`severity="warning" quiets severity="info" of the same team, alertname, namespace`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReceiverRefuses(t *testing.T) {
	for name, r := range map[string]repolayout.Receiver{
		"nobody":                   {},
		"a key that is a path":     {Slack: &repolayout.Slack{Channel: "#a", URLKey: "../../../proc/self/environ"}},
		"a key that is two dots":   {PagerDuty: &repolayout.PagerDuty{IntegrationKey: ".."}},
		"no key":                   {Slack: &repolayout.Slack{Channel: "#a"}},
		"a password that is none":  {Email: &repolayout.Email{To: "a@example.com", PasswordKey: "a b"}},
		"a webhook's key is a URL": {Webhook: &repolayout.Webhook{URLKey: "http://example.com"}},
	} {
		repo := &repolayout.Repo{Teams: []*repolayout.Team{{Name: "payments", Spec: repolayout.TeamSpec{
			Routes: []repolayout.TeamRoute{{Receivers: []repolayout.Receiver{r}}},
		}}}}
		if _, err := render.New(options).AlertmanagerConfig(repo, nil); err == nil || !strings.Contains(err.Error(), "payments") {
			t.Errorf("%s: %v", name, err)
		}
		repo = &repolayout.Repo{Stack: repolayout.Stack{OnCall: repolayout.OnCall{Receivers: []repolayout.Receiver{r}}}}
		if _, err := render.New(options).AlertmanagerConfig(repo, nil); err == nil || !strings.Contains(err.Error(), "on-call") {
			t.Errorf("%s, on call: %v", name, err)
		}
	}
}
