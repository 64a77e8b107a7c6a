package kek

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"runtime"

	"jali/internal/durable"
	"jali/internal/fault"
)

// A key file is two lines: what it is, and 32 random bytes in base64url.
const (
	firstLine = "jali key-encryption key v1"
	mostBytes = 4096
)

// OpenFile reads a key file, which its owner alone can read. Whoever has it and
// the database has everything: it belongs on another disk than the backups.
// Errors: [fs.ErrNotExist], [ErrExposed], [ErrUnreadable].
//
// [fs.ErrNotExist]: https://pkg.go.dev/io/fs#ErrNotExist
func OpenFile(path string) (*Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the key file cannot be opened: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("the key file cannot be opened: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, ErrExposed.Because(fmt.Errorf("%s has mode %04o", path, info.Mode().Perm()))
	}
	text, err := io.ReadAll(io.LimitReader(f, mostBytes+1))
	if err != nil {
		return nil, ErrUnreadable.Because(err)
	}
	defer clear(text)
	key, err := parse(text)
	if err != nil {
		return nil, ErrUnreadable.Because(fmt.Errorf("%s: %w", path, err))
	}
	return newKey(key)
}

func parse(text []byte) ([]byte, error) {
	if len(text) > mostBytes {
		return nil, fault.Cause("it is too long")
	}
	first, rest, ok := bytes.Cut(text, []byte("\n"))
	if !ok || string(bytes.TrimRight(first, "\r")) != firstLine {
		return nil, fault.Cause("the first line is not " + firstLine)
	}
	return decode(rest)
}

// CreateFile draws a key and keeps it in a new file of mode 0600, which is
// there whole and on disk or not at all. A file that exists is never touched:
// [fs.ErrExist].
//
// [fs.ErrExist]: https://pkg.go.dev/io/fs#ErrExist
func CreateFile(path string) (*Key, error) {
	key := make([]byte, keySize)
	_, _ = rand.Read(key)
	text := fmt.Appendf(nil, "%s\n%s\n", firstLine, base64.RawURLEncoding.EncodeToString(key))
	defer clear(text)
	if err := durable.Create(path, text); err != nil {
		return nil, fmt.Errorf("the key file cannot be made: %w", err)
	}
	return newKey(key)
}
