//go:build !linux

package vault

import "errors"

func fullDisk(files) error { return errors.New("only on Linux") }
