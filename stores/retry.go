package stores

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
)

// smallBody is what a Get reads within its attempt, so that a cut one is asked for again.
const smallBody = 1 << 20

// retrying tries again what may pass. Listings it leaves alone: the store below
// tries each page again rather than the whole.
type retrying struct {
	Bucket
	backoff Backoff
	logger  *slog.Logger
}

// WithRetry tries again what failed and may pass: gets, with the bodies of
// small objects, puts and deletes.
//
// A conditional put whose answer was lost may have been done, and the next
// attempt then meets its own object. Such an object counts as written here if
// it has the very content of this put; contents that may be equal by chance,
// as those of two racers, need something of their own in them.
func WithRetry(b Bucket, backoff Backoff, logger *slog.Logger) Bucket {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &retrying{b, backoff, logger}
}

func (r *retrying) Get(ctx context.Context, key string) (body io.ReadCloser, o Object, err error) {
	err = r.backoff.do(ctx, r.logger, "get", func() error {
		if body, o, err = r.Bucket.Get(ctx, key); err != nil || o.Size > smallBody {
			return err
		}
		defer body.Close()
		content, err := io.ReadAll(io.LimitReader(body, smallBody))
		body = io.NopCloser(bytes.NewReader(content))
		return err
	})
	if err != nil {
		return nil, Object{}, err
	}
	return body, o, nil
}

func (r *retrying) Put(ctx context.Context, key string, body io.ReaderAt, size int64, when Condition) (o Object, err error) {
	lost := false // an attempt may have been done although it failed
	err = r.backoff.do(ctx, r.logger, "put", func() error {
		o, err = r.Bucket.Put(ctx, key, body, size, when)
		if errors.Is(err, ErrPrecondition) && lost {
			return r.recognise(ctx, key, body, size, &o, err)
		}
		lost = lost || err != nil
		return err
	})
	return o, err
}

// recognise takes the object for ours if it holds what was to be written.
func (r *retrying) recognise(ctx context.Context, key string, body io.ReaderAt, size int64, o *Object, refusal error) error {
	there, found, err := r.Bucket.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return refusal
	}
	if err != nil {
		return err
	}
	defer there.Close()
	if found.Size != size {
		return refusal
	}
	same, err := equal(there, io.NewSectionReader(body, 0, size))
	if err != nil {
		return err
	}
	if !same {
		return refusal
	}
	*o = found
	return nil
}

func equal(a, b io.Reader) (bool, error) {
	left, right := make([]byte, 32<<10), make([]byte, 32<<10)
	for {
		n, ended, err := fill(a, left)
		if err != nil {
			return false, err
		}
		m, _, err := fill(b, right)
		if err != nil || !bytes.Equal(left[:n], right[:m]) {
			return false, err
		}
		if ended {
			return true, nil
		}
	}
}

// fill reads until the buffer is full or the reader has ended.
func fill(r io.Reader, buffer []byte) (n int, ended bool, err error) {
	n, err = io.ReadFull(r, buffer)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, true, nil
	}
	return n, false, err
}

func (r *retrying) Delete(ctx context.Context, key string) error {
	return r.backoff.do(ctx, r.logger, "delete", func() error { return r.Bucket.Delete(ctx, key) })
}
