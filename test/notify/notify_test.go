package notify

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	slackPath = "/services/T00000000/B00000000/token"
	key       = "0123456789abcdef0123456789abcdef"
	attached  = `{"channel": "#a", "username": "Alertmanager", "attachments": [{"title": "T", "title_link": "http://a/b", "text": "X", "fallback": "F", "callback_id": "", "footer": "", "color": "%s", "mrkdwn_in": ["fallback", "pretext", "text"], "fields": [{"title": "a", "value": "b", "short": true}], "actions": [{"type": "button", "text": "Runbook", "url": "https://runbooks.example.org"}]}]}`
	event     = `{"routing_key": "` + key + `", "event_action": "%s", "dedup_key": "d", "payload": {"summary": "S", "source": "Alertmanager", "severity": "critical", "custom_details": {"firing": {"a": 1}}}, "client": "c", "client_url": "http://a/b"}`
	group     = `{"version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "%s", "receiver": "on-call", "groupLabels": {}, "commonLabels": {"a": "b"}, "commonAnnotations": {}, "externalURL": "http://a", "alerts": [%s]}`
	anAlert   = `{"status": "%s", "labels": {"alertname": "A"}, "annotations": {}, "startsAt": "2026-01-02T03:04:05.678Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://p", "fingerprint": "0123456789abcdef"}`
)

// post posts to the server and returns "code body".
func post(s http.Handler, path, contentType, body string) string {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return strings.TrimSpace(fmt.Sprintf("%d %s", w.Code, w.Body))
}

func TestTaken(t *testing.T) {
	firing, resolved := fmt.Sprintf(anAlert, Firing), fmt.Sprintf(anAlert, Resolved)
	for name, c := range map[string]struct {
		path, body, answer string
		want               Notification
	}{
		"Slack, firing": {slackPath, fmt.Sprintf(attached, "danger"), "200 ok",
			Notification{Kind: Slack, Channel: "#a", Title: "T", Text: "X", Status: Firing}},
		"Slack, resolved": {slackPath, fmt.Sprintf(attached, "good"), "200 ok",
			Notification{Kind: Slack, Channel: "#a", Title: "T", Text: "X", Status: Resolved}},
		"Slack, text alone": {slackPath, `{"text": "hello"}`, "200 ok",
			Notification{Kind: Slack, Text: "hello", Status: Firing}},
		"PagerDuty, trigger": {"/v2/enqueue", fmt.Sprintf(event, "trigger"), `202 {"status":"success","message":"Event processed","dedup_key":"d"}`,
			Notification{Kind: PagerDuty, Key: key, Action: "trigger", Dedup: "d", Title: "S", Severity: "critical", Status: Firing}},
		"PagerDuty, resolve": {"/v2/enqueue", fmt.Sprintf(event, "resolve"), `202 {"status":"success","message":"Event processed","dedup_key":"d"}`,
			Notification{Kind: PagerDuty, Key: key, Action: "resolve", Dedup: "d", Title: "S", Severity: "critical", Status: Resolved}},
		"PagerDuty, resolve without a payload": {"/v2/enqueue", `{"routing_key": "` + key + `", "event_action": "resolve", "dedup_key": "d"}`, `202 {"status":"success","message":"Event processed","dedup_key":"d"}`,
			Notification{Kind: PagerDuty, Key: key, Action: "resolve", Dedup: "d", Status: Resolved}},
		"webhook": {"/webhook/on-call", fmt.Sprintf(group, Firing, resolved+","+firing), "200",
			Notification{Kind: Webhook, Receiver: "on-call", Dedup: "{}:{}", Status: Firing}},
	} {
		t.Run(name, func(t *testing.T) {
			s := New()
			if got := post(s, c.path, "application/json; charset=utf-8", c.body); got != c.answer {
				t.Errorf("answered %s, want %s; %q", got, c.answer, s.Faults())
			}
			got := s.Received()
			if len(got) != 1 {
				t.Fatalf("received %d: %q", len(got), s.Faults())
			}
			c.want.Path, c.want.Body = c.path, c.body
			if diff := cmp.Diff(c.want, got[0], cmpopts.IgnoreFields(Notification{}, "Arrived", "Alerts")); diff != "" {
				t.Error(diff)
			}
			if got[0].Arrived.IsZero() {
				t.Error("it has no time")
			}
			if c.want.Kind == Webhook && (len(got[0].Alerts) != 2 || got[0].Alerts[1].Labels["alertname"] != "A") {
				t.Errorf("alerts: %+v", got[0].Alerts)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	firing := fmt.Sprintf(anAlert, Firing)
	trigger := fmt.Sprintf(event, "trigger")
	for name, c := range map[string]struct {
		path, body, answer, fault string
	}{
		"Slack: a key that it does not know": {slackPath, `{"text": "a", "colour": "b"}`, "400 invalid_payload", "'colour'"},
		"Slack: a key in other letters":      {slackPath, `{"Text": "a"}`, "400 invalid_payload", "'Text'"},
		"Slack: a key twice":                 {slackPath, `{"text": "a", "text": "b"}`, "400 invalid_payload", "stands twice"},
		"Slack: two documents":               {slackPath, `{"text": "a"}{}`, "400 invalid_payload", "more after"},
		"Slack: no JSON":                     {slackPath, `payload=%7B%7D`, "400 invalid_payload", "not JSON"},
		"Slack: cut off":                     {slackPath, `{"text": "a"`, "400 invalid_payload", "not JSON"},
		"Slack: a colour that is none":       {slackPath, fmt.Sprintf(attached, "red"), "400 invalid_payload", "/attachments/0/color"},
		"Slack: nothing to say":              {slackPath, `{"channel": "#a"}`, "400 no_text", "nothing to show"},
		"Slack: nothing in the attachment":   {slackPath, `{"attachments": [{"title": "a"}]}`, "400 missing_text_or_fallback_or_attachments", "nothing to show"},
		"Slack: another path":                {"/services/T0/B0", `{"text": "a"}`, "404 no_service", "incoming webhook"},
		"Slack: the path is not Slack's":     {"/services/a/b/c", `{"text": "a"}`, "404 no_service", "incoming webhook"},

		"PagerDuty: a short key": {"/v2/enqueue", strings.Replace(trigger, key, "short", 1),
			`400 {"status":"invalid event","message":"Event object is invalid","errors":["Length of 'routing_key' is incorrect (should be 32 characters)"]}`, "32 characters"},
		"PagerDuty: another action":   {"/v2/enqueue", fmt.Sprintf(event, "open"), "400 ", "/event_action"},
		"PagerDuty: another severity": {"/v2/enqueue", strings.Replace(trigger, "critical", "page", 1), "400 ", "/payload/severity"},
		"PagerDuty: no summary":       {"/v2/enqueue", strings.Replace(trigger, `"S"`, `""`, 1), "400 ", "/payload/summary"},
		"PagerDuty: a long summary":   {"/v2/enqueue", strings.Replace(trigger, `"S"`, `"`+strings.Repeat("ä", 1025)+`"`, 1), "400 ", "/payload/summary"},
		"PagerDuty: a long dedup key": {"/v2/enqueue", strings.Replace(trigger, `"d"`, `"`+strings.Repeat("d", 256)+`"`, 1), "400 ", "/dedup_key"},
		"PagerDuty: resolve of what":  {"/v2/enqueue", `{"routing_key": "` + key + `", "event_action": "resolve"}`, "400 ", "dedup_key"},
		"PagerDuty: trigger of what":  {"/v2/enqueue", `{"routing_key": "` + key + `", "event_action": "trigger"}`, "400 ", "payload"},
		"PagerDuty: an unknown key":   {"/v2/enqueue", strings.Replace(trigger, `"client"`, `"service_key"`, 1), "400 ", "service_key"},
		"PagerDuty: no JSON":          {"/v2/enqueue", "{", `400 {"status":"Unrecognized object"`, "unrecognized"},
		"PagerDuty: too large":        {"/v2/enqueue", strings.Replace(trigger, `"a"`, `"`+strings.Repeat("a", maxBody)+`"`, 1), "413 ", "too large"},

		"webhook: another version": {"/webhook", strings.Replace(fmt.Sprintf(group, Firing, firing), `"4"`, `"3"`, 1), "400 ", "/version"},
		"webhook: no alerts":       {"/webhook", fmt.Sprintf(group, Firing, ""), "400 ", "/alerts"},
		"webhook: it fires, but":   {"/webhook", fmt.Sprintf(group, Resolved, firing), "400 ", "it should be firing"},
		"webhook: a number label":  {"/webhook", strings.Replace(fmt.Sprintf(group, Firing, firing), `"A"`, `1`, 1), "400 ", "/alerts/0/labels/alertname"},
		"webhook: no time":         {"/webhook", strings.Replace(fmt.Sprintf(group, Firing, firing), "2026-01-02T", "", 1), "400 ", "/alerts/0/startsAt"},

		"another path": {"/v1/enqueue", "{}", "404 ", "POST /v1/enqueue"},
	} {
		t.Run(name, func(t *testing.T) {
			s := New()
			if got := post(s, c.path, "application/json", c.body); !strings.HasPrefix(got, c.answer) {
				t.Errorf("answered %.300s, want %s", got, c.answer)
			}
			faults := s.Faults()
			if len(faults) != 1 || !strings.Contains(faults[0], c.fault) {
				t.Errorf("faults %.300q, want one of %s", faults, c.fault)
			}
			if n := len(s.Received()); n != 0 {
				t.Errorf("it took %d", n)
			}
		})
	}
}

func TestContentTypeAndMethod(t *testing.T) {
	for _, path := range []string{slackPath, "/v2/enqueue", "/webhook"} {
		s := New()
		if got := post(s, path, "text/plain", `{"text": "a"}`); !strings.HasPrefix(got, "400") {
			t.Errorf("%s, as text: %s", path, got)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusBadRequest || len(s.Faults()) != 2 {
			t.Errorf("%s, GET: %d, faults %q", path, w.Code, s.Faults())
		}
	}
}

func TestChannelThatIsGone(t *testing.T) {
	s := New()
	s.WithoutChannels("#a")
	if got := post(s, slackPath, "application/json", fmt.Sprintf(attached, "good")); got != "404 channel_not_found" {
		t.Error(got)
	}
	s.WithoutChannels()
	if got := post(s, slackPath, "application/json", fmt.Sprintf(attached, "good")); got != "200 ok" {
		t.Error(got)
	}
	if len(s.Faults()) != 0 || len(s.Received()) != 1 {
		t.Errorf("faults %q, received %d", s.Faults(), len(s.Received()))
	}
}

func TestFail(t *testing.T) {
	s := New()
	s.Fail(2, http.StatusTooManyRequests)
	var got []string
	for range 3 {
		code, _, _ := strings.Cut(post(s, "/v2/enqueue", "application/json", fmt.Sprintf(event, "trigger")), " ")
		got = append(got, code)
	}
	if diff := cmp.Diff([]string{"429", "429", "202"}, got); diff != "" {
		t.Error(diff)
	}
	if s.Requests() != 3 || len(s.Received()) != 1 || len(s.Faults()) != 0 {
		t.Errorf("%d requests, %d received, faults %q", s.Requests(), len(s.Received()), s.Faults())
	}
}

func TestKeepsTheNewest(t *testing.T) {
	s := New()
	for i := range most + 3 {
		s.take(Notification{Title: fmt.Sprint(i)})
		s.fault("a", fmt.Sprint(i))
	}
	got, faults := s.Received(), s.Faults()
	if len(got) != most || got[0].Title != "3" || len(faults) != most || faults[0] != "a: 3" {
		t.Errorf("%d from %q, %d faults from %q", len(got), got[0].Title, len(faults), faults[0])
	}
}

func TestServeUntilClose(t *testing.T) {
	s := New()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	answer, err := http.Post("http://"+l.Addr().String()+slackPath, "application/json", strings.NewReader(`{"text": "a"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || string(text) != "ok" {
		t.Errorf("%q, %v", text, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
