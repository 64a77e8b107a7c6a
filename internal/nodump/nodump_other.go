//go:build !linux

package nodump

// Set does nothing here.
func Set() error { return nil }
