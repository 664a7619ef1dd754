package notify

import (
	"encoding/json"
	"net/http"
	"strings"
)

type webhookMessage struct {
	GroupKey string  `json:"groupKey"`
	Status   string  `json:"status"`
	Receiver string  `json:"receiver"`
	Alerts   []Alert `json:"alerts"`
}

func (s *Server) webhook(w http.ResponseWriter, r *http.Request) {
	body, err := readJSON(w, r)
	if err != nil {
		s.refuseWebhook(w, err.Error())
		return
	}
	if wrong := violations(webhookFormat, body); len(wrong) > 0 {
		s.refuseWebhook(w, strings.Join(wrong, "; "))
		return
	}
	var m webhookMessage
	if err := json.Unmarshal(body, &m); err != nil {
		s.refuseWebhook(w, err.Error())
		return
	}
	if wrong := m.contradiction(); wrong != "" {
		s.refuseWebhook(w, wrong)
		return
	}
	s.take(Notification{
		Kind: Webhook, Path: r.URL.Path, Dedup: m.GroupKey, Receiver: m.Receiver,
		Status: m.Status, Alerts: m.Alerts, Body: string(body),
	})
	w.WriteHeader(http.StatusOK)
}

// contradiction: a group fires as long as one of its alerts does.
func (m *webhookMessage) contradiction() string {
	status := Resolved
	for _, a := range m.Alerts {
		if a.Status == Firing {
			status = Firing
		}
	}
	if m.Status != status {
		return "/status: it is " + m.Status + ", and by its alerts it should be " + status
	}
	return ""
}

func (s *Server) refuseWebhook(w http.ResponseWriter, why string) {
	s.fault(Webhook, why)
	http.Error(w, why, http.StatusBadRequest)
}
