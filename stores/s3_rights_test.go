package stores_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/storetest"
)

// TestRights: what a user may not do is told as that, at once, and nothing of it is done.
func TestRights(t *testing.T) {
	for name, c := range map[string]struct {
		actions          []string
		put, get, delete error
	}{
		"all but delete": {actions: []string{"s3:ListBucket", "s3:GetObject", "s3:PutObject"}, delete: stores.ErrDenied},
		"read alone":     {actions: []string{"s3:ListBucket", "s3:GetObject"}, put: stores.ErrDenied, delete: stores.ErrDenied},
	} {
		t.Run(name, func(t *testing.T) {
			server := storetest.Versitygw(t)
			config := server.Bucket(t)
			storetest.Put(t, storetest.Open(t, config), "there", "content")
			server.Guest(t, config, c.actions...)
			guest := storetest.Open(t, config)
			_, err := guest.Put(t.Context(), "new", strings.NewReader("x"), 1, stores.Condition{})
			if !errors.Is(err, c.put) {
				t.Errorf("put: %v, want %v", err, c.put)
			}
			body, _, err := guest.Get(t.Context(), "there")
			if !errors.Is(err, c.get) {
				t.Errorf("get: %v, want %v", err, c.get)
			}
			if err == nil {
				body.Close()
			}
			if err := guest.Delete(t.Context(), "there"); !errors.Is(err, c.delete) {
				t.Errorf("delete: %v, want %v", err, c.delete)
			}
			if content, _ := storetest.Get(t, guest, "there"); content != "content" {
				t.Errorf("it is %q by now", content)
			}
		})
	}
}
