package ledger

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
	"jali/vault"
	"jali/vault/anchor"
	"jali/vault/kek"
)

// With the vault itself: what is put comes back after a restart, and once a
// person's key is destroyed nothing does, even if rows were left.
func TestUnderTheVault(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	key, err := kek.CreateFile(filepath.Join(dir, "kek.key"))
	if err != nil {
		t.Fatal(err)
	}
	var stores [2]*boltkv.DB
	for i, name := range []string{"jali.db", "keys.db"} {
		if stores[i], err = boltkv.Open(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stores[i].Close() })
	}
	open := func() *Ledger {
		held, err := anchor.At(filepath.Join(dir, "anchor"))
		if err != nil {
			t.Fatal(err)
		}
		v, err := vault.Open(ctx, vault.Config{DB: stores[0], Keys: stores[1], KEK: key, Anchor: held, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		return &Ledger{DB: stores[0], Vault: v}
	}
	l := open()
	v := l.Vault.(*vault.Vault)
	if err := v.NewPerson(ctx, "p"); err != nil {
		t.Fatal(err)
	}
	b := bill("1", "2024-05-01 08:00", connectors.Done)
	put(t, l, "p", "acc", b)

	l = open()
	if n := put(t, l, "p", "acc", b); n != 0 {
		t.Errorf("after a restart the bill is new again")
	}
	got := bills(t, l, "p", "acc", day("2024-05-01 00:00"), day("2024-05-02 00:00"))
	if diff := cmp.Diff([]connectors.Bill{b}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	v = l.Vault.(*vault.Vault)
	if err := l.DB.Update(ctx, func(tx kv.Tx) error { return v.PersonLeaves(tx, "p") }); err != nil {
		t.Fatal(err)
	}
	if err := v.Shred(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Bills(ctx, Account{Person: "p", ID: "acc"}, time.Time{}, time.Time{}); !errors.Is(err, vault.ErrShredded) {
		t.Errorf("Bills of a shredded person: %v, want ErrShredded", err)
	}
}
