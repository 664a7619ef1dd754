package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Namespaces are the kernel's namespaces that a supervisor is started in.
const Namespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC

// covered are folders in which containerd, its shims, the network plugins and the kubelet leave things at fixed paths.
// The cluster sees an empty one of its own instead, so that nothing is ever left on the machine.
var covered = []string{"/run", "/var/lib", "/var/log"}

// tuned are settings of the whole machine that a kubelet insists on. It is shown a file that already says what it wants;
// the machine's own settings stay as they are.
var tuned = map[string]string{
	"kernel/keys/root_maxbytes": "25000000",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
}

// isolate makes the supervisor's mount namespace its own.
func (c Config) isolate() error {
	if err := syscall.Sethostname([]byte(c.Node())); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	// Nothing mounted here is seen outside; inside, mounts reach containers that ask for it.
	for _, how := range []uintptr{syscall.MS_SLAVE, syscall.MS_SHARED} {
		if err := mount("", "/", "", how|syscall.MS_REC); err != nil {
			return err
		}
	}
	if err := mount("proc", "/proc", "proc", 0); err != nil {
		return err
	}
	for _, dir := range covered {
		if err := c.cover(dir); err != nil {
			return err
		}
	}
	if err := os.Symlink("/run", "/var/run"); err != nil && !os.IsExist(err) {
		return err
	}
	return c.tune()
}

// cover mounts an empty folder over dir. Should the cluster's own folder lie underneath, it is brought back to its place.
func (c Config) cover(dir string) error {
	own, err := os.Open(c.Dir)
	if err != nil {
		return err
	}
	defer own.Close()
	if err := mount("tmpfs", dir, "tmpfs", 0); err != nil {
		return err
	}
	if !strings.HasPrefix(c.Dir, dir+"/") {
		return nil
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	return mount(fmt.Sprintf("/proc/self/fd/%d", own.Fd()), c.Dir, "", syscall.MS_BIND)
}

// tune puts a file in the place of each setting in tuned.
func (c Config) tune() error {
	for name, value := range tuned {
		setting := filepath.Join("/proc/sys", name)
		if _, err := os.Stat(setting); err != nil {
			continue // not every kernel has every one
		}
		file := filepath.Join("/run/settings", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		if err := mount(file, setting, "", syscall.MS_BIND); err != nil {
			return err
		}
	}
	return nil
}

func mount(source, target, kind string, flags uintptr) error {
	if err := syscall.Mount(source, target, kind, flags, ""); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	return nil
}
