package kek

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"jali/internal/fault"
)

// DefaultTimeout is how long a command may take where a [Choice] names no
// other.
const DefaultTimeout = 10 * time.Second

// What a Command wraps is a version byte, 8 bytes of a checksum of the
// command's answer, its length (2 bytes, big endian), the answer, and what a
// [Key] of this one wrapping, the data key, wrapped. So what the command is
// given is 32 bytes whatever is wrapped; that it gave back the right ones is
// seen by the key's id; and a damaged row is told from a command that fails.
const (
	commandVersion = 2
	sumSize        = 8
	headerSize     = 1 + sumSize + 2
	mostAnswer     = 16 << 10
)

// Command is a program of the operator's that keeps the key-encryption key to
// itself. It is called in one of two ways, with the arguments it was given and
// one more behind them:
//
//	PROGRAM ARG… wrap     stdin: 32 random bytes; stdout: these, encrypted
//	PROGRAM ARG… unwrap   stdin: such an answer; stdout: the 32 bytes
//
// Both are raw bytes, nothing before them and nothing after, not even a line's
// end, and stdin ends behind them. An answer to wrap has 1 to 16384 bytes; it
// should be authenticated, bound to "jali root keyring" where the key has
// other uses, and has to be understood for as long as the database or a backup
// of it is kept. Exit code 0 says that the answer is whole; any other, that
// there is none.
//
// The command runs in the folder that Jali was started in, with Jali's
// environment except for variables that begin with JALI_, in a process group
// of its own, which is killed when the time is over. Its stderr is thrown
// away, and neither output is ever logged or quoted: whatever it has to say to
// people belongs in a log of its own, and what was asked of it is 32 bytes
// that open everything.
type Command struct {
	program string
	args    []string
	timeout time.Duration
}

var _ KEK = (*Command)(nil)

var (
	// ErrCommandSyntax is a command line that [NewCommand] does not split.
	ErrCommandSyntax = &fault.Error{Kind: fault.Invalid, Code: "key_command_syntax", Owner: fault.Us,
		Detail: "--key-command wants a program and its arguments; no shell reads them, so put what only a shell understands into a script, or in single quotes where it is meant literally"}

	// ErrCommandMissing is a program that cannot be started.
	ErrCommandMissing = &fault.Error{Kind: fault.Unavailable, Code: "key_command_missing", Owner: fault.Us,
		Detail: "the program of --key-command cannot be started: check its path and that it may be executed; nothing was changed"}

	// ErrCommandFailed is a command that said so, or that was killed.
	ErrCommandFailed = &fault.Error{Kind: fault.Unavailable, Code: "key_command_failed", Owner: fault.Us,
		Detail: "the key command failed: run it by hand to see what it says, and start again when it works; nothing was changed"}

	// ErrCommandSlow is a command that was killed when its time was over.
	ErrCommandSlow = &fault.Error{Kind: fault.Unavailable, Code: "key_command_timeout", Owner: fault.Us,
		Detail: "the key command did not end in time and was killed: see whether its service can be reached, or allow it more with --key-timeout; nothing was changed"}

	// ErrCommandBabbles is a command that was killed for saying too much.
	ErrCommandBabbles = &fault.Error{Kind: fault.Unavailable, Code: "key_command_babbles", Owner: fault.Us,
		Detail: "the key command writes more than 16384 bytes: it must write its answer to stdout and nothing else; nothing was changed"}

	// ErrCommandSilent is a command that ended well without an answer.
	ErrCommandSilent = &fault.Error{Kind: fault.Unavailable, Code: "key_command_silent", Owner: fault.Us,
		Detail: "the key command ended well but wrote nothing: it must write its answer to stdout; nothing was changed"}

	// ErrCommandPlain is a command that does not encrypt.
	ErrCommandPlain = &fault.Error{Kind: fault.Unavailable, Code: "key_command_plain", Owner: fault.Us,
		Detail: "the key command does not wrap: its answer holds what it was given; nothing was changed"}

	// ErrCommandDiffers is a command that unwraps to something else than was
	// wrapped.
	ErrCommandDiffers = &fault.Error{Kind: fault.Unavailable, Code: "key_command_differs", Owner: fault.Us,
		Detail: "the key command did not give back the bytes that it once wrapped: it must use the key it wrapped them with, and write them to stdout and nothing else; nothing was changed"}
)

// NewCommand splits line into a program and its arguments, and finds the
// program: by its path, or in PATH where the name has no slash. Errors:
// [ErrCommandSyntax], [ErrCommandMissing].
//
// Words are separated by spaces and tabs. Between single quotes everything is
// literal. Between double quotes, and outside of quotes, a backslash makes the
// next character literal. Nothing is expanded; outside of quotes a line's end
// and | & ; < > ( ) $ ` * ? are refused, which only a shell would understand,
// and so are $ and ` between double quotes.
func NewCommand(line string, timeout time.Duration) (*Command, error) {
	words, err := split(line)
	if err != nil {
		return nil, ErrCommandSyntax.Because(err)
	}
	program, err := exec.LookPath(words[0])
	if err != nil {
		return nil, cannotStart(err)
	}
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	return &Command{program: program, args: words[1:], timeout: timeout}, nil
}

// Wrap asks the command to wrap the data key that plain is sealed under.
func (c *Command) Wrap(ctx context.Context, plain []byte) ([]byte, error) {
	secret := make([]byte, keySize)
	defer clear(secret)
	_, _ = rand.Read(secret)
	answer, err := c.run(ctx, "wrap", secret)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(answer, secret) {
		return nil, ErrCommandPlain
	}
	data, err := newKey(secret)
	if err != nil {
		return nil, err
	}
	sealed, err := data.Wrap(ctx, plain)
	if err != nil {
		return nil, err
	}
	out := append([]byte{commandVersion}, checksum(answer)...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(answer)))
	return slices.Concat(out, answer, sealed), nil
}

// Unwrap asks the command for the data key, once.
func (c *Command) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	answer, sealed, err := parts(wrapped)
	if err != nil {
		return nil, err
	}
	secret, err := c.run(ctx, "unwrap", answer)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	if len(secret) != keySize {
		return nil, ErrCommandDiffers.Because(fault.Cause("it gave another number of bytes than 32:", len(secret)))
	}
	data, err := newKey(secret)
	if err != nil {
		return nil, err
	}
	plain, err := data.Unwrap(ctx, sealed)
	if errors.Is(err, ErrWrongKey) {
		return nil, ErrCommandDiffers
	}
	return plain, err
}

// parts answers what the command once said, and what is sealed beside it.
func parts(wrapped []byte) (answer, sealed []byte, err error) {
	if len(wrapped) > 0 && wrapped[0] == keyVersion {
		return nil, nil, ErrWrongKey.Saying("this database's key-encryption key is no command's: start with --key-file or --key-env; nothing was changed")
	}
	if len(wrapped) < headerSize || wrapped[0] != commandVersion {
		return nil, nil, ErrTampered
	}
	sum, n, rest := wrapped[1:1+sumSize], int(binary.BigEndian.Uint16(wrapped[1+sumSize:])), wrapped[headerSize:]
	if n > len(rest) || !bytes.Equal(sum, checksum(rest[:n])) {
		return nil, nil, ErrTampered
	}
	return rest[:n], rest[n:], nil
}

func checksum(answer []byte) []byte {
	sum := sha256.Sum256(answer)
	return sum[:sumSize]
}

// run answers what the command writes to stdout. It has ended then, and so has
// everything that it started and that still held its stdout.
func (c *Command) run(ctx context.Context, verb string, in []byte) ([]byte, error) {
	limited, stop := context.WithTimeoutCause(ctx, c.timeout, ErrCommandSlow)
	defer stop()
	limited, cancel := context.WithCancelCause(limited)
	defer cancel(nil)
	out := &answer{full: func() { cancel(ErrCommandBabbles) }}

	cmd := exec.CommandContext(limited, c.program, append(slices.Clone(c.args), verb)...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "JALI_") })
	cmd.Stdin, cmd.Stdout = bytes.NewReader(in), out
	kill := group(cmd)
	cmd.Cancel, cmd.WaitDelay = kill, time.Second
	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, cannotStart(err)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, context.Cause(limited)
	case errors.Is(err, exec.ErrWaitDelay):
		_ = kill()
		return nil, ErrCommandSlow.Saying("the key command has ended, but left processes behind that keep its stdout open, which were killed: they have to end, or to close it; nothing was changed")
	case errors.As(err, &exit):
		return nil, ErrCommandFailed.Saying("the key command ended with " + exit.ProcessState.String() + // "exit status 3", "signal: killed"
			": run it by hand to see what it says, and start again when it works; nothing was changed")
	case err != nil:
		return nil, ErrCommandFailed.Because(err)
	case len(out.bytes) == 0:
		return nil, ErrCommandSilent
	}
	return out.bytes, nil
}

// cannotStart tells the reason in words alone: what was named may be a secret
// by a slip, and [fs.ErrNotExist] is a key file's.
func cannotStart(err error) error {
	why := "it is not in PATH"
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		why = errno.Error()
	} else if !errors.Is(err, exec.ErrNotFound) {
		return ErrCommandMissing
	}
	return ErrCommandMissing.Saying("the program of --key-command cannot be started (" + why + "): check its path and that it may be executed; nothing was changed")
}

// answer takes what a command writes, and calls full when that is too much.
type answer struct {
	bytes []byte
	full  func()
}

func (a *answer) Write(p []byte) (int, error) {
	if len(a.bytes)+len(p) > mostAnswer {
		a.full()
		return 0, errors.New("too much")
	}
	a.bytes = append(a.bytes, p...)
	return len(p), nil
}
