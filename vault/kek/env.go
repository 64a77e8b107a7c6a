package kek

import "os"

// FromEnv reads a key from an environment variable, which holds what the
// second line of a key file does, and takes the variable out of the process's
// environment, so that no child inherits it: it can be read once. Errors:
// [ErrEnvMissing], [ErrEnvUnreadable].
//
// The kernel keeps the block that the process was started with: until the
// process ends root can read the key in /proc/PID/environ, and so can its owner
// unless the process is undumpable, as jali makes itself on Linux. Whatever set
// the variable may show it, too. A key file or a command is safer.
func FromEnv(name string) (*Key, error) {
	text := os.Getenv(name)
	if text == "" {
		return nil, ErrEnvMissing
	}
	if err := os.Unsetenv(name); err != nil {
		return nil, ErrEnvUnreadable.Because(err)
	}
	return FromText(text)
}

// FromText reads a key as an environment variable holds it:
// [ErrEnvUnreadable].
func FromText(text string) (*Key, error) {
	if len(text) > mostBytes {
		return nil, ErrEnvUnreadable
	}
	key, err := decode([]byte(text))
	if err != nil {
		return nil, ErrEnvUnreadable.Because(err)
	}
	return newKey(key)
}
