package kek_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"jali/vault/kek"
)

// The test binary is also the operator's command: as ROLE ARG… wrap.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "as" {
		os.Exit(act(os.Args[2], os.Args[3:len(os.Args)-1], os.Args[len(os.Args)-1]))
	}
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // or each of them takes a second to end
	os.Exit(m.Run())
}

const canary = "4 words that nobody must see"

func act(role string, args []string, verb string) int {
	in, _ := io.ReadAll(os.Stdin)
	fmt.Fprintln(os.Stderr, canary)
	say := func(b []byte) { _, _ = os.Stdout.Write(b) }
	switch role {
	case "good": // NAME
		say(sealed(args[0], verb, in))
	case "good only to": // VERB
		if verb != args[0] {
			return 7
		}
		say(sealed("k", verb, in))
	case "exit": // CODE
		say([]byte(canary))
		code, _ := strconv.Atoi(args[0])
		return code
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "nothing":
	case "plain":
		say(slices.Concat([]byte("wrapped: "), in))
	case "on unwrap": // WHAT
		if verb == "wrap" {
			say(sealed("k", verb, in))
			return 0
		}
		switch args[0] {
		case "nothing":
		case "other bytes":
			say(make([]byte, 32))
		case "a line":
			say(append(sealed("k", verb, in), '\n'))
		case "half":
			say(sealed("k", verb, in)[:16])
		}
	case "babble": // whatever becomes of its stdout
		signal.Ignore(syscall.SIGPIPE)
		for {
			say([]byte(canary))
		}
	case "at most": // SIZE
		size, _ := strconv.Atoi(args[0])
		say(bytes.Repeat([]byte("."), size))
	case "hang":
		select {}
	case "family": // SOCKET
		child := exec.Command(os.Args[0], "as", "held", args[0], "wrap")
		if child.Start() != nil {
			return 1
		}
		hold(args[0])
	case "leave": // SOCKET
		child := exec.Command(os.Args[0], "as", "held", args[0], "wrap")
		child.Stdout = os.Stdout
		if child.Start() != nil {
			return 1
		}
		say(sealed("k", verb, in))
	case "held":
		hold(args[0])
	case "env": // FILE
		if os.WriteFile(args[0], []byte(strings.Join(os.Environ(), "\n")), 0o600) != nil {
			return 1
		}
		say(sealed("k", verb, in))
	}
	return 0
}

// hold connects to a socket, and never lets it go.
func hold(socket string) {
	if _, err := net.Dial("unix", socket); err != nil {
		os.Exit(1)
	}
	select {}
}

func sealed(name, verb string, in []byte) []byte {
	key := sha256.Sum256([]byte(name))
	block, _ := aes.NewCipher(key[:])
	gcm, _ := cipher.NewGCMWithRandomNonce(block)
	if verb == "wrap" {
		return gcm.Seal(nil, nil, in, []byte("jali root keyring"))
	}
	plain, err := gcm.Open(nil, nil, in, []byte("jali root keyring"))
	if err != nil {
		os.Exit(3)
	}
	return plain
}

func command(t *testing.T, timeout time.Duration, words ...string) kek.KEK {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line := "'" + program + "' as"
	for _, w := range words {
		line += " '" + w + "'"
	}
	c, err := kek.Open(kek.Choice{Command: line, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var ring = []byte(`{"terms":["root keyring"]}`)

func TestCommandTakesBackWhatItGave(t *testing.T) {
	good := command(t, 0, "good", "k")
	wrapped, err := good.Wrap(t.Context(), ring)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(wrapped, ring) {
		t.Error("wrapped holds the plain bytes")
	}
	got, err := command(t, 0, "good", "k").Unwrap(t.Context(), wrapped)
	if err != nil || !bytes.Equal(got, ring) {
		t.Errorf("Unwrap = %q, %v; want %q", got, err, ring)
	}
	if _, err := command(t, 0, "good", "another").Unwrap(t.Context(), wrapped); !errors.Is(err, kek.ErrCommandFailed) || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("with another key: %v, want ErrCommandFailed with its exit status", err)
	}
	// A damaged row is told of without asking the command, which would fail
	// too, or from what it gives.
	for i := range wrapped {
		turned := bytes.Clone(wrapped)
		turned[i] ^= 1
		k := good
		if i < 65 { // the header and the answer: the command is not asked
			k = command(t, 0, "exit", "1")
		} else if i%8 != 0 {
			continue
		}
		if _, err := k.Unwrap(t.Context(), turned); !errors.Is(err, kek.ErrTampered) && !errors.Is(err, kek.ErrCommandDiffers) {
			t.Errorf("byte %d turned: %v, want ErrTampered", i, err)
		}
	}
	for _, n := range []int{0, 1, 5, 10, 11, 40, 70} {
		if _, err := good.Unwrap(t.Context(), wrapped[:n]); !errors.Is(err, kek.ErrTampered) {
			t.Errorf("cut to %d bytes: %v, want ErrTampered", n, err)
		}
	}
}

// A keyring that a command wrapped is no key file's, and the other way round.
func TestKindsAreToldApart(t *testing.T) {
	file, err := kek.CreateFile(filepath.Join(t.TempDir(), "kek.key"))
	if err != nil {
		t.Fatal(err)
	}
	good := command(t, 0, "good", "k")
	for _, tt := range []struct {
		wraps, unwraps kek.KEK
		says           string
	}{{file, good, "--key-file"}, {good, file, "--key-command"}} {
		wrapped, err := tt.wraps.Wrap(t.Context(), ring)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tt.unwraps.Unwrap(t.Context(), wrapped); !errors.Is(err, kek.ErrWrongKey) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("Unwrap = %v, want ErrWrongKey that names %s", err, tt.says)
		}
	}
}

func TestCommandThatDoesNotWork(t *testing.T) {
	const soon = 30 * time.Second
	for _, tt := range []struct {
		why     string
		command kek.KEK
		want    error
		says    string
	}{
		{"fails", command(t, soon, "exit", "42"), kek.ErrCommandFailed, "exit status 42"},
		{"fails to unwrap", command(t, soon, "good only to", "wrap"), kek.ErrCommandFailed, "exit status 7"},
		{"is killed", command(t, soon, "die"), kek.ErrCommandFailed, "signal: killed"},
		{"hangs", command(t, 50*time.Millisecond, "hang"), kek.ErrCommandSlow, "--key-timeout"},
		{"babbles for ever", command(t, soon, "babble"), kek.ErrCommandBabbles, "nothing else"},
		{"babbles", command(t, soon, "at most", "16385"), kek.ErrCommandBabbles, "nothing else"},
		{"says nothing", command(t, soon, "nothing"), kek.ErrCommandSilent, "stdout"},
		{"says nothing on unwrap", command(t, soon, "on unwrap", "nothing"), kek.ErrCommandSilent, "stdout"},
		{"does not wrap", command(t, soon, "plain"), kek.ErrCommandPlain, "does not wrap"},
		{"unwraps to something else", command(t, soon, "on unwrap", "other bytes"), kek.ErrCommandDiffers, "give back"},
		{"ends its answer with a line's end", command(t, soon, "on unwrap", "a line"), kek.ErrCommandDiffers, "bytes than 32: 33"},
		{"unwraps to half", command(t, soon, "on unwrap", "half"), kek.ErrCommandDiffers, "bytes than 32: 16"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			wrapped, err := tt.command.Wrap(t.Context(), ring)
			if err == nil {
				_, err = tt.command.Unwrap(t.Context(), wrapped)
			}
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("got %v, want %v with %q", err, tt.want, tt.says)
			}
			if strings.Contains(err.Error(), canary) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v quotes the command, or passes for a key file that is not there", err)
			}
		})
	}
	if _, err := command(t, soon, "at most", "16384").Wrap(t.Context(), ring); err != nil {
		t.Errorf("an answer as long as may be: %v", err)
	}
}

func TestCommandThatCannotBeStarted(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("#!/bin/sh\nexit 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lost := filepath.Join(dir, "lost")
	if err := os.WriteFile(lost, []byte("#!"+dir+"/nothing\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for why, program := range map[string]string{
		"not there":            filepath.Join(dir, "nowhere"),
		"not in PATH":          "jali-no-such-program",
		"not executable":       plain,
		"a folder":             dir,
		"without what runs it": lost,
	} {
		k, err := kek.Open(kek.Choice{Command: program})
		if err == nil {
			_, err = k.Wrap(t.Context(), ring)
		}
		if !errors.Is(err, kek.ErrCommandMissing) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want ErrCommandMissing", why, err)
		}
	}
}

// What is killed is the command and all that it started.
func TestCommandIsKilledWithItsFamily(t *testing.T) {
	for _, role := range []string{"family", "leave"} {
		t.Run(role, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "s")
			l, err := net.Listen("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			failed := make(chan error, 1)
			go func() {
				_, err := command(t, time.Hour, role, socket).Wrap(ctx, ring)
				failed <- err
			}()
			members, want := 2, context.Canceled
			if role == "leave" { // it has ended by itself
				members, want = 1, error(kek.ErrCommandSlow)
			}
			var held []net.Conn
			for range members {
				c, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				held = append(held, c)
			}
			if role == "family" {
				cancel()
			}
			if err := <-failed; !errors.Is(err, want) {
				t.Errorf("Wrap = %v, want %v", err, want)
			}
			for _, c := range held {
				if _, err := c.Read(make([]byte, 1)); err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("a member of the family: %v, want the end of it", err)
				}
			}
		})
	}
}

func TestCommandSeesNoSecretOfJali(t *testing.T) {
	t.Setenv("JALI_KEK", strings.Repeat("A", 43))
	t.Setenv("OPERATORS_KEK", strings.Repeat("A", 43))
	t.Setenv("VAULT_ADDR", "http://127.0.0.1:8200")
	if _, err := kek.FromEnv("OPERATORS_KEK"); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "env")
	if _, err := command(t, 0, "env", file).Wrap(t.Context(), ring); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if seen := string(b); strings.Contains(seen, "JALI_") || strings.Contains(seen, "OPERATORS_KEK") || !strings.Contains(seen, "VAULT_ADDR=http") || !strings.Contains(seen, "PATH=") {
		t.Errorf("the command sees\n%s", seen)
	}
}
