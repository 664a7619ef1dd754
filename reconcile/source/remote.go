package source

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// session is one conversation with a git-upload-pack: first the references,
// then, if wanted, objects. go-git's own sessions are such.
type session interface {
	AdvertisedReferencesContext(context.Context) (*packp.AdvRefs, error)
	UploadPack(context.Context, *packp.UploadPackRequest) (*packp.UploadPackResponse, error)
	io.Closer
}

// remote knows how to begin conversations. Those over HTTP share connections.
type remote struct {
	opts Options
	end  *transport.Endpoint
	name string // the URL for people and for the clone's configuration

	mu      sync.Mutex
	web     *http.Transport
	bundle  []byte
	secrets []string // whatever must never be shown

	token string // the newest of Auth.Token, for the fetch that is under way
}

func newRemote(opts Options) (*remote, error) {
	end, err := parseURL(opts.URL)
	if err != nil {
		return nil, err
	}
	if err := opts.Auth.check(end, opts.AllowPlainHTTP); err != nil {
		return nil, err
	}
	r := &remote{opts: opts, end: end, name: end.String()}
	if end.Protocol == "ssh" || end.Protocol == "file" {
		r.name = opts.URL
	}
	return r, nil
}

// begin starts a conversation and gives the remote's references. A token that is
// refused is replaced once: it may have been revoked before its time.
func (r *remote) begin(ctx context.Context) (session, *packp.AdvRefs, error) {
	session, refs, err := r.ask(ctx)
	auth := r.opts.Auth
	if auth.Refused != nil && errors.Is(err, transport.ErrAuthenticationRequired) && auth.Refused(ctx, r.token) == nil {
		return r.ask(ctx)
	}
	return session, refs, err
}

func (r *remote) ask(ctx context.Context) (session, *packp.AdvRefs, error) {
	session, err := r.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, session.Close())
	}
	return session, refs, nil
}

func (r *remote) connect(ctx context.Context) (session, error) {
	switch r.end.Protocol {
	case "ssh":
		return r.connectSSH(ctx)
	case "file":
		return connectFile(ctx, r.end.Path)
	}
	web, err := r.webTransport()
	if err != nil {
		return nil, err
	}
	auth, err := r.webAuth(ctx)
	if err != nil {
		return nil, err
	}
	client := githttp.NewClient(&http.Client{Transport: bounded{web, r.opts.MaxBytes}})
	end := *r.end // a session writes a redirect's target into it
	return client.NewUploadPackSession(&end, auth)
}

// webTransport is made anew only when the CA bundle's content changed, so that
// connections are kept from one poll to the next.
func (r *remote) webTransport() (*http.Transport, error) {
	var bundle []byte
	if r.opts.CABundle != "" {
		var err error
		if bundle, err = os.ReadFile(r.opts.CABundle); err != nil {
			return nil, &kindError{ErrCertificate, "reading the CA bundle: " + err.Error()}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.web != nil && bytes.Equal(bundle, r.bundle) {
		return r.web, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if len(bundle) > 0 && !pool.AppendCertsFromPEM(bundle) {
		return nil, &kindError{ErrCertificate, "reading the CA bundle: " + r.opts.CABundle + " holds no certificate"}
	}
	if r.web != nil {
		r.web.CloseIdleConnections()
	}
	r.web = http.DefaultTransport.(*http.Transport).Clone()
	r.web.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	r.bundle = bundle
	return r.web, nil
}

func (r *remote) webAuth(ctx context.Context) (transport.AuthMethod, error) {
	auth := r.opts.Auth
	switch {
	case auth.BearerToken.set():
		token, err := r.secret(auth.BearerToken)
		return &githttp.TokenAuth{Token: token}, err
	case auth.Password.set():
		password, err := r.secret(auth.Password)
		return r.basic(password), err
	case auth.Token != nil:
		token, err := auth.Token(ctx)
		if err != nil {
			return nil, &kindError{ErrCredential, err.Error()}
		}
		r.hide(token)
		r.token = token
		return r.basic(token), nil
	}
	return nil, nil
}

func (r *remote) basic(password string) *githttp.BasicAuth {
	user := r.opts.Auth.Username
	if user == "" {
		user = "x-access-token"
	}
	r.hide(base64.StdEncoding.EncodeToString([]byte(user + ":" + password)))
	return &githttp.BasicAuth{Username: user, Password: password}
}

// secret reads a secret and remembers to hide it.
func (r *remote) secret(s Secret) (string, error) {
	text, err := s.Read()
	if err != nil {
		return "", &kindError{ErrCredential, err.Error()}
	}
	r.hide(text)
	return text, nil
}

// hide keeps the newest secrets only: a rotated one is dead.
func (r *remote) hide(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, known := range r.secrets {
		if known == secret {
			return
		}
	}
	r.secrets = append(r.secrets, secret)
	if len(r.secrets) > 16 {
		r.secrets = r.secrets[1:]
	}
}

// redact takes the secrets out of a text that somebody else wrote.
func (r *remote) redact(text string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, secret := range r.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "REDACTED")
		}
	}
	return text
}

func (r *remote) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.web != nil {
		r.web.CloseIdleConnections()
	}
}

// bounded limits what one answer may bring, for go-git reads references and
// error pages whole into memory.
type bounded struct {
	next http.RoundTripper
	most int64
}

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= 300 {
		answer.Body = &boundedBody{ReadCloser: answer.Body, left: 4 << 10, cut: true}
		return answer, nil
	}
	answer.Body = &boundedBody{ReadCloser: answer.Body, left: b.most}
	return answer, nil
}

type boundedBody struct {
	io.ReadCloser
	left int64
	cut  bool // ends as if nothing more were there
}

var errTooMuch = errors.New("answer is larger than the limit")

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		if b.cut {
			return 0, io.EOF
		}
		return 0, tooLarge("one fetch", errTooMuch)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func tooLarge(what string, err error) error {
	return &kindError{ErrSize, fmt.Sprintf("%s: %v", what, err)}
}
