package source

import (
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func TestFileURLs(t *testing.T) {
	o := newOrigin(t, nil)
	commit := o.push(map[string]string{"a": "1"})
	for _, url := range []string{o.bare, "file://" + o.bare, o.work} {
		opts := o.options(t)
		opts.URL = url
		s := open(t, opts)
		if rev := fetch(t, s); rev.Commit != commit || read(t, rev, "a") != "1" {
			t.Errorf("%s: %+v", url, rev)
		}
		if rev := fetch(t, s); rev.Commit != commit {
			t.Errorf("%s, again: %+v", url, rev)
		}
	}
	opts := o.options(t)
	opts.URL = filepath.Join(o.root, "nothing.git")
	if _, err := open(t, opts).Fetch(t.Context()); !errors.Is(err, ErrRepository) || Transient(err) {
		t.Errorf("no repository: %v", err)
	}
	opts = o.options(t)
	opts.URL = newOrigin(t, nil).bare
	if _, err := open(t, opts).Fetch(t.Context()); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty repository: %v", err)
	}
}

// sshServer runs git-upload-pack for whoever holds the key.
type sshServer struct {
	t       *testing.T
	address string
	host    ssh.Signer

	mu       sync.Mutex
	key      ssh.Signer // the client's
	silent   chan struct{}
	complain string
}

// set changes what the server does from the next connection on.
func (s *sshServer) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func newSSHServer(t *testing.T) *sshServer {
	t.Helper()
	s := &sshServer{t: t, host: newKey(t), key: newKey(t)}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s.address = listener.Addr().String()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func newKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func (s *sshServer) serve(conn net.Conn) {
	defer conn.Close()
	s.mu.Lock()
	silent, complain, key := s.silent, s.complain, s.key
	s.mu.Unlock()
	if silent != nil {
		<-silent
		return
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, shown ssh.PublicKey) (*ssh.Permissions, error) {
		if string(shown.Marshal()) != string(key.PublicKey().Marshal()) {
			return nil, errors.New("unknown key")
		}
		return nil, nil
	}}
	config.AddHostKey(s.host)
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for channel := range channels {
		session, requests, err := channel.Accept()
		if err != nil {
			return
		}
		for r := range requests {
			if r.Type != "exec" {
				_ = r.Reply(false, nil)
				continue
			}
			_ = r.Reply(true, nil)
			serveExec(session, string(r.Payload[4:]), complain)
			break
		}
	}
}

func serveExec(session ssh.Channel, command, complain string) {
	defer session.Close()
	if complain != "" {
		_, _ = io.WriteString(session.Stderr(), complain+"\n")
		_, _ = session.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{128}))
		return
	}
	cmd := exec.CommandContext(context.Background(), "sh", "-c", command)
	in, _ := cmd.StdinPipe()
	cmd.Stdout, cmd.Stderr = session, session.Stderr()
	go func() { _, _ = io.Copy(in, session); _ = in.Close() }()
	status := uint32(0)
	if cmd.Run() != nil {
		status = 128
	}
	_, _ = session.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
}

// options writes the key pair and the known hosts file.
func (s *sshServer) options(t *testing.T, o *origin, known ssh.PublicKey) Options {
	t.Helper()
	opts := o.options(t)
	opts.URL = "ssh://git@" + s.address + o.bare
	opts.Auth.KnownHosts = filepath.Join(t.TempDir(), "known_hosts")
	line := ""
	if known != nil {
		line = knownhosts.Line([]string{s.address}, known) + "\n"
	}
	overwrite(t, opts.Auth.KnownHosts, line)
	return opts
}

func writeKey(t *testing.T, passphrase string) (Secret, ssh.Signer) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(private, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return secretFile(t, string(pem.EncodeToMemory(block))), signer
}

func TestSSH(t *testing.T) {
	o := newOrigin(t, nil)
	commit := o.push(map[string]string{"a": "1"})
	server := newSSHServer(t)
	opts := server.options(t, o, server.host.PublicKey())
	var key ssh.Signer
	opts.Auth.SSHKey, key = writeKey(t, "")
	server.set(func() { server.key = key })
	s := open(t, opts)
	if rev := fetch(t, s); rev.Commit != commit || read(t, rev, "a") != "1" {
		t.Errorf("%+v", rev)
	}
	next := o.push(map[string]string{"a": "2"})
	if rev := fetch(t, s); rev.Commit != next || rev.Previous != commit || rev.Forced {
		t.Errorf("%+v", rev)
	}
	if rev := fetch(t, s); rev.Commit != next {
		t.Errorf("%+v", rev)
	}
	// The same by scp's form, with a locked key.
	opts = server.options(t, o, server.host.PublicKey())
	_, port, _ := net.SplitHostPort(server.address)
	opts.URL = "git@127.0.0.1:" + port + ":" + o.bare
	opts.Auth.SSHKey, key = writeKey(t, planted)
	server.set(func() { server.key = key })
	opts.Auth.SSHPassphrase = secretFile(t, planted)
	if rev := fetch(t, open(t, opts)); rev.Commit != next {
		t.Errorf("%+v", rev)
	}
	opts.Dir, opts.Auth.SSHPassphrase = t.TempDir(), secretFile(t, "wrong-"+planted)
	_, err := open(t, opts).Fetch(t.Context())
	if !errors.Is(err, ErrCredential) || strings.Contains(err.Error(), planted) {
		t.Errorf("wrong passphrase: %v", err)
	}
}

func TestSSHFaults(t *testing.T) {
	o := newOrigin(t, nil)
	o.push(map[string]string{"a": "1"})
	server := newSSHServer(t)
	key, signer := writeKey(t, "")
	server.set(func() { server.key = signer })
	tests := []struct {
		name      string
		spoil     func(*Options)
		known     ssh.PublicKey
		kind      error
		transient bool
	}{
		{"another host key", func(*Options) {}, newKey(t).PublicKey(), ErrHostKey, false},
		{"an unknown host", func(*Options) {}, nil, ErrHostKey, false},
		{"no known_hosts file", func(o *Options) { o.Auth.KnownHosts += "x" }, server.host.PublicKey(), ErrHostKey, false},
		{"another key", func(o *Options) { o.Auth.SSHKey, _ = writeKey(t, "") }, server.host.PublicKey(), ErrCredential, false},
		{"no key", func(o *Options) { o.Auth.SSHKey.File += "x" }, server.host.PublicKey(), ErrCredential, false},
		{"not a key", func(o *Options) { o.Auth.SSHKey = secretFile(t, "x") }, server.host.PublicKey(), ErrCredential, false},
		{"no repository", func(o *Options) { o.URL += "x" }, server.host.PublicKey(), ErrRepository, false},
		{"nobody listens", func(o *Options) { o.URL = "ssh://git@127.0.0.1:1/r" }, server.host.PublicKey(), ErrUnreachable, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			opts := server.options(t, o, test.known)
			opts.Auth.SSHKey = key
			test.spoil(&opts)
			_, err := open(t, opts).Fetch(t.Context())
			if !errors.Is(err, test.kind) || Transient(err) != test.transient {
				t.Errorf("transient %v: %v", Transient(err), err)
			}
		})
	}
	for said, kind := range map[string]error{
		"ERROR: Repository not found.":            ErrRepository,
		"ERROR: Permission to o/r denied to bot.": ErrCredential,
		"Something else is wrong.":                ErrProtocol,
	} {
		server.set(func() { server.complain = said })
		opts := server.options(t, o, server.host.PublicKey())
		opts.Auth.SSHKey = key
		if _, err := open(t, opts).Fetch(t.Context()); !errors.Is(err, kind) || !strings.Contains(err.Error(), said) {
			t.Errorf("%s: %v", said, err)
		}
	}
}

// A handshake that never goes on ends with its context.
func TestSSHSilence(t *testing.T) {
	o := newOrigin(t, nil)
	server := newSSHServer(t)
	silent := make(chan struct{})
	defer close(silent)
	server.set(func() { server.silent = silent })
	opts := server.options(t, o, server.host.PublicKey())
	opts.Auth.SSHKey, _ = writeKey(t, "")
	opts.Timeout = 300 * time.Millisecond
	start := time.Now()
	_, err := open(t, opts).Fetch(t.Context())
	if !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	if os.Getenv("SSH_AUTH_SOCK") != "" {
		t.Log("an ssh agent is there and is not asked")
	}
}
