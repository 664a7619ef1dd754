package storetest

import (
	"bytes"
	"context"
	"crypto/md5" // as S3 makes its ETags
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/watchbill/watchbill/stores"
)

// Memory is a [stores.Bucket] in memory. Its fields are set before its first use.
type Memory struct {
	// Now is the clock of Modified; nil is the real one.
	Now func() time.Time
	// Fault, if there is one, is asked before each operation (list, get, put,
	// delete), which fails with its error and does nothing.
	Fault func(operation, key string) error

	mu      sync.Mutex
	objects map[string]stored
}

// stored is never changed, only replaced, so that readers need no lock.
type stored struct {
	stores.Object
	content []byte
}

// NewMemory is an empty bucket.
func NewMemory() *Memory { return &Memory{} }

func (m *Memory) String() string { return "memory" }

// List is the bucket as it was when the iteration began.
func (m *Memory) List(ctx context.Context, prefix string) iter.Seq2[stores.Object, error] {
	return func(yield func(stores.Object, error) bool) {
		if err := m.begin(ctx, "list", prefix); err != nil {
			yield(stores.Object{}, fmt.Errorf("listing %q: %w", prefix, err))
			return
		}
		for _, o := range m.withPrefix(prefix) {
			if err := ctx.Err(); err != nil {
				yield(stores.Object{}, fmt.Errorf("listing %q: %w", prefix, err))
				return
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

func (m *Memory) withPrefix(prefix string) []stores.Object {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []stores.Object
	for _, key := range slices.Sorted(maps.Keys(m.objects)) {
		if strings.HasPrefix(key, prefix) {
			found = append(found, m.objects[key].Object)
		}
	}
	return found
}

func (m *Memory) Get(ctx context.Context, key string) (io.ReadCloser, stores.Object, error) {
	if err := m.begin(ctx, "get", key); err != nil {
		return nil, stores.Object{}, fmt.Errorf("reading %s: %w", key, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	o, found := m.objects[key]
	if !found {
		return nil, stores.Object{}, fmt.Errorf("reading %s: %w", key, stores.ErrNotFound)
	}
	return &body{ctx: ctx, rest: bytes.NewReader(o.content)}, o.Object, nil
}

// body ends with its context, as one from the network does.
type body struct {
	ctx  context.Context
	rest io.Reader
}

func (b *body) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.rest.Read(p)
}

func (b *body) Close() error { return nil }

func (m *Memory) Put(ctx context.Context, key string, from io.ReaderAt, size int64, when stores.Condition) (stores.Object, error) {
	o, err := m.put(ctx, key, from, size, when)
	if err != nil {
		return stores.Object{}, fmt.Errorf("writing %s: %w", key, err)
	}
	return o, nil
}

func (m *Memory) put(ctx context.Context, key string, from io.ReaderAt, size int64, when stores.Condition) (stores.Object, error) {
	if err := errors.Join(stores.CheckKey(key), when.Check()); err != nil {
		return stores.Object{}, stores.Final(err)
	}
	if err := m.begin(ctx, "put", key); err != nil {
		return stores.Object{}, err
	}
	content := make([]byte, size)
	if n, err := from.ReadAt(content, 0); int64(n) < size {
		return stores.Object{}, stores.Final(fmt.Errorf("reading what is to be written: %w", err))
	}
	sum := md5.Sum(content)
	m.mu.Lock()
	defer m.mu.Unlock()
	before, there := m.objects[key]
	if when.Absent && there || when.ETag != "" && before.ETag != when.ETag {
		return stores.Object{}, stores.ErrPrecondition
	}
	o := stored{stores.Object{Key: key, Size: size, Modified: m.now(), ETag: `"` + hex.EncodeToString(sum[:]) + `"`}, content}
	if m.objects == nil {
		m.objects = map[string]stored{}
	}
	m.objects[key] = o
	return o.Object, nil
}

func (m *Memory) Delete(ctx context.Context, key string) error {
	if err := m.begin(ctx, "delete", key); err != nil {
		return fmt.Errorf("deleting %s: %w", key, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

func (m *Memory) begin(ctx context.Context, operation, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Fault != nil {
		return m.Fault(operation, key)
	}
	return nil
}

func (m *Memory) now() time.Time {
	if m.Now == nil {
		return time.Now()
	}
	return m.Now()
}
