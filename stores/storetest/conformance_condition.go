package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/watchbill/watchbill/stores"
)

func testConditions(t *testing.T, b stores.Bucket) {
	put := func(content string, when stores.Condition) (stores.Object, error) {
		return b.Put(t.Context(), "k", strings.NewReader(content), int64(len(content)), when)
	}
	refused := func(what string, when stores.Condition) {
		t.Helper()
		if _, err := put("refused", when); !errors.Is(err, stores.ErrPrecondition) {
			t.Errorf("%s: %v, want ErrPrecondition", what, err)
		}
	}
	if _, err := put("x", stores.Condition{Absent: true, ETag: `"x"`}); err == nil {
		t.Error("absent and present at once is taken")
	}
	refused("an ETag of what is not there", stores.Condition{ETag: `"9e107d9d372bb6826bd81d3542a419d6"`})
	if n := len(List(t, b, "")); n != 0 {
		t.Fatalf("%d objects came of it", n)
	}
	one, err := put("one", stores.Condition{Absent: true})
	if err != nil {
		t.Fatal(err)
	}
	refused("absent, which it is not", stores.Condition{Absent: true})
	two, err := put("two", stores.Condition{ETag: one.ETag})
	if err != nil {
		t.Fatal(err)
	}
	refused("the ETag before", stores.Condition{ETag: one.ETag})
	if got, o := Get(t, b, "k"); got != "two" || o.ETag != two.ETag {
		t.Errorf("it holds %q with %+v, want %+v", got, o, two)
	}
	if err := b.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	refused("the ETag of what was deleted", stores.Condition{ETag: two.ETag})
	if _, err := put("three", stores.Condition{Absent: true}); err != nil {
		t.Errorf("absent again: %v", err)
	}
}

// Racers are how many try at once where one may win.
const Racers = 32

func testRaceToCreate(t *testing.T, b stores.Bucket) { race(t, b, stores.Condition{Absent: true}) }

func testRaceToReplace(t *testing.T, b stores.Bucket) {
	race(t, b, stores.Condition{ETag: Put(t, b, "k", "before").ETag})
}

func race(t *testing.T, b stores.Bucket, when stores.Condition) {
	t.Helper()
	var racers sync.WaitGroup
	errs, won := make([]error, Racers), make([]stores.Object, Racers)
	for i := range Racers {
		racers.Go(func() {
			content := fmt.Sprintf("racer %d", i)
			won[i], errs[i] = b.Put(t.Context(), "k", strings.NewReader(content), int64(len(content)), when)
		})
	}
	racers.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Errorf("racers %d and %d both won", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, stores.ErrPrecondition):
			t.Errorf("racer %d: %v, want ErrPrecondition", i, err)
		}
	}
	if winner < 0 {
		t.Fatal("nobody won")
	}
	if got, o := Get(t, b, "k"); got != fmt.Sprintf("racer %d", winner) || o.ETag != won[winner].ETag {
		t.Errorf("racer %d won, and it holds %q with %+v", winner, got, o)
	}
}
