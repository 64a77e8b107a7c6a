//go:build unix

package kek

import (
	"os/exec"
	"syscall"
)

// group gives cmd a process group of its own, and answers how to kill that.
func group(cmd *exec.Cmd) (kill func() error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
