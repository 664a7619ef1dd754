package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
)

// pipe is a session with a git-upload-pack whose standard input and output we
// hold: behind ssh, or a process of this machine. go-git has such sessions too,
// but a context ends neither their handshake nor their reads.
type pipe struct {
	in     io.WriteCloser
	out    io.Reader
	said   *tail // what the other side wrote to its standard error
	finish func() error

	refs *packp.AdvRefs
	ran  bool
}

// AdvertisedReferencesContext implements session.
func (p *pipe) AdvertisedReferencesContext(ctx context.Context) (*packp.AdvRefs, error) {
	refs := packp.NewAdvRefs()
	switch err := refs.Decode(p.out); {
	case errors.Is(err, packp.ErrEmptyAdvRefs):
		return nil, transport.ErrEmptyRemoteRepository
	case errors.Is(err, packp.ErrEmptyInput):
		return nil, p.refused()
	case err != nil:
		return nil, err
	case refs.IsEmpty():
		return nil, transport.ErrEmptyRemoteRepository
	}
	transport.FilterUnsupportedCapabilities(refs.Capabilities)
	p.refs = refs
	return refs, nil
}

// refused is what an end without any answer means. Hosts that know the key but
// not the repository say so in words only.
func (p *pipe) refused() error {
	_ = p.finish() // all that was said has been read after this
	said := p.said.String()
	lower := strings.ToLower(said)
	for _, word := range []string{"not found", "does not appear to be a git repository", "does not exist", "no such", "could not be found"} {
		if strings.Contains(lower, word) {
			return &kindError{ErrRepository, said}
		}
	}
	for _, word := range []string{"denied", "permission", "unauthorized", "access"} {
		if strings.Contains(lower, word) {
			return &kindError{ErrCredential, said}
		}
	}
	if said == "" {
		return fmt.Errorf("reading references: %w", io.ErrUnexpectedEOF)
	}
	return &kindError{ErrProtocol, said}
}

// UploadPack implements session.
func (p *pipe) UploadPack(ctx context.Context, req *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	p.ran = true
	if err := req.UploadRequest.Encode(p.in); err != nil {
		return nil, fmt.Errorf("sending what is wanted: %w", err)
	}
	if err := req.UploadHaves.Encode(p.in, false); err != nil {
		return nil, fmt.Errorf("sending what is there: %w", err)
	}
	if err := pktline.NewEncoder(p.in).EncodeString("done\n"); err != nil {
		return nil, fmt.Errorf("sending what is there: %w", err)
	}
	answer := packp.NewUploadPackResponse(req)
	if err := answer.Decode(io.NopCloser(p.out)); err != nil {
		return nil, fmt.Errorf("reading the pack: %w", err)
	}
	return answer, nil
}

// Close implements session. A flush tells a server that waits for a request
// that none will come.
func (p *pipe) Close() error {
	if p.refs != nil && !p.ran {
		_, _ = p.in.Write(pktline.FlushPkt)
	}
	return p.finish()
}

// connectFile runs the machine's own git on a repository of this machine.
func connectFile(ctx context.Context, path string) (session, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, &kindError{ErrUnreachable, "a path or file URL needs the git program, which is not installed here"}
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, git, "upload-pack", "--", path)
	cmd.Env = append(os.Environ(), "LC_ALL=C") // its words are read, see refused
	cmd.WaitDelay = time.Second
	p := &pipe{said: &tail{}}
	cmd.Stderr = p.said
	p.finish = sync.OnceValue(func() error {
		cancel()
		_ = cmd.Wait() // how it ended is told by what it sent
		return nil
	})
	if p.in, err = cmd.StdinPipe(); err == nil {
		p.out, err = cmd.StdoutPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("running git upload-pack: %w", err)
	}
	return p, nil
}

// connectSSH dials, proves both sides to each other, and starts git-upload-pack.
func (r *remote) connectSSH(ctx context.Context) (session, error) {
	port := r.end.Port
	if port == 0 {
		port = gitssh.DefaultPort
	}
	address := net.JoinHostPort(strings.Trim(r.end.Host, "[]"), strconv.Itoa(port))
	config, err := r.sshConfig(address)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	// Closing the connection is what ends a handshake or a read under way.
	release := context.AfterFunc(ctx, func() { _ = conn.Close() })
	c, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err != nil {
		release()
		_ = conn.Close()
		return nil, sshError(err)
	}
	client := ssh.NewClient(c, channels, requests)
	p := &pipe{said: &tail{}}
	p.finish = sync.OnceValue(func() error {
		release()
		_ = client.Close()
		_ = client.Wait()
		return nil
	})
	if err := p.start(client, r.end.Path); err != nil {
		_ = p.finish()
		return nil, err
	}
	return p, nil
}

func (p *pipe) start(client *ssh.Client, path string) error {
	session, err := client.NewSession()
	if err != nil {
		return fmt.Errorf("opening an ssh session: %w", err)
	}
	session.Stderr = p.said
	if p.in, err = session.StdinPipe(); err != nil {
		return fmt.Errorf("opening an ssh session: %w", err)
	}
	if p.out, err = session.StdoutPipe(); err != nil {
		return fmt.Errorf("opening an ssh session: %w", err)
	}
	// Without waiting for the session's end its standard error may be cut off.
	finish := p.finish
	p.finish = sync.OnceValue(func() error {
		if p.refs == nil {
			waitAtMost(2*time.Second, func() { _ = session.Wait() }, func() { _ = finish() })
		}
		return finish()
	})
	if err := session.Start("git-upload-pack " + quoted(path)); err != nil {
		return fmt.Errorf("starting git-upload-pack: %w", err)
	}
	return nil
}

// waitAtMost waits for f, and calls abort, which must end f, when it takes longer.
func waitAtMost(d time.Duration, f, abort func()) {
	timer := time.AfterFunc(d, abort)
	defer timer.Stop()
	f()
}

func (r *remote) sshConfig(address string) (*ssh.ClientConfig, error) {
	auth := r.opts.Auth
	key, err := r.secret(auth.SSHKey)
	if err != nil {
		return nil, err
	}
	passphrase, err := r.secret(auth.SSHPassphrase)
	if err != nil {
		return nil, err
	}
	signer, err := parseKey(key+"\n", passphrase)
	if err != nil {
		return nil, &kindError{ErrCredential, "reading the ssh key: " + err.Error()}
	}
	known, err := gitssh.NewKnownHostsDb(auth.KnownHosts)
	if err != nil {
		return nil, &kindError{ErrHostKey, "reading known hosts: " + err.Error()}
	}
	user := r.end.User
	if auth.Username != "" {
		user = auth.Username
	}
	if user == "" {
		user = "git"
	}
	return &ssh.ClientConfig{
		User:              user,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback:   known.HostKeyCallback(),
		HostKeyAlgorithms: known.HostKeyAlgorithms(address),
	}, nil
}

func parseKey(key, passphrase string) (ssh.Signer, error) {
	if passphrase == "" {
		return ssh.ParsePrivateKey([]byte(key))
	}
	return ssh.ParsePrivateKeyWithPassphrase([]byte(key), []byte(passphrase))
}

// sshError knows a refused key only by its words; the library has no type for it.
func sshError(err error) error {
	if strings.Contains(err.Error(), "unable to authenticate") {
		return &kindError{ErrCredential, err.Error()}
	}
	return err
}

// quoted makes path one word for the shell at the other side, as git does.
func quoted(path string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(path) + "'"
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer and never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - 1024; extra > 0 {
		t.text = t.text[extra:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return printable(string(t.text), 300)
}
