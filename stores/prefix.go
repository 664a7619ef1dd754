package stores

import (
	"context"
	"io"
	"iter"
	"strings"
)

// WithPrefix is the part of a bucket below a prefix, which the keys then go without.
func WithPrefix(b Bucket, prefix string) Bucket {
	prefix = strings.Trim(prefix, "/")
	if prefix == "" {
		return b
	}
	return prefixed{b, prefix + "/"}
}

type prefixed struct {
	below  Bucket
	prefix string
}

func (p prefixed) String() string { return p.below.String() + "/" + strings.TrimSuffix(p.prefix, "/") }

func (p prefixed) own(o Object) Object {
	o.Key = strings.TrimPrefix(o.Key, p.prefix)
	return o
}

func (p prefixed) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for o, err := range p.below.List(ctx, p.prefix+prefix) {
			if !yield(p.own(o), err) {
				return
			}
		}
	}
}

func (p prefixed) Get(ctx context.Context, key string) (io.ReadCloser, Object, error) {
	body, o, err := p.below.Get(ctx, p.prefix+key)
	return body, p.own(o), err
}

func (p prefixed) Put(ctx context.Context, key string, body io.ReaderAt, size int64, when Condition) (Object, error) {
	if err := CheckKey(key); err != nil {
		return Object{}, err
	}
	o, err := p.below.Put(ctx, p.prefix+key, body, size, when)
	return p.own(o), err
}

func (p prefixed) Delete(ctx context.Context, key string) error {
	return p.below.Delete(ctx, p.prefix+key)
}
