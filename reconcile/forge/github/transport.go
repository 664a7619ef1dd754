package github

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// bearer adds the token to requests that go to the API's own address, and to no
// other that a redirect may lead to.
type bearer struct {
	next    http.RoundTripper
	home    *url.URL
	token   func(context.Context) (string, error)
	secrets *secrets
	// renew, if set, is told of a token that was refused, and says whether to try once more.
	renew func(token string, refusal *http.Response) bool
}

// tokenError is an error of the token's source, which may be mended meanwhile.
type tokenError struct{ error }

func (e tokenError) Unwrap() error { return e.error }

// RoundTrip implements http.RoundTripper.
func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != b.home.Host || req.URL.Scheme != b.home.Scheme {
		return b.next.RoundTrip(req)
	}
	answer, token, err := b.send(req)
	if err != nil || answer.StatusCode != http.StatusUnauthorized || b.renew == nil || !b.renew(token, answer) {
		return answer, err
	}
	again := req.Clone(req.Context())
	if req.Body != nil && req.Body != http.NoBody {
		if req.GetBody == nil {
			return answer, nil
		}
		body, err := req.GetBody()
		if err != nil {
			return answer, nil //nolint:nilerr // the refusal tells more
		}
		again.Body = body
	}
	_ = answer.Body.Close()
	answer, _, err = b.send(again)
	return answer, err
}

func (b *bearer) send(req *http.Request) (answer *http.Response, token string, err error) {
	token, err = b.token(req.Context())
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, "", tokenError{err}
	}
	b.secrets.add(token)
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+token)
	answer, err = b.next.RoundTrip(req)
	return answer, token, err
}

// secrets are the tokens that were sent of late.
type secrets struct {
	mu     sync.Mutex
	values []string
}

func (s *secrets) add(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.values, value) {
		return
	}
	s.values = append(s.values, value)
	if len(s.values) > 8 {
		s.values = slices.Delete(s.values, 0, 1)
	}
}

// inURL is a credential in a URL, a proxy's say.
var inURL = regexp.MustCompile(`//[^/@\s"]+@`)

// redact takes the tokens out of a text that somebody else wrote.
func (s *secrets) redact(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, value := range s.values {
		if value != "" {
			text = strings.ReplaceAll(text, value, "REDACTED")
		}
	}
	return inURL.ReplaceAllString(text, "//REDACTED@")
}

// capped ends an answer that is too long with an error.
type capped struct{ next http.RoundTripper }

const maxAnswer = 8 << 20

var errTooLong = errors.New("the answer is longer than 8 MiB")

// RoundTrip implements http.RoundTripper.
func (c capped) RoundTrip(req *http.Request) (*http.Response, error) {
	answer, err := c.next.RoundTrip(req)
	if err == nil {
		answer.Body = &cappedBody{ReadCloser: answer.Body, left: maxAnswer}
	}
	return answer, err
}

type cappedBody struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader. One byte more than is allowed tells a long answer
// from one that just fits.
func (b *cappedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}
