package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
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
