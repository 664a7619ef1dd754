package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/watchbill/watchbill/test/cluster/node"
	"golang.org/x/sys/unix"
)

// SuperviseCommand is the argument by which the cluster program knows that it is to be a supervisor. The folder of the
// cluster follows it.
const SuperviseCommand = "supervise"

// Files that a supervisor is given, by their numbers.
const (
	progressFile = 3
	listenerFile = 4
)

// launch starts the supervisor, detached from everything of ours, and waits until it says that the cluster is ready.
func (c *Cluster) launch(ctx context.Context, o Options, listener net.Listener) error {
	lines, progress, err := os.Pipe()
	if err != nil {
		return err
	}
	defer lines.Close()
	command, err := c.command(o.Program, progress, listener)
	if err != nil {
		progress.Close()
		return err
	}
	err = command.Start()
	progress.Close()
	if err != nil {
		return fmt.Errorf("start the supervisor: %w", err)
	}
	go func() { _ = command.Wait() }() // so that one that dies while we wait is seen as dead

	c.PID = command.Process.Pid
	p, _ := look(c.PID)
	c.Born = p.born
	if err := c.save(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { lines.Close() })
	defer stop()
	if err := follow(lines, o); err != nil {
		kill(c)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("cluster %s did not start: %w (logs are in %s)", o.Name, err, c.Config.Logs())
	}
	return nil
}

// command is the supervisor's command line and surroundings.
func (c *Cluster) command(program string, progress *os.File, listener net.Listener) (*exec.Cmd, error) {
	log, err := os.OpenFile(c.Config.Log("supervisor"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	command := exec.Command(program, SuperviseCommand, c.Config.Dir)
	command.Dir = "/"
	command.Stdout, command.Stderr = log, log
	command.ExtraFiles = []*os.File{progress}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if c.Config.ControlPlaneOnly {
		return command, nil
	}
	if err := c.Config.MakeCgroup(); err != nil {
		return nil, err
	}
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	command.ExtraFiles = append(command.ExtraFiles, socket)
	command.SysProcAttr.Cloneflags = node.Namespaces
	return command, nil
}

// follow shows the supervisor's progress until it says how it ended.
func follow(lines *os.File, o Options) error {
	last := "the supervisor ended"
	for scanner := bufio.NewScanner(lines); scanner.Scan(); {
		last = scanner.Text()
		if last == node.Ready {
			return nil
		}
		fmt.Fprintln(o.Progress, last)
	}
	return errors.New(last)
}

// Supervise is what the cluster program does when it is called as a supervisor.
func Supervise(dir string) error {
	c, err := load(dir)
	if err != nil {
		return err
	}
	progress := os.NewFile(progressFile, "progress")
	var outside net.Listener
	if !c.Config.ControlPlaneOnly {
		socket := os.NewFile(listenerFile, "listener")
		if outside, err = net.FileListener(socket); err != nil {
			return err
		}
		socket.Close()
	}
	return node.Supervise(c.Config, outside, progress)
}

// remove ends a cluster and removes all of it, in whatever state it is.
func remove(dir string) error {
	c, err := load(dir)
	if errors.Is(err, ErrNone) { // nothing was ever started from it
		return os.RemoveAll(dir)
	}
	if err != nil {
		return err
	}
	kill(c)
	if !c.Config.ControlPlaneOnly {
		if err := c.Config.RemoveCgroup(); err != nil {
			return err
		}
	}
	parent, name := filepath.Split(dir)
	return errors.Join(os.RemoveAll(dir), os.Remove(filepath.Join(parent, "."+name+".lock")))
}

// kill ends the supervisor and with it everything in the cluster.
//
// An isolated cluster ends at once: it is its supervisor's process namespace. Programs that were started inside its
// network by Enter are outside that namespace and are killed one by one. A control plane alone is asked to end, and
// whatever is left of it after that is found by its session.
func kill(c *Cluster) {
	if !c.Alive() && c.Config.ControlPlaneOnly {
		killSession(c)
		return
	}
	if !c.Alive() {
		return
	}
	if c.Config.ControlPlaneOnly {
		_ = syscall.Kill(c.PID, syscall.SIGTERM)
		c.await(10 * time.Second)
		killSession(c)
		return
	}
	guests := guests(c.PID)
	_ = syscall.Kill(c.PID, syscall.SIGKILL)
	for _, pid := range guests {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	c.await(30 * time.Second)
}

// await waits until the supervisor is gone.
func (c *Cluster) await(limit time.Duration) {
	for deadline := time.Now().Add(limit); c.Alive() && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
}

// guests are the processes in the network namespace of the cluster that are not in its process namespace.
func guests(supervisor int) []int {
	inside := func(pid int, kind string) bool {
		own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", supervisor, kind))
		other, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
		return err == nil && err2 == nil && own == other
	}
	var found []int
	for _, pid := range pids() {
		if inside(pid, "net") && !inside(pid, "pid") && pid != os.Getpid() {
			found = append(found, pid)
		}
	}
	return found
}

// killSession kills what is left of a session that the supervisor led, if its command line speaks of the cluster.
func killSession(c *Cluster) {
	for _, pid := range pids() {
		p, ok := look(pid)
		if !ok || c.PID == 0 || p.session != c.PID {
			continue
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && strings.Contains(string(line), c.Config.Dir) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// pids are the numbers of all processes.
func pids() []int {
	entries, _ := os.ReadDir("/proc") // without /proc there are none to find
	var all []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// Enter puts a command in the place of this process, inside the cluster's network. Everything else, its files above
// all, stays the machine's. It returns only when it fails.
func (c *Cluster) Enter(argv []string) error {
	if err := c.needsNode(); err != nil {
		return err
	}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	runtime.LockOSThread() // a namespace is a thread's, and exec keeps the calling thread's
	file, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", c.PID))
	if err != nil {
		return err
	}
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the cluster's network: %w", err)
	}
	return fmt.Errorf("run %s: %w", program, syscall.Exec(program, argv, os.Environ()))
}
