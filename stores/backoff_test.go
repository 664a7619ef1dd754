package stores

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

var errPassing = errors.New("it may pass")

func TestBackoff(t *testing.T) {
	b := Backoff{Attempts: 5, First: time.Second, Most: 3 * time.Second}
	for name, c := range map[string]struct {
		errs        []error // of the attempts; the last one goes on
		tries       int
		least, most time.Duration
		want        error
	}{
		"at once":       {[]error{nil}, 1, 0, 0, nil},
		"second":        {[]error{errPassing, nil}, 2, time.Second / 2, time.Second, nil},
		"never":         {[]error{errPassing}, 5, 4500 * time.Millisecond, 9 * time.Second, errPassing},
		"denied":        {[]error{ErrDenied}, 1, 0, 0, ErrDenied},
		"no bucket":     {[]error{ErrNoBucket}, 1, 0, 0, ErrNoBucket},
		"not found":     {[]error{ErrNotFound}, 1, 0, 0, ErrNotFound},
		"precondition":  {[]error{ErrPrecondition}, 1, 0, 0, ErrPrecondition},
		"given up once": {[]error{finalError{errPassing}}, 1, 0, 0, errPassing},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, tries := time.Now(), 0
				err := b.do(t.Context(), slog.New(slog.DiscardHandler), "test", func() error {
					tries++
					return c.errs[min(tries, len(c.errs))-1]
				})
				if !errors.Is(err, c.want) || tries != c.tries {
					t.Errorf("%v after %d tries, want %v after %d", err, tries, c.want, c.tries)
				}
				if took := time.Since(began); took < c.least || took > c.most {
					t.Errorf("it took %s, want between %s and %s", took, c.least, c.most)
				}
			})
		})
	}
}

// TestBackoffEnds: the end of the context ends the wait, and both errors are told.
func TestBackoffEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		b := Backoff{Attempts: 5, First: time.Hour, Most: time.Hour}
		err := b.do(ctx, slog.New(slog.DiscardHandler), "test", func() error { return errPassing })
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errPassing) || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

func TestRegion(t *testing.T) {
	for _, c := range []struct{ config, environment, endpoint, want string }{
		{"eu-west-1", "eu-west-2", "s3.eu-west-3.amazonaws.com", "eu-west-1"},
		{"", "eu-west-2", "s3.eu-west-3.amazonaws.com", "eu-west-2"},
		{"", "", "s3.eu-west-3.amazonaws.com", "eu-west-3"},
		{"", "", "s3.amazonaws.com", "us-east-1"},
		{"", "", "s3.dualstack.eu-west-3.amazonaws.com", "us-east-1"},
		{"", "", "minio.example.org:9000", "us-east-1"},
	} {
		if got := (Config{Region: c.config, Endpoint: c.endpoint}).region(c.environment); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	for endpoint, want := range map[string]bool{
		"s3.amazonaws.com": true, "s3.eu-west-1.amazonaws.com:443": true, "s3.cn-north-1.amazonaws.com.cn": true,
		"minio.example.org:9000": false, "amazonaws.com.example.org": false,
	} {
		if atAWS(endpoint) != want {
			t.Errorf("%s is AWS: %v", endpoint, !want)
		}
	}
}
