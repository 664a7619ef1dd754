package github

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Pull is a pull request.
type Pull struct {
	Number int
	// Title is "Amazing new feature" if it is empty, Author octocat.
	Title, Author string
	// Base is the branch that it is to be merged into. Default main.
	Base string
	// BaseCommit is the base branch's commit as GitHub knows it.
	BaseCommit string
	// Head is the full id of its newest commit.
	Head string
	// Branch that it comes from. Default "topic".
	Branch string
	// Fork is the full name of the repository that it comes from, if that is another one.
	Fork string
	// Mergeable is nil while GitHub works it out.
	Mergeable *bool
	// MergeCommit is the full id of the test merge.
	MergeCommit           string
	Closed, Merged, Draft bool

	created, updated time.Time
}

// SetPull adds a pull request, or sets it anew.
func (r *Repo) SetPull(p Pull) {
	p.Title = cmp.Or(p.Title, "Amazing new feature")
	p.Author = cmp.Or(p.Author, "octocat")
	p.Base = cmp.Or(p.Base, "main")
	p.Branch = cmp.Or(p.Branch, "topic")
	p.Closed = p.Closed || p.Merged
	r.stub.change(func() {
		p.created, p.updated = r.stub.now(), r.stub.now()
		if old := r.pulls[p.Number]; old != nil {
			p.created = old.created
		}
		r.pulls[p.Number] = &p
	})
}

func (s *Stub) pull(c *call) answer {
	p := c.repo.pulls[c.number("number")]
	if p == nil {
		return notFound()
	}
	set := s.both(c.repo, p)
	state := "unknown"
	if p.Mergeable != nil {
		set["mergeable"] = *p.Mergeable
		state = map[bool]string{true: "clean", false: "dirty"}[*p.Mergeable]
	} else {
		set["mergeable"] = nil
	}
	set["mergeable_state"], set["merged"], set["rebaseable"] = state, p.Merged, set["mergeable"]
	set["comments"] = len(c.repo.on(p.Number))
	set["merged_by"] = nil
	return ok(s.like("pull-request", c.repo, set))
}

func (c *call) number(name string) int {
	n, err := strconv.Atoi(c.PathValue(name))
	if err != nil {
		return 0
	}
	return n
}

// both is what a pull request shows by itself and in a list.
func (s *Stub) both(r *Repo, p *Pull) object {
	state, closed, merged := "open", any(nil), any(nil)
	if p.Closed {
		state, closed = "closed", stamp(p.updated)
	}
	if p.Merged {
		merged = closed
	}
	set := object{
		"id": 1000 + p.Number, "number": p.Number, "state": state, "title": p.Title, "user.login": p.Author, "draft": p.Draft,
		"url": r.url("/pulls/%d", p.Number), "html_url": "https://github.com/" + r.full() + "/pull/" + strconv.Itoa(p.Number),
		"created_at": stamp(p.created), "updated_at": stamp(p.updated), "closed_at": closed, "merged_at": merged,
		"merge_commit_sha": optional(p.MergeCommit), "locked": false, "active_lock_reason": nil, "auto_merge": nil,
		"labels": []object{}, "milestone": nil, "assignee": nil, "assignees": []object{}, "requested_reviewers": []object{}, "requested_teams": []object{},
		"base.ref": p.Base, "base.sha": cmp.Or(p.BaseCommit, r.branches[p.Base], p.Head), "base.label": r.Owner + ":" + p.Base,
		"base.user.login": r.Owner, "base.repo.id": r.number, "base.repo.name": r.Name, "base.repo.owner.login": r.Owner,
		"head.ref": p.Branch, "head.sha": p.Head, "head.label": r.Owner + ":" + p.Branch,
		"head.user.login": r.Owner, "head.repo.id": r.number, "head.repo.name": r.Name, "head.repo.owner.login": r.Owner,
	}
	if p.Fork != "" {
		maps.Copy(set, fork(p))
	}
	return set
}

// fork is what is different if a pull request comes from another repository.
func fork(p *Pull) object {
	owner, name := split(p.Fork)
	return object{"head.label": owner + ":" + p.Branch, "head.user.login": owner, "head.repo.id": 1 << 20, "head.repo.name": name,
		"head.repo.full_name": p.Fork, "head.repo.owner.login": owner, "head.repo.fork": true}
}

func (s *Stub) listPulls(c *call) answer {
	query := c.URL.Query()
	state := cmp.Or(query.Get("state"), "open")
	var all []*Pull
	for _, number := range slices.Backward(slices.Sorted(maps.Keys(c.repo.pulls))) {
		p := c.repo.pulls[number]
		owner := c.repo.Owner
		if p.Fork != "" {
			owner, _ = split(p.Fork)
		}
		of := map[bool]string{true: "closed", false: "open"}[p.Closed]
		if (state == "all" || state == of) &&
			(query.Get("base") == "" || query.Get("base") == p.Base) &&
			(query.Get("head") == "" || query.Get("head") == owner+":"+p.Branch) {
			all = append(all, p)
		}
	}
	if query.Get("sort") == "updated" {
		slices.SortStableFunc(all, func(a, b *Pull) int { return b.updated.Compare(a.updated) })
	}
	// Newest first, but for those who ask otherwise.
	if query.Get("direction") == "asc" {
		slices.Reverse(all)
	}
	list, links := page(s, c, all, func(p *Pull) object { return s.like("pull-request-simple-items", c.repo, s.both(c.repo, p)) })
	return answer{status: http.StatusOK, body: list, header: links}
}
