package stores

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxKey is S3's limit, in bytes.
const maxKey = 1024

// CheckKey refuses the key of a new object that some store could not hold, or
// would hold elsewhere: servers that keep objects as files take dots and
// slashes for folders.
func CheckKey(key string) error {
	switch {
	case key == "":
		return errors.New("the key is empty")
	case len(key) > maxKey:
		return fmt.Errorf("the key has %d bytes, more than %d", len(key), maxKey)
	case !utf8.ValidString(key) || strings.ContainsRune(key, 0):
		return fmt.Errorf("the key %q is no UTF-8 text", key)
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("the key %q has an empty, . or .. part", key)
		}
	}
	return nil
}

// Check refuses a condition that nothing can fulfil.
func (c Condition) Check() error {
	if c.Absent && c.ETag != "" {
		return errors.New("a put wants the object both absent and present")
	}
	return nil
}
