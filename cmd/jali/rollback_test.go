package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// A server that was killed is no restored one; files that were put back are,
// and what the operator had shut since stays shut.
func TestAKilledServerIsNoRestoredOne(t *testing.T) {
	env := &testscript.Env{WorkDir: t.TempDir()}
	if err := setup(env); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	start := func() *served {
		s := serve(t, "--data", data)
		s.data = data
		return s
	}
	kill := func(s *served) string {
		if err := s.process.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-s.logged
		_ = s.process.Wait()
		return s.log.String()
	}
	files := func(from, to string) {
		for _, name := range []string{"jali.db", "keys.db"} {
			b, err := os.ReadFile(filepath.Join(from, name))
			if err == nil {
				err = os.WriteFile(filepath.Join(to, name), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	s := start()
	id, err := s.run(t.Context(), "client", "add", "--name-zh", "晨曦银行", "--name-en", "Morning Bank",
		"--redirect", "https://app.bank.example/callback", "--jwks", filepath.Join(env.WorkDir, "public.jwks"))
	if err != nil {
		t.Fatalf("client add: %v\n%s", err, id)
	}
	kill(s)
	copied := t.TempDir()
	files(data, copied)
	s = start()
	if out, err := s.run(t.Context(), "client", "suspend", strings.TrimSpace(id)); err != nil {
		t.Fatalf("client suspend: %v\n%s", err, out)
	}
	if log := kill(s); strings.Contains(log, "was put back") || strings.Contains(log, "mended") {
		t.Errorf("a restart after kill -9 is taken for a restore:\n%s", log)
	}
	files(copied, data)
	s = start()
	if out, err := s.run(t.Context(), "client", "list"); err != nil || !strings.Contains(out, "suspended  晨曦银行") {
		t.Errorf("client list: %v\n%s", err, out)
	}
	if log := kill(s); !strings.Contains(log, "was put back") || !strings.Contains(log, "client suspend --resume") {
		t.Errorf("a restored copy is not told of:\n%s", log)
	}
	s = start()
	s.end(t)
	if log := s.log.String(); strings.Contains(log, "was put back") {
		t.Errorf("it is told of again:\n%s", log)
	}
}
