package backup

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"jali/internal/durable"
)

// File is a file on its way to a name: it has none before it is whole and on
// disk, where the system allows that, and then only its owner can read it.
type File struct {
	file    *os.File
	path    string
	replace bool
	temp    string // its name until then, where it must have one
}

// CreateFile begins a file for path. What is there stays as it is until
// [File.Keep], and without replace for good: [fs.ErrExist].
//
// [fs.ErrExist]: https://pkg.go.dev/io/fs#ErrExist
func CreateFile(path string, replace bool) (*File, error) {
	if _, err := os.Lstat(path); err == nil && !replace {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	f := &File{path: path, replace: replace}
	var err error
	if f.file, err = anonymous(filepath.Dir(path)); err == nil {
		return f, nil
	}
	f.temp = f.tempName()
	f.file, err = os.OpenFile(f.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return f, err
}

func (f *File) tempName() string { return f.path + ".tmp-" + rand.Text() }

func (f *File) Write(p []byte) (int, error) {
	n, err := f.file.Write(p)
	return n, spaced(err)
}

// Keep puts the file on disk under its name.
func (f *File) Keep() error {
	if err := f.file.Sync(); err != nil {
		return spaced(err)
	}
	return errors.Join(f.name(), durable.Names(filepath.Dir(f.path)))
}

func (f *File) name() error {
	switch {
	case f.temp == "" && !f.replace:
		return link(f.file, f.path)
	case f.temp == "":
		f.temp = f.tempName()
		if err := link(f.file, f.temp); err != nil {
			return err
		}
		return os.Rename(f.temp, f.path)
	case f.replace:
		return os.Rename(f.temp, f.path)
	}
	return os.Link(f.temp, f.path) // which replaces nothing
}

// Close gives up what was not kept.
func (f *File) Close() error {
	err := f.file.Close()
	if f.temp != "" {
		if gone := os.Remove(f.temp); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// unnamed answers a file that nobody finds.
func unnamed(dir string) (*os.File, error) {
	if f, err := anonymous(dir); err == nil {
		return f, nil
	}
	f, err := os.CreateTemp(dir, ".jali-backup-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
