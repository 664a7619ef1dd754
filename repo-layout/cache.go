package repolayout

import "sync"

// cache is what a loader remembers. Each entry knows the load that used it
// last, and what neither of the last two loads used is forgotten.
type cache struct {
	mu    sync.Mutex
	load  uint64
	files map[fileKey]*loaded
	teams map[teamKey]*loadedTeam
}

type (
	fileKey struct{ path, digest string }
	teamKey struct{ name, digest string }
)

func newCache() *cache {
	return &cache{files: map[fileKey]*loaded{}, teams: map[teamKey]*loadedTeam{}}
}

// next begins a load.
func (c *cache) next() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load++
}

// forget drops what has gone out of use. A team in use keeps its files, so that
// the next change to it costs one file.
func (c *cache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, t := range c.teams {
		if t.used+1 < c.load {
			delete(c.teams, key)
			continue
		}
		for _, f := range t.files {
			f.used = max(f.used, t.used)
		}
	}
	for key, f := range c.files {
		if f.used+1 < c.load {
			delete(c.files, key)
		}
	}
}

func (c *cache) team(name, digest string) *loadedTeam {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.teams[teamKey{name, digest}]
	if t != nil {
		t.used = c.load
	}
	return t
}

func (c *cache) keepTeam(t *loadedTeam) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.used = c.load
	c.teams[teamKey{t.team.Name, t.team.Digest}] = t
}

func (c *cache) file(path, digest string) *loaded {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.files[fileKey{path, digest}]
	if f != nil {
		f.used = c.load
	}
	return f
}

func (c *cache) drop(files []*loaded) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range files {
		delete(c.files, fileKey{f.Path, f.Digest})
	}
}

func (c *cache) keepFile(f *loaded) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.used = c.load
	c.files[fileKey{f.Path, f.Digest}] = f
}
