package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/watchbill/watchbill/stores"
)

func testList(t *testing.T, b stores.Bucket) {
	// Servers that keep objects as files tend to sort "a/1" before "a-b".
	keys := []string{"a-b/1", "a.c", "a/1", "a/2/3", "a0", "aa/1", "b", "B", "ä/1", "~"}
	for _, key := range keys {
		Put(t, b, key, "x")
	}
	slices.Sort(keys)
	for _, prefix := range []string{"", "a", "a/", "a/2", "a/2/3", "a/2/3/4", "b", "aa", "ä", "z"} {
		var want []string
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		if diff := cmp.Diff(want, Keys(t, b, prefix)); diff != "" {
			t.Errorf("below %q (-want +got):\n%s", prefix, diff)
		}
	}
}

// many is more than a server gives at once.
const many = 1003

func fill(t *testing.T, b stores.Bucket, keys []string) {
	t.Helper()
	var g errgroup.Group
	g.SetLimit(8)
	for _, key := range keys {
		g.Go(func() error {
			_, err := b.Put(t.Context(), key, strings.NewReader(key), int64(len(key)), stores.Condition{})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func manyKeys() []string {
	var keys []string
	for i := range many {
		keys = append(keys, fmt.Sprintf("%d/%04d", i%3, i))
	}
	slices.Sort(keys)
	return keys
}

func testListMany(t *testing.T, b stores.Bucket) {
	keys := manyKeys()
	fill(t, b, keys)
	if diff := cmp.Diff(keys, Keys(t, b, "")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := len(List(t, b, "1/")); n != many/3 {
		t.Errorf("a third of them is %d", n)
	}
}

func testListBreak(t *testing.T, b stores.Bucket) {
	fill(t, b, []string{"a", "b", "c"})
	var seen []string
	for o, err := range b.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, o.Key)
		if o.Key == "b" {
			break
		}
	}
	if diff := cmp.Diff([]string{"a", "b"}, seen); diff != "" {
		t.Error(diff)
	}
}

func testListMeanwhile(t *testing.T, b stores.Bucket) {
	keys := manyKeys()
	fill(t, b, keys)
	var changes sync.WaitGroup
	stop := make(chan struct{})
	changes.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			key := fmt.Sprintf("%d/%04d-passing", i%3, i%many)
			if _, err := b.Put(t.Context(), key, strings.NewReader("x"), 1, stores.Condition{}); err != nil {
				t.Error(err)
			}
			if err := b.Delete(t.Context(), key); err != nil {
				t.Error(err)
			}
		}
	})
	for range 3 {
		all := Keys(t, b, "")
		if !slices.IsSorted(all) {
			t.Error("the listing is not sorted")
		}
		rest := slices.DeleteFunc(all, func(key string) bool { return strings.HasSuffix(key, "-passing") })
		if diff := cmp.Diff(keys, rest); diff != "" {
			t.Errorf("of what stays (-want +got):\n%s", diff)
		}
	}
	close(stop)
	changes.Wait()
}
