package compact

import "syscall"

func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// nearlyFull says that less than an eighth of a small volume, or 64 MiB of a large one, is free.
func nearlyFull(dir string) bool {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return false
	}
	size := uint64(fs.Bsize)
	return fs.Bavail*size <= min(fs.Blocks*size/8, 64<<20)
}
