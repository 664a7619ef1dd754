package render

import (
	"errors"
	"fmt"
	"path"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// team is what one team comes to in one environment.
type team struct {
	chunks     []*bundle.Chunk // of Prometheus's bundle
	dashboards []*bundle.Chunk // of Grafana's
	alerting   alerting
	files      map[string]text // by path in the repo
}

// shape is what of an environment the teams' files depend on.
type shape struct {
	env     string
	shards  int32
	grafana bool
}

func shapeOf(env *repolayout.Environment) shape {
	return shape{env: env.Name, shards: prometheusShards(env), grafana: hasGrafana(env)}
}

// text is a rule file as it was rendered. It shares its memory with the chunk that holds it.
type text struct {
	digest  string // of the file in the repo
	content string
}

// memory is what was rendered for one environment before. A team that has not
// changed is the same pointer from one load of the repo to the next, so that
// looking it up is all it takes.
type memory struct {
	mu         sync.Mutex
	of         shape                      // what is remembered is of this, and of nothing else
	last, prev map[*repolayout.Team]*team // of the last two runs; what they did not use is forgotten
	byName     map[string]*team           // of the last run, for the files of teams that have changed
}

// render renders what is not remembered, on all processors.
func (m *memory) render(teams []*repolayout.Team, of shape) ([]*team, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of != of {
		m.of, m.last, m.prev, m.byName = of, nil, nil, nil
	}
	out := make([]*team, len(teams))
	errs := make([]error, len(teams))
	var workers errgroup.Group
	workers.SetLimit(runtime.GOMAXPROCS(0))
	for i, t := range teams {
		if out[i] = m.recall(t); out[i] != nil {
			continue
		}
		before := m.byName[t.Name]
		workers.Go(func() error {
			out[i], errs[i] = renderTeam(t, of, before)
			return nil
		})
	}
	_ = workers.Wait() // the errors are kept in the order of the teams
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	m.remember(teams, out)
	return out, nil
}

func (m *memory) recall(t *repolayout.Team) *team {
	if found := m.last[t]; found != nil {
		return found
	}
	return m.prev[t]
}

func (m *memory) remember(teams []*repolayout.Team, rendered []*team) {
	m.prev, m.last = m.last, make(map[*repolayout.Team]*team, len(teams))
	m.byName = make(map[string]*team, len(teams))
	for i, t := range teams {
		m.last[t], m.byName[t.Name] = rendered[i], rendered[i]
	}
}

func renderTeam(t *repolayout.Team, of shape, before *team) (*team, error) {
	out := &team{files: make(map[string]text, len(t.Rules))}
	writer := ruleWriter{team: t.Name}
	var files []bundle.File
	for _, f := range t.Rules {
		if f.Environment != "" && f.Environment != of.env {
			continue
		}
		content, ok := before.recall(f.File)
		if !ok {
			content = writer.file(f.Groups)
		}
		out.files[f.Path] = text{digest: f.Digest, content: content}
		files = append(files, bundle.File{Path: bundlePath(t.Name, f.Path), Content: content})
	}
	for _, f := range t.Scrape {
		if f.Environment != "" && f.Environment != of.env {
			continue
		}
		shards, err := scrapeFiles(t.Name, f, of.shards)
		if err != nil {
			return nil, err
		}
		files = append(files, shards...)
	}
	var err error
	if out.chunks, err = bundle.Cut(t.Name, files); err != nil {
		return nil, fmt.Errorf("cut the files of team %s: %w", t.Name, err)
	}
	if of.grafana {
		if out.dashboards, err = dashboardChunks(t); err != nil {
			return nil, fmt.Errorf("cut the dashboards of team %s: %w", t.Name, err)
		}
	}
	if out.alerting, err = teamAlerting(t); err != nil {
		return nil, fmt.Errorf("render Alertmanager's configuration of team %s: %w", t.Name, err)
	}
	return out, nil
}

func dashboardChunks(t *repolayout.Team) ([]*bundle.Chunk, error) {
	files := make([]bundle.File, 0, len(t.Dashboards))
	for _, f := range t.Dashboards {
		files = append(files, bundle.File{Path: dashboardPath(t.Name, f.Path), Content: string(f.Content)})
	}
	return bundle.Cut(t.Name, files)
}

// recall is the text of a file that was rendered before and has not changed.
func (t *team) recall(f *repolayout.File) (string, bool) {
	if t == nil || f.Digest == "" {
		return "", false
	}
	found, ok := t.files[f.Path]
	return found.content, ok && found.digest == f.Digest
}

// bundlePath is where a file of a team stands in Prometheus's bundle:
// teams/payments/rules/prod/api.yaml becomes rules/payments/prod/api.yaml. It
// must stay so over revisions, as Prometheus knows a rule group by its file.
// What the repo spells .yml, of which the loader takes no second spelling,
// prometheus.yml looks for as .yaml.
func bundlePath(team, file string) string {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(file, "teams/"+team+"/"), "/")
	if stem, ok := strings.CutSuffix(rest, ".yml"); ok {
		rest = stem + ".yaml"
	}
	return path.Join(kind, team, rest)
}

func templatePath(file string) string { return path.Join("templates", path.Base(file)) }
