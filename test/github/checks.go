package github

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// CheckRun is one of a commit's.
type CheckRun struct {
	ID                   int64
	Commit, Name         string
	Status, Conclusion   string
	DetailsURL           string
	ExternalID           string
	Title, Summary, Text string
	Annotations          []Annotation
	Started, Completed   time.Time
	Suite                int64

	app *App
}

// Annotation is a check run's remark on a file's lines.
type Annotation struct {
	Path        string `json:"path"`
	StartLine   int    `json:"start_line"`
	EndLine     int    `json:"end_line"`
	StartColumn *int   `json:"start_column"`
	EndColumn   *int   `json:"end_column"`
	Level       string `json:"annotation_level"`
	Title       string `json:"title"`
	Message     string `json:"message"`
	RawDetails  string `json:"raw_details"`
}

// CheckRuns of a commit, oldest first.
func (r *Repo) CheckRuns(commit string) []CheckRun {
	r.stub.mu.Lock()
	defer r.stub.mu.Unlock()
	var all []CheckRun
	for _, run := range r.checks {
		if run.Commit == commit {
			shown := *run
			shown.Annotations = slices.Clone(run.Annotations)
			all = append(all, shown)
		}
	}
	return all
}

// Rerequested are the check suites that were asked to run again.
func (r *Repo) Rerequested() []int64 {
	r.stub.mu.Lock()
	defer r.stub.mu.Unlock()
	return slices.Clone(r.rerequested)
}

// maxOutput is GitHub's limit for texts of a check run.
const maxOutput = 65535

// Rerequest is what a person does who asks for a check run again: GitHub clears it.
func (r *Repo) Rerequest(id int64) {
	r.stub.change(func() {
		for _, run := range r.checks {
			if run.ID == id {
				run.Status, run.Conclusion, run.Completed = "queued", "", time.Time{}
			}
		}
	})
}

// checkRunBody is what both creating and updating take. Nil is what stays.
type checkRunBody struct {
	Name        *string    `json:"name"`
	HeadSHA     *string    `json:"head_sha"`
	DetailsURL  *string    `json:"details_url"`
	ExternalID  *string    `json:"external_id"`
	Status      *string    `json:"status"`
	Conclusion  *string    `json:"conclusion"`
	StartedAt   *time.Time `json:"started_at"`
	CompletedAt *time.Time `json:"completed_at"`
	Output      *struct {
		Title       *string      `json:"title"`
		Summary     *string      `json:"summary"`
		Text        *string      `json:"text"`
		Annotations []Annotation `json:"annotations"`
	} `json:"output"`
}

func (s *Stub) createCheckRun(c *call) answer {
	var asked checkRunBody
	if err := c.read(&asked); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	commit, known := c.repo.resolve(text(asked.HeadSHA))
	if !known || commit != *asked.HeadSHA {
		return noCommit(*asked.HeadSHA)
	}
	if c.repo.suites[commit] == 0 {
		c.repo.suites[commit] = s.id()
	}
	run := &CheckRun{ID: s.id(), Commit: commit, Status: "queued", Started: s.now(), Suite: c.repo.suites[commit], app: c.who.app}
	if refused := s.set(run, asked); refused != nil {
		return *refused
	}
	c.repo.checks = append(c.repo.checks, run)
	return created(s.wireCheckRun(c.repo, run))
}

func (s *Stub) updateCheckRun(c *call) answer {
	var asked checkRunBody
	if err := c.read(&asked); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	run := c.run()
	if run == nil {
		return notFound()
	}
	if run.app != c.who.app {
		return refuse(http.StatusForbidden, "Invalid app_id `"+c.who.app.Slug+"` - check run can only be modified by the GitHub App that created it.")
	}
	updated := *run
	if refused := s.set(&updated, asked); refused != nil {
		return *refused
	}
	*run = updated
	return ok(s.wireCheckRun(c.repo, run))
}

// set changes a run by what is asked, and says why not.
func (s *Stub) set(run *CheckRun, asked checkRunBody) *answer {
	for to, from := range map[*string]*string{&run.Name: asked.Name, &run.DetailsURL: asked.DetailsURL, &run.ExternalID: asked.ExternalID,
		&run.Status: asked.Status, &run.Conclusion: asked.Conclusion} {
		if from != nil {
			*to = *from
		}
	}
	if asked.StartedAt != nil {
		run.Started = *asked.StartedAt
	}
	switch {
	case asked.Conclusion != nil:
		run.Status, run.Completed = "completed", s.now()
	case run.Status == "completed" && run.Conclusion == "":
		refused := invalid("CheckRun", "conclusion", "conclusion is required when status is completed")
		return &refused
	case run.Status != "completed":
		run.Conclusion, run.Completed = "", time.Time{}
	}
	if asked.CompletedAt != nil {
		run.Completed = *asked.CompletedAt
	}
	if asked.Output == nil {
		return nil
	}
	for to, from := range map[*string]*string{&run.Title: asked.Output.Title, &run.Summary: asked.Output.Summary, &run.Text: asked.Output.Text} {
		if from != nil {
			*to = *from
		}
	}
	switch {
	case strings.TrimSpace(run.Title) == "":
		refused := invalid("CheckRun", "title", "title cannot be blank")
		return &refused
	case len(run.Summary) > maxOutput || len(run.Text) > maxOutput:
		refused := invalid("CheckRun", "summary", "summary and text are at most 65535 bytes")
		return &refused
	}
	for _, a := range asked.Output.Annotations {
		if why := a.wrong(); why != "" {
			refused := invalid("CheckRun", "annotations", why)
			return &refused
		}
	}
	// They are added to those that are there; that is how more than 50 get in.
	run.Annotations = slices.Concat(run.Annotations, asked.Output.Annotations)
	return nil
}

// wrong is what GitHub's documentation forbids, and its description only tells in words.
func (a Annotation) wrong() string {
	const most = 64 << 10
	switch {
	case a.Path == "" || a.Message == "":
		return "path and message cannot be blank"
	case a.StartLine < 1 || a.EndLine < a.StartLine:
		return "line numbers start at 1, and end_line is not before start_line"
	case a.StartLine != a.EndLine && (a.StartColumn != nil || a.EndColumn != nil):
		return "start_column and end_column are only for annotations of one line"
	case utf8.RuneCountInString(a.Title) > 255:
		return "title is too long (maximum is 255 characters)"
	case len(a.Message) > most || len(a.RawDetails) > most:
		return "message and raw_details are at most 64 KB"
	}
	return ""
}

func (s *Stub) wireCheckRun(r *Repo, run *CheckRun) object {
	return s.like("check-run", r, object{
		"id": run.ID, "head_sha": run.Commit, "name": run.Name, "external_id": run.ExternalID,
		"status": run.Status, "conclusion": optional(run.Conclusion), "started_at": stamp(run.Started), "completed_at": stampOrNull(run.Completed),
		"url": r.url("/check-runs/%d", run.ID), "html_url": cmp.Or(run.DetailsURL, "https://github.com/"+r.full()), "details_url": optional(run.DetailsURL),
		"output.title": optional(run.Title), "output.summary": optional(run.Summary), "output.text": optional(run.Text),
		"output.annotations_count": len(run.Annotations), "output.annotations_url": r.url("/check-runs/%d/annotations", run.ID),
		"check_suite.id": run.Suite, "app.id": run.app.ID, "app.slug": run.app.Slug, "pull_requests": []object{},
	})
}

func (c *call) run() *CheckRun {
	at := slices.IndexFunc(c.repo.checks, func(run *CheckRun) bool { return run.ID == int64(c.number("id")) })
	if at < 0 {
		return nil
	}
	return c.repo.checks[at]
}

func (s *Stub) checkRun(c *call) answer {
	run := c.run()
	if run == nil {
		return notFound()
	}
	return ok(s.wireCheckRun(c.repo, run))
}

func (s *Stub) listAnnotations(c *call) answer {
	run := c.run()
	if run == nil {
		return notFound()
	}
	list, links := page(s, c, run.Annotations, func(a Annotation) object {
		return s.like("check-annotation-items", c.repo, object{"path": a.Path, "start_line": a.StartLine, "end_line": a.EndLine,
			"start_column": a.StartColumn, "end_column": a.EndColumn, "annotation_level": a.Level,
			"title": optional(a.Title), "message": a.Message, "raw_details": optional(a.RawDetails)})
	})
	return answer{status: http.StatusOK, body: list, header: links}
}

// listCheckRuns shows the newest of each name, unless all are asked for.
func (s *Stub) listCheckRuns(c *call) answer {
	commit, known := c.repo.resolve(c.PathValue("ref"))
	if !known {
		return noCommit(c.PathValue("ref"))
	}
	query := c.URL.Query()
	var all []*CheckRun
	for _, run := range slices.Backward(c.repo.checks) {
		older := slices.ContainsFunc(all, func(newer *CheckRun) bool { return newer.Name == run.Name && newer.app == run.app })
		if run.Commit == commit && (!older || query.Get("filter") == "all") &&
			(query.Get("app_id") == "" || query.Get("app_id") == strconv.FormatInt(run.app.ID, 10)) &&
			(query.Get("check_name") == "" || query.Get("check_name") == run.Name) &&
			(query.Get("status") == "" || query.Get("status") == run.Status) {
			all = append(all, run)
		}
	}
	list, links := page(s, c, all, func(run *CheckRun) object { return s.wireCheckRun(c.repo, run) })
	return answer{status: http.StatusOK, body: object{"total_count": len(all), "check_runs": list}, header: links}
}

func (s *Stub) rerequest(c *call) answer {
	suite := int64(c.number("id"))
	if !slices.ContainsFunc(c.repo.checks, func(run *CheckRun) bool { return run.Suite == suite }) {
		return notFound()
	}
	c.repo.rerequested = append(c.repo.rerequested, suite)
	return created(object{})
}
