package memory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"
	"time"
	"unsafe"
)

// form writes and reads the values of one type, exactly: nil and empty are
// different things, and unexported fields are kept too, so that what a check
// finds out can be kept as it is.
type form struct {
	write func([]byte, reflect.Value) []byte
	read  func(*input, reflect.Value)
}

// input is what is left to read. Strings are parts of it, and not copied.
type input struct {
	text  string
	fault error
}

var errDamaged = errors.New("the kept value is damaged")

// encode writes a value. A type that cannot be kept exactly is a mistake of
// the program, and an error at its first value.
func encode[T any](v T) ([]byte, error) {
	f, err := formOf(reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	return f.write(nil, reflect.ValueOf(&v).Elem()), nil
}

func decode[T any](text string) (v T, err error) {
	f, err := formOf(reflect.TypeFor[T]())
	if err != nil {
		return v, err
	}
	in := &input{text: text}
	f.read(in, reflect.ValueOf(&v).Elem())
	if in.fault == nil && in.text != "" {
		in.fault = errDamaged
	}
	return v, in.fault
}

var (
	formsMu sync.Mutex
	forms   = map[reflect.Type]*form{}
)

func formOf(t reflect.Type) (*form, error) {
	formsMu.Lock()
	defer formsMu.Unlock()
	if f := forms[t]; f != nil {
		return f, nil
	}
	made := map[reflect.Type]*form{}
	f, err := makeForm(t, made)
	if err != nil {
		return nil, err
	}
	for t, f := range made {
		forms[t] = f
	}
	return f, nil
}

// makeForm adds the forms of a type and of all types in it to made, where a type
// that holds itself finds its own.
func makeForm(t reflect.Type, made map[reflect.Type]*form) (*form, error) {
	if f := made[t]; f != nil {
		return f, nil
	}
	f := new(form)
	made[t] = f
	if t == reflect.TypeFor[time.Time]() {
		f.write, f.read = writeTime, readTime
		return f, nil
	}
	var err error
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		f.basic(t.Kind())
	case reflect.Array:
		err = f.array(t, made)
	case reflect.Slice:
		err = f.slice(t, made)
	case reflect.Map:
		err = f.mapping(t, made)
	case reflect.Pointer:
		err = f.pointer(t, made)
	case reflect.Struct:
		err = f.structure(t, made)
	default:
		err = fmt.Errorf("a value of type %s cannot be kept", t)
	}
	return f, err
}

func (f *form) basic(k reflect.Kind) {
	switch {
	case k == reflect.Bool:
		f.write = func(b []byte, v reflect.Value) []byte {
			if v.Bool() {
				return append(b, 1)
			}
			return append(b, 0)
		}
		f.read = func(in *input, v reflect.Value) { v.SetBool(in.number() == 1) }
	case k == reflect.String:
		f.write = func(b []byte, v reflect.Value) []byte { return appendText(b, v.String()) }
		f.read = func(in *input, v reflect.Value) { v.SetString(in.take(in.number())) }
	case k == reflect.Float32 || k == reflect.Float64:
		f.write = func(b []byte, v reflect.Value) []byte {
			return binary.AppendUvarint(b, math.Float64bits(v.Float()))
		}
		f.read = func(in *input, v reflect.Value) { v.SetFloat(math.Float64frombits(in.number())) }
	case k <= reflect.Int64:
		f.write = func(b []byte, v reflect.Value) []byte { return binary.AppendVarint(b, v.Int()) }
		f.read = func(in *input, v reflect.Value) {
			n := in.number()
			v.SetInt(int64(n>>1) ^ -int64(n&1)) // as binary.Varint does
		}
	default:
		f.write = func(b []byte, v reflect.Value) []byte { return binary.AppendUvarint(b, v.Uint()) }
		f.read = func(in *input, v reflect.Value) { v.SetUint(in.number()) }
	}
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (in *input) number() uint64 {
	var n uint64
	for i := 0; i < len(in.text) && i < binary.MaxVarintLen64; i++ {
		c := in.text[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			in.text = in.text[i+1:]
			return n
		}
	}
	in.damaged()
	return 0
}

func (in *input) take(n uint64) string {
	if n > uint64(len(in.text)) {
		in.damaged()
		return ""
	}
	s := in.text[:n]
	in.text = in.text[n:]
	return s
}

func (in *input) damaged() { in.text, in.fault = "", errDamaged }

// length of a slice or map, which is one less than what was written; -1 is nil.
// Every element takes a byte at least, so a damaged one cannot ask for the moon.
func (in *input) length() int {
	n := in.number()
	if n > uint64(len(in.text))+1 {
		in.damaged()
		return -1
	}
	return int(n) - 1
}

func writeTime(b []byte, v reflect.Value) []byte {
	t := v.Interface().(time.Time)
	if t.IsZero() {
		return append(b, 0)
	}
	b = binary.AppendVarint(append(b, 1), t.Unix())
	return binary.AppendUvarint(b, uint64(t.Nanosecond()))
}

// readTime gives the time in UTC, as all that is kept is.
func readTime(in *input, v reflect.Value) {
	if in.number() == 0 {
		v.SetZero()
		return
	}
	n := in.number()
	seconds := int64(n>>1) ^ -int64(n&1)
	v.Set(reflect.ValueOf(time.Unix(seconds, int64(in.number())).UTC()))
}

// field is the part of a struct, also of one that reflect would only show.
func field(v reflect.Value, of reflect.StructField) reflect.Value {
	at := unsafe.Add(v.Addr().UnsafePointer(), of.Offset)
	return reflect.NewAt(of.Type, at).Elem()
}
