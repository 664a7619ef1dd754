package memory

import (
	"encoding/binary"
	"fmt"
	"reflect"
)

func (f *form) structure(t reflect.Type, made map[reflect.Type]*form) error {
	fields, forms := make([]reflect.StructField, 0, t.NumField()), make([]*form, 0, t.NumField())
	for of := range t.Fields() {
		part, err := makeForm(of.Type, made)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", t, of.Name, err)
		}
		fields, forms = append(fields, of), append(forms, part)
	}
	f.write = func(b []byte, v reflect.Value) []byte {
		b = append(b, 0) // so that every value takes a byte
		for i := range fields {
			b = forms[i].write(b, field(v, fields[i]))
		}
		return b
	}
	f.read = func(in *input, v reflect.Value) {
		in.number()
		for i := range fields {
			forms[i].read(in, field(v, fields[i]))
		}
	}
	return nil
}

func (f *form) array(t reflect.Type, made map[reflect.Type]*form) error {
	part, err := makeForm(t.Elem(), made)
	if err != nil {
		return err
	}
	bytes := t.Elem().Kind() == reflect.Uint8
	f.write = func(b []byte, v reflect.Value) []byte {
		b = append(b, 0)
		if bytes {
			return append(b, v.Bytes()...)
		}
		for i := range v.Len() {
			b = part.write(b, v.Index(i))
		}
		return b
	}
	f.read = func(in *input, v reflect.Value) {
		in.number()
		if bytes {
			copy(v.Bytes(), in.take(uint64(v.Len())))
			return
		}
		for i := range v.Len() {
			part.read(in, v.Index(i))
		}
	}
	return nil
}

func (f *form) slice(t reflect.Type, made map[reflect.Type]*form) error {
	part, err := makeForm(t.Elem(), made)
	if err != nil {
		return err
	}
	bytes := t.Elem().Kind() == reflect.Uint8
	f.write = func(b []byte, v reflect.Value) []byte {
		if v.IsNil() {
			return append(b, 0)
		}
		b = binary.AppendUvarint(b, uint64(v.Len())+1)
		if bytes {
			return append(b, v.Bytes()...)
		}
		for i := range v.Len() {
			b = part.write(b, v.Index(i))
		}
		return b
	}
	f.read = func(in *input, v reflect.Value) {
		n := in.length()
		if n < 0 {
			v.SetZero()
			return
		}
		v.Set(reflect.MakeSlice(t, n, n))
		if bytes {
			copy(v.Bytes(), in.take(uint64(n)))
			return
		}
		for i := range n {
			part.read(in, v.Index(i))
		}
	}
	return nil
}

func (f *form) mapping(t reflect.Type, made map[reflect.Type]*form) error {
	key, err := makeForm(t.Key(), made)
	if err != nil {
		return err
	}
	value, err := makeForm(t.Elem(), made)
	if err != nil {
		return err
	}
	f.write = func(b []byte, v reflect.Value) []byte {
		if v.IsNil() {
			return append(b, 0)
		}
		b = binary.AppendUvarint(b, uint64(v.Len())+1)
		k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem() // which have addresses
		for all := v.MapRange(); all.Next(); {
			k.Set(all.Key())
			e.Set(all.Value())
			b = value.write(key.write(b, k), e)
		}
		return b
	}
	f.read = func(in *input, v reflect.Value) {
		n := in.length()
		if n < 0 {
			v.SetZero()
			return
		}
		v.Set(reflect.MakeMapWithSize(t, n))
		for range n {
			k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			key.read(in, k)
			value.read(in, e)
			if in.fault != nil {
				return
			}
			v.SetMapIndex(k, e)
		}
	}
	return nil
}

func (f *form) pointer(t reflect.Type, made map[reflect.Type]*form) error {
	part, err := makeForm(t.Elem(), made)
	if err != nil {
		return err
	}
	f.write = func(b []byte, v reflect.Value) []byte {
		if v.IsNil() {
			return append(b, 0)
		}
		return part.write(append(b, 1), v.Elem())
	}
	f.read = func(in *input, v reflect.Value) {
		if in.number() == 0 {
			v.SetZero()
			return
		}
		v.Set(reflect.New(t.Elem()))
		part.read(in, v.Elem())
	}
	return nil
}
