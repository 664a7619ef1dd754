package node

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// restartDelay is how long a component that ended by itself stays down.
const restartDelay = time.Second

// endGrace is how long a component is given to end in peace.
const endGrace = 5 * time.Second

// A component is one of the cluster's programs: started, started again when it ends by itself, stopped when told.
type component struct {
	spec
	log   string
	table *processTable

	mu       sync.Mutex
	wanted   bool
	process  *process // nil while none runs
	restarts int
}

// A ComponentStatus is what is told of a component.
type ComponentStatus struct {
	Name     string `json:"name"`
	Running  bool   `json:"running"`
	Stopped  bool   `json:"stopped"` // on purpose
	Restarts int    `json:"restarts"`
}

// start starts the component unless it runs.
func (c *component) start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted = true
	if c.process != nil {
		return nil
	}
	return c.launch()
}

// launch starts the process and a watch over it. The caller holds the lock.
func (c *component) launch() error {
	p, err := c.table.start(c.argv, c.log)
	if err != nil {
		return fmt.Errorf("component %s: %w", c.name, err)
	}
	c.process = p
	go c.watch(p)
	return nil
}

// watch waits for the end of the process and puts another one in its place if it ended by itself.
func (c *component) watch(p *process) {
	<-p.done
	c.mu.Lock()
	c.process = nil
	wanted := c.wanted
	c.mu.Unlock()
	if !wanted {
		return
	}
	slog.Warn("component ended", "component", c.name, "ending", p.ending())
	time.Sleep(restartDelay)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.wanted || c.process != nil {
		return
	}
	c.restarts++
	if err := c.launch(); err != nil {
		slog.Error("component not restarted", "component", c.name, "err", err)
	}
}

// stop ends the component and keeps it down; with no grace it is killed at once.
func (c *component) stop(grace time.Duration) {
	c.mu.Lock()
	c.wanted = false
	p := c.process
	c.mu.Unlock()
	if p != nil {
		p.end(grace)
	}
}

func (c *component) status() ComponentStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ComponentStatus{Name: c.name, Running: c.process != nil, Stopped: !c.wanted, Restarts: c.restarts}
}
