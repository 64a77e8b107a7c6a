//go:build windows || plan9 || solaris || aix || js || wasip1

package boltkv

import (
	"os"
	"time"
)

// mapSize is 1 GiB: on some of these the file itself becomes as large as its map.
const mapSize = 1 << 30

// lock leaves it to bbolt where its lock cannot be taken twice.
func lock(*os.File, time.Duration) error { return nil }

func unlock(*os.File) error { return nil }
