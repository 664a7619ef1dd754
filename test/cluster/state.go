package cluster

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/watchbill/watchbill/test/cluster/node"
)

// A Cluster is what is known of one: what it is made of, and the process that runs it.
type Cluster struct {
	Config node.Config `json:"config"`
	PID    int         `json:"pid"`
	// Born is when the process was started, in the kernel's clock ticks. With it, another process that got the same
	// number later is not taken for ours.
	Born string `json:"born"`
}

const stateFile = "cluster.json"

// load reads a cluster's state. Without one there is no cluster.
func load(dir string) (*Cluster, error) {
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, err
	}
	c := &Cluster{}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, stateFile), err)
	}
	return c, nil
}

func (c *Cluster) save() error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.Config.Dir, stateFile), append(text, '\n'), 0o644)
}

// Alive tells whether the cluster's supervisor runs.
func (c *Cluster) Alive() bool {
	p, ok := look(c.PID)
	return c.PID != 0 && ok && p.born == c.Born
}

// Health tells what is wrong with the cluster: nil when all its components run and the API server is ready.
func (c *Cluster) Health(ctx context.Context) error {
	if !c.Alive() {
		return errors.New("it does not run")
	}
	components, err := c.Config.Components(ctx)
	if err != nil {
		return fmt.Errorf("its supervisor does not answer: %w", err)
	}
	for _, component := range components {
		if !component.Running {
			return fmt.Errorf("%s does not run", component.Name)
		}
	}
	return c.apiReady(ctx)
}

// apiReady asks the API server from outside, the way that everybody else does.
func (c *Cluster) apiReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	url := fmt.Sprintf("https://127.0.0.1:%d/readyz", c.Config.Port)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// Nothing secret is sent and nothing believed but "ready": no need to know the server.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("the API server does not answer: %w", err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the API server is not ready: %s", answer.Status)
	}
	return nil
}

// A seen process is what the kernel tells of one.
type seen struct {
	born    string
	session int
}

// look finds a process. One that has ended but that its parent has not waited for does not count.
func look(pid int) (seen, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return seen{}, false
	}
	// The second field is the program's name in parentheses, which may hold anything; the others are counted after it.
	_, rest, _ := strings.Cut(string(text[max(0, strings.LastIndex(string(text), ")")):]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return seen{}, false
	}
	session, _ := strconv.Atoi(fields[3])
	return seen{born: fields[19], session: session}, true
}

// lock keeps two calls at once from bringing up or down the same cluster, and gives the function that lets go.
func lock(dir string) (func(), error) {
	parent, name := filepath.Split(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(parent, "."+name+".lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}
