package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var programs string // the folder of what is tested, and of jali

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "awskms"); err != nil {
		panic(err)
	}
	for from, program := range map[string]string{".": "awskms", "../../../cmd/jali": "jali"} {
		build := exec.Command("go", "build", "-o", filepath.Join(programs, program), ".")
		build.Dir, build.Stderr = from, os.Stderr
		if err := build.Run(); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	_ = os.RemoveAll(programs)
	os.Exit(code)
}

// call runs the program as Jali does.
func call(t *testing.T, in []byte, args ...string) (out []byte, said string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(programs, "awskms"), args...)
	var stderr strings.Builder
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out, stderr.String(), cmd.ProcessState.ExitCode()
}

var secret = bytes.Repeat([]byte("\x00\xffkek"), 6)

func TestWrapThenUnwrap(t *testing.T) {
	f := newFake(t)
	wrapped, said, code := call(t, secret, "--key", arn, "wrap")
	if code != 0 || len(wrapped) == 0 || bytes.Contains(wrapped, secret) || said != "" {
		t.Fatalf("wrap: exit code %d, %d bytes, %q", code, len(wrapped), said)
	}
	if again, _, _ := call(t, secret, "--key", arn, "wrap"); bytes.Equal(again, wrapped) {
		t.Error("wrapping twice gives the same bytes: KMS was not asked")
	}
	if got, said, code := call(t, wrapped, "--key", arn, "unwrap"); code != 0 || !bytes.Equal(got, secret) {
		t.Errorf("unwrap: exit code %d, %x, %q; want %x", code, got, said, secret)
	}
	if got := f.calls(); got != "Encrypt Encrypt Decrypt" {
		t.Errorf("KMS was asked: %s", got)
	}
	for _, seen := range f.seen {
		if len(seen) != 1 || seen["associatedData"] != hex.EncodeToString([]byte("jali root keyring")) {
			t.Errorf("encryption context: %v, want what it is bound to", seen)
		}
	}
}

// encrypted is what the account's key encrypts for another program.
func encrypted(t *testing.T, f *fake, context map[string]string) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{"KeyId": arn, "Plaintext": secret, "EncryptionContext": context})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "TrentService.Encrypt")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-west-1/kms/aws4_request")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out struct{ CiphertextBlob string }
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	b, err := base64.StdEncoding.DecodeString(out.CiphertextBlob)
	if err != nil || len(b) == 0 {
		t.Fatalf("the fake encrypts %d bytes, %v", len(b), err)
	}
	return b
}

func TestNothingIsAnsweredThatIsNotWhole(t *testing.T) {
	f := newFake(t)
	wrapped, _, _ := call(t, secret, "--key", arn, "wrap")
	turned := bytes.Clone(wrapped)
	turned[len(turned)-1] ^= 1
	foreign := encrypted(t, f, map[string]string{"associatedData": hex.EncodeToString([]byte("something else"))})
	for _, tt := range []struct {
		why  string
		how  string // the fake fails
		in   []byte
		args []string
		code int
	}{
		{"a byte turned", "", turned, []string{"--key", arn, "unwrap"}, 1},
		{"cut", "", wrapped[:len(wrapped)-3], []string{"--key", arn, "unwrap"}, 1},
		{"bound to something else", "", foreign, []string{"--key", arn, "unwrap"}, 1},
		{"bound to nothing", "", encrypted(t, f, nil), []string{"--key", arn, "unwrap"}, 1},
		{"another key", "", wrapped, []string{"--key", other, "unwrap"}, 1},
		{"no such key", "", secret, []string{"--key", arn + "0", "wrap"}, 1},
		{"access denied", "denies", wrapped, []string{"--key", arn, "unwrap"}, 1},
		{"KMS is broken", "is broken", wrapped, []string{"--key", arn, "unwrap"}, 3},
		{"KMS hangs", "hangs", wrapped, []string{"--key", arn, "--timeout", "100ms", "unwrap"}, 3},
		{"a proxy's page", "babbles", wrapped, []string{"--key", arn, "unwrap"}, 3},
		{"an empty answer", "is empty", wrapped, []string{"--key", arn, "unwrap"}, 3},
		{"an empty answer to wrap", "is empty", secret, []string{"--key", arn, "wrap"}, 3},
		{"nothing on stdin", "", nil, []string{"--key", arn, "wrap"}, 2},
		{"too much on stdin", "", make([]byte, 16<<10+1), []string{"--key", arn, "unwrap"}, 2},
		{"no key", "", secret, []string{"wrap"}, 2},
		{"no verb", "", secret, []string{"--key", arn}, 2},
		{"another verb", "", secret, []string{"--key", arn, "rewrap"}, 2},
		{"two verbs", "", secret, []string{"--key", arn, "wrap", "unwrap"}, 2},
		{"a key without its region", "", secret, []string{"--key", "alias/jali", "wrap"}, 2},
		{"a flag that is none", "", secret, []string{"--keys", arn, "wrap"}, 2},
		{"no time", "", secret, []string{"--key", arn, "--timeout", "0", "wrap"}, 2},
	} {
		t.Run(tt.why, func(t *testing.T) {
			f.fails(tt.how)
			out, said, code := call(t, tt.in, tt.args...)
			if code != tt.code || len(out) != 0 || !strings.HasPrefix(said, "awskms: ") {
				t.Errorf("exit code %d, %d bytes on stdout, %q on stderr; want %d, none, and why", code, len(out), said, tt.code)
			}
			if strings.Contains(said, "EXAMPLEKEY") || strings.Contains(said, string(secret)) || strings.Contains(said, base64.StdEncoding.EncodeToString(secret)) {
				t.Errorf("%q holds a secret", said)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		f.Close()
		if out, said, code := call(t, wrapped, "--key", arn, "unwrap"); code != 3 || len(out) != 0 {
			t.Errorf("exit code %d, %d bytes, %q; want 3", code, len(out), said)
		}
	})
}

// A house is founded and started with a key that only KMS has.
func TestJaliStartsByIt(t *testing.T) {
	f := newFake(t)
	data := filepath.Join(t.TempDir(), "data")
	serve := func() (string, error) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		jali := exec.CommandContext(ctx, filepath.Join(programs, "jali"), "serve", "--data", data, "--listen", "localhost:0", "--admin", "",
			"--key-command", "'"+filepath.Join(programs, "awskms")+"' --key "+arn+" --timeout 5s")
		stderr, err := jali.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := jali.Start(); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			log.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), `"msg":"serving"`) {
				_ = jali.Process.Signal(syscall.SIGTERM)
			}
		}
		return log.String(), jali.Wait()
	}
	if log, err := serve(); err != nil {
		t.Fatalf("founding: %v\n%s", err, log)
	}
	if got := f.calls(); got != "Encrypt Decrypt" {
		t.Errorf("founding asks KMS: %s; want one Encrypt, and a Decrypt that proves it", got)
	}
	if log, err := serve(); err != nil {
		t.Fatalf("starting: %v\n%s", err, log)
	}
	if got := f.calls(); got != "Decrypt" {
		t.Errorf("starting asks KMS: %s; want one Decrypt", got)
	}
	f.fails("denies")
	log, err := serve()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 2 || !strings.Contains(log, "key_command_failed") || !strings.Contains(log, "exit status 1") || strings.Contains(log, "AccessDenied") {
		t.Errorf("without a right to the key: %v\n%s; want exit code 2, the command's own, and not its words", err, log)
	}
	f.fails("")
	if log, err := serve(); err != nil {
		t.Errorf("once KMS allows it again: %v\n%s", err, log)
	}
}
