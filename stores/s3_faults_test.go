package stores_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/storetest"
)

// operations on a bucket that holds "there" with the text "text".
var operations = map[string]func(ctx context.Context, b stores.Bucket) error{
	"get": func(ctx context.Context, b stores.Bucket) error {
		body, _, err := b.Get(ctx, "there")
		if err != nil {
			return err
		}
		defer body.Close()
		content, err := io.ReadAll(body)
		if err == nil && string(content) != "text" {
			err = errors.New("it holds " + string(content))
		}
		return err
	},
	"list": func(ctx context.Context, b stores.Bucket) error {
		n := 0
		for _, err := range b.List(ctx, "th") {
			if err != nil {
				return err
			}
			n++
		}
		if n != 1 {
			return errors.New("the listing is not complete")
		}
		return nil
	},
	"put": func(ctx context.Context, b stores.Bucket) error {
		_, err := b.Put(ctx, "new", strings.NewReader("new text"), 8, stores.Condition{})
		return err
	},
	"create": func(ctx context.Context, b stores.Bucket) error {
		_, err := b.Put(ctx, "created", strings.NewReader("new text"), 8, stores.Condition{Absent: true})
		return err
	},
	"delete": func(ctx context.Context, b stores.Bucket) error { return b.Delete(ctx, "there") },
}

// TestRefused: what trying again does not help is tried once, and says what to do.
func TestRefused(t *testing.T) {
	server := storetest.Versitygw(t)
	for name, c := range map[string]struct {
		env    map[string]string
		bucket string
		want   error
		hint   string
	}{
		"no such bucket": {nil, "nowhere", stores.ErrNoBucket, "check the bucket's name"},
		"wrong key":      {map[string]string{"AWS_ACCESS_KEY_ID": "nobody"}, "", stores.ErrDenied, "check AWS_ACCESS_KEY_ID"},
		"wrong secret":   {map[string]string{"AWS_SECRET_ACCESS_KEY": "hush-hush"}, "", stores.ErrDenied, "check AWS_SECRET_ACCESS_KEY"},
		"no credentials": {map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "", stores.ErrDenied, "credentials come by AWS_ACCESS_KEY_ID"},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := storetest.NewFaultProxy(t, server.Endpoint)
			config := proxy.Before(server.Bucket(t))
			if c.bucket != "" {
				config.Bucket = c.bucket
			}
			for key, value := range c.env {
				t.Setenv(key, value)
			}
			b := storetest.Open(t, config)
			for operation, do := range operations {
				proxy.Break(nil)
				err := do(t.Context(), b)
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.hint) {
					t.Errorf("%s: %v, want %v; %s", operation, err, c.want, c.hint)
				}
				if err != nil && strings.Contains(err.Error(), "hush") {
					t.Errorf("%s tells the secret: %v", operation, err)
				}
				if n := proxy.Requests(); n > 1 {
					t.Errorf("%s was tried %d times", operation, n)
				}
			}
		})
	}
}

// TestPassing: each operation bears each fault that passes.
func TestPassing(t *testing.T) {
	server := storetest.Versitygw(t)
	for name, fault := range map[string]storetest.Fault{
		"unavailable": storetest.Unavailable, "hang": storetest.Hang, "slow body": storetest.SlowBody,
		"cut upload": storetest.CutUpload, "cut download": storetest.CutDownload, "lost answer": storetest.LostAnswer,
	} {
		for operation, do := range operations {
			t.Run(name+" at "+operation, func(t *testing.T) {
				proxy := storetest.NewFaultProxy(t, server.Endpoint)
				b, err := stores.Open(t.Context(), proxy.Before(server.Bucket(t)), stores.Options{Backoff: storetest.Quick, Idle: 200 * time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				storetest.Put(t, b, "there", "text")
				proxy.Break(storetest.Nth(0, 1, fault, storetest.IsAny))
				if err := do(t.Context(), b); err != nil {
					t.Error(err)
				}
				if proxy.Faults() != 1 {
					t.Errorf("%d faults", proxy.Faults())
				}
			})
		}
	}
}

// TestNotPassing: it ends, and says why and how often it was tried.
func TestNotPassing(t *testing.T) {
	server := storetest.Versitygw(t)
	proxy := storetest.NewFaultProxy(t, server.Endpoint)
	b, err := stores.Open(t.Context(), proxy.Before(server.Bucket(t)), stores.Options{Backoff: stores.Backoff{Attempts: 3}})
	if err != nil {
		t.Fatal(err)
	}
	proxy.Break(storetest.Always(storetest.Unavailable, storetest.IsAny))
	for operation, do := range operations {
		proxy.Break(storetest.Always(storetest.Unavailable, storetest.IsAny))
		if err := do(t.Context(), b); err == nil || !strings.Contains(err.Error(), "after 3 attempts") || !strings.Contains(err.Error(), "503") {
			t.Errorf("%s: %v", operation, err)
		}
		if proxy.Requests() != 3 {
			t.Errorf("%s was tried %d times", operation, proxy.Requests())
		}
	}
	proxy.Break(storetest.Always(storetest.Hang, storetest.IsAny))
	for operation, do := range operations {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := do(ctx, b); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s hangs: %v", operation, err)
		}
		cancel()
	}
}

// parts is a size of three.
const parts = 2*(16<<20) + 5

// TestParts: faults within an upload in parts.
func TestParts(t *testing.T) {
	server := storetest.Versitygw(t)
	for name, c := range map[string]struct {
		rule storetest.Rule
		fine bool
	}{
		"none":                  {nil, true},
		"a part is refused":     {storetest.Nth(1, 2, storetest.Unavailable, storetest.IsPart), true},
		"a part is cut":         {storetest.Nth(2, 1, storetest.CutUpload, storetest.IsPart), true},
		"a part's answer lost":  {storetest.Nth(0, 1, storetest.LostAnswer, storetest.IsPart), true},
		"the end is refused":    {storetest.Nth(0, 1, storetest.Unavailable, storetest.IsComplete), true},
		"the end's answer lost": {storetest.Nth(0, 1, storetest.LostAnswer, storetest.IsComplete), true},
		"a part never passes":   {storetest.Always(storetest.Unavailable, isPart(2)), false},
		"the end never passes":  {storetest.Always(storetest.Unavailable, storetest.IsComplete), false},
	} {
		for condition, when := range map[string]stores.Condition{"": {}, ", if absent": {Absent: true}} {
			t.Run(name+condition, func(t *testing.T) {
				proxy := storetest.NewFaultProxy(t, server.Endpoint)
				config := server.Bucket(t)
				b := storetest.Open(t, proxy.Before(config))
				var sent atomic.Int32
				proxy.Break(func(n int, r *http.Request) storetest.Fault {
					if storetest.IsPart(r) {
						sent.Add(1)
					}
					if c.rule == nil {
						return storetest.None
					}
					return c.rule(n, r)
				})
				put, err := b.Put(t.Context(), "large", storetest.Pattern(9), parts, when)
				if (err == nil) != c.fine {
					t.Fatalf("%v, fine should be %v", err, c.fine)
				}
				if c.fine && sent.Load() > 3+2 { // each fault costs one
					t.Errorf("%d parts were sent", sent.Load())
				}
				proxy.Break(nil)
				checkNoUploads(t, filepath.Join(server.Dir, config.Bucket))
				if !c.fine {
					if keys := storetest.Keys(t, b, ""); len(keys) > 0 {
						t.Errorf("there is %q", keys)
					}
					return
				}
				content, o := storetest.Get(t, b, "large")
				if err := storetest.Pattern(9).Equal(strings.NewReader(content), parts); err != nil || o.ETag != put.ETag || !strings.HasSuffix(o.ETag, `-3"`) {
					t.Errorf("%v, %+v, want %+v", err, o, put)
				}
			})
		}
	}
}

func isPart(number int) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return storetest.IsPart(r) && r.URL.Query().Get("partNumber") == string(rune('0'+number))
	}
}

// checkNoUploads looks at versitygw's own folder of parts.
func checkNoUploads(t *testing.T, bucket string) {
	t.Helper()
	var left []string
	err := filepath.WalkDir(filepath.Join(bucket, ".sgwtmp", "multipart"), func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			left = append(left, path)
		}
		return nil
	})
	if err != nil || len(left) > 0 {
		t.Errorf("%v, parts are left: %q", err, left)
	}
}

// TestCancelledParts: an upload that is cut short is forgotten by the server too.
func TestCancelledParts(t *testing.T) {
	server := storetest.Versitygw(t)
	proxy := storetest.NewFaultProxy(t, server.Endpoint)
	config := server.Bucket(t)
	b := storetest.Open(t, proxy.Before(config))
	ctx, cancel := context.WithCancel(t.Context())
	proxy.Break(func(_ int, r *http.Request) storetest.Fault {
		if isPart(3)(r) {
			cancel()
			return storetest.Hang
		}
		return storetest.None
	})
	if _, err := b.Put(ctx, "large", storetest.Pattern(1), parts, stores.Condition{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	checkNoUploads(t, filepath.Join(server.Dir, config.Bucket))
}

// TestLittleMemory: neither way of writing holds the body.
func TestLittleMemory(t *testing.T) {
	server := storetest.Versitygw(t)
	config := server.Bucket(t)
	for name, single := range map[string]int64{"whole": 1 << 30, "in parts": 1} {
		b, err := stores.Open(t.Context(), config, stores.Options{Single: single})
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		const size = 128 << 20
		if _, err := b.Put(t.Context(), "large", storetest.Pattern(1), size, stores.Condition{}); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if all := after.TotalAlloc - before.TotalAlloc; all > 8<<20 {
			t.Errorf("%s: writing %d MiB took %d MiB of memory in all", name, size>>20, all>>20)
		}
	}
}

// TestLostCreation: who meets what itself has written has won, and who meets another's has not.
func TestLostCreation(t *testing.T) {
	server := storetest.Versitygw(t)
	proxy := storetest.NewFaultProxy(t, server.Endpoint)
	config := server.Bucket(t)
	b, near := storetest.Open(t, proxy.Before(config)), storetest.Open(t, config)
	put := func(content string, when stores.Condition) (stores.Object, error) {
		return b.Put(t.Context(), "k", strings.NewReader(content), int64(len(content)), when)
	}
	proxy.Break(storetest.Nth(0, 1, storetest.LostAnswer, storetest.IsPut))
	one, err := put("one", stores.Condition{Absent: true})
	if content, o := storetest.Get(t, near, "k"); err != nil || content != "one" || o.ETag != one.ETag {
		t.Errorf("%v, %+v, it holds %q with %+v", err, one, content, o)
	}
	for name, other := range map[string]string{"of the same length": "oth", "of another": "other"} {
		before, _ := near.Put(t.Context(), "k", strings.NewReader("before"), 6, stores.Condition{})
		proxy.Break(func(_ int, r *http.Request) storetest.Fault {
			if !storetest.IsPut(r) {
				return storetest.None
			}
			storetest.Put(t, near, "k", other) // before this one comes
			proxy.Break(nil)
			return storetest.LostAnswer
		})
		if _, err := put("two", stores.Condition{ETag: before.ETag}); !errors.Is(err, stores.ErrPrecondition) {
			t.Errorf("another's %s: %v", name, err)
		}
		if content, _ := storetest.Get(t, near, "k"); content != other {
			t.Errorf("it holds %q", content)
		}
	}
}
