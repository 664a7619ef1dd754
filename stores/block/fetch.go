package block

import (
	"context"
	"fmt"
	"io"

	"github.com/oklog/ulid/v2"

	"github.com/watchbill/watchbill/stores"
)

// FetchMeta gets and parses meta.json of a block in a bucket. The object is
// told with an error that wraps [ErrBroken], too.
func FetchMeta(ctx context.Context, bucket stores.Bucket, id ulid.ULID) (Meta, stores.Object, error) {
	data, o, err := fetch(ctx, bucket, id, MetaFile, MaxMetaSize)
	if err != nil {
		return Meta{}, o, err
	}
	m, err := ParseMeta(data)
	if err == nil && m.ULID != id {
		err = otherBlock(MetaFile, m.ULID, id)
	}
	return m, o, err
}

// FetchDeletionMark gets and parses a block's mark, as FetchMeta does.
func FetchDeletionMark(ctx context.Context, bucket stores.Bucket, id ulid.ULID) (DeletionMark, stores.Object, error) {
	data, o, err := fetch(ctx, bucket, id, DeletionMarkFile, MaxMarkerSize)
	if err != nil {
		return DeletionMark{}, o, err
	}
	m, err := ParseDeletionMark(data)
	if err == nil && m.ID != id {
		err = otherBlock(DeletionMarkFile, m.ID, id)
	}
	return m, o, err
}

func otherBlock(file string, says, folder ulid.ULID) error {
	return broken(file, "it says that it is of block %s, and lies in the folder of %s", says, folder)
}

// fetch reads a small object whole. The bucket tries again what fails to begin;
// a body that ends early is only seen here.
func fetch(ctx context.Context, bucket stores.Bucket, id ulid.ULID, file string, most int64) ([]byte, stores.Object, error) {
	for attempt := 1; ; attempt++ {
		body, o, err := bucket.Get(ctx, Key(id, file))
		if err != nil {
			return nil, o, err
		}
		if o.Size > most {
			body.Close()
			return nil, o, broken(file, "larger than %d bytes", most)
		}
		data, err := whole(body, o.Size)
		body.Close()
		if err == nil {
			return data, o, nil
		}
		if attempt == 3 || ctx.Err() != nil {
			return nil, o, fmt.Errorf("reading %s: %w", Key(id, file), err)
		}
	}
}

// whole reads size bytes and nothing less or more: what was cut off must not
// look like what was written.
func whole(body io.Reader, size int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(body, size+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) != size {
		return nil, fmt.Errorf("%d bytes came of %d: %w", len(data), size, io.ErrUnexpectedEOF)
	}
	return data, nil
}
