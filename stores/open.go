package stores

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	"github.com/prometheus/client_golang/prometheus"
)

// Options are how a bucket is used, beside where it is.
type Options struct {
	Registerer prometheus.Registerer // nil: no metrics
	Logger     *slog.Logger          // nil: silence
	Backoff    Backoff               // zero: DefaultBackoff
	// Idle is how long a server may neither send nor take a byte; zero is a minute.
	Idle time.Duration
	// Single is the largest object that is written by one request, and not in
	// parts; zero is 512 MiB, a full segment of chunks. Parts cost a request
	// each, and many servers write them twice: as parts, and joined.
	Single int64
}

// Open gives the bucket of a configuration, with retry and metrics. It reads the
// environment and AWS's own files for credentials and asks nobody yet: what is
// wrong with bucket or credentials, the first operation tells.
func Open(ctx context.Context, c Config, options Options) (Bucket, error) {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Backoff == (Backoff{}) {
		options.Backoff = DefaultBackoff
	}
	if options.Idle == 0 {
		options.Idle = time.Minute
	}
	if options.Single == 0 {
		options.Single = 512 << 20
	}
	client, err := newClient(ctx, c, options.Idle)
	if err != nil {
		return nil, fmt.Errorf("opening the object store: %w", err)
	}
	var b Bucket = &s3Bucket{
		client: client, bucket: c.Bucket, encryption: c.Encryption,
		backoff: options.Backoff, logger: options.Logger, single: options.Single,
	}
	b = WithRetry(b, options.Backoff, options.Logger)
	if options.Registerer != nil {
		if b, err = WithMetrics(b, options.Registerer); err != nil {
			return nil, err
		}
	}
	return WithPrefix(b, c.Prefix), nil
}

func newClient(ctx context.Context, c Config, idle time.Duration) (*s3.Client, error) {
	sdk, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(newHTTPClient(idle)))
	if err != nil {
		return nil, fmt.Errorf("reading AWS's settings: %w", err)
	}
	return s3.NewFromConfig(sdk, func(o *s3.Options) {
		scheme := "https://"
		if c.Insecure {
			scheme = "http://"
		}
		o.BaseEndpoint = aws.String(scheme + c.Endpoint)
		o.UsePathStyle = c.Lookup == LookupPath || c.Lookup != LookupVirtualHost && !atAWS(c.Endpoint)
		o.Region = c.region(o.Region)
		o.Credentials = credentials{o.Credentials}
		o.Retryer = aws.NopRetryer{} // ours knows what may be done twice
		o.Logger = logging.Nop{}     // which writes to stderr otherwise
		// Signatures cover every body by SHA-256. The SDK's newer checksums are
		// refused by many servers, and add nothing to that.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	}), nil
}

func atAWS(endpoint string) bool {
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		host = endpoint
	}
	return strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".amazonaws.com.cn")
}

// region is the configured one, the environment's, the endpoint's, or the one that servers other than AWS take.
func (c Config) region(environment string) string {
	switch {
	case c.Region != "":
		return c.Region
	case environment != "":
		return environment
	}
	rest, found := strings.CutPrefix(c.Endpoint, "s3.")
	if region, _, two := strings.Cut(rest, ".amazonaws.com"); found && two && region != "" && !strings.Contains(region, ".") {
		return region
	}
	return "us-east-1"
}

// newHTTPClient is the SDK's own, for its environment variables hold, with connections that end when nothing moves.
func newHTTPClient(idle time.Duration) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		dial := (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			connection, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &watchedConn{connection, idle}, nil
		}
		t.MaxIdleConnsPerHost = 2 * uploads
		t.IdleConnTimeout = idle
	})
}

// watchedConn fails when it neither reads nor writes for a while. One deadline
// stands for both: who waits for an answer while it sends is not idle.
type watchedConn struct {
	net.Conn
	idle time.Duration
}

func (c *watchedConn) Read(p []byte) (int, error) {
	if err := c.moved(); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *watchedConn) Write(p []byte) (int, error) {
	if err := c.moved(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *watchedConn) moved() error { return c.SetDeadline(time.Now().Add(c.idle)) }
