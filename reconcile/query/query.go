// Package query asks a server that speaks Prometheus's query API: Prometheus
// itself, Thanos Query, or what else does.
//
// A [Client] is made for questions that may as well go without an answer: each has
// a time limit and a largest size, a server that is down is asked once more and
// then left alone, and what an error says of the address holds no credentials.
// [Client.Live] is the client as package live wants it.
package query

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Options say how a server is asked. Zero limits are the defaults.
type Options struct {
	// URL of the API without /api/v1, such as http://prometheus:9090. A user and
	// password in it are sent as basic authentication, and told to nobody.
	URL string
	// Token gives the bearer token; nil sends none. See [TokenFile].
	Token func() (string, error)
	// CAFile has the authorities of the server's certificate; empty for the system's.
	CAFile string
	// Transport in place of one of its own; CAFile is not read then.
	Transport http.RoundTripper
	// Timeout of one question, tries and all. 30s.
	Timeout time.Duration
	// MaxBytes is how large an answer may be. 32 MiB.
	MaxBytes int64
	// RetryAfter is how long to wait before the second try. 1s.
	RetryAfter time.Duration
}

// Client asks one server. It is safe for concurrent use.
type Client struct {
	options Options
	base    *url.URL // without credentials
	user    *url.Userinfo
	http    *http.Client
}

// New checks the options; it does not ask anything yet.
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.URL)
	if err != nil { // whose text would repeat the address
		return nil, errors.New("read the query address: it is no URL; write it as http://prometheus:9090")
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, errors.New("read the query address: it does not begin with http:// or https:// and a host; write it as http://prometheus:9090")
	}
	c := &Client{options: o, user: base.User}
	if c.options.Timeout <= 0 {
		c.options.Timeout = 30 * time.Second
	}
	if c.options.MaxBytes <= 0 {
		c.options.MaxBytes = 32 << 20
	}
	if c.options.RetryAfter <= 0 {
		c.options.RetryAfter = time.Second
	}
	c.base = &url.URL{Scheme: base.Scheme, Host: base.Host, Path: strings.TrimRight(base.Path, "/")}
	transport := o.Transport
	if transport == nil {
		if transport, err = newTransport(o.CAFile); err != nil {
			return nil, err
		}
	}
	c.http = &http.Client{
		Transport: transport,
		// A redirect could carry the credentials elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

func newTransport(caFile string) (http.RoundTripper, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 4
	if caFile == "" {
		return transport, nil
	}
	var err error
	transport.TLSClientConfig, err = trusting(caFile)
	return transport, err
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Address is where the server is, without credentials.
func (c *Client) Address() string { return c.base.String() }

func trusting(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the authorities of the query address: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read the authorities of the query address: %s holds no certificate in PEM", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// TokenFile reads a token from a file, anew each time, as mounted ones are renewed.
func TokenFile(path string) func() (string, error) {
	return func() (string, error) {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("read the token for queries: %w", err)
		}
		token := strings.TrimSpace(string(content))
		if token == "" || strings.ContainsAny(token, "\r\n") {
			return "", fmt.Errorf("read the token for queries: %s holds no token on one line", path)
		}
		return token, nil
	}
}

// authorize adds the credentials.
func (c *Client) authorize(r *http.Request) error {
	if c.options.Token != nil {
		token, err := c.options.Token()
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
	} else if c.user != nil {
		password, _ := c.user.Password()
		r.SetBasicAuth(c.user.Username(), password)
	}
	return nil
}

// wait is false if the context ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
