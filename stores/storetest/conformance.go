package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/stores"
)

// Conformance tests every sentence of the contract of [stores.Bucket]. The
// function makes an empty bucket for each test.
func Conformance(t *testing.T, empty func(t *testing.T) stores.Bucket) {
	for name, test := range map[string]func(*testing.T, stores.Bucket){
		"what is put is there, whole":            testPut,
		"a put replaces":                         testReplace,
		"a large object":                         testLarge,
		"a failed put leaves what was":           testFailedPut,
		"a reader sees one whole object":         testWhole,
		"delete":                                 testDelete,
		"a listing has all below, sorted":        testList,
		"a listing of many":                      testListMany,
		"a listing ends when its reader has all": testListBreak,
		"a listing beside changes has the rest":  testListMeanwhile,
		"keys":                                   testKeys,
		"conditions":                             testConditions,
		"one racer creates":                      testRaceToCreate,
		"one racer replaces":                     testRaceToReplace,
		"the end of a context":                   testContext,
		"what is not there":                      testNotFound,
	} {
		t.Run(name, func(t *testing.T) { test(t, empty(t)) })
	}
}

func testPut(t *testing.T, b stores.Bucket) {
	for key, content := range map[string]string{"empty": "", "short": "text", "a/b/c.json": "{}", "zeros": "\x00\x00\xff"} {
		before := time.Now()
		put := Put(t, b, key, content)
		if put.Key != key || put.Size != int64(len(content)) || put.ETag == "" {
			t.Errorf("put %q tells %+v", key, put)
		}
		got, object := Get(t, b, key)
		if got != content {
			t.Errorf("%q holds %q, want %q", key, got, content)
		}
		listed := List(t, b, key)
		if len(listed) != 1 {
			t.Fatalf("listing %q gives %v", key, listed)
		}
		for way, o := range map[string]stores.Object{"get": object, "list": listed[0]} {
			if o.Key != key || o.Size != put.Size || o.ETag != put.ETag {
				t.Errorf("%s tells %+v, want %+v", way, o, put)
			}
			// A server's clock may have whole seconds.
			if o.Modified.Before(before.Add(-2*time.Second)) || o.Modified.After(time.Now().Add(2*time.Second)) {
				t.Errorf("%s: %q was modified %s, want about %s", way, key, o.Modified, before)
			}
		}
	}
}

func testReplace(t *testing.T, b stores.Bucket) {
	one := Put(t, b, "k", "one, which is longer")
	two := Put(t, b, "k", "two")
	if one.ETag == two.ETag {
		t.Errorf("both contents have the ETag %s", one.ETag)
	}
	if got, o := Get(t, b, "k"); got != "two" || o.ETag != two.ETag {
		t.Errorf("it holds %q with %+v", got, o)
	}
	if again := Put(t, b, "k", "one, which is longer"); again.ETag == two.ETag {
		t.Errorf("both contents have the ETag %s", again.ETag)
	}
}

// testLarge: more than what fits into one part, and not a round number.
func testLarge(t *testing.T, b stores.Bucket) {
	const size = 20<<20 + 7
	put, err := b.Put(t.Context(), "large", Pattern(3), size, stores.Condition{Absent: true})
	if err != nil {
		t.Fatal(err)
	}
	body, object, err := b.Get(t.Context(), "large")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if object.Size != size || object.ETag != put.ETag {
		t.Errorf("get tells %+v, want %+v", object, put)
	}
	if err := Pattern(3).Equal(body, size); err != nil {
		t.Error(err)
	}
	if _, err := b.Put(t.Context(), "large", Pattern(4), size, stores.Condition{Absent: true}); !errors.Is(err, stores.ErrPrecondition) {
		t.Errorf("a second one: %v, want ErrPrecondition", err)
	}
	if _, err := b.Put(t.Context(), "large", Pattern(4), size, stores.Condition{ETag: `"0123456789abcdef0123456789abcdef"`}); !errors.Is(err, stores.ErrPrecondition) {
		t.Errorf("of another ETag: %v, want ErrPrecondition", err)
	}
	if again := List(t, b, ""); len(again) != 1 || again[0].ETag != put.ETag {
		t.Errorf("afterwards there is %v, want %+v", again, put)
	}
	if _, err := b.Put(t.Context(), "large", Pattern(5), size, stores.Condition{ETag: put.ETag}); err != nil {
		t.Errorf("with its ETag: %v", err)
	}
}

func testFailedPut(t *testing.T, b stores.Bucket) {
	was := Put(t, b, "there", "before")
	broken := errors.New("the disk is broken")
	for name, c := range map[string]struct {
		body io.ReaderAt
		size int64
	}{
		"a body that is short":       {strings.NewReader("abc"), 10},
		"a body that fails":          {failing{broken}, 10},
		"a large body that is short": {strings.NewReader(strings.Repeat("x", 10<<20)), 20 << 20},
		"a large body that fails":    {failing{broken}, 20 << 20},
	} {
		for _, key := range []string{"there", "new"} {
			_, err := b.Put(t.Context(), key, c.body, c.size, stores.Condition{})
			if err == nil {
				t.Errorf("%s: no error", name)
			}
			if c.body == (failing{broken}) && !errors.Is(err, broken) {
				t.Errorf("%s: %v, want the body's own error", name, err)
			}
		}
	}
	if diff := cmp.Diff([]string{"there"}, Keys(t, b, "")); diff != "" {
		t.Error(diff)
	}
	if got, o := Get(t, b, "there"); got != "before" || o.ETag != was.ETag {
		t.Errorf("it holds %q with %+v", got, o)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func testWhole(t *testing.T, b stores.Bucket) {
	const size = 300_000
	put := func(seed byte) error {
		_, err := b.Put(t.Context(), "k", Pattern(seed), size, stores.Condition{})
		return err
	}
	if err := put(0); err != nil {
		t.Fatal(err)
	}
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range 20 {
			if err := put(byte(i)); err != nil {
				t.Error(err)
			}
		}
	})
	for range 20 {
		content, object := Get(t, b, "k")
		if object.Size != size || len(content) != size {
			t.Fatalf("it has %d bytes and tells %+v", len(content), object)
		}
		if err := Pattern(content[0]).Equal(strings.NewReader(content), size); err != nil {
			t.Fatal(err)
		}
	}
	writer.Wait()
}

func testDelete(t *testing.T, b stores.Bucket) {
	Put(t, b, "a/one", "1")
	Put(t, b, "a/two", "2")
	for range 2 {
		if err := b.Delete(t.Context(), "a/one"); err != nil {
			t.Errorf("deleting: %v", err)
		}
	}
	if err := b.Delete(t.Context(), "never/was/there"); err != nil {
		t.Errorf("deleting what never was there: %v", err)
	}
	if _, _, err := b.Get(t.Context(), "a/one"); !errors.Is(err, stores.ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
	if diff := cmp.Diff([]string{"a/two"}, Keys(t, b, "")); diff != "" {
		t.Error(diff)
	}
	Put(t, b, "a/one", "again")
	if got, _ := Get(t, b, "a/one"); got != "again" {
		t.Errorf("it holds %q", got)
	}
}

func testNotFound(t *testing.T, b stores.Bucket) {
	if _, _, err := b.Get(t.Context(), "nothing"); !errors.Is(err, stores.ErrNotFound) {
		t.Errorf("get: %v, want ErrNotFound", err)
	}
	if listed := List(t, b, "nothing"); len(listed) != 0 {
		t.Errorf("listing gives %v", listed)
	}
	if listed := List(t, b, ""); len(listed) != 0 {
		t.Errorf("listing all gives %v", listed)
	}
}

func testContext(t *testing.T, b stores.Bucket) {
	const size = 8 << 20
	if _, err := b.Put(t.Context(), "k", Pattern(1), size, stores.Condition{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	body, _, err := b.Get(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	cancel()
	if n, err := io.Copy(io.Discard, body); err == nil {
		t.Errorf("the body goes on for %d bytes", n)
	}
	if _, _, err := b.Get(ctx, "k"); !errors.Is(err, context.Canceled) {
		t.Errorf("get: %v", err)
	}
	if _, err := b.Put(ctx, "k", strings.NewReader("after"), 5, stores.Condition{}); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if err := b.Delete(ctx, "k"); !errors.Is(err, context.Canceled) {
		t.Errorf("delete: %v", err)
	}
	if _, err := listed(ctx, b, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("list: %v", err)
	}
	if all := List(t, b, ""); len(all) != 1 || all[0].Size != size {
		t.Errorf("afterwards there is %v", all)
	}
}

func testKeys(t *testing.T, b stores.Bucket) {
	good := []string{"a b", "plus+and&=", "percent%2Fslash", "ümlaut/日本", "tilde~(x)'!*", "q?x#y", `back\slash`, strings.Repeat("long/", 40) + "x"}
	slices.Sort(good)
	for _, key := range good {
		Put(t, b, key, key)
	}
	if diff := cmp.Diff(good, Keys(t, b, "")); diff != "" {
		t.Error(diff)
	}
	for _, key := range good {
		if got, o := Get(t, b, key); got != key || o.Key != key {
			t.Errorf("%q holds %q with %+v", key, got, o)
		}
		if err := b.Delete(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
	for _, key := range []string{"", "/a", "a//b", "a/", "a/../b", "./a", "a\xffb", "a\x00b", strings.Repeat("k", 1025)} {
		if _, err := b.Put(t.Context(), key, strings.NewReader("x"), 1, stores.Condition{}); err == nil {
			t.Errorf("the key %q is taken", key)
		}
	}
	if rest := Keys(t, b, ""); len(rest) != 0 {
		t.Errorf("there is %q", rest)
	}
}

// listed reads a listing to its end, which its first error has to be.
func listed(ctx context.Context, b stores.Bucket, prefix string) (all []stores.Object, first error) {
	for o, err := range b.List(ctx, prefix) {
		switch {
		case first != nil:
			return nil, fmt.Errorf("the listing goes on after: %w", first)
		case err != nil:
			first = err
		default:
			all = append(all, o)
		}
	}
	return all, first
}
