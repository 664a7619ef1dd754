//go:build unix && !linux

package github

import "syscall"

// dieWithUs cannot have a child end with this process when that is killed.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
