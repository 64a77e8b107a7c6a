package kek_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jali/vault/kek"
)

const name = "OPERATORS_KEK"

// The environment holds what a key file does, and only until it is read.
func TestFromEnv(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kek.key")
	file, err := kek.CreateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), "\n")
	t.Setenv(name, strings.TrimSpace(line))
	env, err := kek.Open(kek.Choice{Env: name})
	if err != nil {
		t.Fatal(err)
	}
	if _, set := os.LookupEnv(name); set {
		t.Error("the variable is still in the environment")
	}
	wrapped, err := file.Wrap(t.Context(), ring)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := env.Unwrap(t.Context(), wrapped); err != nil || !bytes.Equal(got, ring) {
		t.Errorf("Unwrap of what the file wrapped = %q, %v; want %q", got, err, ring)
	}
}

func TestFromEnvRefuses(t *testing.T) {
	key := "-_" + strings.Repeat("A", 41)
	for _, tt := range []struct {
		why, value string
		want       error
	}{
		{"whole", key, nil},
		{"out of a file, with a line's end", key + "\n", nil},
		{"empty", "", kek.ErrEnvMissing},
		{"half", key[:20], kek.ErrEnvUnreadable},
		{"one letter short", key[:42], kek.ErrEnvUnreadable},
		{"bits beyond the last byte", key[:42] + "B", kek.ErrEnvUnreadable},
		{"too long", key + "AAAA", kek.ErrEnvUnreadable},
		{"padded", key + "=", kek.ErrEnvUnreadable},
		{"the other alphabet", "+/" + key[2:], kek.ErrEnvUnreadable},
		{"hex", strings.Repeat("0f", 32), kek.ErrEnvUnreadable},
		{"a whole key file", "jali key-encryption key v1\n" + key, kek.ErrEnvUnreadable},
		{"much", strings.Repeat("A", 1<<16), kek.ErrEnvUnreadable},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Setenv(name, tt.value)
			_, err := kek.FromEnv(name)
			if !errors.Is(err, tt.want) {
				t.Fatalf("FromEnv = %v, want %v", err, tt.want)
			}
			if err != nil && tt.value != "" && (strings.Contains(err.Error(), tt.value[:4]) || strings.Contains(err.Error(), name)) {
				t.Errorf("%v shows the key or the name", err)
			}
		})
	}
	if _, err := kek.FromEnv("NO_SUCH_VARIABLE"); !errors.Is(err, kek.ErrEnvMissing) {
		t.Errorf("FromEnv of nothing = %v, want ErrEnvMissing", err)
	}
}

func TestOneChoice(t *testing.T) {
	t.Setenv(name, strings.Repeat("A", 43))
	file := filepath.Join(t.TempDir(), "kek.key")
	if _, err := kek.CreateFile(file); err != nil {
		t.Fatal(err)
	}
	for _, c := range []kek.Choice{
		{},
		{Timeout: 1},
		{File: file, Env: name},
		{File: file, Command: "true"},
		{Env: name, Command: "true"},
		{File: file, Env: name, Command: "true"},
		{Command: "true", Timeout: -1},
	} {
		if k, err := kek.Open(c); !errors.Is(err, kek.ErrChoice) || k != nil {
			t.Errorf("Open(%+v) = %v, %v; want ErrChoice", c, k, err)
		}
	}
	if _, set := os.LookupEnv(name); !set {
		t.Error("a refused choice has taken the variable away")
	}
	for _, c := range []kek.Choice{{File: file}, {Env: name}, {Command: "true"}} {
		if k, err := kek.Open(c); err != nil || k == nil {
			t.Errorf("Open(%+v) = %v, %v", c, k, err)
		}
	}
}

func FuzzFromEnv(f *testing.F) {
	f.Add(strings.Repeat("A", 43))
	f.Add(strings.Repeat("A", 42) + "B\r\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, value string) {
		if strings.Contains(value, "\x00") {
			t.Skip("no environment holds it")
		}
		t.Setenv(name, value)
		key, err := kek.FromEnv(name)
		if (key == nil) == (err == nil) {
			t.Errorf("FromEnv = %v, %v: one of the two, please", key, err)
		}
		if _, set := os.LookupEnv(name); set && value != "" {
			t.Error("the variable is still there")
		}
	})
}
