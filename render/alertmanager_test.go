package render_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/alertmanager/timeinterval"
	"github.com/prometheus/common/model"

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

// mutedRepo has a mute time of every kind, and a receiver of every kind.
func mutedRepo() *repolayout.Repo {
	return &repolayout.Repo{
		Stack: repolayout.Stack{OnCall: repolayout.OnCall{Receivers: slack("#on-call")}},
		Teams: []*repolayout.Team{
			{Name: "payments", Spec: repolayout.TeamSpec{
				Routes: []repolayout.TeamRoute{
					{Severities: []string{"critical"}, Receivers: []repolayout.Receiver{
						{PagerDuty: &repolayout.PagerDuty{IntegrationKey: "key", URL: "https://events.eu.pagerduty.com/v2/enqueue", Description: "d"}},
						{PagerDuty: &repolayout.PagerDuty{IntegrationKey: "key"}},
						{Email: &repolayout.Email{To: "a@example.org", From: "b@example.org", SmartHost: "smtp.example.org:25", Username: "u", PasswordKey: "p"}},
						{Webhook: &repolayout.Webhook{URLKey: "hook"}},
						{Webhook: &repolayout.Webhook{URL: "https://example.org/hook"}},
					}},
					{Receivers: slack("#payments"), Mute: []string{"nights", "holidays"}},
				},
				MuteTimes: []repolayout.MuteTime{
					{Name: "nights", Times: []repolayout.MuteInterval{
						{Times: []string{"22:00-24:00", "00:00-06:00"}},
						{Weekdays: []string{"saturday", "sunday"}, TimeZone: "UTC"},
					}},
					{Name: "holidays", Times: []repolayout.MuteInterval{{DaysOfMonth: []string{"24:26", "-1"}, Months: []string{"december"}}}},
				},
			}},
			{Name: "search", Spec: repolayout.TeamSpec{
				Routes:    []repolayout.TeamRoute{{Receivers: slack("#search"), Mute: []string{"nights"}}},
				MuteTimes: []repolayout.MuteTime{{Name: "nights", Times: []repolayout.MuteInterval{{Times: []string{"00:00-04:00"}}}}},
			}},
		},
	}
}

// TestMuteTimes asks Alertmanager's own code who is told when.
func TestMuteTimes(t *testing.T) {
	text, err := render.New(options).AlertmanagerConfig(mutedRepo(), nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := amconfig.Load(string(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	intervals := map[string][]timeinterval.TimeInterval{}
	for _, i := range cfg.TimeIntervals {
		intervals[i.Name] = i.TimeIntervals
	}
	muter, route := timeinterval.NewIntervener(intervals), dispatch.NewRoute(cfg.Route, nil)
	for _, c := range []struct{ team, severity, at, want string }{
		{"payments", "warning", "2026-03-04T12:00:00Z", "on-call-alerts payments/default"},
		{"payments", "warning", "2026-03-04T21:59:00Z", "on-call-alerts payments/default"},
		{"payments", "warning", "2026-03-04T22:00:00Z", "on-call-alerts"},
		{"payments", "warning", "2026-03-05T05:59:00Z", "on-call-alerts"},
		{"payments", "warning", "2026-03-07T12:00:00Z", "on-call-alerts"},
		{"payments", "warning", "2026-12-25T12:00:00Z", "on-call-alerts"},
		{"payments", "warning", "2026-12-31T12:00:00Z", "on-call-alerts"},
		{"payments", "critical", "2026-12-25T23:00:00Z", "on-call-alerts payments/critical"},
		{"search", "critical", "2026-03-04T23:00:00Z", "on-call-alerts search/default"},
		{"search", "critical", "2026-03-04T03:00:00Z", "on-call-alerts"},
	} {
		now, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, r := range route.Match(model.LabelSet{"team": model.LabelValue(c.team), "severity": model.LabelValue(c.severity)}) {
			muted, _, err := muter.Mutes(r.RouteOpts.MuteTimeIntervals, now)
			if err != nil {
				t.Fatal(err)
			}
			if !muted {
				told = append(told, r.RouteOpts.Receiver)
			}
		}
		if got := strings.Join(told, " "); got != c.want {
			t.Errorf("%s, %s at %s: told are %s, want %s", c.team, c.severity, c.at, got, c.want)
		}
	}
}

// TestPagerDutySeverity runs the severity's template as Alertmanager does.
func TestPagerDutySeverity(t *testing.T) {
	text, err := render.New(options).AlertmanagerConfig(mutedRepo(), nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := amconfig.Load(string(text))
	if err != nil {
		t.Fatal(err)
	}
	pager := cfg.Receivers[1].PagerdutyConfigs
	if got := pager[0].URL.String() + " " + pager[1].URL.String(); got != "https://events.eu.pagerduty.com/v2/enqueue https://events.pagerduty.com/v2/enqueue" {
		t.Errorf("the events go to %s", got)
	}
	tmpl, err := template.FromGlobs(nil)
	if err != nil {
		t.Fatal(err)
	}
	for severity, want := range map[string]string{
		"critical": "critical", "error": "error", "warning": "warning", "info": "info", "page": "error", "": "error", "criticality": "error",
	} {
		data := &template.Data{CommonLabels: template.KV{}}
		if severity != "" {
			data.CommonLabels["severity"] = severity
		}
		got, err := tmpl.ExecuteTextString(pager[0].Severity, data)
		if err != nil || got != want {
			t.Errorf("%q: PagerDuty is told %q, %v; want %q", severity, got, err, want)
		}
	}
}

// TestAmtoolTakesIt asks the program of the version that runs, which knows
// fewer fields than the library.
func TestAmtoolTakesIt(t *testing.T) {
	amtool := os.Getenv("WATCHBILL_AMTOOL")
	if amtool == "" {
		t.Skip("WATCHBILL_AMTOOL is not set: `make test` builds the real amtool and runs this test with it")
	}
	for name, repo := range map[string]*repolayout.Repo{"mutes": mutedRepo(), "example": load(t, repolayout.Example())} {
		text, err := render.New(options).AlertmanagerConfig(repo, nil)
		if err != nil {
			t.Fatal(err)
		}
		// Templates are found beside the configuration.
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "templates"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, f := range repo.Templates {
			if err := os.WriteFile(filepath.Join(dir, "templates", filepath.Base(f.Path)), f.Content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		file := filepath.Join(dir, "alertmanager.yml")
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(amtool, "check-config", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s\n%s", name, err, out, text)
		}
	}
}
