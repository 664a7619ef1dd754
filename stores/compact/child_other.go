//go:build !linux

package compact

import "syscall"

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func nearlyFull(string) bool { return false }
