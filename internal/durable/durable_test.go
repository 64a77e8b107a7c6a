package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestFilesAreThereWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	holds := func(why, want string) {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil || string(b) != want {
			t.Errorf("%s: it holds %q, %v; want %q", why, b, err, want)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v; want 0600", why, info.Mode(), err)
		}
		if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
			t.Errorf("%s: %d files are left, %v; want the one", why, len(names), err)
		}
	}
	if err := os.WriteFile(path+".tmp", []byte("what a crash left"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Create(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	holds("created", "one")
	if err := Create(path, []byte("two")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create over a file = %v, want ErrExist", err)
	}
	holds("created again", "one")
	if err := Replace(path, []byte("three")); err != nil {
		t.Fatal(err)
	}
	holds("replaced", "three")
	if err := Replace(filepath.Join(dir, "none", "key"), nil); err == nil {
		t.Error("a file was put into no folder")
	}
	if free, err := Free(dir); err != nil || free == 0 {
		t.Errorf("Free = %d, %v", free, err)
	}
}
