package repolayout

// TeamSpec is teams/NAME/team.yaml: who owns the team's alerts and who is told.
type TeamSpec struct {
	Pos     Pos      `json:"-"`
	Places  Places   `json:"-"`
	Ignores []Ignore `json:"-"`

	// Owner is a person, list or handle that answers for the folder.
	Owner string `json:"owner" jsonschema:"minLength=1"`
	// Routes are tried in order; the first whose severities match takes the alert.
	Routes []TeamRoute `json:"routes" jsonschema:"minItems=1"`
	// MuteTimes are times in which routes that name them tell nobody; the on-call copy still goes out.
	MuteTimes []MuteTime `json:"muteTimes,omitempty"`
}

// MuteTime is a named set of times, in the form of Alertmanager's time_intervals.
type MuteTime struct {
	Pos Pos `json:"-"`

	// Name that routes name it by, within the team.
	Name string `json:"name" jsonschema:"format=word"`
	// Times in which the mute holds; any of them.
	Times []MuteInterval `json:"times" jsonschema:"minItems=1"`
}

// MuteInterval holds when each of its fields that is set does.
type MuteInterval struct {
	Pos Pos `json:"-"`

	// Times of the day such as "22:00-24:00".
	Times []string `json:"times,omitempty" jsonschema:"format=clockRange"`
	// Weekdays such as "saturday" or "monday:friday".
	Weekdays []string `json:"weekdays,omitempty" jsonschema:"format=weekdayRange"`
	// DaysOfMonth such as "1", "1:7" or "-3:-1".
	DaysOfMonth []string `json:"daysOfMonth,omitempty" jsonschema:"format=dayRange"`
	// Months such as "december" or "1:3".
	Months []string `json:"months,omitempty" jsonschema:"format=monthRange"`
	// TimeZone from the IANA database; without it, UTC.
	TimeZone string `json:"timeZone,omitempty" jsonschema:"format=timeZone"`
}

// TeamRoute says who is told of the team's alerts of some severities.
type TeamRoute struct {
	Pos Pos `json:"-"`

	// Severities that this route takes; without any, it takes every alert that is left.
	Severities []string `json:"severities,omitempty" jsonschema:"uniqueItems=true,format=word"`
	// Receivers that are told, all of them.
	Receivers []Receiver `json:"receivers" jsonschema:"minItems=1"`
	// GroupBy as in watchbill.yaml; left out, the setting there holds.
	GroupBy []string `json:"groupBy,omitempty" jsonschema:"uniqueItems=true,format=groupLabel"`
	// GroupWait as in watchbill.yaml; left out, the setting there holds.
	GroupWait Duration `json:"groupWait,omitempty" jsonschema:"format=duration"`
	// GroupInterval as in watchbill.yaml; left out, the setting there holds.
	GroupInterval Duration `json:"groupInterval,omitempty" jsonschema:"format=period"`
	// RepeatInterval as in watchbill.yaml; left out, the setting there holds.
	RepeatInterval Duration `json:"repeatInterval,omitempty" jsonschema:"format=period"`
	// Mute names the team's mute times in which this route tells nobody.
	Mute []string `json:"mute,omitempty" jsonschema:"uniqueItems=true,format=word"`
}

// Receiver is one place to tell; exactly one of its fields is set. A …Key field
// names a key of the environment's receivers Secret, never the secret itself.
type Receiver struct {
	Pos Pos `json:"-"`

	// Slack posts to a channel by an incoming webhook.
	Slack *Slack `json:"slack,omitempty" jsonschema:"oneof_required=slack"`
	// PagerDuty opens incidents through the Events API v2.
	PagerDuty *PagerDuty `json:"pagerDuty,omitempty" jsonschema:"oneof_required=pagerDuty"`
	// Email sends by a smart host.
	Email *Email `json:"email,omitempty" jsonschema:"oneof_required=email"`
	// Webhook posts Alertmanager's webhook payload; exactly one of url and urlKey is set.
	Webhook *Webhook `json:"webhook,omitempty" jsonschema:"oneof_required=webhook"`
}

// Slack posts to a channel by an incoming webhook.
type Slack struct {
	// Channel to post to; a value that begins with # needs quotes in YAML.
	Channel string `json:"channel" jsonschema:"minLength=1"`
	// URLKey is the key of the Secret that holds the incoming webhook's URL.
	URLKey string `json:"urlKey" jsonschema:"format=secretKey"`
	// Title of the message, usually a template such as {{ template "team.title" . }}; left out, Alertmanager's own.
	Title string `json:"title,omitempty"`
	// Text of the message, usually a template such as {{ template "team.text" . }}; left out, Alertmanager's own.
	Text string `json:"text,omitempty"`
}

// PagerDuty opens incidents through the Events API v2.
type PagerDuty struct {
	// IntegrationKey is the key of the Secret that holds the Events API routing key.
	IntegrationKey string `json:"integrationKey" jsonschema:"format=secretKey"`
	// Description of the incident, usually a template; left out, Alertmanager's own.
	Description string `json:"description,omitempty"`
	// URL of the Events API; left out, PagerDuty's own in the US. In the EU it is https://events.eu.pagerduty.com/v2/enqueue.
	URL string `json:"url,omitempty" jsonschema:"format=httpURL"`
}

// Email sends by a smart host.
type Email struct {
	// To is one address or several with commas between.
	To string `json:"to" jsonschema:"format=addresses"`
	// From is the sender's address.
	From string `json:"from" jsonschema:"format=addresses"`
	// SmartHost is the mail server as host:port.
	SmartHost string `json:"smartHost" jsonschema:"format=hostPort"`
	// Username to log in with; left out, no login.
	Username string `json:"username,omitempty"`
	// PasswordKey is the key of the Secret that holds the password.
	PasswordKey string `json:"passwordKey,omitempty" jsonschema:"format=secretKey"`
}

// Webhook posts Alertmanager's webhook payload; exactly one of URL and URLKey is set.
type Webhook struct {
	// URL to post to, where it is no secret.
	URL string `json:"url,omitempty" jsonschema:"oneof_required=url,format=httpURL"`
	// URLKey is the key of the Secret that holds the URL.
	URLKey string `json:"urlKey,omitempty" jsonschema:"oneof_required=urlKey,format=secretKey"`
}
