package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// written can be made of words in the source alone, outside of this package.
type written string

// Cause is why something failed, in words that were written with the program
// and with small numbers such as an HTTP status. Unlike other errors' texts they
// may be logged: see [Tell].
func Cause(words written, numbers ...int) error { return &cause{words, numbers} }

// Coded is a Cause with a code that a far end gave, such as
// "isv.invalid-signature". It is told where it can be nothing but words and
// small numbers.
func Coded(words written, code string) error {
	if len(code) > 64 || !coded.MatchString(code) {
		code = "…"
	}
	return &cause{words: words + " " + written(code)}
}

var coded = regexp.MustCompile(`^-?([A-Za-z]{1,20}|\d{1,5})([._-]([A-Za-z]{1,20}|\d{1,2}))*$`)

type cause struct {
	words   written
	numbers []int
}

func (c *cause) Error() string {
	text := string(c.words)
	for _, n := range c.numbers {
		if n < -99_999 || n > 99_999 {
			text += " …" // no number is small enough to be an account's or an amount
			continue
		}
		text += " " + strconv.Itoa(n)
	}
	return text
}

// Panic is what somebody panicked with, told by its type and by where it was:
// the value itself may hold anything.
type Panic struct {
	Type  string
	Stack []string // file:line, innermost first
}

func (p *Panic) Error() string {
	return "panic of type " + p.Type + " at " + strings.Join(p.Stack, " < ")
}

// Panicked makes an error of what recover answered. It is called where that was.
func Panicked(p any) *Panic {
	pcs := make([]uintptr, 48)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	told := &Panic{Type: fmt.Sprintf("%T", p)}
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if f.Function == "runtime.gopanic" {
			told.Stack = nil // what follows is where it began
			continue
		}
		told.Stack = append(told.Stack, place(f))
	}
	return told
}

// place leaves of a file's path what tells it from others.
func place(f runtime.Frame) string {
	at := f.File
	for range 2 {
		if i := strings.LastIndexByte(at, '/'); i >= 0 {
			at = at[:i] + "\x00" + at[i+1:]
		}
	}
	if i := strings.IndexByte(at, 0); i >= 0 {
		at = at[i+1:]
	}
	return strings.ReplaceAll(at, "\x00", "/") + ":" + strconv.Itoa(f.Line)
}

// Caught makes a panic an error. Whoever starts a goroutine defers it there:
// a panic that nobody catches ends the process, and Go prints its value.
func Caught(err *error) {
	if p := recover(); p != nil {
		*err = Panicked(p)
	}
}

// Tell says of err what an operator may read: the codes of its faults, causes in
// words of our own, the system's error numbers, and of all else the type. The
// text of an error that others made may quote what a source, a client or a
// person sent, and is never told.
func Tell(err error) (told string) {
	defer func() {
		if recover() != nil {
			told = fmt.Sprintf("%T", err)
		}
	}()
	return tell(err, 0)
}

const (
	deepest = 16
	widest  = 8
)

func tell(err error, depth int) string {
	if depth > deepest {
		return "…"
	}
	said := own(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return join(said, e.Unwrap(), depth)
	case interface{ Unwrap() []error }:
		var all []string
		for _, one := range e.Unwrap()[:min(widest, len(e.Unwrap()))] {
			all = append(all, tell(one, depth+1))
		}
		if said != "" {
			said += ": "
		}
		return said + strings.Join(all, "; ")
	}
	if said == "" {
		return fmt.Sprintf("%T", err)
	}
	return said
}

func join(said string, cause error, depth int) string {
	switch {
	case cause == nil:
		return said
	case said == "":
		return tell(cause, depth+1)
	}
	return said + ": " + tell(cause, depth+1)
}

// own is what may be told of err without its causes. It is empty where the
// causes tell more.
func own(err error) string {
	for _, known := range []error{
		context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, io.ErrShortWrite, os.ErrDeadlineExceeded,
		os.ErrNotExist, os.ErrExist, os.ErrPermission, os.ErrClosed, net.ErrClosed, http.ErrServerClosed, http.ErrHandlerTimeout, strconv.ErrSyntax, strconv.ErrRange,
	} {
		if err == known { //nolint:errorlint // this one alone; its causes have their turn
			return known.Error()
		}
	}
	switch e := err.(type) { //nolint:errorlint // as above
	case *Error:
		return e.Code
	case *cause:
		return e.Error()
	case *Panic:
		return e.Error()
	case syscall.Errno:
		return e.Error()
	case *fs.PathError:
		return word(e.Op)
	case *os.LinkError:
		return word(e.Op)
	case *os.SyscallError:
		return word(e.Syscall)
	case *net.OpError:
		return word(e.Op) + " " + word(e.Net)
	case *net.DNSError:
		return fmt.Sprintf("DNS (not found: %t, timeout: %t)", e.IsNotFound, e.IsTimeout)
	case *url.Error:
		return word(e.Op)
	case *strconv.NumError:
		return word(e.Func)
	case *exec.ExitError:
		return fmt.Sprintf("exit status %d", e.ExitCode())
	case *json.SyntaxError:
		return fmt.Sprintf("JSON: syntax at byte %d", e.Offset)
	case *json.UnmarshalTypeError:
		return fmt.Sprintf("JSON: another type than %v at byte %d", e.Type, e.Offset)
	}
	if kind := fmt.Sprintf("%T", err); !strings.HasPrefix(kind, "*fmt.wrap") && kind != "*errors.joinError" {
		if t, ok := err.(interface{ Timeout() bool }); ok && t.Timeout() {
			return kind + " (timeout)"
		}
		return kind
	}
	return ""
}

var name = regexp.MustCompile(`^[A-Za-z_]{1,16}\d?$`)

// word lets through what can only be the name of a call.
func word(s string) string {
	if !name.MatchString(s) {
		return "…"
	}
	return s
}
