package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
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
	if programs, err = os.MkdirTemp("", "hcvault"); err != nil {
		panic(err)
	}
	for from, program := range map[string]string{".": "hcvault", "../../../cmd/jali": "jali"} {
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
	cmd := exec.CommandContext(t.Context(), filepath.Join(programs, "hcvault"), args...)
	var stderr strings.Builder
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out, stderr.String(), cmd.ProcessState.ExitCode()
}

const key = "transit/keys/jali"

var secret = bytes.Repeat([]byte("\x00\xffkek"), 6)

func TestWrapThenUnwrap(t *testing.T) {
	f := newFake(t)
	wrapped, said, code := call(t, secret, "--key", key, "wrap")
	if code != 0 || !bytes.HasPrefix(wrapped, []byte("vault:v1:")) || said != "" {
		t.Fatalf("wrap: exit code %d, %q, %q", code, wrapped, said)
	}
	if again, _, _ := call(t, secret, "--key", key, "wrap"); bytes.Equal(again, wrapped) {
		t.Error("wrapping twice gives the same bytes: the engine was not asked")
	}
	if got, said, code := call(t, wrapped, "--key", key, "unwrap"); code != 0 || !bytes.Equal(got, secret) {
		t.Errorf("unwrap: exit code %d, %x, %q; want %x", code, got, said, secret)
	}
	if got := f.calls(); got != "encrypt encrypt decrypt" {
		t.Errorf("the engine was asked: %s", got)
	}
	for _, seen := range f.seen {
		if seen != "jali root keyring" {
			t.Errorf("associated data: %q, want what it is bound to", seen)
		}
	}
}

// An agent writes the token into a file, with or without a line's end.
func TestTokenFromAFile(t *testing.T) {
	newFake(t)
	t.Setenv("VAULT_TOKEN", "")
	for why, tt := range map[string]struct {
		text string
		code int
	}{"a line": {token + "\n", 0}, "no line's end": {token, 0}, "another token": {"hvs.another", 1}, "empty": {"\n", 2}} {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, said, code := call(t, secret, "--key", key, "--token-file", file, "wrap"); code != tt.code {
			t.Errorf("%s: exit code %d, %q; want %d", why, code, said, tt.code)
		}
	}
	if _, said, code := call(t, secret, "--key", key, "--token-file", "/nowhere/token", "wrap"); code != 2 {
		t.Errorf("no such file: exit code %d, %q; want 2", code, said)
	}
}

// encrypted is what the engine encrypts for another program.
func encrypted(t *testing.T, f *fake, in map[string]any) []byte {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL+"/v1/transit/encrypt/jali", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Vault-Token", token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out struct{ Data struct{ Ciphertext string } }
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || out.Data.Ciphertext == "" {
		t.Fatalf("the fake encrypts nothing: %v", err)
	}
	return []byte(out.Data.Ciphertext)
}

func TestNothingIsAnsweredThatIsNotWhole(t *testing.T) {
	f := newFake(t)
	wrapped, _, _ := call(t, secret, "--key", key, "wrap")
	turned := bytes.Clone(wrapped)
	turned[20] ^= 2
	for _, tt := range []struct {
		why  string
		how  string // the fake fails
		in   []byte
		args []string
		code int
	}{
		{"a bit turned", "", turned, []string{"--key", key, "unwrap"}, 1},
		{"cut", "", wrapped[:len(wrapped)-4], []string{"--key", key, "unwrap"}, 1},
		{"no ciphertext of the engine's", "", secret, []string{"--key", key, "unwrap"}, 1},
		{"bound to something else", "", encrypted(t, f, map[string]any{"plaintext": secret, "associated_data": []byte("x")}), []string{"--key", key, "unwrap"}, 1},
		{"bound to nothing", "", encrypted(t, f, map[string]any{"plaintext": secret}), []string{"--key", key, "unwrap"}, 1},
		{"another key", "", wrapped, []string{"--key", "transit/keys/other", "unwrap"}, 1},
		{"no such key", "", secret, []string{"--key", "transit/keys/none", "wrap"}, 1},
		{"permission denied", "denies", wrapped, []string{"--key", key, "unwrap"}, 1},
		{"sealed", "is sealed", wrapped, []string{"--key", key, "unwrap"}, 3},
		{"hangs", "hangs", wrapped, []string{"--key", key, "--timeout", "100ms", "unwrap"}, 3},
		{"a proxy's page", "babbles", wrapped, []string{"--key", key, "unwrap"}, 3},
		{"an empty answer", "is empty", wrapped, []string{"--key", key, "unwrap"}, 3},
		{"an empty answer to wrap", "is empty", secret, []string{"--key", key, "wrap"}, 3},
		{"nothing on stdin", "", nil, []string{"--key", key, "wrap"}, 2},
		{"too much on stdin", "", make([]byte, 16<<10+1), []string{"--key", key, "unwrap"}, 2},
		{"no key", "", secret, []string{"wrap"}, 2},
		{"a key that is no path", "", secret, []string{"--key", "jali", "wrap"}, 2},
		{"no verb", "", secret, []string{"--key", key}, 2},
		{"another verb", "", secret, []string{"--key", key, "rewrap"}, 2},
		{"two verbs", "", secret, []string{"--key", key, "wrap", "unwrap"}, 2},
		{"a flag that is none", "", secret, []string{"--keys", key, "wrap"}, 2},
		{"no time", "", secret, []string{"--key", key, "--timeout", "0", "wrap"}, 2},
	} {
		t.Run(tt.why, func(t *testing.T) {
			f.fails(tt.how)
			out, said, code := call(t, tt.in, tt.args...)
			if code != tt.code || len(out) != 0 || !strings.HasPrefix(said, "hcvault: ") {
				t.Errorf("exit code %d, %d bytes on stdout, %q on stderr; want %d, none, and why", code, len(out), said, tt.code)
			}
			if strings.Contains(said, token) || strings.Contains(said, string(secret)) || strings.Contains(said, base64.StdEncoding.EncodeToString(secret)) {
				t.Errorf("%q holds a secret", said)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		f.Close()
		if out, said, code := call(t, wrapped, "--key", key, "unwrap"); code != 3 || len(out) != 0 {
			t.Errorf("exit code %d, %d bytes, %q; want 3", code, len(out), said)
		}
	})
}

// A house is founded and started with a key that only the engine has.
func TestJaliStartsByIt(t *testing.T) {
	f := newFake(t)
	data := filepath.Join(t.TempDir(), "data")
	serve := func() (string, error) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		jali := exec.CommandContext(ctx, filepath.Join(programs, "jali"), "serve", "--data", data, "--listen", "localhost:0", "--admin", "",
			"--key-command", "'"+filepath.Join(programs, "hcvault")+"' --key "+key+" --timeout 5s")
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
	if got := f.calls(); got != "encrypt decrypt" {
		t.Errorf("founding asks the engine: %s; want one encrypt, and a decrypt that proves it", got)
	}
	if log, err := serve(); err != nil {
		t.Fatalf("starting: %v\n%s", err, log)
	}
	if got := f.calls(); got != "decrypt" {
		t.Errorf("starting asks the engine: %s; want one decrypt", got)
	}
	f.fails("is sealed")
	log, err := serve()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 2 || !strings.Contains(log, "key_command_failed") || !strings.Contains(log, "exit status 3") || strings.Contains(log, "Vault is sealed") {
		t.Errorf("while the engine is sealed: %v\n%s; want exit code 2, the command's own, and not its words", err, log)
	}
	f.fails("")
	if log, err := serve(); err != nil {
		t.Errorf("once it is unsealed: %v\n%s", err, log)
	}
}
