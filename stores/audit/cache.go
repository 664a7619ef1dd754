package audit

import (
	"github.com/oklog/ulid/v2"
)

// Bounds of what is remembered. A block of two weeks takes about three
// kilobytes, most others less than one; what is beyond the bounds is read anew
// each time.
const (
	maxEntries    = 200_000
	maxCacheBytes = 96 << 20
)

// entry is what is known of a block's files that had to be read. It changes by
// being replaced alone.
type entry struct {
	meta *description
	mark *mark
}

// cost is about how many bytes the entry takes.
func (e entry) cost() int {
	n := 100
	if e.meta != nil {
		n += 250 + 16*len(e.meta.sources) + len(e.meta.problem)
		for _, f := range e.meta.files {
			n += 32 + len(f.Path)
		}
	}
	if e.mark != nil {
		n += 100 + len(e.mark.details) + len(e.mark.problem)
	}
	return n
}

// cache is what earlier runs read, and what this run keeps for the next.
type cache struct {
	path, bucket string
	entries      map[ulid.ULID]entry // of earlier runs
	next         map[ulid.ULID]entry
	cost         int
	changed      bool

	maxEntries, maxBytes int
}

// keep remembers the block for the next run.
func (c *cache) keep(id ulid.ULID, e entry) {
	if e.meta == nil && e.mark == nil {
		return
	}
	cost := e.cost()
	if c.path == "" || len(c.next) >= c.maxEntries || c.cost+cost > c.maxBytes {
		return
	}
	if c.entries[id] != e {
		c.changed = true
	}
	c.next[id] = e
	c.cost += cost
}

// save writes what the next run will want to know. After a run that did not get
// to the end, blocks that it has not come to are not gone: they stay.
func (c *cache) save(complete bool) error {
	if c.path == "" {
		return nil
	}
	if !complete {
		for id, e := range c.entries {
			if _, seen := c.next[id]; !seen {
				c.keep(id, e)
			}
		}
	}
	if !c.changed && len(c.next) == len(c.entries) {
		return nil
	}
	return writeCache(c.path, c.bucket, c.next)
}
