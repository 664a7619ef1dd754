package github

import "syscall"

// dieWithUs has a child end with this process, whatever ends that.
func dieWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
