// Package host knows what a cluster needs of the machine: root, a Debian or a system made from it, and a handful of
// packages, which it installs. It changes nothing else.
package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// CNI is the folder where Debian's packages put the network plugins.
const CNI = "/usr/lib/cni"

// A need is a program and the package that brings it.
type need struct{ program, pkg string }

var needs = []need{
	{"containerd", "containerd"},
	{"ctr", "containerd"},
	{"containerd-shim-runc-v2", "containerd"},
	{"runc", "runc"},
	{"nft", "nftables"},
	{"mount", "mount"},
	{filepath.Join(CNI, "loopback"), "containernetworking-plugins"},
	{filepath.Join(CNI, "ptp"), "containernetworking-plugins"},
	{filepath.Join(CNI, "host-local"), "containernetworking-plugins"},
	{filepath.Join(CNI, "portmap"), "containernetworking-plugins"},
}

// ErrUnfit says that this machine, or this user, cannot run a whole cluster.
var ErrUnfit = errors.New("this machine cannot run a whole cluster")

// Prepare checks the machine and installs the packages that are missing. What it does is told to progress.
func Prepare(ctx context.Context, progress io.Writer) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: it needs root, for containers and a network of its own (run it with sudo, or use --control-plane-only)", ErrUnfit)
	}
	missing := Missing()
	if len(missing) == 0 {
		return nil
	}
	release, err := os.ReadFile("/etc/os-release")
	if err != nil || !debian(string(release)) {
		return fmt.Errorf("%w: it needs the programs of these packages of Debian or Ubuntu: %s", ErrUnfit, strings.Join(missing, " "))
	}
	return install(ctx, missing, progress)
}

// Missing are the packages of which a program is not there, sorted.
func Missing() []string {
	var missing []string
	for _, n := range needs {
		if _, err := exec.LookPath(n.program); err != nil {
			missing = append(missing, n.pkg)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

// debian tells from the text of os-release whether the system is Debian or made from it.
func debian(release string) bool {
	for line := range strings.Lines(release) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		families := strings.Fields(strings.Trim(value, `"'`))
		if (key == "ID" || key == "ID_LIKE") && slices.Contains(families, "debian") {
			return true
		}
	}
	return false
}

// install runs apt-get, whose own words are shown only when it fails.
func install(ctx context.Context, packages []string, progress io.Writer) error {
	fmt.Fprintf(progress, "installing %s\n", strings.Join(packages, " "))
	for _, args := range [][]string{
		{"update"},
		append([]string{"install", "--yes", "--no-install-recommends"}, packages...),
	} {
		command := exec.CommandContext(ctx, "apt-get", args...)
		command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, output)
		}
	}
	if missing := Missing(); len(missing) > 0 {
		return fmt.Errorf("%w: these packages are installed, but lack a program: %s", ErrUnfit, strings.Join(missing, " "))
	}
	return nil
}
