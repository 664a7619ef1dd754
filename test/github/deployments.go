package github

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Deployment of a commit to an environment.
type Deployment struct {
	ID                             int64
	Commit, Ref, Task, Environment string
	Description, Creator           string
	Payload                        json.RawMessage
	Transient, Production          bool
	// AutoMerge is that the default branch was to be merged into it first; GitHub does, unless told not to.
	AutoMerge bool
	Created   time.Time
	// Statuses, oldest first.
	Statuses []DeploymentStatus
}

// DeploymentStatus is how far a deployment has come.
type DeploymentStatus struct {
	ID                              int64
	State, Description, Environment string
	LogURL, EnvironmentURL, Creator string
	Created                         time.Time
}

// State is that of the newest status, or empty.
func (d Deployment) State() string {
	if len(d.Statuses) == 0 {
		return ""
	}
	return d.Statuses[len(d.Statuses)-1].State
}

// Deployments are all of a repository's, oldest first.
func (r *Repo) Deployments() []Deployment {
	r.stub.mu.Lock()
	defer r.stub.mu.Unlock()
	var all []Deployment
	for _, d := range r.deployments {
		shown := *d
		shown.Statuses = slices.Clone(d.Statuses)
		all = append(all, shown)
	}
	return all
}

func (s *Stub) createDeployment(c *call) answer {
	asked := struct {
		Ref, Task, Environment string
		Description            *string
		RequiredContexts       *[]string `json:"required_contexts"`
		Payload                json.RawMessage
		Transient              bool  `json:"transient_environment"`
		Production             *bool `json:"production_environment"`
		AutoMerge              bool  `json:"auto_merge"`
	}{Task: "deploy", Environment: "production", Payload: json.RawMessage("{}"), AutoMerge: true}
	if err := c.read(&asked); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	commit, known := c.repo.resolve(asked.Ref)
	if !known {
		return refuse(http.StatusUnprocessableEntity, "No ref found for: "+asked.Ref)
	}
	if !c.repo.passed(commit, asked.RequiredContexts) {
		return refuse(http.StatusConflict, "Conflict: Commit status checks failed for "+asked.Ref+".")
	}
	d := &Deployment{ID: s.id(), Commit: commit, Ref: asked.Ref, Task: asked.Task, Environment: asked.Environment, Payload: asked.Payload,
		Description: text(asked.Description), Creator: c.who.login, Transient: asked.Transient, Created: s.now(),
		Production: asked.Environment == "production", AutoMerge: asked.AutoMerge}
	if asked.Production != nil {
		d.Production = *asked.Production
	}
	c.repo.deployments = append(c.repo.deployments, d)
	return created(s.wireDeployment(c.repo, d))
}

// passed says whether a commit's statuses let it be deployed: those that are required, or all that there are.
func (r *Repo) passed(commit string, required *[]string) bool {
	newest := r.newest(commit)
	succeeded := func(status Status) bool { return status.State == "success" }
	if required == nil {
		return !slices.ContainsFunc(newest, func(status Status) bool { return !succeeded(status) })
	}
	return !slices.ContainsFunc(*required, func(context string) bool {
		at := slices.IndexFunc(newest, func(status Status) bool { return status.Context == context })
		return at < 0 || !succeeded(newest[at])
	})
}

func (s *Stub) wireDeployment(r *Repo, d *Deployment) object {
	updated := d.Created
	if n := len(d.Statuses); n > 0 {
		updated = d.Statuses[n-1].Created
	}
	return s.like("deployment", r, object{"id": d.ID, "sha": d.Commit, "ref": d.Ref, "task": d.Task, "payload": d.Payload,
		"environment": d.Environment, "original_environment": d.Environment, "description": optional(d.Description), "creator.login": d.Creator,
		"created_at": stamp(d.Created), "updated_at": stamp(updated), "url": r.url("/deployments/%d", d.ID),
		"statuses_url":          r.url("/deployments/%d/statuses", d.ID),
		"transient_environment": d.Transient, "production_environment": d.Production})
}

func (s *Stub) listDeployments(c *call) answer {
	query := c.URL.Query()
	var all []*Deployment
	for _, d := range slices.Backward(c.repo.deployments) {
		fits := true
		for key, value := range map[string]string{"sha": d.Commit, "ref": d.Ref, "task": d.Task, "environment": d.Environment} {
			asked := query.Get(key)
			fits = fits && (asked == "" || asked == "none" || asked == value)
		}
		if fits {
			all = append(all, d)
		}
	}
	list, links := page(s, c, all, func(d *Deployment) object { return s.wireDeployment(c.repo, d) })
	return answer{status: http.StatusOK, body: list, header: links}
}

func (c *call) deployment() *Deployment {
	at := slices.IndexFunc(c.repo.deployments, func(d *Deployment) bool { return d.ID == int64(c.number("id")) })
	if at < 0 {
		return nil
	}
	return c.repo.deployments[at]
}

func (s *Stub) deployment(c *call) answer {
	d := c.deployment()
	if d == nil {
		return notFound()
	}
	return ok(s.wireDeployment(c.repo, d))
}

func (s *Stub) createDeploymentStatus(c *call) answer {
	var asked struct {
		State, Description, Environment string
		LogURL                          string `json:"log_url"`
		TargetURL                       string `json:"target_url"`
		EnvironmentURL                  string `json:"environment_url"`
		AutoInactive                    *bool  `json:"auto_inactive"`
	}
	if err := c.read(&asked); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	d := c.deployment()
	switch {
	case d == nil:
		return notFound()
	case utf8.RuneCountInString(asked.Description) > maxDescription:
		return invalid("DeploymentStatus", "description", "description is too long (maximum is 140 characters)")
	}
	status := DeploymentStatus{ID: s.id(), State: asked.State, Description: asked.Description, Environment: cmp.Or(asked.Environment, d.Environment),
		LogURL: cmp.Or(asked.LogURL, asked.TargetURL), EnvironmentURL: asked.EnvironmentURL, Creator: c.who.login, Created: s.now()}
	d.Environment = status.Environment
	d.Statuses = append(d.Statuses, status)
	if asked.State == "success" && (asked.AutoInactive == nil || *asked.AutoInactive) {
		s.inactivate(c.repo, d)
	}
	a := created(s.wireDeploymentStatus(c.repo, d, status))
	a.header = http.Header{"Location": {c.repo.url("/deployments/%d/statuses/%d", d.ID, status.ID)}}
	return a
}

// inactivate ends what was deployed to an environment before, unless it is one of production.
func (s *Stub) inactivate(r *Repo, by *Deployment) {
	for _, d := range r.deployments {
		if d.ID < by.ID && d.Environment == by.Environment && !d.Transient && !d.Production && d.State() == "success" {
			d.Statuses = append(d.Statuses, DeploymentStatus{ID: s.id(), State: "inactive", Environment: d.Environment, Creator: by.Creator, Created: s.now()})
		}
	}
}

func (s *Stub) wireDeploymentStatus(r *Repo, d *Deployment, status DeploymentStatus) object {
	set := object{"id": status.ID, "state": status.State, "description": status.Description, "environment": status.Environment,
		"creator.login": status.Creator, "created_at": stamp(status.Created), "updated_at": stamp(status.Created),
		"url":            r.url("/deployments/%d/statuses/%d", d.ID, status.ID),
		"deployment_url": r.url("/deployments/%d", d.ID)}
	// Without one, GitHub shows an empty text, which its description takes for no URL.
	for key, value := range map[string]string{"log_url": status.LogURL, "target_url": status.LogURL, "environment_url": status.EnvironmentURL} {
		set[key] = cmp.Or(value, "https://github.com/"+r.full())
	}
	return s.like("deployment-status", r, set)
}

func (s *Stub) listDeploymentStatuses(c *call) answer {
	d := c.deployment()
	if d == nil {
		return notFound()
	}
	all := slices.Clone(d.Statuses)
	slices.Reverse(all)
	list, links := page(s, c, all, func(status DeploymentStatus) object { return s.wireDeploymentStatus(c.repo, d, status) })
	return answer{status: http.StatusOK, body: list, header: links}
}

// split is a full name's owner and name.
func split(full string) (owner, name string) {
	owner, name, _ = strings.Cut(full, "/")
	return owner, name
}
