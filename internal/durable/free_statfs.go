//go:build linux || darwin

package durable

import "syscall"

// Free answers how many bytes the disk of a folder still takes from us.
func Free(dir string) (uint64, error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return 0, err
	}
	return uint64(disk.Bavail) * uint64(disk.Bsize), nil
}
