package kek_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"jali/vault/kek"
)

func TestCreateThenOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kek.key")
	made, err := kek.CreateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v; want 0600", info.Mode(), err)
	}
	read, err := kek.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, plain := context.Background(), []byte("the root keyring")
	wrapped, err := made.Wrap(ctx, plain)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(wrapped, plain) {
		t.Error("wrapped holds the plain bytes")
	}
	if got, err := read.Unwrap(ctx, wrapped); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("Unwrap = %q, %v; want %q", got, err, plain)
	}
	if again, _ := made.Wrap(ctx, plain); bytes.Equal(again, wrapped) {
		t.Error("wrapping twice gives the same bytes: the nonce is not random")
	}
	if left, _ := filepath.Glob(path + "?*"); len(left) > 0 {
		t.Errorf("left beside it: %q", left)
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kek.key")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := kek.CreateFile(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("CreateFile over a file = %v, want ErrExist", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Errorf("the file holds %q now", b)
	}
	path += "2"
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		wg.Go(func() { _, errs[i] = kek.CreateFile(path) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%d of 16 made the same file, want 1", won)
	}
}

func TestOpenFileRefuses(t *testing.T) {
	good := filepath.Join(t.TempDir(), "kek.key")
	if _, err := kek.CreateFile(good); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	whole := string(b)
	line, key, _ := strings.Cut(whole, "\n")
	for _, tt := range []struct {
		why  string
		text string
		mode fs.FileMode
		want error
	}{
		{"whole", whole, 0o600, nil},
		{"read-only is as good", whole, 0o400, nil},
		{"an editor on another system", strings.ReplaceAll(whole, "\n", "\r\n"), 0o600, nil},
		{"the group reads it", whole, 0o640, kek.ErrExposed},
		{"others read it", whole, 0o604, kek.ErrExposed},
		{"others write it", whole, 0o602, kek.ErrExposed},
		{"empty", "", 0o600, kek.ErrUnreadable},
		{"no key", line + "\n", 0o600, kek.ErrUnreadable},
		{"half a key", whole[:len(whole)-20], 0o600, kek.ErrUnreadable},
		{"a key too long", strings.TrimSpace(whole) + "AAAA", 0o600, kek.ErrUnreadable},
		{"two keys", whole + key, 0o600, kek.ErrUnreadable},
		{"a later version", "jali key-encryption key v2\n" + key, 0o600, kek.ErrUnreadable},
		{"the bare key", key, 0o600, kek.ErrUnreadable},
		{"a private key of another kind", "-----BEGIN PRIVATE KEY-----\n" + key, 0o600, kek.ErrUnreadable},
		{"a database", strings.Repeat("\x00", 1<<20), 0o600, kek.ErrUnreadable},
	} {
		t.Run(tt.why, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "kek.key")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := kek.OpenFile(path)
			if !errors.Is(err, tt.want) {
				t.Fatalf("OpenFile = %v, want %v", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), strings.TrimSpace(key)[:12]) {
				t.Error("the error shows the key")
			}
			if errors.Is(err, kek.ErrExposed) && !strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("%v does not say what to do", err)
			}
		})
	}
	if _, err := kek.OpenFile(good + "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenFile of nothing = %v, want ErrNotExist", err)
	}
}

func TestUnwrapRefuses(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	a, err := kek.CreateFile(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := kek.CreateFile(filepath.Join(dir, "b"))
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := a.Wrap(ctx, []byte("the root keyring"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Unwrap(ctx, wrapped); !errors.Is(err, kek.ErrWrongKey) {
		t.Errorf("another key: Unwrap = %v, want ErrWrongKey", err)
	}
	for i := range wrapped {
		turned := bytes.Clone(wrapped)
		turned[i] ^= 1
		if _, err := a.Unwrap(ctx, turned); !errors.Is(err, kek.ErrTampered) {
			t.Errorf("byte %d turned: Unwrap = %v, want ErrTampered", i, err)
		}
		if _, err := a.Unwrap(ctx, wrapped[:i]); !errors.Is(err, kek.ErrTampered) {
			t.Errorf("cut to %d bytes: Unwrap = %v, want ErrTampered", i, err)
		}
	}
}

func FuzzOpenFile(f *testing.F) {
	f.Add([]byte("jali key-encryption key v1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"))
	f.Add([]byte("jali key-encryption key v1\r\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "kek.key")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		key, err := kek.OpenFile(path)
		if (key == nil) == (err == nil) {
			t.Errorf("OpenFile = %v, %v: one of the two, please", key, err)
		}
		if err != nil && !errors.Is(err, kek.ErrUnreadable) {
			t.Errorf("OpenFile = %v, want ErrUnreadable", err)
		}
	})
}
