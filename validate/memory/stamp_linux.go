package memory

import (
	"io/fs"
	"syscall"
)

func stampOf(info fs.FileInfo) (stamp, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return stamp{}, false
	}
	return stamp{
		Size: s.Size, Modified: s.Mtim.Nano(), Changed: s.Ctim.Nano(),
		Inode: uint64(s.Ino), Device: uint64(s.Dev), //nolint:unconvert // its size is the platform's
	}, true
}
