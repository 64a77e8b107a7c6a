package nodump

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"jali/internal/canary"
)

// TestMain is also the process that is aborted.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "abort me" {
		abortMe(os.Args[2] == "dumpable")
	}
	os.Exit(m.Run())
}

// abortMe keeps a number that it is told in memory, in variables and arguments,
// says how it stands, and waits for its end.
func abortMe(dumpable bool) {
	var core unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_CORE, &core)
	if !dumpable || !raced {
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: core.Max, Max: core.Max}) // as a machine may be set up
	}
	if !dumpable {
		if err := Set(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	number, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	_ = unix.Getrlimit(unix.RLIMIT_CORE, &core)
	dumps, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	fmt.Printf("dumpable %d, core %d of %d\n", dumps, core.Cur, core.Max)
	var heap bytes.Buffer
	for _, own := range []string{"maps", "status", "limits", "stat"} { // what pprof and the metrics read
		if _, err := os.ReadFile("/proc/self/" + own); err != nil {
			fmt.Println(err)
		}
	}
	if _, err := os.ReadDir("/proc/self/fd"); err != nil {
		fmt.Println(err)
	}
	fmt.Println("pprof", pprof.WriteHeapProfile(&heap), heap.Len() > 0)
	hold(number, []byte(number), map[string]string{number: number})
}

//go:noinline
func hold(s string, b []byte, m map[string]string) {
	_, _ = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive([]any{s, b, m})
}

// aborted starts the process, has it killed by a signal, and answers what it said
// and where it would have left a core.
func aborted(t *testing.T, how string, sig syscall.Signal) (said, stderr, dir string, state *os.ProcessState) {
	t.Helper()
	dir = t.TempDir()
	var dying strings.Builder
	c := exec.Command(os.Args[0], "abort me", how)
	c.Dir, c.Stderr, c.Env = dir, &dying, append(os.Environ(), "GOTRACEBACK=crash")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, number+"\n")
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		said += lines.Text() + "\n"
		if strings.HasPrefix(lines.Text(), "pprof") {
			break
		}
	}
	if err := c.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	return said, dying.String(), dir, c.ProcessState
}

const number = "6222021234567890123"

func TestAnAbortedProcessLeavesNothing(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGABRT, syscall.SIGQUIT, syscall.SIGSEGV} {
		said, stderr, dir, state := aborted(t, "as serve does", sig)
		if want := "dumpable 0, core 0 of 0\npprof <nil> true\n"; said != want {
			t.Errorf("it says %q, want %q", said, want)
		}
		if w := state.Sys().(syscall.WaitStatus); !w.Signaled() || w.CoreDump() {
			t.Errorf("after %v it ends with %v; want a signal and no core", sig, state)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("it leaves %v, %v", left, err)
		}
		if !strings.Contains(stderr, "goroutine ") {
			t.Errorf("it says nothing of how it died: %s", stderr)
		}
		canary.None(t, []string{number}, map[string][]byte{"stderr after " + sig.String(): []byte(stderr)})
	}
}

// Without Set the same process is dumpable, and where this machine lets it, it
// leaves a core with the number in it: the test above sees a difference.
func TestItIsDumpableUnlessSet(t *testing.T) {
	said, _, dir, state := aborted(t, "dumpable", syscall.SIGABRT)
	if !strings.HasPrefix(said, "dumpable 1, ") {
		t.Errorf("it says %q", said)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) == 0 {
		t.Logf("this machine writes no core into the folder of who dies (dumped: %v, raced: %v), so none is searched", state.Sys().(syscall.WaitStatus).CoreDump(), raced)
		return
	}
	found, err := canary.Proved(t, []string{number}).File(filepath.Join(dir, left[0].Name()))
	if err != nil || len(found) == 0 {
		t.Errorf("the number is not in the core: %v, %v", found, err)
	}
}
