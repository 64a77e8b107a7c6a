package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const mail = "../../connectors/billfile/testdata/aes256.zip" // its password is 240117

// screen is what a terminal shows.
type screen struct {
	*bufio.Reader
	shown string
}

// until reads on to some words.
func (s *screen) until(t *testing.T, words string) {
	t.Helper()
	for from := len(s.shown); !strings.Contains(s.shown[from:], words); {
		b, err := s.ReadByte()
		if err != nil {
			t.Fatalf("the terminal shows %q, and no %q: %v", s.shown, words, err)
		}
		s.shown += string(b)
	}
}

// echo waits until what is typed is shown, or is not.
func echo(t *testing.T, terminal *os.File, shown bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		if (state.Lflag&unix.ECHO != 0) == shown {
			return
		}
	}
	t.Fatalf("what is typed is to be shown: %v, and is not so", shown)
}

// A password that is typed is not shown, a wrong one is asked for again, and
// what opened one archive opens the next.
func TestAPasswordIsTypedUnseen(t *testing.T) {
	ours, theirs := terminal(t)
	see := screen{Reader: bufio.NewReader(ours)}
	c := exec.Command("jali", "import", "--dry-run", "--accept-mismatch", mail, mail)
	var out bytes.Buffer
	c.Stdin, c.Stderr, c.Stdout = theirs, theirs, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"240118\n", "240117\n"} {
		see.until(t, "Password of aes256.zip: ")
		echo(t, theirs, false)
		if _, err := ours.WriteString(word); err != nil {
			t.Fatal(err)
		}
	}
	err := c.Wait()
	_ = theirs.Close()
	rest, _ := io.ReadAll(see) // which ends with EIO
	on := see.shown + string(rest)
	if err != nil || strings.Count(out.String(), "format  alipay_app_2023") != 2 {
		t.Errorf("%v: %s", err, &out)
	}
	if strings.Contains(on, "240117") || strings.Contains(on, "240118") || strings.Count(on, "Password of aes256.zip: ") != 2 {
		t.Errorf("the terminal shows %q", on)
	}
}

// An interrupt at the question leaves a terminal that shows what is typed.
func TestAnInterruptPutsTheTerminalBack(t *testing.T) {
	ours, theirs := terminal(t)
	see := screen{Reader: bufio.NewReader(ours)}
	c := exec.Command("jali", "import", "--dry-run", mail)
	c.Stdin, c.Stderr = theirs, theirs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	see.until(t, "Password of ")
	echo(t, theirs, false)
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	echo(t, theirs, true)
	_ = theirs.Close()
	rest, _ := io.ReadAll(see)
	if on := string(rest); c.ProcessState.ExitCode() != 2 || !strings.Contains(on, "interrupted; nothing was to be stored") {
		t.Errorf("exit %d, the terminal shows %q", c.ProcessState.ExitCode(), on)
	}
}
