//go:build unix

package dial

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// watches says whether connections can be kept from one request to the next.
const watches = true

func watch(c net.Conn) net.Conn {
	s, ok := c.(syscall.Conn)
	if !ok {
		return c
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return c // it was closed
	}
	return &line{Conn: c, raw: raw, changed: make(chan struct{}, 1)}
}

// arrived is true where reading would not wait: for bytes, the end, or an
// error. It leaves all of them to the reader; recv with MSG_PEEK would take the
// error away, and what was cut off would read as whole.
func arrived(fd uintptr) bool {
	at := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(at, 0)
		if !errors.Is(err, unix.EINTR) {
			return n != 0 || err != nil
		}
	}
}
