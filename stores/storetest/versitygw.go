package storetest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchbill/watchbill/stores"
)

// Server is a real S3 server that a test has for itself.
type Server struct {
	// Endpoint is its host:port; Dir holds its buckets as folders.
	Endpoint, Dir string
	users         string // the folder of its accounts
}

const gatewayVariable = "WATCHBILL_VERSITYGW"

// Keys of the server's owner. [Versitygw] puts them into the environment.
const (
	AccessKey = "storetest"
	SecretKey = "storetest-secret"
)

// Versitygw starts a versitygw for the test, which is skipped where there is
// none, and puts its keys into the environment.
func Versitygw(t testing.TB) Server {
	t.Helper()
	binary := os.Getenv(gatewayVariable)
	if binary == "" {
		t.Skipf("%s is not set: `make test` builds the real one and runs this test with it", gatewayVariable)
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": AccessKey, "AWS_SECRET_ACCESS_KEY": SecretKey, "AWS_SESSION_TOKEN": "", "AWS_REGION": "us-east-1",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	s := Server{Dir: t.TempDir(), users: t.TempDir()}
	for range 5 { // the port may be taken before the server has it
		s.Endpoint = freeAddress(t)
		if s.start(t, binary) {
			return s
		}
	}
	t.Fatal("versitygw does not come up")
	return s
}

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// start tells whether the server answers.
func (s Server) start(t testing.TB, binary string) bool {
	t.Helper()
	command := exec.CommandContext(context.Background(), binary, "--port", s.Endpoint, "--quiet", "--keep-alive", "--iam-dir", s.users, "posix", s.Dir)
	command.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+SecretKey)
	var log lockedBuffer
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = command.Wait()
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		<-exited
	})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Endpoint, nil)
	if err != nil {
		t.Fatal(err)
	}
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		if response, err := client.Do(request); err == nil {
			response.Body.Close()
			return true
		}
		select {
		case <-exited:
			t.Logf("versitygw: %s", log.text())
			return false
		case <-t.Context().Done():
			return false
		case <-tick.C:
		}
	}
}

// Bucket makes a bucket and gives the configuration to open it with.
func (s Server) Bucket(t testing.TB) stores.Config {
	t.Helper()
	dir, err := os.MkdirTemp(s.Dir, "bucket-")
	if err != nil {
		t.Fatal(err)
	}
	return stores.Config{Bucket: filepath.Base(dir), Endpoint: s.Endpoint, Insecure: true, Lookup: stores.LookupPath}
}

// Open makes a bucket and opens it. Its waits are short.
func (s Server) Open(t testing.TB) stores.Bucket {
	t.Helper()
	return Open(t, s.Bucket(t))
}

// Quick waits hardly at all before it tries again.
var Quick = stores.Backoff{Attempts: 8, First: time.Millisecond, Most: 20 * time.Millisecond}

// Open opens a bucket that gives up soon, and writes in parts what is larger than one.
func Open(t testing.TB, c stores.Config) stores.Bucket {
	t.Helper()
	b, err := stores.Open(t.Context(), c, stores.Options{Backoff: Quick, Idle: 2 * time.Second, Single: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// YAML is a configuration as Thanos's programs take it.
func YAML(c stores.Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "type: S3\nconfig: {bucket: %q, endpoint: %q, region: %q, insecure: %v, bucket_lookup_type: %q}\n",
		c.Bucket, c.Endpoint, c.Region, c.Insecure, c.Lookup)
	fmt.Fprintf(&b, "prefix: %q\n", c.Prefix)
	return b.String()
}

type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}
