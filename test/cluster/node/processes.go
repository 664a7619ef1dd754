package node

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// A processTable starts processes and waits for all of them in one place.
//
// It takes the place of os/exec's waiting because the supervisor is the first process of its namespace: orphans of
// others, containerd's shims above all, become its children, and somebody has to wait for these too.
type processTable struct {
	mu      sync.Mutex
	running map[int]*process
}

// A process is one that the table started; done is closed when it has ended, and status says how.
type process struct {
	pid    int
	done   chan struct{}
	status syscall.WaitStatus
}

// newProcessTable makes a table and begins to wait. From then on nothing else in this program may wait for a child.
func newProcessTable() *processTable {
	t := &processTable{running: map[int]*process{}}
	go t.reap()
	return t
}

// start starts a program with its output appended to a log file.
func (t *processTable) start(argv []string, log string) (*process, error) {
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, err
	}
	output, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer nothing.Close()

	t.mu.Lock() // held until the process is in the table, so that its end cannot be missed
	defer t.mu.Unlock()
	pid, err := syscall.ForkExec(program, argv, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{nothing.Fd(), output.Fd(), output.Fd()},
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	p := &process{pid: pid, done: make(chan struct{})}
	t.running[pid] = p
	return p, nil
}

// reap waits for every child there is, for as long as the program runs.
func (t *processTable) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil { // no children at the moment
			time.Sleep(20 * time.Millisecond)
			continue
		}
		t.mu.Lock()
		if p, ok := t.running[pid]; ok {
			delete(t.running, pid)
			p.status = status
			close(p.done)
		}
		t.mu.Unlock()
	}
}

// end asks the process to end and, when it has not after the grace, kills it. It returns when the process is gone.
func (p *process) end(grace time.Duration) {
	if grace > 0 {
		_ = syscall.Kill(p.pid, syscall.SIGTERM)
		select {
		case <-p.done:
			return
		case <-time.After(grace):
		}
	}
	_ = syscall.Kill(p.pid, syscall.SIGKILL)
	<-p.done
}

// ending says in words how the process ended.
func (p *process) ending() string {
	if p.status.Signaled() {
		return "killed by signal " + p.status.Signal().String()
	}
	return fmt.Sprintf("exit code %d", p.status.ExitStatus())
}
