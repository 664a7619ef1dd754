package source

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
)

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
