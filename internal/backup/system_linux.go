package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// anonymous opens a file in dir that has no name (open(2), O_TMPFILE). Not
// every file system can, and it gets a name only where /proc is mounted.
func anonymous(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(handle(f)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func handle(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }

// link gives such a file a name that nothing has.
func link(f *os.File, path string) error {
	if err := unix.Linkat(unix.AT_FDCWD, handle(f), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &fs.PathError{Op: "link", Path: path, Err: err}
	}
	return nil
}

// alone takes the lock of a folder until it is closed.
func alone(dir string) (*os.File, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(ErrBusy.Because(err), d.Close())
	}
	return d, nil
}
