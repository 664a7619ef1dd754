package stores

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// The ways in which a [Bucket] fails that a caller can do something about.
// Errors wrap one of them where one fits; all others are of the network or the
// server and may pass.
var (
	// ErrNotFound: there is no such object.
	ErrNotFound = errors.New("no such object")
	// ErrPrecondition: the object is not as the condition of the put wants it. Nothing was written.
	ErrPrecondition = errors.New("the object is not as it should be for this write")
	// ErrDenied: the credentials are wrong or lack the right. Trying again does not help.
	ErrDenied = errors.New("not allowed")
	// ErrNoBucket: there is no bucket of this name. Trying again does not help.
	ErrNoBucket = errors.New("no such bucket")
)

// Object is what a listing says of one object.
type Object struct {
	Key      string // below the bucket's prefix, as all keys here
	Size     int64  // bytes
	Modified time.Time
	// ETag is the server's mark of the content, opaque, and equal only for equal writes.
	ETag string
}

// Bucket is an object store as blocks need it. What holds for every one of
// them, and what storetest.Conformance tests:
//
//   - After Put returns without an error, Get and List see the object whole;
//     before, or when Put fails, they see the object before or none, never a part.
//   - After Delete returns without an error, they do not see it. To delete what
//     is not there is no error.
//   - List gives every object whose key begins with prefix, sorted by key as
//     bytes. Objects that come or go meanwhile may be in it or not, all others are.
//   - Keys are UTF-8 with slashes, without one at the beginning.
//   - Every method may be called by several goroutines, ends soon after its
//     context does, and wraps the errors above.
//
// Nothing that is read may be trusted: others write to the bucket too.
type Bucket interface {
	// List ends at the first error, which it yields.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// Get opens an object. The caller closes the body, and reads at most what it is ready to hold.
	Get(ctx context.Context, key string) (io.ReadCloser, Object, error)
	// Put writes size bytes of body as one object, in parts where that is
	// better. The body may be read more than once and at several places at once.
	Put(ctx context.Context, key string, body io.ReaderAt, size int64, when Condition) (Object, error)
	// Delete removes an object.
	Delete(ctx context.Context, key string) error
	// String names the store for messages, as in s3://bucket/prefix; it holds no secret.
	String() string
}

// Condition is what has to hold for a put. The zero value is none.
type Condition struct {
	// Absent: there is no object of that key.
	Absent bool
	// ETag: the object has this ETag.
	ETag string
}
