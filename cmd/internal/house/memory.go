package house

import (
	"os"
	"runtime/debug"
)

// SpendMemory lets the garbage collector wait until the heap is four times
// what lives, unless the operator has set GOGC. What lives is a few MiB, and a
// fifth of a busy server's time went into collecting it.
func SpendMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300)
	}
}
