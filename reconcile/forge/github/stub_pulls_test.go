package github

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// addPull opens a pull request against main, from a fork if so said.
func (s *stub) addPull(number int, fork bool) object {
	from := object{"id": 1}
	if fork {
		from = object{"id": 2}
	}
	p := object{
		"number": number, "title": "raise the threshold", "state": "open", "html_url": "https://example.com/" + strconv.Itoa(number),
		"user": object{"login": "sam"},
		"head": object{"sha": strings.Repeat("cd", 20), "ref": "change", "repo": from},
		"base": object{"sha": commit, "ref": "main", "repo": object{"id": 1}},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pulls = append(s.pulls, p)
	return p
}

func (s *stub) listPulls(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	list := []object{}
	for _, p := range slices.Backward(s.pulls) {
		if p["state"] == q.Get("state") && p["base"].(object)["ref"] == q.Get("base") {
			list = append(list, p)
		}
	}
	answer(w, http.StatusOK, s.page(w, r, list))
}

func (s *stub) onePull(w http.ResponseWriter, r *http.Request) {
	for _, p := range s.pulls {
		if strconv.Itoa(p["number"].(int)) == r.PathValue("number") {
			answer(w, http.StatusOK, p)
			return
		}
	}
	refuse(w, http.StatusNotFound, "Not Found")
}

// author is who a request is from.
func (s *stub) author(r *http.Request) object {
	if r.Header.Get("Authorization") == "Bearer "+s.token {
		return object{"login": "watchbill-bot", "id": 7, "type": "User"}
	}
	return object{"login": "watchbill-acme[bot]", "id": 70, "type": "Bot"}
}

// addComment has somebody else comment on pull request 1.
func (s *stub) addComment(id int, author object, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.comments = append(s.comments, object{"id": id, "issue": "1", "user": author, "body": body})
}

// bodies are the comments of a pull request, by id.
func (s *stub) bodies() map[int]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[int]string{}
	for _, c := range s.comments {
		all[c["id"].(int)] = text(c, "body")
	}
	return all
}

func (s *stub) listComments(w http.ResponseWriter, r *http.Request) {
	list := []object{}
	for _, c := range s.comments {
		if c["issue"] == r.PathValue("number") {
			list = append(list, c)
		}
	}
	answer(w, http.StatusOK, s.page(w, r, list))
}

func (s *stub) goodBody(w http.ResponseWriter, c object) bool {
	if n := utf8.RuneCountInString(text(c, "body")); n == 0 || n > 65536 {
		s.invalid(w, "the body is empty or too long", n)
		return false
	}
	return true
}

func (s *stub) createComment(w http.ResponseWriter, r *http.Request) {
	c := s.read(r)
	if s.goodBody(w, c) {
		c["issue"], c["user"] = r.PathValue("number"), s.author(r)
		s.comments = append(s.comments, c)
		answer(w, http.StatusCreated, c)
	}
}

func (s *stub) comment(r *http.Request) int {
	return slices.IndexFunc(s.comments, func(c object) bool { return strconv.Itoa(c["id"].(int)) == r.PathValue("id") })
}

func (s *stub) editComment(w http.ResponseWriter, r *http.Request) {
	i, c := s.comment(r), s.read(r)
	if i < 0 {
		refuse(w, http.StatusNotFound, "Not Found")
	} else if s.goodBody(w, c) {
		s.comments[i]["body"] = c["body"]
		answer(w, http.StatusOK, s.comments[i])
	}
}

func (s *stub) deleteComment(w http.ResponseWriter, r *http.Request) {
	i := s.comment(r)
	if i < 0 {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	s.comments = slices.Delete(s.comments, i, i+1)
	w.WriteHeader(http.StatusNoContent)
}
