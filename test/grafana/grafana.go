// Package grafana stands in for Grafana, which cannot be built from Go's module
// cache alone, in tests of what is delivered to it. It does with provisioned
// dashboards what Grafana 12 does:
//
//   - it reads providers and data sources from the provisioning folder, with
//     variables of the environment in them, at its start, and providers again at
//     each reload;
//   - it walks a provider's path, links resolved, every updateIntervalSeconds
//     and when POST /api/admin/provisioning/dashboards/reload asks for it, which
//     is answered when all is read;
//   - a dashboard belongs to its file by the file's resolved path: where that
//     path is gone the dashboard is deleted, and one that comes back by another
//     path is a new one, with another id and the version 1;
//   - a file that is no dashboard is logged and passed over, a provider in which
//     a uid or a folder's title stands twice takes over nothing by itself until
//     that is mended, and a path that is missing fails no reload.
//
// It shows nothing to people, asks no data source, forgets everything when it
// ends, and knows one user and one organization. Its API is the few requests of
// [Grafana.ServeHTTP]. It is stricter than Grafana about keys of provisioning
// files that Grafana does not know, and where a uid stands twice the first file
// by name wins, where in Grafana any of them does.
package grafana

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"
)

// Options say how it runs; [FromEnv] reads them as Grafana does.
type Options struct {
	// Provisioning is the folder with dashboards/*.yaml and datasources/*.yaml.
	Provisioning string
	// Address to listen on, as host:port.
	Address string
	// User and Password are those of the administrator.
	User, Password string
	// Env is a variable that a provisioning file names; by default there are none.
	Env func(string) string
	Log *slog.Logger
}

// Grafana is one that runs. It is safe for concurrent use.
type Grafana struct {
	options  Options
	log      *slog.Logger
	api      http.Handler
	sources  []source
	reloaded chan struct{}

	mu         sync.Mutex
	providers  []provider
	dashboards map[string]*dashboard // by uid
	lastID     int
}

// New reads the provisioning folder and every dashboard. Like Grafana it does
// not start on a provisioning file that it cannot read.
func New(o Options) (*Grafana, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Env == nil {
		o.Env = func(string) string { return "" }
	}
	g := &Grafana{options: o, log: o.Log, reloaded: make(chan struct{}, 1), dashboards: map[string]*dashboard{}}
	var err error
	if g.sources, err = readSources(filepath.Join(o.Provisioning, "datasources"), o.Env); err != nil {
		return nil, err
	}
	if err := g.reload(); err != nil {
		return nil, err
	}
	g.api = g.handler()
	return g, nil
}

// Run polls the providers' paths until ctx ends.
func (g *Grafana) Run(ctx context.Context) {
	for ctx.Err() == nil {
		polling, stop := context.WithCancel(ctx)
		var running sync.WaitGroup
		g.mu.Lock()
		for _, p := range g.providers {
			running.Go(func() { g.poll(polling, p) })
		}
		g.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-g.reloaded:
		}
		stop()
		running.Wait()
	}
}

func (g *Grafana) poll(ctx context.Context, p provider) {
	ticks := time.NewTicker(time.Duration(p.UpdateIntervalSeconds) * time.Second)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			if err := g.walk(p, false); err != nil {
				g.log.Error("failed to search for dashboards", "provider", p.Name, "err", err)
			}
		}
	}
}

// reload reads the providers and their dashboards again.
func (g *Grafana) reload() error {
	providers, err := readProviders(filepath.Join(g.options.Provisioning, "dashboards"), g.options.Env)
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.providers = providers
	g.mu.Unlock()
	select {
	case g.reloaded <- struct{}{}:
	default: // Run has yet to see the reload before, and sees this one with it
	}
	for _, p := range providers {
		err := g.walk(p, true)
		if errors.Is(err, fs.ErrNotExist) {
			g.log.Warn("failed to provision config", "provider", p.Name, "err", err)
			return nil // the path may appear later
		}
		if err != nil {
			return err
		}
	}
	return nil
}
