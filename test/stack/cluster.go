package stack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Cluster is a local cluster, driven by the program of test/cluster.
type Cluster struct {
	Name       string
	Kubeconfig string
	// Created says that it was not up before.
	Created  bool
	program  string
	progress io.Writer
}

// UpCluster brings a local cluster up, unless it is. A control plane alone
// needs no root and runs no pods.
func UpCluster(ctx context.Context, program, name string, controlPlaneOnly bool, progress io.Writer) (*Cluster, error) {
	c := &Cluster{Name: name, program: program, progress: progress}
	_, down := c.quiet(ctx, "status")
	c.Created = down != nil
	args := []string{"up"}
	if controlPlaneOnly {
		args = append(args, "--control-plane-only")
	}
	out, err := c.run(ctx, args...)
	if err != nil {
		return nil, err
	}
	c.Kubeconfig = out
	return c, nil
}

// Down removes the cluster without a trace.
func (c *Cluster) Down(ctx context.Context) error {
	_, err := c.run(ctx, "down")
	return err
}

// DownCommand is Down for a shell.
func (c *Cluster) DownCommand() string { return c.program + " down --name " + c.Name }

// Stop ends a component, such as apiserver, until Start.
func (c *Cluster) Stop(ctx context.Context, component string) error {
	_, err := c.run(ctx, "stop", component)
	return err
}

// Start starts a component again.
func (c *Cluster) Start(ctx context.Context, component string) error {
	_, err := c.run(ctx, "start", component)
	return err
}

// Logs is the log of a component.
func (c *Cluster) Logs(ctx context.Context, component string) (string, error) {
	return c.run(ctx, "logs", component)
}

// Load makes an image of static programs, the first of them its entrypoint.
func (c *Cluster) Load(ctx context.Context, image string, programs ...string) error {
	_, err := c.run(ctx, "load", image+"="+strings.Join(programs, ","))
	return err
}

// Address is where pods reach what listens inside the cluster's network.
func (c *Cluster) Address(ctx context.Context) (string, error) { return c.run(ctx, "address") }

// Listen listens inside the cluster's network, from this process.
func (c *Cluster) Listen(address string) (net.Listener, error) {
	pid, err := c.supervisor()
	if err != nil {
		return nil, err
	}
	return listenInside(pid, address)
}

// Dial connects from inside the cluster's network, where pods and services have
// their addresses, without the API server.
func (c *Cluster) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	pid, err := c.supervisor()
	if err != nil {
		return nil, err
	}
	return dialInside(ctx, pid, network, address)
}

// supervisor is the first process of the cluster, in whose network the rest lives.
func (c *Cluster) supervisor() (int, error) {
	path := filepath.Join(filepath.Dir(c.Kubeconfig), "cluster.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("find the cluster's first process: %w", err)
	}
	var state struct{ PID int }
	if err := json.Unmarshal(text, &state); err != nil || state.PID == 0 {
		return 0, fmt.Errorf("find the cluster's first process: %s names none", path)
	}
	return state.PID, nil
}

// Exec runs a command inside the cluster's network, with these variables beside
// its own, and gives what it writes to its standard output.
func (c *Cluster) Exec(ctx context.Context, env []string, command ...string) (string, error) {
	var out, faults bytes.Buffer
	cmd := exec.CommandContext(ctx, c.program, append([]string{"exec", "--name", c.Name, "--"}, command...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &out, &faults
	EndWith(cmd)
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(command[0]), err, strings.TrimSpace(faults.String()))
	}
	return out.String(), nil
}

// run tells what the program says to people.
func (c *Cluster) run(ctx context.Context, args ...string) (string, error) {
	return c.call(ctx, c.progress, args)
}

func (c *Cluster) quiet(ctx context.Context, args ...string) (string, error) {
	return c.call(ctx, io.Discard, args)
}

func (c *Cluster) call(ctx context.Context, progress io.Writer, args []string) (string, error) {
	var out, faults bytes.Buffer
	cmd := exec.CommandContext(ctx, c.program, append(args, "--name", c.Name)...)
	cmd.Stdout, cmd.Stderr = &out, io.MultiWriter(&faults, progress)
	EndWith(cmd)
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("cluster %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(faults.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// contentTag is a tag that is another one for another program, so that an
// image that was built anew rolls out.
func contentTag(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return "sha256-" + hex.EncodeToString(sum.Sum(nil))[:16], nil
}
