package compact

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// child runs Thanos until it ends. When ctx ends it is asked to end, and after
// the grace killed; it is also killed when this process dies before it.
func (o Options) child(ctx context.Context, relabel string, log *reader) error {
	// The signal at the parent's death is sent when the thread dies that started the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, o.Thanos, o.arguments(relabel)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = o.Env, log, log
	cmd.SysProcAttr = attributes()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = o.Grace
	if err := cmd.Run(); err != nil {
		log.close()
		return fmt.Errorf("run thanos compact: %w", err)
	}
	log.close()
	return nil
}

// disk watches how much of the scratch space is free, because Thanos deletes what
// it could not fetch whole, and does not say why it could not.
type disk struct {
	dir  string
	end  chan struct{}
	full chan bool
}

func watchDisk(dir string) *disk {
	d := &disk{dir, make(chan struct{}), make(chan bool, 1)}
	go d.watch()
	return d
}

func (d *disk) watch() {
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	full := false
	for {
		full = full || nearlyFull(d.dir)
		select {
		case <-d.end:
			d.full <- full || nearlyFull(d.dir)
			return
		case <-every.C:
		}
	}
}

// stop says whether the disk was ever full, or nearly.
func (d *disk) stop() bool {
	close(d.end)
	return <-d.full
}
