//go:build !linux

package backup

import (
	"errors"
	"os"
)

func anonymous(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func link(*os.File, string) error { return errors.ErrUnsupported }

// alone opens the folder, and locks nothing.
func alone(dir string) (*os.File, error) { return os.Open(dir) }
