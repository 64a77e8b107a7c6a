package kek

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// A key file is two lines: what it is, and 32 random bytes in base64url.
const (
	firstLine = "jali key-encryption key v1"
	keySize   = 32
	mostBytes = 4096
)

// What is wrapped is a version byte, 8 bytes that tell one key from another,
// a nonce of 12 bytes and AES-256-GCM. The associated data is the purpose,
// the version and the key's id.
const (
	version = 1
	idSize  = 8
	purpose = "jali root keyring"
)

// File is a key that lies in a file of its own, readable by its owner alone.
// Whoever has it and the database has everything: it belongs on another disk
// than the backups.
type File struct {
	aead cipher.AEAD
	id   []byte
}

var _ KEK = (*File)(nil)

// OpenFile reads a key file. Errors: [fs.ErrNotExist], [ErrExposed],
// [ErrUnreadable].
//
// [fs.ErrNotExist]: https://pkg.go.dev/io/fs#ErrNotExist
func OpenFile(path string) (*File, error) {
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
	return newFile(key)
}

// parse never quotes what it reads: most of it may be right.
func parse(text []byte) ([]byte, error) {
	if len(text) > mostBytes {
		return nil, errors.New("too long")
	}
	first, rest, ok := bytes.Cut(text, []byte("\n"))
	if !ok || string(bytes.TrimRight(first, "\r")) != firstLine {
		return nil, errors.New("the first line is not " + firstLine)
	}
	key, err := base64.RawURLEncoding.Strict().DecodeString(string(bytes.TrimRight(rest, "\r\n")))
	if err != nil {
		return nil, errors.New("the second line is not base64url")
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("the second line holds %d bytes, not %d", len(key), keySize)
	}
	return key, nil
}

// CreateFile draws a key and keeps it in a new file of mode 0600, which is
// there whole and on disk or not at all. A file that exists is never touched:
// [fs.ErrExist].
//
// [fs.ErrExist]: https://pkg.go.dev/io/fs#ErrExist
func CreateFile(path string) (*File, error) {
	key := make([]byte, keySize)
	_, _ = rand.Read(key)
	text := fmt.Appendf(nil, "%s\n%s\n", firstLine, base64.RawURLEncoding.EncodeToString(key))
	defer clear(text)
	if err := write(path, text); err != nil {
		return nil, fmt.Errorf("the key file cannot be made: %w", err)
	}
	return newFile(key)
}

func write(path string, text []byte) error {
	temp := path + ".tmp-" + rand.Text()
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	// A link never replaces what is there.
	if err := os.Link(temp, path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func newFile(key []byte) (*File, error) {
	sealing, err := hkdf.Expand(sha256.New, key, "jali kek wrap", keySize)
	if err != nil {
		return nil, err
	}
	id, err := hkdf.Expand(sha256.New, key, "jali kek id", idSize)
	if err != nil {
		return nil, err
	}
	clear(key)
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &File{aead: aead, id: id}, nil
}

func (f *File) associated() []byte {
	return append(append([]byte(purpose), version), f.id...)
}

// Wrap seals plain under the key in the file.
func (f *File) Wrap(ctx context.Context, plain []byte) ([]byte, error) {
	out := append([]byte{version}, f.id...)
	return f.aead.Seal(out, nil, plain, f.associated()), ctx.Err()
}

// Unwrap opens what Wrap sealed.
func (f *File) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	if len(wrapped) < 1+idSize || wrapped[0] != version {
		return nil, ErrTampered
	}
	if !bytes.Equal(wrapped[1:1+idSize], f.id) {
		return nil, ErrWrongKey
	}
	plain, err := f.aead.Open(nil, nil, wrapped[1+idSize:], f.associated())
	if err != nil {
		return nil, ErrTampered.Because(err)
	}
	return plain, ctx.Err()
}
