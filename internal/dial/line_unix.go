//go:build unix

package dial

import (
	"net"
	"syscall"
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

// arrived is true where reading would not wait: for bytes, the end, or an error.
func arrived(fd uintptr) bool {
	for {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
		if err != syscall.EINTR {
			return err != syscall.EAGAIN
		}
	}
}
