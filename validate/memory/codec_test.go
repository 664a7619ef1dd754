package memory

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"
)

type inner struct {
	name  string
	until time.Time
	Next  *inner
}

// everything has a field of each kind that can be kept.
type everything struct {
	Text    string
	Yes     bool
	Small   int8
	Number  int
	Natural uint32
	Real    float64
	Bytes   []byte
	Digest  [20]byte
	Pair    [2]string
	List    []string
	Lists   [][]int
	Map     map[string][]int
	Keys    map[[2]string]*int
	Pointer *string
	Empty   struct{}
}

func roundTrip[T any](t *testing.T, v T) T {
	t.Helper()
	raw, err := encode(v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode[T](string(raw))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestValuesComeBackAsTheyWere(t *testing.T) {
	same := func(v everything) bool { return reflect.DeepEqual(v, roundTrip(t, v)) }
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
	text := ""
	for _, v := range []everything{
		{}, {List: []string{}, Map: map[string][]int{}, Bytes: []byte{}, Pointer: &text}, {Map: map[string][]int{"a": nil, "b": {}}},
	} {
		if !same(v) {
			t.Errorf("nil and empty are not told apart: %+v", v)
		}
	}
	unexported := []inner{{name: "a", until: time.Date(2026, 11, 22, 1, 2, 3, 4, time.UTC), Next: &inner{name: "b"}}, {}}
	if diff := cmp.Diff(unexported, roundTrip(t, unexported), cmp.AllowUnexported(inner{})); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeKeptIsRefused(t *testing.T) {
	if _, err := encode(struct{ f func() }{}); err == nil {
		t.Error("a function was kept")
	}
	if _, err := encode([]map[string]any{}); err == nil {
		t.Error("a value of any type was kept")
	}
}

// TestDamagedValues cuts and changes what was written: it is refused, or
// another value, and nothing worse.
func TestDamagedValues(t *testing.T) {
	raw, err := encode(everything{Text: "text", List: []string{"a", "b"}, Map: map[string][]int{"a": {1}}, Lists: [][]int{{1, 2}}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range raw {
		if _, err := decode[everything](string(raw[:n])); err == nil {
			t.Errorf("the first %d bytes of %d were taken for a value", n, len(raw))
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		changed := append([]byte(nil), raw...)
		for range 1 + random.IntN(4) {
			changed[random.IntN(len(changed))] = byte(random.Uint32())
		}
		_, _ = decode[everything](string(changed))
	}
}
