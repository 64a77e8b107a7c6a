package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"jali/internal/durable"
	"jali/internal/fault"
	"jali/internal/kv/boltkv"
)

var (
	// ErrOccupied is a folder that holds a database already.
	ErrOccupied = &fault.Error{Kind: fault.Conflict, Code: "restore_occupied", Owner: fault.Us,
		Detail: "there is a database in this folder, and it was left as it is: move jali.db and keys.db elsewhere, or name another folder"}

	// ErrBusy is a folder into which something is being restored just now.
	ErrBusy = &fault.Error{Kind: fault.Conflict, Code: "restore_busy", Owner: fault.Us,
		Detail: "another restore is at work in this folder; wait for it"}
)

// unpackedMark begins the name of the folder in which a backup is unpacked.
const unpackedMark = "restoring-"

// Folder is where a backup is taken back. Until [Folder.Place] nothing has the
// name it is to have, and [Folder.Close] leaves the folder as it was. What a
// crash leaves there, the next to open it takes away.
type Folder struct {
	dir, unpacked string
	made          bool // dir itself is ours
	names         []string
	lock          *os.File
}

// OpenFolder takes a folder, made where it is not there, for stores of these
// names. Errors: [ErrBusy].
func OpenFolder(dir string, names ...string) (_ *Folder, err error) {
	f := &Folder{dir: dir, names: names}
	if err := os.Mkdir(dir, 0o700); err == nil {
		f.made = true
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if f.lock, err = alone(dir); err != nil {
		return nil, err
	}
	if err := f.sweep(); err != nil {
		return nil, err
	}
	f.unpacked, err = os.MkdirTemp(dir, unpackedMark)
	return f, err
}

// Free answers [ErrOccupied] where one of the names is taken.
func (f *Folder) Free() error {
	for _, name := range f.names {
		switch _, err := os.Lstat(filepath.Join(f.dir, name)); {
		case err == nil:
			return ErrOccupied.Because(errors.New(filepath.Join(f.dir, name) + " is there"))
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	return nil
}

// sweep takes away what a restore has left that was killed: what it had
// unpacked, and what it had placed if that was not all.
func (f *Folder) sweep() error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), unpackedMark) {
			continue
		}
		left := filepath.Join(f.dir, e.Name())
		if err := f.displace(left); err != nil {
			return err
		}
		if err := os.RemoveAll(left); err != nil {
			return err
		}
	}
	return nil
}

// displace takes back what was placed from a folder, if something was not.
func (f *Folder) displace(from string) error {
	var placed []string
	whole := true
	for _, name := range f.names {
		at, err := os.Lstat(filepath.Join(f.dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			whole = false
			continue
		}
		if err != nil {
			return err
		}
		if was, err := os.Lstat(filepath.Join(from, name)); err == nil && os.SameFile(was, at) {
			placed = append(placed, name)
		}
	}
	if whole {
		return nil
	}
	for _, name := range placed {
		if err := os.Remove(filepath.Join(f.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// Unpack makes a file of each store of a backup. They lie at [Folder.Path]
// until Place.
func (f *Folder) Unpack(ctx context.Context, r *Reader, told Progress) (Sums, error) {
	sums, err := r.Each(ctx, func(s Store) error {
		return boltkv.Load(ctx, f.Path(s.Name), s.Schema, s.Rows)
	}, told)
	return sums, spaced(err)
}

// Path is where a store was unpacked.
func (f *Folder) Path(name string) string { return filepath.Join(f.unpacked, name) }

// Place gives the stores their names: all, on disk, or none. Nothing may have
// them open.
func (f *Folder) Place() error {
	for i, name := range f.names {
		// A link replaces nothing that has come meanwhile.
		err := os.Link(f.Path(name), filepath.Join(f.dir, name))
		if err == nil {
			continue
		}
		if errors.Is(err, fs.ErrExist) {
			err = ErrOccupied.Because(err)
		}
		for _, placed := range f.names[:i] {
			err = errors.Join(err, os.Remove(filepath.Join(f.dir, placed)))
		}
		return err
	}
	f.made = false
	return durable.Names(f.dir)
}

// Close takes away what was unpacked and not placed.
func (f *Folder) Close() error {
	var errs []error
	if f.unpacked != "" {
		errs = append(errs, os.RemoveAll(f.unpacked))
	}
	if f.made {
		errs = append(errs, os.Remove(f.dir))
	}
	if f.lock != nil {
		errs = append(errs, f.lock.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("not all of what was unpacked could be taken away: %w", err)
	}
	return nil
}
