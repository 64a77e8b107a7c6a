// Package durable puts small files on disk so that after a crash each is there
// whole or not at all, and says how much a disk still takes.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Create puts a new file of mode 0600 at path. What is there is never touched:
// [fs.ErrExist].
//
// [fs.ErrExist]: https://pkg.go.dev/io/fs#ErrExist
func Create(path string, text []byte) error {
	// A link, unlike a rename, replaces nothing.
	return put(path, text, os.Link)
}

// Replace is Create for a file that may be there, and is then another or as it
// was.
func Replace(path string, text []byte) error { return put(path, text, os.Rename) }

// put writes beside path first. What a crash leaves there may be secret, and is
// taken away by the next call.
func put(path string, text []byte, place func(from, to string) error) error {
	temp := path + ".tmp"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := place(temp, path); err != nil {
		return err
	}
	return Names(filepath.Dir(path))
}

// Names puts on disk which names a folder holds.
func Names(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
