package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The table waits for every child of this program, so one test holds all that needs one.
func TestComponents(t *testing.T) {
	table := newProcessTable()
	log := filepath.Join(t.TempDir(), "log")

	t.Run("a process's end is told", func(t *testing.T) {
		p, err := table.start([]string{"sh", "-c", "echo said; exit 3"}, log)
		if err != nil {
			t.Fatal(err)
		}
		<-p.done
		if p.ending() != "exit code 3" {
			t.Errorf("ending %q", p.ending())
		}
		if text, err := os.ReadFile(log); err != nil || strings.TrimSpace(string(text)) != "said" {
			t.Errorf("log %q, %v", text, err)
		}
	})

	t.Run("an unknown program", func(t *testing.T) {
		if _, err := table.start([]string{"no-such-program"}, log); err == nil {
			t.Error("no error")
		}
	})

	t.Run("a stopped component stays down", func(t *testing.T) {
		c := &component{spec: spec{"sleeper", []string{"sleep", "60"}}, log: log, table: table}
		if err := c.start(); err != nil {
			t.Fatal(err)
		}
		if err := c.start(); err != nil || !c.status().Running {
			t.Errorf("second start: %v, %+v", err, c.status())
		}
		c.stop(time.Second)
		eventually(t, func() bool { return c.status() == ComponentStatus{Name: "sleeper", Stopped: true} })
	})

	t.Run("one that ends by itself is started again", func(t *testing.T) {
		c := &component{spec: spec{"short", []string{"true"}}, log: log, table: table}
		if err := c.start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return c.status().Restarts > 0 })
		c.stop(0)
	})
}

func eventually(t *testing.T, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !check(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never happened")
		}
	}
}
