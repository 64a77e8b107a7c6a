//go:build !linux

package backup

import (
	"errors"
	"os"
)

func anonymous(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func link(*os.File, string) error { return errors.ErrUnsupported }

func freeBytes(string) (free int64, known bool) { return 0, false }

// alone opens the folder, and locks nothing.
func alone(dir string) (*os.File, error) { return os.Open(dir) }
