package validate

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Validator checks repos, one revision after the other. It remembers what it
// found in each team, so that the cost follows the change: a team that is the
// same pointer (or has the same digest) as before is not looked at again, and of
// a team that changed only the files that changed are parsed. It remembers what
// the last two runs used and no more. It is safe for concurrent use.
type Validator struct {
	// Now tells the day, on which comments that silence a check until then end.
	Now func() time.Time

	mu    sync.Mutex
	run   uint64
	teams map[string][]*teamMemory // by name, the newest last
	tmpl  templateMemory
}

// New returns a Validator that remembers nothing yet.
func New() *Validator {
	return &Validator{Now: time.Now, teams: map[string][]*teamMemory{}}
}

// teamMemory is what is known of a team, as it was with one context.
type teamMemory struct {
	team     *repolayout.Team
	context  string
	run      uint64 // the last that used it
	files    map[fileKey][]Finding
	findings []Finding
	jobs     []jobUse
	records  []recordUse
	silences []silence
	rules    *ruleContext
	// dashboards are by file, as files are.
	dashboards map[fileKey]*dashboard
}

// fileKey names what a file's findings depend on.
type fileKey struct {
	path, digest string
	context      string // of the rest that they depend on
}

// Repo runs every check over the repo. The findings are sorted and the caller's to keep.
func (v *Validator) Repo(repo *repolayout.Repo) []Finding {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.run++
	templates := v.tmpl.check(repo.Templates)
	c := newContext(repo.Stack, templates)
	memories := v.remember(repo.Teams, c)
	findings := slices.Clone(templates.findings)
	findings = append(findings, checkOnCall(repo.Stack, c)...)
	for _, m := range memories {
		findings = append(findings, m.findings...)
	}
	findings = append(findings, duplicateTeams(repo.Teams)...)
	findings = append(findings, duplicateJobs(memories)...)
	findings = append(findings, duplicateDashboards(memories)...)
	findings = append(findings, sharedBuckets(repo.Environments)...)
	findings = append(findings, sharedRetention(repo.Environments)...)
	findings = append(findings, recordingConflicts(memories)...)
	findings = append(findings, unknownPolicies(repo.Stack)...)
	v.forget()
	var silences []silence
	for _, m := range memories {
		silences = append(silences, m.silences...)
	}
	findings = silenced(Sort(findings), silences, v.Now().UTC())
	return Sort(Judge(findings, repo.Stack.Policies))
}

// remember returns what is known of each team, found out anew where it must be.
func (v *Validator) remember(teams []*repolayout.Team, c *checkContext) []*teamMemory {
	memories := make([]*teamMemory, len(teams))
	var fresh []*teamMemory
	var todo []*fileCheck
	for i, team := range teams {
		if m := v.recall(team, c.key); m != nil {
			memories[i] = m
			continue
		}
		m := &teamMemory{team: team, context: c.key, rules: c.rules.of(team), files: map[fileKey][]Finding{}, dashboards: map[fileKey]*dashboard{}}
		todo = append(todo, m.fileChecks(v.teams[team.Name], c)...)
		memories[i], fresh = m, append(fresh, m)
	}
	inParallel(todo)
	for _, f := range todo {
		f.of.files[f.key] = f.found
	}
	for _, m := range fresh {
		m.conclude(c)
		v.teams[m.team.Name] = append(v.teams[m.team.Name], m)
	}
	for _, m := range memories {
		m.run = v.run
	}
	return memories
}

// recall finds the memory of a team that has not changed.
func (v *Validator) recall(team *repolayout.Team, contextKey string) *teamMemory {
	for _, m := range v.teams[team.Name] {
		same := m.team == team || team.Digest != "" && m.team.Digest == team.Digest
		if same && m.context == contextKey {
			return m
		}
	}
	return nil
}

// forget drops what neither this run nor the one before used.
func (v *Validator) forget() {
	for name, known := range v.teams {
		known = slices.DeleteFunc(known, func(m *teamMemory) bool { return m.run+1 < v.run })
		v.teams[name] = known
		if len(known) == 0 {
			delete(v.teams, name)
		}
	}
}

// fileCheck is one file that has to be looked at.
type fileCheck struct {
	of    *teamMemory
	key   fileKey
	check func() []Finding
	found []Finding
}

// fileChecks lists the team's files whose findings no memory holds; of the
// others it takes the findings over.
func (m *teamMemory) fileChecks(known []*teamMemory, c *checkContext) []*fileCheck {
	var todo []*fileCheck
	add := func(key fileKey, check func() []Finding) {
		for _, old := range known {
			if found, ok := old.files[key]; ok && key.digest != "" {
				m.files[key] = found
				return
			}
		}
		todo = append(todo, &fileCheck{of: m, key: key, check: check})
	}
	for _, f := range m.team.Rules {
		add(m.ruleFileKey(f), func() []Finding { return checkRuleFile(m.team.Name, f, m.rules) })
	}
	for _, f := range m.team.Scrape {
		add(scrapeFileKey(f, c), func() []Finding { return checkScrapeFile(m.team.Name, f, c.globals) })
	}
	for _, f := range m.team.Dashboards {
		key := dashboardKey(f)
		if d := recallDashboard(known, key); d != nil {
			m.dashboards[key], m.files[key] = d, d.findings
			continue
		}
		d := new(dashboard)
		m.dashboards[key] = d
		todo = append(todo, &fileCheck{of: m, key: key, check: func() []Finding {
			*d = checkDashboard(m.team.Name, f)
			return d.findings
		}})
	}
	return todo
}

func recallDashboard(known []*teamMemory, key fileKey) *dashboard {
	for _, old := range known {
		if d := old.dashboards[key]; d != nil && key.digest != "" {
			return d
		}
	}
	return nil
}

func dashboardKey(f *repolayout.File) fileKey { return fileKey{path: f.Path, digest: f.Digest} }

func (m *teamMemory) ruleFileKey(f *repolayout.RuleFile) fileKey {
	return fileKey{f.Path, f.Digest, m.rules.key}
}

func scrapeFileKey(f *repolayout.ScrapeFile, c *checkContext) fileKey {
	return fileKey{f.Path, f.Digest, c.globalsKey}
}

// conclude puts the findings of the team's files together, and adds those that
// need the whole team.
func (m *teamMemory) conclude(c *checkContext) {
	m.findings = nil
	for _, f := range m.team.Rules {
		m.findings = append(m.findings, m.files[m.ruleFileKey(f)]...)
	}
	for _, f := range m.team.Scrape {
		m.findings = append(m.findings, m.files[scrapeFileKey(f, c)]...)
	}
	for _, f := range m.team.Dashboards {
		m.findings = append(m.findings, m.files[dashboardKey(f)]...)
	}
	m.findings = append(m.findings, firstOf(duplicateRules(m.team))...)
	m.findings = append(m.findings, firstOf(teamLabels(m.team))...)
	m.findings = append(m.findings, firstOf(unknownSeverities(m.team, c.severities))...)
	m.findings = append(m.findings, firstOf(unknownMutes(m.team))...)
	m.findings = append(m.findings, teamReceivers(m.team, c.templates)...)
	m.jobs = jobsOf(m.team)
	m.records = recordsOf(m.team)
	m.silences = silencesOf(m.team)
}

// inParallel runs the checks on every core, and returns when all are done.
func inParallel(todo []*fileCheck) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(todo)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(todo); i = next.Add(1) - 1 {
				todo[i].found = todo[i].check()
			}
		})
	}
	workers.Wait()
}
