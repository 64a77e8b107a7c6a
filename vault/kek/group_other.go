//go:build !unix

package kek

import "os/exec"

// group knows of no process groups here: what cmd has started lives on.
func group(cmd *exec.Cmd) (kill func() error) {
	return func() error { return cmd.Process.Kill() }
}
