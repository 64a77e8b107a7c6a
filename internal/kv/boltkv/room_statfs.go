//go:build linux || darwin

package boltkv

import (
	"path/filepath"
	"syscall"
)

// Room answers how many bytes the file's disk still takes: whoever is about to
// write much looks first, since a full disk stops the store.
func (db *DB) Room() (uint64, error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(db.path), &disk); err != nil {
		return 0, errFile.Because(err)
	}
	return uint64(disk.Bavail) * uint64(disk.Bsize), nil
}
