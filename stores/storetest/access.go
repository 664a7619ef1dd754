package storetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/watchbill/watchbill/stores"
)

// Put writes an object without a condition.
func Put(t testing.TB, b stores.Bucket, key, content string) stores.Object {
	t.Helper()
	o, err := b.Put(t.Context(), key, strings.NewReader(content), int64(len(content)), stores.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Get reads an object.
func Get(t testing.TB, b stores.Bucket, key string) (string, stores.Object) {
	t.Helper()
	body, o, err := b.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content), o
}

// List reads a listing.
func List(t testing.TB, b stores.Bucket, prefix string) []stores.Object {
	t.Helper()
	all, err := listed(t.Context(), b, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Keys reads the keys of a listing.
func Keys(t testing.TB, b stores.Bucket, prefix string) []string {
	t.Helper()
	var keys []string
	for _, o := range List(t, b, prefix) {
		keys = append(keys, o.Key)
	}
	return keys
}

// Pattern is content without an end that takes no memory. It begins with its own number.
type Pattern byte

func (p Pattern) ReadAt(into []byte, offset int64) (int, error) {
	var word [8]byte
	for n := 0; n < len(into); {
		at := uint64(offset) + uint64(n)
		binary.LittleEndian.PutUint64(word[:], at/8*0x9E3779B97F4A7C15+uint64(p)*0x0101010101010101)
		n += copy(into[n:], word[at%8:])
	}
	return len(into), nil
}

// Equal says where a body differs from the pattern's first size bytes.
func (p Pattern) Equal(body io.Reader, size int64) error {
	got, want := make([]byte, 1<<16), make([]byte, 1<<16)
	for at := int64(0); ; {
		n, err := io.ReadFull(body, got)
		_, _ = p.ReadAt(want[:n], at)
		if !bytes.Equal(got[:n], want[:n]) {
			return fmt.Errorf("the content differs from what was written near byte %d", at)
		}
		at += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			if at != size {
				return fmt.Errorf("the content ends after %d bytes of %d", at, size)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading what was written: %w", err)
		}
	}
}
