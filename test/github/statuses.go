package github

import (
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Status is a commit's, in one context.
type Status struct {
	ID                     int64
	Commit, State, Context string
	Description, TargetURL string
	Creator                string
	Created                time.Time
}

// Statuses are all that were ever written to a commit, oldest first.
func (r *Repo) Statuses(commit string) []Status {
	r.stub.mu.Lock()
	defer r.stub.mu.Unlock()
	return r.of(commit)
}

// Status is a commit's newest one of a context, or the zero Status.
func (r *Repo) Status(commit, context string) Status {
	for _, status := range slices.Backward(r.Statuses(commit)) {
		if status.Context == context {
			return status
		}
	}
	return Status{}
}

func (r *Repo) of(commit string) []Status {
	var all []Status
	for _, status := range r.statuses {
		if status.Commit == commit {
			all = append(all, status)
		}
	}
	return all
}

// GitHub's limits.
const (
	maxStatuses    = 1000 // of a commit and context
	maxDescription = 140
	maxContext     = 255
)

func (s *Stub) createStatus(c *call) answer {
	var asked struct {
		State, Context, Description *string
		TargetURL                   *string `json:"target_url"`
	}
	if err := c.read(&asked); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	commit := c.PathValue("ref")
	if known, is := c.repo.resolve(commit); !is || known != commit {
		return noCommit(commit)
	}
	status := Status{ID: s.id(), Commit: commit, State: text(asked.State), Context: "default", Creator: c.who.login, Created: s.now(),
		Description: text(asked.Description), TargetURL: text(asked.TargetURL)}
	if asked.Context != nil {
		status.Context = *asked.Context
	}
	same := 0
	for _, old := range c.repo.of(commit) {
		if old.Context == status.Context {
			same++
		}
	}
	switch {
	case utf8.RuneCountInString(status.Description) > maxDescription:
		return invalid("Status", "description", "description is too long (maximum is 140 characters)")
	case utf8.RuneCountInString(status.Context) > maxContext || status.Context == "":
		return invalid("Status", "context", "context is too long (maximum is 255 characters)")
	case strings.ContainsFunc(status.Description+status.Context, func(r rune) bool { return r > 0xffff }):
		return invalid("Status", "description", "description contains unicode characters above 0xffff")
	case same >= maxStatuses:
		return invalid("Status", "base", "This SHA and context has reached the maximum number of statuses.")
	}
	c.repo.statuses = append(c.repo.statuses, status)
	a := created(s.status(c.repo, status))
	a.header = http.Header{"Location": {c.repo.url("/statuses/%s", commit)}}
	return a
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func (s *Stub) status(r *Repo, status Status) object {
	return s.like("status", r, object{"id": status.ID, "url": r.url("/statuses/%s", status.Commit), "state": status.State,
		"context": status.Context, "description": optional(status.Description), "target_url": optional(status.TargetURL),
		"created_at": stamp(status.Created), "updated_at": stamp(status.Created), "creator.login": status.Creator})
}

func (s *Stub) listStatuses(c *call) answer {
	commit, known := c.repo.resolve(c.PathValue("ref"))
	if !known {
		return notFound()
	}
	all := c.repo.of(commit)
	slices.Reverse(all)
	list, links := page(s, c, all, func(status Status) object { return s.status(c.repo, status) })
	return answer{status: http.StatusOK, body: list, header: links}
}

// combined is the newest status of each context, and what they come to.
func (s *Stub) combined(c *call) answer {
	commit, known := c.repo.resolve(c.PathValue("ref"))
	if !known {
		return notFound()
	}
	newest := c.repo.newest(commit)
	list, links := page(s, c, newest, func(status Status) object {
		o := s.status(c.repo, status)
		delete(o, "creator")
		return o
	})
	body := s.like("combined-commit-status", c.repo, object{"state": together(newest), "statuses": list, "sha": commit,
		"total_count": len(newest), "commit_url": c.repo.url("/commits/%s", commit), "url": c.repo.url("/commits/%s/status", commit),
		"repository.id": c.repo.number, "repository.name": c.repo.Name, "repository.owner.login": c.repo.Owner})
	return answer{status: http.StatusOK, body: body, header: links}
}

// newest are a commit's statuses of each context, newest first.
func (r *Repo) newest(commit string) []Status {
	var newest []Status
	for _, status := range slices.Backward(r.of(commit)) {
		if !slices.ContainsFunc(newest, func(n Status) bool { return n.Context == status.Context }) {
			newest = append(newest, status)
		}
	}
	return newest
}

// together is failure if one is, else pending if one is or there are none, else success.
func together(all []Status) string {
	state := "success"
	if len(all) == 0 {
		state = "pending"
	}
	for _, status := range all {
		switch status.State {
		case "failure", "error":
			return "failure"
		case "pending":
			state = "pending"
		}
	}
	return state
}
