package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// quiet is the folder, beside the bundles, of a configuration that scrapes and evaluates nothing.
const quiet = ".leaving"

// leaving says that the index sends this pod away.
func (a *Agent) leaving() bool {
	s := &a.state
	return s.index != nil && a.shipper.dataDir != "" && slices.Contains(s.index.Leaving, a.options.PodName)
}

// leave is a turn of a pod that is to go. First the process stops taking part,
// then what it holds in memory becomes a block, then every block is shipped, and
// last the object store is asked for them. Each step may be done again, and is
// after a restart. The daemon takes the pod away once the report says left; if the
// index names the pod no longer, the next turn brings the wanted bundle back.
func (a *Agent) leave(ctx context.Context) time.Duration {
	s := &a.state
	err := a.handOver(ctx)
	if ctx.Err() != nil {
		return 0
	}
	state, text := Left, ""
	if err != nil {
		state, text = Leaving, err.Error()
		a.log.Warn("samples not handed over yet", "err", err)
	}
	s.running = running{} // it runs no bundle
	a.board.update(func(r *Report) {
		r.State, r.Error, r.Live, r.Since = state, text, "", time.Time{}
		r.Wanted = s.index.Wanted.Digest
	})
	switch {
	case errors.Is(err, errSuperseded):
		return 0
	case errors.Is(err, errAway):
		return startPoll
	case err != nil:
		return s.retry.Step()
	}
	return a.readEvery
}

func (a *Agent) handOver(ctx context.Context) error {
	s := &a.state
	if s.left && s.current == quiet {
		return nil
	}
	a.board.update(func(r *Report) { r.State, r.Error = Leaving, "" })
	if err := a.fallSilent(ctx); err != nil {
		return err
	}
	a.fault("silent")
	ctx, stop := a.working(ctx)
	defer stop()
	if err := a.shipper.flush(ctx); err != nil {
		if a.index.waiting() {
			return errSuperseded
		}
		return err
	}
	s.left = true
	a.log.Info("samples handed over")
	return nil
}

// working keeps the pulse while a step takes its time, and ends the step when the index changes.
func (a *Agent) working(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for !a.index.waiting() {
			a.pulse.beat(10 * time.Second)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
		cancel()
	}()
	return ctx, func() { cancel(); <-done }
}

// fallSilent has the process run without targets and without rules. What it
// scraped until then is what there is to hand over.
func (a *Agent) fallSilent(ctx context.Context) error {
	s := &a.state
	if s.current != quiet {
		s.left, a.shipper.snapshot = false, ""
		from, err := a.last(ctx)
		if err != nil {
			return err
		}
		if err := a.volume.silence(from); err != nil {
			return err
		}
		if err := a.swap(quiet); err != nil {
			return err
		}
	}
	a.ready.Store(true)
	if s.dirty {
		if err := a.post(ctx); err != nil {
			return err
		}
		s.down, s.answered = time.Time{}, true
	}
	if err := a.silent(ctx); err != nil {
		s.dirty = true
		return err
	}
	s.dirty = false
	a.proven.Store(true)
	return nil
}

// last is the bundle whose external labels the samples have: what the process
// runs, as a shard that is given up is in the wanted bundle no longer, or else the wanted one.
func (a *Agent) last(ctx context.Context) (string, error) {
	s := &a.state
	if a.volume.holds(s.current, cmp.Or(a.options.Config, a.process.name+".yml")) {
		return s.current, nil
	}
	return s.index.Wanted.Digest, a.deliver(ctx, s.index.Wanted)
}

// silent asks the process itself.
func (a *Agent) silent(ctx context.Context) error {
	var pools struct {
		Data struct {
			ScrapePools []string `json:"scrapePools"`
		} `json:"data"`
	}
	var rules struct {
		Data struct {
			Groups []struct{} `json:"groups"`
		} `json:"data"`
	}
	for path, into := range map[string]any{"api/v1/scrape_pools": &pools, "api/v1/rules": &rules} {
		err := a.process.ask(ctx, path, nil, func(body io.Reader) error { return json.NewDecoder(io.LimitReader(body, maxObject)).Decode(into) })
		if err != nil {
			return fmt.Errorf("%w: %w", errAway, err)
		}
	}
	if n, m := len(pools.Data.ScrapePools), len(rules.Data.Groups); n+m > 0 {
		return fmt.Errorf("%s still has %d scrape jobs and %d rule groups", a.process.name, n, m)
	}
	return nil
}

// silence writes the folder of the configuration that does nothing: of each of
// the bundle's configuration files only what is global stays, the external labels among it.
func (v *volume) silence(digest string) error {
	files, err := fs.Glob(os.DirFS(v.path(digest)), "*.yml")
	if err != nil {
		return err
	}
	temp := v.path(unfinished + quiet)
	if err := errors.Join(os.RemoveAll(temp), os.Mkdir(temp, 0o755)); err != nil {
		return err
	}
	for _, name := range files {
		if err := silenceFile(v.path(digest, name), filepath.Join(temp, name)); err != nil {
			return fmt.Errorf("write the configuration of a pod that leaves: %s: %w", name, err)
		}
	}
	if err := os.RemoveAll(v.path(quiet)); err != nil {
		return err
	}
	return os.Rename(temp, v.path(quiet))
}

func silenceFile(from, to string) error {
	raw, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var config struct {
		Global map[string]any `yaml:"global"`
	}
	if err := yaml.Unmarshal(raw, &config); err != nil {
		return err
	}
	raw, err = yaml.Marshal(config)
	if err != nil {
		return err
	}
	return os.WriteFile(to, raw, 0o644)
}
