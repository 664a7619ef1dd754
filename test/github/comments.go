package github

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Comment is one on a pull request.
type Comment struct {
	ID   int64
	Pull int
	// Author is a login, and By who that is.
	Author, Body     string
	By               User
	Created, Updated time.Time
}

// User is a person, or the person that an App is.
type User struct {
	Login string
	// ID is by default one that the login always has.
	ID int64
	// Type is User or Bot. By default it goes by the login: an App's ends with [bot].
	Type string
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
	r.SetComment(Comment{Pull: pull, By: User{Login: author}, Body: body})
}

// SetComment adds a comment of anybody's, or puts it in place of the one with its
// id. Without an id it gets the next. Author and the times are not taken from it.
func (r *Repo) SetComment(c Comment) (id int64) {
	r.stub.change(func() {
		set := r.stub.newComment(c.Pull, c.By, c.Body)
		at := slices.IndexFunc(r.comments, func(old *Comment) bool { return old.ID == c.ID })
		if c.ID == 0 {
			set.ID = r.stub.id()
		} else {
			set.ID = c.ID
			r.stub.ids = max(r.stub.ids, c.ID)
		}
		if id = set.ID; at >= 0 {
			r.comments[at] = set
			return
		}
		r.comments = append(r.comments, set)
	})
	return id
}

// RemoveComments of a pull request, as its people can.
func (r *Repo) RemoveComments(pull int) {
	r.stub.change(func() {
		r.comments = slices.DeleteFunc(r.comments, func(c *Comment) bool { return c.Pull == pull })
	})
}

// as completes a user.
func (s *Stub) as(u User) User {
	if s.people[u.Login] == 0 {
		s.people[u.Login] = int64(len(s.people) + 1)
	}
	u.ID = cmp.Or(u.ID, s.people[u.Login])
	if u.Type == "" {
		u.Type = map[bool]string{true: "Bot", false: "User"}[strings.HasSuffix(u.Login, "[bot]")]
	}
	return u
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

func (s *Stub) newComment(pull int, by User, body string) *Comment {
	return &Comment{Pull: pull, Author: by.Login, By: s.as(by), Body: body, Created: s.now(), Updated: s.now()}
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
	return s.like("issue-comment", r, object{"id": comment.ID, "body": comment.Body,
		"user.login": comment.By.Login, "user.id": comment.By.ID, "user.type": comment.By.Type,
		"url":        r.url("/issues/comments/%d", comment.ID),
		"issue_url":  r.url("/issues/%d", comment.Pull),
		"created_at": stamp(comment.Created), "updated_at": stamp(comment.Updated)})
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
	comment := s.newComment(number, User{Login: c.who.login}, body)
	comment.ID = s.id()
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
