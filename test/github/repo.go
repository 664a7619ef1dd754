package github

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// Repo is a repository.
type Repo struct {
	Owner, Name string

	stub        *Stub
	number      int64
	branches    map[string]string
	commits     map[string][]string // a commit's parents; empty: every full id is a commit
	statuses    []Status
	pulls       map[int]*Pull
	comments    []*Comment
	checks      []*CheckRun
	suites      map[string]int64 // of commits
	rerequested []int64
	deployments []*Deployment
}

// Repo is the repository of that name, which is made if it is not there.
func (s *Stub) Repo(owner, name string) *Repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	full := owner + "/" + name
	if s.repos[full] == nil {
		s.repos[full] = &Repo{Owner: owner, Name: name, stub: s, number: s.id(), branches: map[string]string{},
			commits: map[string][]string{}, pulls: map[int]*Pull{}, suites: map[string]int64{}}
	}
	return s.repos[full]
}

// has says whether there is a repository of that name, whoever's it is.
func (s *Stub) has(name string) bool {
	for _, r := range s.repos {
		if r.Name == name {
			return true
		}
	}
	return false
}

func (r *Repo) full() string { return r.Owner + "/" + r.Name }

func (r *Repo) url(format string, args ...any) string {
	return r.stub.base + "/repos/" + r.full() + fmt.Sprintf(format, args...)
}

// SetBranch points a branch at a commit; an empty commit removes it.
func (r *Repo) SetBranch(name, commit string) {
	r.stub.change(func() {
		if commit == "" {
			delete(r.branches, name)
			return
		}
		r.branches[name] = commit
	})
}

// AddCommit adds a commit. From the first one on, those that were not added are unknown.
func (r *Repo) AddCommit(commit string, parents ...string) {
	r.stub.change(func() { r.commits[commit] = parents })
}

var fullID = regexp.MustCompile(`^[0-9a-f]{40}$`)

// resolve is the commit that a reference is of: a full id, or a branch.
func (r *Repo) resolve(ref string) (string, bool) {
	if fullID.MatchString(ref) {
		_, known := r.commits[ref]
		return ref, known || len(r.commits) == 0
	}
	commit, known := r.branches[strings.TrimPrefix(strings.TrimPrefix(ref, "refs/"), "heads/")]
	return commit, known
}

func (s *Stub) repository(c *call) answer {
	body := s.like("full-repository-default-response", c.repo, object{"id": c.repo.number, "name": c.repo.Name,
		"full_name": c.repo.full(), "owner.login": c.repo.Owner, "private": true, "visibility": "private",
		"fork": false, "default_branch": "main", "language": nil})
	for _, other := range []string{"template_repository", "parent", "source", "organization"} {
		delete(body, other)
	}
	return ok(body)
}

func noCommit(ref string) answer {
	return refuse(http.StatusUnprocessableEntity, "No commit found for SHA: "+ref)
}

func (s *Stub) commit(c *call) answer {
	commit, known := c.repo.resolve(c.PathValue("ref"))
	if !known {
		return noCommit(c.PathValue("ref"))
	}
	return ok(s.like("commit", c.repo, object{"sha": commit, "url": c.repo.url("/commits/%s", commit), "parents": c.repo.parents(commit)}))
}

func (s *Stub) gitCommit(c *call) answer {
	commit, known := c.repo.resolve(c.PathValue("ref"))
	if !known || commit != c.PathValue("ref") {
		return notFound()
	}
	return ok(s.like("git-commit-2", c.repo, object{"sha": commit, "url": c.repo.url("/git/commits/%s", commit), "parents": c.repo.parents(commit)}))
}

func (r *Repo) parents(commit string) []object {
	parents := []object{}
	for _, parent := range r.commits[commit] {
		url := r.url("/git/commits/%s", parent)
		parents = append(parents, object{"sha": parent, "url": url, "html_url": url})
	}
	return parents
}

func (s *Stub) gitRef(c *call) answer {
	ref := c.PathValue("ref")
	commit, known := c.repo.resolve(ref)
	if !known || !strings.HasPrefix(ref, "heads/") {
		return notFound()
	}
	return ok(s.like("git-ref", c.repo, object{"ref": "refs/" + ref, "url": c.repo.url("/git/refs/%s", ref),
		"object.sha": commit, "object.url": c.repo.url("/git/commits/%s", commit)}))
}
