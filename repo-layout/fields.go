package repolayout

import (
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// field is one key of a struct of the spec files, read from its tags.
type field struct {
	index    []int // of reflect.Value.FieldByIndex; more than one for a struct that is set into another
	key      string
	required bool
	bounds
}

// bounds are what the tags ask of a value.
type bounds struct {
	format       string // of a string, or of each string of a list
	keys, values string // formats of a map
	unique       bool
	oneOf        bool     // exactly one of the struct's fields with this is set
	enum         []string // the values that there are; none for any
	minLength    int
	minItems     int
	maxItems     int   // 0 is none
	min, max     int64 // max 0 is none
}

var fieldsByType sync.Map // reflect.Type to []field

// fieldsOf lists the keys of a struct type.
func fieldsOf(t reflect.Type) []field {
	if known, ok := fieldsByType.Load(t); ok {
		return known.([]field)
	}
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if options == "inline" {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		}
		if key == "-" || key == "" {
			continue
		}
		b := parseBounds(f.Tag.Get("jsonschema"))
		b.keys, b.values = f.Tag.Get("keys"), f.Tag.Get("values")
		fields = append(fields, field{index: []int{i}, key: key, required: options != "omitempty", bounds: b})
	}
	fieldsByType.Store(t, fields)
	return fields
}

func parseBounds(tag string) bounds {
	var b bounds
	for part := range strings.SplitSeq(tag, ",") {
		name, value, _ := strings.Cut(part, "=")
		n, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "format":
			b.format = value
		case "uniqueItems":
			b.unique = true
		case "oneof_required":
			b.oneOf = true
		case "minLength":
			b.minLength = int(n)
		case "minItems":
			b.minItems = int(n)
		case "maxItems":
			b.maxItems = int(n)
		case "enum":
			b.enum = append(b.enum, value)
		case "minimum":
			b.min = n
		case "maximum":
			b.max = n
		}
	}
	return b
}
