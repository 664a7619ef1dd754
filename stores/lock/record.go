package lock

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/watchbill/watchbill/stores"
)

// record is the lock object.
type record struct {
	Version int    `json:"version"`
	Fence   uint64 `json:"fence"`
	// ID is the holder's own for one acquisition; only the holder writes it.
	ID      string `json:"id"`
	Held    bool   `json:"held"`
	Holder  string `json:"holder"`
	Purpose string `json:"purpose,omitempty"`
	// Times are by the holder's clock, for people.
	Acquired time.Time `json:"acquired"`
	Expires  time.Time `json:"expires"`
	// TTL is how long the holder may go without renewing, in milliseconds.
	TTL int64 `json:"ttlMilliseconds"`
	// Writes makes each write another content, and so another ETag.
	Writes uint64 `json:"writes"`
}

const (
	version   = 1
	maxRecord = 8 << 10
	maxTTL    = 24 * time.Hour
)

// state is a record as it stands in the bucket; no ETag means that there is none.
type state struct {
	record
	etag string
}

func read(ctx context.Context, b stores.Bucket, key string) (state, error) {
	body, o, err := b.Get(ctx, key)
	if errors.Is(err, stores.ErrNotFound) {
		return state{}, nil
	} else if err != nil {
		return state{}, err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxRecord+1))
	if err != nil {
		return state{}, err
	}
	r, err := parse(text)
	if err != nil {
		return state{}, fmt.Errorf("%s/%s: %w; see who wrote it, and delete it when nobody writes to the bucket", b, key, err)
	}
	if o.ETag == "" {
		return state{}, fmt.Errorf("%s/%s: the server gives no ETag, so it cannot lock", b, key)
	}
	return state{r, o.ETag}, nil
}

// parse refuses what it does not fully understand, for then it may be held.
func parse(text []byte) (record, error) {
	var r record
	switch err := json.Unmarshal(text, &r); {
	case len(text) > maxRecord:
		return record{}, fmt.Errorf("no lock: it has more than %d bytes", maxRecord)
	case err != nil:
		return record{}, fmt.Errorf("no lock: %w", err)
	case r.Version != version:
		return record{}, fmt.Errorf("a lock of version %d, where %d is known", r.Version, version)
	case r.Fence == 0 || r.Fence+1 == 0 || r.ID == "":
		return record{}, errors.New("a lock without a fence and an id")
	case r.Held && (r.TTL <= 0 || r.TTL > maxTTL.Milliseconds()):
		return record{}, fmt.Errorf("a lock that its holder may not renew for %d milliseconds", r.TTL)
	}
	return r, nil
}

func (r record) ttl() time.Duration { return time.Duration(r.TTL) * time.Millisecond }

// write puts the record where before stands.
func write(ctx context.Context, b stores.Bucket, key string, before string, r record) (state, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return state{}, err
	}
	when := stores.Condition{ETag: before, Absent: before == ""}
	o, err := b.Put(ctx, key, bytes.NewReader(text), int64(len(text)), when)
	return state{r, o.ETag}, err
}
