package render

import (
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// The types below are the part of Alertmanager's configuration that is ours to
// write, in fields that 0.31 knows. Upstream's own types would write out their
// defaults and fields of newer versions.

type amRoute struct {
	Receiver       string              `yaml:"receiver"`
	Matchers       []string            `yaml:"matchers,omitempty,flow"`
	GroupBy        []string            `yaml:"group_by,omitempty,flow"`
	GroupWait      repolayout.Duration `yaml:"group_wait,omitempty"`
	GroupInterval  repolayout.Duration `yaml:"group_interval,omitempty"`
	RepeatInterval repolayout.Duration `yaml:"repeat_interval,omitempty"`
	Mute           []string            `yaml:"mute_time_intervals,omitempty,flow"`
	Continue       bool                `yaml:"continue,omitempty"`
}

// amMute is a named set of times in which the routes that name it tell nobody.
type amMute struct {
	Name  string   `yaml:"name"`
	Times []amTime `yaml:"time_intervals"`
}

type amTime struct {
	Times       []amClock `yaml:"times,omitempty,flow"`
	Weekdays    []string  `yaml:"weekdays,omitempty,flow"`
	DaysOfMonth []string  `yaml:"days_of_month,omitempty,flow"`
	Months      []string  `yaml:"months,omitempty,flow"`
	Location    string    `yaml:"location,omitempty"`
}

type amClock struct {
	Start string `yaml:"start_time"`
	End   string `yaml:"end_time"`
}

// amInhibit keeps an alert quiet while the same one fires with a graver severity.
type amInhibit struct {
	SourceMatchers []string `yaml:"source_matchers,flow"`
	TargetMatchers []string `yaml:"target_matchers,flow"`
	Equal          []string `yaml:"equal,flow"`
}

type amReceiver struct {
	Name      string        `yaml:"name"`
	Slack     []amSlack     `yaml:"slack_configs,omitempty"`
	PagerDuty []amPagerDuty `yaml:"pagerduty_configs,omitempty"`
	Email     []amEmail     `yaml:"email_configs,omitempty"`
	Webhook   []amWebhook   `yaml:"webhook_configs,omitempty"`
}

type amSlack struct {
	SendResolved bool   `yaml:"send_resolved"`
	APIURLFile   string `yaml:"api_url_file"`
	Channel      string `yaml:"channel"`
	Title        string `yaml:"title,omitempty"`
	Text         string `yaml:"text,omitempty"`
}

type amPagerDuty struct {
	SendResolved   bool   `yaml:"send_resolved"`
	RoutingKeyFile string `yaml:"routing_key_file"`
	URL            string `yaml:"url,omitempty"`
	Severity       string `yaml:"severity"`
	Description    string `yaml:"description,omitempty"`
}

type amEmail struct {
	SendResolved     bool   `yaml:"send_resolved"`
	To               string `yaml:"to"`
	From             string `yaml:"from"`
	SmartHost        string `yaml:"smarthost"`
	AuthUsername     string `yaml:"auth_username,omitempty"`
	AuthPasswordFile string `yaml:"auth_password_file,omitempty"`
}

type amWebhook struct {
	SendResolved bool   `yaml:"send_resolved"`
	URL          string `yaml:"url,omitempty"`
	URLFile      string `yaml:"url_file,omitempty"`
}

type amTemplates struct {
	Templates []string `yaml:"templates,flow"`
}
