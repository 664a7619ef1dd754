package notify

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"
)

// keyLength is that of an integration key.
const keyLength = 32

type pagerDutyEvent struct {
	RoutingKey  string `json:"routing_key"`
	EventAction string `json:"event_action"`
	DedupKey    string `json:"dedup_key"`
	Payload     struct {
		Summary  string `json:"summary"`
		Severity string `json:"severity"`
	} `json:"payload"`
}

type pagerDutyAnswer struct {
	Status   string   `json:"status"`
	Message  string   `json:"message"`
	DedupKey string   `json:"dedup_key,omitempty"`
	Errors   []string `json:"errors,omitempty"`
}

func (s *Server) pagerDuty(w http.ResponseWriter, r *http.Request) {
	body, err := readJSON(w, r)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		s.refuseEvent(w, http.StatusRequestEntityTooLarge, pagerDutyAnswer{Status: "invalid event", Message: "Event is too large", Errors: []string{err.Error()}})
		return
	case err != nil:
		s.refuseEvent(w, http.StatusBadRequest, pagerDutyAnswer{Status: "Unrecognized object", Message: "Event object format is unrecognized", Errors: []string{err.Error()}})
		return
	}
	wrong := violations(pagerDutyFormat, body)
	var e pagerDutyEvent
	if len(wrong) == 0 {
		if err := json.Unmarshal(body, &e); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	if len(wrong) == 0 && utf8.RuneCountInString(e.RoutingKey) != keyLength {
		wrong = append(wrong, "Length of 'routing_key' is incorrect (should be 32 characters)")
	}
	if len(wrong) > 0 {
		s.refuseEvent(w, http.StatusBadRequest, pagerDutyAnswer{Status: "invalid event", Message: "Event object is invalid", Errors: wrong})
		return
	}
	if e.DedupKey == "" {
		e.DedupKey = strings.ToLower(rand.Text())
	}
	status := Firing
	if e.EventAction == "resolve" {
		status = Resolved
	}
	s.take(Notification{
		Kind: PagerDuty, Path: r.URL.Path, Key: e.RoutingKey, Action: e.EventAction, Dedup: e.DedupKey,
		Title: e.Payload.Summary, Severity: e.Payload.Severity, Status: status, Body: string(body),
	})
	answerJSON(w, http.StatusAccepted, pagerDutyAnswer{Status: "success", Message: "Event processed", DedupKey: e.DedupKey})
}

func (s *Server) refuseEvent(w http.ResponseWriter, status int, a pagerDutyAnswer) {
	s.fault(PagerDuty, a.Message+": "+strings.Join(a.Errors, "; "))
	answerJSON(w, status, a)
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // nobody is left to tell
}
