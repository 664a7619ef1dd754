package github

import (
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Comment is one on a pull request.
type Comment struct {
	ID               int64
	Pull             int
	Author, Body     string
	Created, Updated time.Time
}

// maxComment is GitHub's limit, in characters.
const maxComment = 65536

// Comments on a pull request, oldest first.
func (r *Repo) Comments(pull int) []Comment {
	r.stub.mu.Lock()
	defer r.stub.mu.Unlock()
	var all []Comment
	for _, comment := range r.on(pull) {
		all = append(all, *comment)
	}
	return all
}

// AddComment is somebody else's.
func (r *Repo) AddComment(pull int, author, body string) {
	r.stub.change(func() { r.comments = append(r.comments, r.stub.newComment(pull, author, body)) })
}

func (r *Repo) on(pull int) []*Comment {
	var all []*Comment
	for _, comment := range r.comments {
		if comment.Pull == pull {
			all = append(all, comment)
		}
	}
	return all
}

func (s *Stub) newComment(pull int, author, body string) *Comment {
	return &Comment{ID: s.id(), Pull: pull, Author: author, Body: body, Created: s.now(), Updated: s.now()}
}

func (s *Stub) commentOrComments(c *call) answer {
	switch {
	case c.PathValue("number") == "comments":
		return s.comment(c)
	case c.PathValue("id") == "comments":
		return s.listComments(c)
	}
	return notFound()
}

func (s *Stub) listComments(c *call) answer {
	number := c.number("number")
	if c.repo.pulls[number] == nil {
		return notFound()
	}
	all := c.repo.on(number)
	if since, err := time.Parse(time.RFC3339, c.URL.Query().Get("since")); err == nil {
		all = slices.DeleteFunc(all, func(comment *Comment) bool { return comment.Updated.Before(since) })
	}
	list, links := page(s, c, all, func(comment *Comment) object { return s.wireComment(c.repo, comment) })
	return answer{status: http.StatusOK, body: list, header: links}
}

func (s *Stub) wireComment(r *Repo, comment *Comment) object {
	set := object{"id": comment.ID, "body": comment.Body, "user.login": comment.Author,
		"url":        r.url("/issues/comments/%d", comment.ID),
		"issue_url":  r.url("/issues/%d", comment.Pull),
		"created_at": stamp(comment.Created), "updated_at": stamp(comment.Updated)}
	if strings.HasSuffix(comment.Author, "[bot]") {
		set["user.type"] = "Bot"
	}
	return s.like("issue-comment", r, set)
}

func (s *Stub) createComment(c *call) answer {
	number := c.number("number")
	if c.repo.pulls[number] == nil {
		return notFound()
	}
	body, refused := c.commentBody()
	if refused != nil {
		return *refused
	}
	comment := s.newComment(number, c.who.login, body)
	c.repo.comments = append(c.repo.comments, comment)
	a := created(s.wireComment(c.repo, comment))
	a.header = http.Header{"Location": {c.repo.url("/issues/comments/%d", comment.ID)}}
	return a
}

func (c *call) commentBody() (string, *answer) {
	var asked struct{ Body string }
	refused := invalid("IssueComment", "body", "body is too long (maximum is 65536 characters)")
	switch err := c.read(&asked); {
	case err != nil:
		refused = refuse(http.StatusBadRequest, "Problems parsing JSON")
	case strings.TrimSpace(asked.Body) == "":
		refused = invalid("IssueComment", "body", "Body cannot be blank")
	case utf8.RuneCountInString(asked.Body) <= maxComment:
		return asked.Body, nil
	}
	return "", &refused
}

// find is a comment of the request's id, and where it stands.
func (c *call) find() (*Comment, int) {
	at := slices.IndexFunc(c.repo.comments, func(comment *Comment) bool { return comment.ID == int64(c.number("id")) })
	if at < 0 {
		return nil, at
	}
	return c.repo.comments[at], at
}

func (s *Stub) comment(c *call) answer {
	comment, _ := c.find()
	if comment == nil {
		return notFound()
	}
	return ok(s.wireComment(c.repo, comment))
}

func (s *Stub) updateComment(c *call) answer {
	comment, _ := c.find()
	if comment == nil {
		return notFound()
	}
	body, refused := c.commentBody()
	if refused != nil {
		return *refused
	}
	comment.Body, comment.Updated = body, s.now()
	return ok(s.wireComment(c.repo, comment))
}

func (s *Stub) deleteComment(c *call) answer {
	comment, at := c.find()
	if comment == nil {
		return notFound()
	}
	c.repo.comments = slices.Delete(c.repo.comments, at, at+1)
	return answer{status: http.StatusNoContent}
}
