package notify

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
)

var (
	slackTeam = regexp.MustCompile(`^T[A-Z0-9]+$`)
	slackApp  = regexp.MustCompile(`^B[A-Z0-9]+$`)
)

type slackMessage struct {
	Channel     string            `json:"channel"`
	Text        string            `json:"text"`
	Blocks      []any             `json:"blocks"`
	Attachments []slackAttachment `json:"attachments"`
}

type slackAttachment struct {
	Title    string `json:"title"`
	Text     string `json:"text"`
	Fallback string `json:"fallback"`
	Color    string `json:"color"`
	Blocks   []any  `json:"blocks"`
}

// slack answers one word, as plain text.
func (s *Server) slack(w http.ResponseWriter, r *http.Request) {
	if !slackTeam.MatchString(r.PathValue("team")) || !slackApp.MatchString(r.PathValue("app")) {
		s.noService(w, r)
		return
	}
	body, err := readJSON(w, r)
	if err != nil {
		s.refuseSlack(w, http.StatusBadRequest, "invalid_payload", err.Error())
		return
	}
	if wrong := violations(slackFormat, body); len(wrong) > 0 {
		s.refuseSlack(w, http.StatusBadRequest, "invalid_payload", strings.Join(wrong, "; "))
		return
	}
	var m slackMessage
	if err := json.Unmarshal(body, &m); err != nil {
		s.refuseSlack(w, http.StatusBadRequest, "invalid_payload", err.Error())
		return
	}
	if word := m.empty(); word != "" {
		s.refuseSlack(w, http.StatusBadRequest, word, "there is nothing to show")
		return
	}
	s.mu.Lock()
	gone := s.gone[m.Channel]
	s.mu.Unlock()
	if gone {
		answerText(w, http.StatusNotFound, "channel_not_found") // well-formed all the same
		return
	}
	s.take(m.notification(r.URL.Path, body))
	answerText(w, http.StatusOK, "ok")
}

// empty is Slack's word for a message of which nothing would show.
func (m *slackMessage) empty() string {
	if m.Text == "" && len(m.Blocks) == 0 && len(m.Attachments) == 0 {
		return "no_text"
	}
	for _, a := range m.Attachments {
		if a.Text == "" && a.Fallback == "" && len(a.Blocks) == 0 {
			return "missing_text_or_fallback_or_attachments"
		}
	}
	return ""
}

func (m *slackMessage) notification(path string, body []byte) Notification {
	n := Notification{Kind: Slack, Path: path, Channel: m.Channel, Text: m.Text, Status: Firing, Body: string(body)}
	if len(m.Attachments) > 0 {
		first := m.Attachments[0]
		n.Title, n.Text = first.Title, first.Text
		if first.Color == "good" {
			n.Status = Resolved
		}
	}
	return n
}

func (s *Server) noService(w http.ResponseWriter, _ *http.Request) {
	// The path of such a URL is its secret.
	s.refuseSlack(w, http.StatusNotFound, "no_service", "the path is not that of an incoming webhook: /services/T…/B…/…")
}

func (s *Server) refuseSlack(w http.ResponseWriter, status int, word, why string) {
	s.fault(Slack, word+": "+why)
	answerText(w, status, word)
}

func answerText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // nobody is left to tell
}
