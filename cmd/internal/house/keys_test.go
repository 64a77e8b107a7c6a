package house

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"jali/connectors"
	"jali/vault/kek"
)

// rotating is a house whose clock the test turns.
type rotating struct {
	*House
	config Config
	at     time.Time
	mu     sync.Mutex
}

func openRotating(t *testing.T, after time.Duration) *rotating {
	t.Helper()
	r := &rotating{at: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	r.config = Config{Issuer: "http://localhost:8080", Data: t.TempDir(), RotateAfter: after, Sources: &connectors.Registry{}, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.at
		}}
	r.open(t)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func (r *rotating) open(t *testing.T) {
	t.Helper()
	h, err := Open(t.Context(), r.config)
	if err != nil {
		t.Fatal(err)
	}
	h.promising(t)
	r.House = h
}

func (r *rotating) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = r.at.Add(d)
}

func (r *rotating) sweeps(t *testing.T, term uint32) {
	t.Helper()
	r.Sweep(t.Context())
	r.rotation.behind.Wait()
	terms, err := r.Vault.Terms(t.Context())
	if err != nil || terms.Term != term || terms.Rotation != nil {
		t.Fatalf("after a sweep: %+v, %v; want term %d and no rotation", terms, err, term)
	}
}

func (r *rotating) due(t *testing.T, in time.Duration) {
	t.Helper()
	if err := r.db.Update(t.Context(), func(t tx) error {
		_, err := r.Vault.RotationDue(t, r.config.Now().Add(in))
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestASweepRotatesWhenItIsDue(t *testing.T) {
	r := openRotating(t, 720*time.Hour)
	r.sweeps(t, 1)
	r.due(t, 720*time.Hour)
	r.pass(719 * time.Hour)
	r.sweeps(t, 1)
	r.pass(time.Hour)
	r.sweeps(t, 2)
	r.pass(10_000 * time.Hour)
	r.sweeps(t, 2)
}

func TestAServerThatDoesNotRotateByItself(t *testing.T) {
	r := openRotating(t, 0)
	r.due(t, time.Hour)
	r.pass(2 * time.Hour)
	r.sweeps(t, 1)
	if err := r.rotation.begin(t.Context()); err != nil { // the operator does
		t.Fatal(err)
	}
	r.rotation.behind.Wait()
	r.pass(2 * time.Hour)
	r.sweeps(t, 2)
}

func TestAnInterruptedRotationGoesOnWithTheNextServer(t *testing.T) {
	r := openRotating(t, 0)
	if err := r.Vault.NewTerm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil { // and nothing more
		t.Fatal(err)
	}
	r.open(t)
	if !r.Vault.Leaving() {
		t.Fatal("the former term was left by opening the files alone")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r.SweepEvery(ctx, time.Hour) // begins before the first sweep, and asks nothing of its context
	r.rotation.behind.Wait()
	if r.Vault.Leaving() {
		t.Error("the rotation did not go on")
	}
}

func TestClosingAHouseStopsItsRotation(t *testing.T) {
	r := openRotating(t, 0)
	if err := r.rotation.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil { // waits for it
		t.Fatal(err)
	}
	r.rotation.goOn() // comes too late
	if r.rotation.running {
		t.Error("a rotation runs in a house that is closed")
	}
}

func TestAFailedRotationIsTriedAgainLaterAndLater(t *testing.T) {
	r := openRotating(t, time.Hour)
	r.due(t, 0)
	key := filepath.Join(r.config.Data, "kek.key")
	// The key-encryption key is a command that does not answer any more.
	script := filepath.Join(t.TempDir(), "kek")
	write := func() {
		if err := os.WriteFile(script, []byte("#!/bin/sh\nexec tr A-Za-z N-ZA-Mn-za-m\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write()
	if err := r.rotation.rekey(t.Context(), NewKEK{Choice: kek.Choice{Command: script, Timeout: 10 * time.Second}}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(script); err != nil {
		t.Fatal(err)
	}
	if err := r.rotation.sweep(t.Context()); err == nil {
		t.Fatal("a sweep began a term without the key-encryption key")
	}
	if err := r.rotation.sweep(t.Context()); err != nil {
		t.Errorf("it was tried again at once: %v", err)
	}
	write()
	r.pass(time.Minute)
	r.sweeps(t, 2)
	if _, err := kek.OpenFile(key); err != nil {
		t.Errorf("the former key file: %v", err)
	}
}

func TestRekeyingThroughTheSocket(t *testing.T) {
	r := openRotating(t, 0)
	inProcess := &Talker{&http.Client{Transport: direct{r.Admin}}, nil}
	rekey := func(n NewKEK) error {
		return inProcess.DoJSON(t.Context(), http.MethodPost, "/keys/kek", n, new(bool))
	}
	dir := t.TempDir()
	for _, tt := range []struct {
		why  string
		key  NewKEK
		code string
	}{
		{"none is named", NewKEK{}, "key_choice"},
		{"two are", NewKEK{Choice: kek.Choice{File: "a", Env: "B"}, Value: "x"}, "key_choice"},
		{"a variable without a value", NewKEK{Choice: kek.Choice{Env: "B"}}, "key_env_unreadable"},
		{"no place for a file", NewKEK{Choice: kek.Choice{File: filepath.Join(dir, "none", "k")}}, "key_file"},
		{"a folder", NewKEK{Choice: kek.Choice{File: dir}}, "key_file_exposed"},
	} {
		var refused *Refusal
		if err := rekey(tt.key); !errors.As(err, &refused) || refused.Code != tt.code {
			t.Errorf("%s: %v, want %s", tt.why, err, tt.code)
		}
	}
	next := filepath.Join(dir, "next.key")
	if err := rekey(NewKEK{Choice: kek.Choice{File: next}}); err != nil {
		t.Fatal(err)
	}
	var keys Keys
	if err := inProcess.Do(t.Context(), http.MethodGet, "/keys", nil, &keys); err != nil || keys.KEK != "key file "+next {
		t.Errorf("/keys = %+v, %v", keys, err)
	}
	if err := r.rotation.begin(t.Context()); err != nil { // the running house goes on with it
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), r.config); !errors.Is(err, kek.ErrWrongKey) {
		t.Errorf("with the former key: %v, want ErrWrongKey", err)
	}
	r.config.Key = kek.Choice{File: next}
	r.open(t)
}
