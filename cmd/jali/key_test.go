package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"jali/cmd/internal/house"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
	"jali/vault"
	"jali/vault/kek"
)

func TestARotationIsShownAsItGoes(t *testing.T) {
	steps := []vault.Rotation{
		{Total: 1000},
		{Total: 1000, Done: 90, PerSecond: 1234.5, Remaining: 700 * time.Millisecond},
		{Total: 1000, Done: 450, PerSecond: 1234.5},
		{Total: 1000, Done: 480, PerSecond: 1234.5},
		{Total: 1000, Done: 1000, PerSecond: 1234.5},
	}
	var lines, bar strings.Builder
	d, b := display{out: &lines}, display{out: &bar, terminal: true}
	for _, s := range steps {
		d.tell(s)
		b.tell(s)
	}
	d.end()
	b.end()
	const want = "40 %: 450 of 1 000 keys, 1 234 a second, 0s left\n100 %: 1 000 of 1 000 keys\n"
	if lines.String() != want {
		t.Errorf("lines:\n%swant:\n%s", lines.String(), want)
	}
	drawn := strings.Split(strings.TrimSuffix(bar.String(), "\n"), "\r")
	if len(drawn) != len(steps)+1 || !strings.HasPrefix(drawn[2], "[##----") || !strings.Contains(drawn[2], "9 %  90 of 1 000 keys, 1 234 a second, 1s left") {
		t.Errorf("bar: %q", drawn)
	}
	for i := 2; i < len(drawn); i++ {
		if len(drawn[i]) < len(strings.TrimRight(drawn[i-1], " ")) {
			t.Errorf("%q leaves something of %q on the screen", drawn[i], drawn[i-1])
		}
	}
}

func TestKeyStatusInWords(t *testing.T) {
	at := time.Date(2026, 12, 22, 8, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		why  string
		keys house.Keys
		want []string
	}{
		{"nothing to do", house.Keys{}, []string{"none running, none due", "wrapped keys        none"}},
		{"due", house.Keys{Served: true, RotateAfter: 3600, Terms: vault.Terms{Due: at}}, []string{"begins one by 2026-12-22T08:00:00Z"}},
		{"due, and left to the operator", house.Keys{Served: true, Terms: vault.Terms{Due: at}}, []string{"run jali key rotate"}},
		{"running", house.Keys{Terms: vault.Terms{Wrapped: map[uint32]int{1: 6_500_000, 2: 50}, Rotation: &vault.Rotation{Running: true, From: 1, To: 2, Done: 50, Total: 6_500_050}}},
			[]string{"6 500 000 in term 1, 50 in term 2", "from term 1 to 2: 50 of 6 500 050 keys"}},
		{"interrupted", house.Keys{Terms: vault.Terms{Rotation: &vault.Rotation{From: 1, To: 2}}}, []string{"interrupted: it goes on"}},
		{"stopped", house.Keys{Terms: vault.Terms{Wrapped: map[uint32]int{0: 1}, Rotation: &vault.Rotation{From: 1, To: 2, Failed: "1 wrapped keys do not open", Damaged: []string{"person p1"}}}},
			[]string{"1 damaged", "it stopped: 1 wrapped keys do not open\n", "damaged keys: person p1\n"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			var out strings.Builder
			if err := tellKeys(&out, tt.keys); err != nil {
				t.Fatal(err)
			}
			for _, w := range tt.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("%q is not in\n%s", w, out.String())
				}
			}
		})
	}
}

func TestKeysOfARunningServer(t *testing.T) {
	s := serve(t)
	const recipient = "age1k964jjtgvtk0hr7fzh26c9tragwef393q8tdwwhl3n2v2syd4dtqzm3jn9"
	for _, tt := range []struct {
		verb []string
		want string
	}{
		{[]string{"key", "status"}, "in term 1"},
		{[]string{"key", "rotate"}, "term 2 is in use and wraps all"},
		{[]string{"key", "rotate", "--no-wait"}, "goes on in the server|are rotated"},
		{[]string{"key", "rekey", "--to-key-file", filepath.Join(s.data, "next.key")}, "The running server goes on with it."},
		{[]string{"key", "rotate"}, "term [34] is in use and wraps all"},
		{[]string{"key", "status", "--json"}, `"served": true`},
		// Which keys open a backup the server knows, and the verb's own flags do not say.
		{[]string{"backup", "--recipient", recipient, "--out", filepath.Join(t.TempDir(), "jali.age")}, `the key-encryption key \(key file /.*next\.key\)`},
	} {
		out, err := s.run(t.Context(), tt.verb...)
		if err != nil || !regexp.MustCompile(tt.want).MatchString(out) {
			t.Fatalf("jali %v: %v, %s; want %q", tt.verb, err, out, tt.want)
		}
	}
	s.end(t)
	if out, err := s.run(t.Context(), "key", "status"); err == nil || !strings.Contains(out, "key_wrong") {
		t.Errorf("with the former key: %v, %s", err, out)
	}
	if out, err := s.run(t.Context(), "--key-file", filepath.Join(s.data, "next.key"), "key", "status"); err != nil {
		t.Errorf("with the new key: %v, %s", err, out)
	}
	if !strings.Contains(s.log.String(), "the root keys are rotated") {
		t.Errorf("the log does not tell of it:\n%s", s.log)
	}
}

// Who opens the files where no server runs destroys what the last one had left
// to be, and has the root keys renewed for it as that would have.
func TestAVerbSchedulesARotationAsTheServerDoes(t *testing.T) {
	for after, want := range map[string]string{"720h": "the server begins one by 2", "0": "none running, none due"} {
		data := foundedBy(t, kek.Choice{})
		db, err := boltkv.Open(filepath.Join(data, "jali.db"))
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(t.Context(), func(tx kv.Tx) error { // as it is left by a stop between a deletion and its end
			return tx.Put(kv.Key("vault", "left", "somebody"), []byte(`{"person":"somebody"}`))
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			out, err := exec.Command("jali", "--data", data, "--rotate-after", after, "key", "status").CombinedOutput()
			if err != nil || !strings.Contains(string(out), want) {
				t.Errorf("--rotate-after %s: %v\n%s\nwant %q", after, err, out, want)
			}
		}
	}
}
