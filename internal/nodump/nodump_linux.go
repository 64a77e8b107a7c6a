package nodump

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Set is called first in main, before there is anything to hide. It holds until
// the process ends.
func Set() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("core files cannot be turned off: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil { // PR_SET_DUMPABLE(2const)
		return fmt.Errorf("this process cannot be made undumpable: %w", err)
	}
	return nil
}
