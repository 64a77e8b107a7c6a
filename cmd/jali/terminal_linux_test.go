package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudoterminal (pts(4)).
func terminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

func TestABackupOnATerminal(t *testing.T) {
	y := newYard(t)
	ours, theirs := terminal(t)
	c := exec.Command("jali", "--data", y.data, "backup", "--recipients-file", y.pub)
	var said bytes.Buffer
	c.Stdout, c.Stderr = theirs, &said
	_ = c.Run()
	if c.ProcessState.ExitCode() != 2 || !strings.Contains(said.String(), "not for the screen") {
		t.Errorf("a backup to the terminal: exit %d, %s", c.ProcessState.ExitCode(), &said)
	}
	file := filepath.Join(y.dir, "jali.age")
	c = exec.Command("jali", "--data", y.data, "backup", "--recipients-file", y.pub, "--out", file)
	c.Stderr = theirs
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	shown, _ := io.ReadAll(bufio.NewReader(ours)) // which ends with EIO
	if !strings.Contains(string(shown), "writing, 100%") || !strings.Contains(string(shown), "a backup of ") {
		t.Errorf("the terminal shows %q", shown)
	}
}
