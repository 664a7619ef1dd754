package memory

import (
	"crypto/sha256"
	"math"
	"reflect"
	"testing"
)

// FuzzDecode reads what a damaged file may hold: what is read at all can be
// written, and comes back the same.
func FuzzDecode(f *testing.F) {
	key := KeyOf("a", "b")
	raw, err := encode(kept{map[Key]entry{key: {Used: 1}}, map[string]known{"a": {}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	if raw, err = encode(everything{Text: "a", List: []string{"b"}, Keys: map[[2]string]*int{{"a", "b"}: nil}}); err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte("\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))
	for n := range 80 { // one of which is everything, empty
		f.Add(make([]byte, n))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if v, err := decode[kept](string(raw)); err == nil && !reflect.DeepEqual(v, roundTrip(t, v)) {
			t.Errorf("%+v comes back otherwise", v)
		}
		if v, err := decode[everything](string(raw)); err == nil && !math.IsNaN(v.Real) && !reflect.DeepEqual(v, roundTrip(t, v)) {
			t.Errorf("%+v comes back otherwise", v)
		}
		_, _ = decode[inner](string(raw))
		m := &Memory{build: key}
		if err := m.read(raw); err == nil {
			t.Error("a file without a header is read")
		}
		whole := append(append([]byte(magic), sum(raw)...), key[:]...)
		_ = m.read(append(whole, raw...))
	})
}

func sum(raw []byte) []byte {
	s := sha256.Sum256(raw)
	return s[:]
}
