package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/cmd/internal/house"
	"jali/connectors"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
	"jali/vault/kek"
)

// keeper is an operator's key command, and what becomes of one: keeper HOW verb.
func keeper() {
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		os.Exit(1)
	}
	key := byte('k')
	switch how := os.Args[1]; how {
	case "well":
	case "counts": // FILE
		f, err := os.OpenFile(os.Args[2], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			os.Exit(1)
		}
		fmt.Fprintln(f, os.Args[3])
		_ = f.Close()
	case "another":
		key = 'l'
	case "fails":
		fmt.Println("the words of the keeper")
		fmt.Fprintln(os.Stderr, "the words of the keeper")
		os.Exit(77)
	case "hangs":
		select {}
	case "babbles":
		for {
			fmt.Println("the words of the keeper")
		}
	case "silent":
		return
	}
	for i := range in {
		in[i] ^= key
	}
	_, _ = os.Stdout.Write(in)
}

const keptInEnv = "jTl8Wm3Pb0mUoJ4XvqYVwYb7YkqF2m0oY1iZ3sVQe5c"

// foundedBy makes a house by a kind of key, and answers its folder.
func foundedBy(t *testing.T, choice kek.Choice) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	h, err := house.Open(t.Context(), house.Config{
		Issuer: "http://localhost:8080", Data: data, Key: choice, Sources: &connectors.Registry{}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

// folder is every file below dir, with its mode.
func folder(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		info, errInfo := d.Info()
		if err == nil && errInfo == nil {
			all[strings.TrimPrefix(path, dir)] = info.Mode().String() + string(b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// begun starts `jali serve` and answers what it said and how it ended.
func begun(t *testing.T, data string, env []string, args ...string) (said string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // one that serves never ends
	defer cancel()
	jali := exec.CommandContext(ctx, "jali", append([]string{"serve", "--data", data, "--listen", "localhost:0", "--admin", ""}, args...)...)
	jali.Env = append(os.Environ(), env...)
	out, err := jali.CombinedOutput()
	if jali.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), jali.ProcessState.ExitCode()
}

// rewrite changes a file's bytes.
func rewrite(name string, change func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, data string) {
		t.Helper()
		path := filepath.Join(data, name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, change(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func lose(name string) func(*testing.T, string) {
	return func(t *testing.T, data string) {
		t.Helper()
		if err := os.Remove(filepath.Join(data, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// keyring changes the row of the wrapped root keyring.
func keyring(change func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, data string) {
		t.Helper()
		db, err := boltkv.Open(filepath.Join(data, "jali.db"))
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(t.Context(), func(tx kv.Tx) error {
			b, err := tx.Get(kv.Key("vault", "keyring"))
			if err != nil {
				return err
			}
			return tx.Put(kv.Key("vault", "keyring"), change(bytes.Clone(b)))
		})
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// wrapped changes what the key-encryption key gave, within the row.
func wrapped(change func([]byte) []byte) func(*testing.T, string) {
	return keyring(func(row []byte) []byte {
		var m map[string]any
		if err := json.Unmarshal(row, &m); err != nil {
			panic(err)
		}
		w, err := json.Marshal(m["wrapped"])
		if err != nil {
			panic(err)
		}
		var b []byte
		if err := json.Unmarshal(w, &b); err != nil || len(b) == 0 {
			panic("the row of the keyring is another now")
		}
		m["wrapped"] = change(b)
		if row, err = json.Marshal(m); err != nil {
			panic(err)
		}
		return row
	})
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		b[(at+len(b))%len(b)] ^= 1
		return b
	}
}

func cut(by int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-by] } }

// swap puts another letter of the alphabet in the place of one of the key's.
func swap(b []byte) []byte {
	at := bytes.IndexByte(b, '\n') + 10
	if b[at]++; b[at] == 'z'+1 || b[at] == 'Z'+1 || b[at] == '9'+1 || b[at] == '-'+1 || b[at] == '_'+1 {
		b[at] = 'A'
	}
	return b
}

// A start that cannot be is told in words that say what to do, ends with exit
// code 2 and changes nothing: not a byte, not a file more or less.
func TestAStartThatCannotBe(t *testing.T) {
	if err := os.Setenv("OPERATORS_KEK", keptInEnv); err != nil { // founding takes it away
		t.Fatal(err)
	}
	const file, env, command = "file", "env", "command"
	founded := map[string]string{
		file:    foundedBy(t, kek.Choice{}),
		env:     foundedBy(t, kek.Choice{Env: "OPERATORS_KEK"}),
		command: foundedBy(t, kek.Choice{Command: "keeper well"}),
	}
	other := foundedBy(t, kek.Choice{})
	given := map[string][]string{file: nil, env: {"--key-env", "OPERATORS_KEK"}, command: {"--key-command", "keeper well"}}
	inEnv := []string{"OPERATORS_KEK=" + keptInEnv}
	copyOf := func(name string) func(*testing.T, string) {
		b, err := os.ReadFile(filepath.Join(other, name))
		if err != nil {
			t.Fatal(err)
		}
		return rewrite(name, func([]byte) []byte { return b })
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	exposed := func(t *testing.T, data string) {
		if err := os.Chmod(filepath.Join(data, "kek.key"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	type row struct {
		why    string
		house  string
		damage func(*testing.T, string)
		env    []string
		args   []string // nil: as it was founded
		says   []string
	}
	rows := []row{
		{"the key file is missing", file, lose("kek.key"), nil, nil, []string{"key file", "is missing", "put the key file back"}},
		{"the key file is another house's", file, copyOf("kek.key"), nil, nil, []string{"key_wrong", "put that one back"}},
		{"the key file is empty", file, rewrite("kek.key", func([]byte) []byte { return nil }), nil, nil, []string{"key_file_unreadable", "put back a copy"}},
		{"the key file is cut", file, rewrite("kek.key", cut(9)), nil, nil, []string{"key_file_unreadable", "put back a copy"}},
		{"a bit of the key file's first line is turned", file, rewrite("kek.key", flip(3)), nil, nil, []string{"key_file_unreadable"}},
		{"a letter of the key is another", file, rewrite("kek.key", swap), nil, nil, []string{"key_wrong"}},
		{"the key file is open to the group", file, exposed, nil, nil, []string{"key_file_exposed", "chmod 600"}},
		{"two keys are named", file, nil, inEnv, []string{"--key-file", "kek.key", "--key-env", "OPERATORS_KEK"}, []string{"key_choice", "name one"}},
		{"it was founded by a file, and the variable is named", file, nil, inEnv, given[env], []string{"key_wrong"}},
		{"it was founded by a file, and the command is named", file, nil, nil, given[command], []string{"key_wrong", "--key-file or --key-env"}},

		{"the variable is not set", env, nil, []string{"OPERATORS_KEK="}, nil, []string{"key_env_missing", "set it"}},
		{"the variable is cut", env, nil, []string{"OPERATORS_KEK=" + keptInEnv[:30]}, nil, []string{"key_env_unreadable", "32 bytes in base64url"}},
		{"the variable is no base64url", env, nil, []string{"OPERATORS_KEK=" + strings.Repeat("=", 43)}, nil, []string{"key_env_unreadable"}},
		{"the variable is another key", env, nil, []string{"OPERATORS_KEK=" + strings.Repeat("A", 43)}, nil, []string{"key_wrong", "put that one back"}},
		{"the keyring of a variable's key is damaged", env, wrapped(flip(30)), inEnv, nil, []string{"keyring_damaged", "restore a backup"}},
		{"it was founded by a variable, and none is named", env, nil, inEnv, []string{}, []string{"key file", "is missing", "name the key that it was founded with"}},

		{"the command is not there", command, nil, nil, []string{"--key-command", "/nowhere/keeper well"}, []string{"key_command_missing", "check its path"}},
		{"the command is in no folder of PATH", command, nil, nil, []string{"--key-command", "no-such-keeper"}, []string{"key_command_missing"}},
		{"the command may not be executed", command, nil, nil, []string{"--key-command", "'" + plain + "'"}, []string{"key_command_missing", "may be executed"}},
		{"the command wants a shell", command, nil, nil, []string{"--key-command", "keeper well | tee x"}, []string{"key_command_syntax", "no shell"}},
		{"the command fails", command, nil, nil, []string{"--key-command", "keeper fails"}, []string{"key_command_failed", "exit status 77", "run it by hand"}},
		{"the command hangs", command, nil, nil, []string{"--key-command", "keeper hangs", "--key-timeout", "100ms"}, []string{"key_command_timeout", "--key-timeout"}},
		{"the command babbles", command, nil, nil, []string{"--key-command", "keeper babbles"}, []string{"key_command_babbles", "nothing else"}},
		{"the command says nothing", command, nil, nil, []string{"--key-command", "keeper silent"}, []string{"key_command_silent"}},
		{"the command uses another key", command, nil, nil, []string{"--key-command", "keeper another"}, []string{"key_command_differs"}},
		{"it was founded by a command, and the variable is named", command, nil, inEnv, given[env], []string{"key_wrong", "start with --key-command"}},

		{"the anchor is missing", file, lose("anchor"), nil, nil, []string{"anchor_missing", "put it back"}},
		{"the anchor is cut", file, rewrite("anchor", cut(20)), nil, nil, []string{"anchor_damaged"}},
		{"a bit of the anchor is turned", file, rewrite("anchor", flip(40)), nil, nil, []string{"anchor_damaged"}},
		{"the anchor is another house's", file, copyOf("anchor"), nil, nil, []string{"keys_foreign"}},
		{"the database is another house's", file, copyOf("jali.db"), nil, nil, []string{"keys_foreign"}},
		{"the database is cut", file, rewrite("jali.db", func(b []byte) []byte { return b[:5000] }), nil, nil, []string{"database_damaged"}},
		{"the keys are cut", file, rewrite("keys.db", func(b []byte) []byte { return b[:5000] }), nil, nil, []string{"database_damaged"}},
	}
	for _, kind := range []string{file, command} {
		for why, damage := range map[string]func(*testing.T, string){
			"the keyring's row is cut":                    keyring(cut(40)),
			"a bit of the keyring's row is turned":        keyring(flip(0)),
			"what was wrapped is cut":                     wrapped(cut(7)),
			"the version of what was wrapped is turned":   wrapped(flip(0)),
			"the beginning of what was wrapped is turned": wrapped(flip(5)),
			"the middle of what was wrapped is turned":    wrapped(flip(30)),
			"the end of what was wrapped is turned":       wrapped(flip(-1)),
			"nothing is left of what was wrapped":         wrapped(func([]byte) []byte { return []byte{} }),
		} {
			rows = append(rows, row{why + ", by " + kind, kind, damage, inEnv, nil, []string{"keyring_damaged", "restore a backup"}})
		}
	}
	for _, tt := range rows {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(data, os.DirFS(founded[tt.house])); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"jali.db", "keys.db", "anchor", "kek.key"} {
				if err := os.Chmod(filepath.Join(data, name), 0o600); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
			}
			if tt.damage != nil {
				tt.damage(t, data)
			}
			args := tt.args
			if args == nil {
				args = given[tt.house]
			}
			before := folder(t, data)
			said, code := begun(t, data, tt.env, args...)
			if code != 2 || !strings.HasPrefix(said, "jali: ") || strings.Count(said, "\n") != 1 {
				t.Errorf("exit code %d and\n%s\nwant 2 and one line of jali's", code, said)
			}
			for _, s := range tt.says {
				if !strings.Contains(said, s) {
					t.Errorf("it does not say %q but\n%s", s, said)
				}
			}
			for _, secret := range []string{keptInEnv[:12], "words of the keeper"} {
				if strings.Contains(said, secret) {
					t.Errorf("it tells %q:\n%s", secret, said)
				}
			}
			if after := folder(t, data); !maps.Equal(before, after) {
				t.Errorf("the folder has changed: %v before, %v after, or what is in them", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
			}
		})
	}
}

// A house is founded and started by each kind of key; a founding that cannot
// be leaves nothing in the way of the next.
func TestFoundingByEachKindOfKey(t *testing.T) {
	for _, tt := range []struct {
		why       string
		bad, good []string
		code      string
	}{
		{"a variable that is not set", []string{"--key-env", "OPERATORS_KEK"}, []string{"--key-env", "OPERATORS_KEK"}, "key_env_missing"},
		{"a command that fails", []string{"--key-command", "keeper fails"}, []string{"--key-command", "keeper well"}, "key_command_failed"},
		{"a command that does not wrap", []string{"--key-command", "cat --"}, []string{"--key-command", "keeper well"}, "key_command_failed"},
		{"a command that babbles, then a file", []string{"--key-command", "keeper babbles"}, nil, "key_command_babbles"},
		{"a file in no folder", []string{"--key-file", "/nowhere/kek.key"}, nil, "the key file cannot be made"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			said, code := begun(t, data, nil, tt.bad...)
			if code != 2 || !strings.Contains(said, tt.code) {
				t.Fatalf("exit code %d and\n%s\nwant 2 and %s", code, said, tt.code)
			}
			t.Setenv("OPERATORS_KEK", keptInEnv)
			for range 2 { // founds, and starts again
				serve(t, append([]string{"--data", data}, tt.good...)...).end(t)
			}
		})
	}
}

// The command is asked at the start alone, whatever is asked of the server.
func TestOneUnwrapAtTheStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "asked")
	data := filepath.Join(t.TempDir(), "data")
	asked := func() string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(string(b)), " ")
	}
	for _, want := range []string{"wrap unwrap", "wrap unwrap unwrap"} { // it is founded, and proves itself; it starts
		s := serve(t, "--data", data, "--key-command", "keeper counts "+file)
		s.data = data
		if got := asked(); got != want {
			t.Errorf("when it serves the command was asked: %s; want %s", got, want)
		}
		for _, path := range []string{"/", "/v1/sources", "/signin", "/.well-known/oauth-authorization-server", "/oauth/jwks"} {
			resp, err := asking(t).Get("http://" + s.address + path)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		}
		if out, err := s.run(t.Context(), "client", "invite"); err != nil {
			t.Errorf("client invite: %v\n%s", err, out)
		}
		s.end(t)
		if got := asked(); got != want {
			t.Errorf("at the end the command was asked: %s; want %s", got, want)
		}
	}
}

func TestAFlagThatThereIsNotEndsAsABadStart(t *testing.T) {
	if said, code := begun(t, t.TempDir(), nil, "--nonsense"); code != 2 || !strings.Contains(said, "--help") {
		t.Errorf("code %d, want 2 and where help is: %s", code, said)
	}
}
