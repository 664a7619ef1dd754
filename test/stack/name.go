package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// OwnName is a cluster's name that no other run of the same kind uses until
// release: the kind itself, which also finds again what a run that was killed
// has left, or while another run has that one, the kind with a number.
func OwnName(kind string) (name string, release func(), err error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", nil, err
	}
	dir = filepath.Join(dir, "watchbill")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, kind+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", nil, err
	}
	release = func() { lock.Close() }
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Sprintf("%s-%d", kind, os.Getpid()), release, nil
	}
	if err != nil {
		release()
		return "", nil, fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	return kind, release, nil
}
