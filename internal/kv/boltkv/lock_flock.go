//go:build !windows && !plan9 && !solaris && !aix && !js && !wasip1

package boltkv

import (
	"os"
	"syscall"
	"time"
)

// mapSize is how much address space a file takes from the start: 64 GiB, or 1
// on a machine of 32 bits. Below it a file never waits for its readers to grow.
const mapSize = 1 << (30 + 6*(^uint(0)>>63))

// lock takes the lock that bbolt takes again later, so that the file can be
// looked at before.
func lock(f *os.File, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EWOULDBLOCK && err != syscall.EINTR {
			return err
		}
		if time.Now().After(deadline) {
			return ErrLocked
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// unlock lets go of a file that stays mapped: closing it alone would not.
func unlock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
