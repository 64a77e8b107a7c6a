package vault

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"jali/internal/kv"
	"jali/vault/kek"
)

// fullDisk is what a child does for TestAFullDiskStopsARotationAndNothingElse:
// amid its rotations no file takes a write beyond 32 KiB any more.
func fullDisk(f files) error {
	for i := range 40 {
		if err := f.arrive(fmt.Sprintf("p%d", i)); err != nil {
			return err
		}
	}
	if err := f.NewTerm(bg); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 32 << 10, Max: 32 << 10}); err != nil {
		return err
	}
	var err error
	for range 100 {
		if err = f.Rewrap(bg); err != nil {
			break
		}
		if err = f.NewTerm(bg); err != nil {
			break
		}
	}
	if !errors.Is(err, kv.ErrUnknown) && !errors.Is(err, kv.ErrStopped) {
		return fmt.Errorf("on a full disk a rotation ended with %w", err)
	}
	// What needs no writing goes on.
	sealed, err := f.Seal(bg, ownRecord("p1"), []byte("x"))
	if err == nil {
		_, err = f.Open(bg, ownRecord("p1"), sealed)
	}
	return err
}

func TestAFullDiskStopsARotationAndNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := kek.CreateFile(filepath.Join(dir, "kek.key")); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+dir, plantEnv+"=full disk")
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	leaving, err := whole(dir, nil)
	if err != nil || !leaving {
		t.Fatalf("after a full disk: %v; a term is being left: %t", err, leaving)
	}
	f, err := openFiles(dir, func(k Keys) Keys { return k })
	if err != nil {
		t.Fatal(err)
	}
	err = f.Rewrap(bg)
	f.close()
	if err != nil {
		t.Fatalf("once there is room, the rotation: %v", err)
	}
	if leaving, err = whole(dir, nil); err != nil || leaving {
		t.Errorf("at the end: %v; a term is being left: %t", err, leaving)
	}
}
