package validate

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/memory"
)

// Validator checks repos, one revision after the other. It remembers what it
// found in each team, so that the cost follows the change: a team that is the
// same pointer (or has the same digest) as before is not looked at again, and of
// a team that changed only the files that changed are parsed. It remembers what
// the last two runs used and no more. It is safe for concurrent use.
type Validator struct {
	// Now tells the day, on which comments that silence a check until then end.
	Now func() time.Time
	// OnlySyntax has no more found out than what promtool checks of rules; see [Selection.OnlySyntax].
	OnlySyntax bool
	// Memory keeps what was found in a team for another process; nil keeps nothing.
	Memory *memory.Memory

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
	team    *repolayout.Team
	context string
	run     uint64 // the last that used it
	rules   *ruleContext
	files   map[fileKey][]Finding // as far as they were looked at one by one
	teamFound
}

// teamFound is all that later runs, and checks across teams, need of a team. It
// is kept as it is: what a new check wants of every team goes in here.
type teamFound struct {
	findings []Finding
	jobs     []jobUse
	records  []recordUse
	sizes    teamSizes
	silences []silence
	// dashboards are by file, as files are.
	dashboards map[fileKey]*dashboard
	tests      map[fileKey][]metricUse
	uses       []metricUse // of recorded series, in all files
	federates  bool
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
	c := newContext(repo.Stack, repo.Patches, templates)
	if v.OnlySyntax {
		c.onlySyntax()
	}
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
	findings = append(findings, missingRecords(repo, memories)...)
	findings = append(findings, checkRepo(repo, memories, templates)...)
	findings = append(findings, unknownPolicies(repo.Stack)...)
	v.forget()
	silences := silencesOfRepo(repo)
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
	inParallel(len(teams), func(i int) { memories[i] = v.recall(teams[i], c.key) })
	for i, m := range memories {
		if m == nil {
			m = &teamMemory{team: teams[i], context: c.key, files: map[fileKey][]Finding{}}
			memories[i], fresh = m, append(fresh, m)
		}
		m.run = v.run
	}
	v.check(fresh, c)
	for _, m := range memories {
		if !slices.Contains(v.teams[m.team.Name], m) {
			v.teams[m.team.Name] = append(v.teams[m.team.Name], m)
		}
	}
	return memories
}

// check looks at the teams that no memory holds.
func (v *Validator) check(fresh []*teamMemory, c *checkContext) {
	inParallel(len(fresh), func(i int) {
		m := fresh[i]
		m.team = m.team.Whole()
		m.rules = c.rules.of(m.team)
		m.checkDashboards(v.teams[m.team.Name])
		m.readTests(v.teams[m.team.Name])
	})
	var todo []*fileCheck
	for _, m := range fresh {
		todo = append(todo, m.fileChecks(v, c)...)
	}
	inParallel(len(todo), func(i int) { todo[i].run(v.Memory) })
	for _, f := range todo {
		f.of.files[f.key] = f.found
	}
	inParallel(len(fresh), func(i int) {
		m := fresh[i]
		m.conclude(c)
		memory.Keep(v.Memory, teamKey(m.team, c.key), m.teamFound)
	})
}

func teamKey(team *repolayout.Team, context string) memory.Key {
	return memory.KeyOf("team", team.Name, team.Digest, context)
}

// recall finds the memory of a team that has not changed.
func (v *Validator) recall(team *repolayout.Team, contextKey string) *teamMemory {
	for _, m := range v.teams[team.Name] {
		same := m.team == team || team.Digest != "" && m.team.Digest == team.Digest
		if same && m.context == contextKey {
			return m
		}
	}
	if team.Digest == "" {
		return nil
	}
	if found, ok := memory.Recall[teamFound](v.Memory, teamKey(team, contextKey)); ok {
		return &teamMemory{team: team, context: contextKey, teamFound: found}
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

func (f *fileCheck) run(m *memory.Memory) {
	key := memory.KeyOf("file", f.key.path, f.key.digest, f.key.context)
	found, ok := memory.Recall[[]Finding](m, key)
	if !ok || f.key.digest == "" {
		found = f.check()
		memory.Keep(m, key, found)
	}
	f.found = found
}

// fileChecks lists the team's files whose findings no memory of this process
// holds; of the others it takes the findings over.
func (m *teamMemory) fileChecks(v *Validator, c *checkContext) []*fileCheck {
	known := v.teams[m.team.Name]
	var todo []*fileCheck
	add := func(key fileKey, f *repolayout.File, check func() []Finding) {
		for _, old := range known {
			if found, ok := old.files[key]; ok && key.digest != "" {
				m.files[key] = found
				return
			}
		}
		todo = append(todo, &fileCheck{of: m, key: key, check: func() []Finding { return withoutSecrets(check(), f) }})
	}
	for _, f := range m.team.Rules {
		add(m.ruleFileKey(f), f.File, func() []Finding { return checkRuleFile(m.team.Name, f, m.rules) })
	}
	if c.rules.onlySyntax {
		return todo
	}
	for _, f := range m.team.Scrape {
		add(scrapeFileKey(f, c), f.File, func() []Finding { return checkScrapeFile(m.team.Name, f, c) })
	}
	return todo
}

// checkDashboards looks at the team's dashboards that no memory of this process holds.
func (m *teamMemory) checkDashboards(known []*teamMemory) {
	m.dashboards = make(map[fileKey]*dashboard, len(m.team.Dashboards))
	for _, f := range m.team.Dashboards {
		key := dashboardKey(f)
		d := recallDashboard(known, key)
		if d == nil {
			found := checkDashboard(m.team.Name, f)
			found.findings = withoutSecrets(found.findings, f)
			d = &found
		}
		m.dashboards[key], m.files[key] = d, d.findings
	}
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
	return fileKey{f.Path, f.Digest, c.scrapeKey}
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
	m.silences = silencesOf(m.team)
	if c.rules.onlySyntax {
		return
	}
	m.findings = append(m.findings, firstOf(teamLabels(m.team))...)
	m.findings = append(m.findings, firstOf(unknownSeverities(m.team, c.severities))...)
	m.findings = append(m.findings, firstOf(unknownMutes(m.team))...)
	m.findings = append(m.findings, teamReceivers(m.team, c.templates)...)
	m.jobs = jobsOf(m.team)
	m.findings = append(m.findings, firstOf(checkFolder(m.team))...)
	m.records = recordsOf(m.team)
	m.sizes = sizesOf(m.team)
	m.uses = m.usesOfRecords()
	m.federates = federates(m.team)
}

// inParallel runs something n times on every core, and returns when all are done.
func inParallel(n int, run func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		workers.Go(func() {
			for i := next.Add(1) - 1; int(i) < n; i = next.Add(1) - 1 {
				run(int(i))
			}
		})
	}
	workers.Wait()
}
