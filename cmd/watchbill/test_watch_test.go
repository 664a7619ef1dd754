package main

import (
	"context"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFingerprint: writing, adding and removing a file of a team are changes, and nothing else is.
func TestFingerprint(t *testing.T) {
	base := func() fstest.MapFS {
		return fstest.MapFS{
			"watchbill.yaml":       {Data: []byte("a")},
			"teams/a/tests/a.yaml": {Data: []byte("a")},
			"teams/a/rules/a.yaml": {Data: []byte("a")},
		}
	}
	for _, tt := range []struct {
		name   string
		change func(fstest.MapFS)
		want   bool
	}{
		{"nothing", func(fstest.MapFS) {}, false},
		{"another folder", func(m fstest.MapFS) { m["docs/a.md"] = &fstest.MapFile{} }, false},
		{"written to", func(m fstest.MapFS) { m["teams/a/rules/a.yaml"].ModTime = time.Unix(1, 0) }, true},
		{"longer", func(m fstest.MapFS) { m["teams/a/rules/a.yaml"].Data = []byte("ab") }, true},
		{"new", func(m fstest.MapFS) { m["teams/b/tests/a.yaml"] = &fstest.MapFile{} }, true},
		{"gone", func(m fstest.MapFS) { delete(m, "teams/a/tests/a.yaml") }, true},
		{"all gone", func(m fstest.MapFS) {
			delete(m, "teams/a/tests/a.yaml")
			delete(m, "teams/a/rules/a.yaml")
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			changed := base()
			tt.change(changed)
			if got := fingerprint(changed) != fingerprint(base()); got != tt.want {
				t.Errorf("a change: %v, want %v", got, tt.want)
			}
		})
	}
}

// TestEachChange: the tests run at once, once for each change, again for a
// change that came while they ran, and no more after the end.
func TestEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		state, runs := uint64(0), 0
		done := make(chan error)
		go func() {
			done <- eachChange(ctx, func() uint64 { return state }, func() {
				if runs++; runs == 2 {
					state++
				}
			})
		}()
		var got []int
		look := func() {
			time.Sleep(2 * watchPeriod)
			synctest.Wait()
			got = append(got, runs)
		}
		look()
		state++ // a run, which changes something itself
		look()
		look()
		state++
		look()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		state++
		look()
		if diff := cmp.Diff([]int{1, 3, 3, 4, 4}, got); diff != "" {
			t.Errorf("runs so far (-want +got):\n%s", diff)
		}
	})
}
