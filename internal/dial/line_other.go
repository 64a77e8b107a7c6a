//go:build !unix

package dial

import "net"

// watches says whether connections can be kept from one request to the next.
// Here nothing tells what has arrived on one, so each request has its own.
const watches = false

func watch(c net.Conn) net.Conn { return c }

func arrived(uintptr) bool { return true }
