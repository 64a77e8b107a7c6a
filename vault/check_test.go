package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"jali/internal/kv"
)

func TestCheckOpensEveryKey(t *testing.T) {
	h := newHouse(t)
	const people = checkedAtOnce + 10 // more than are looked at in one go
	var wg sync.WaitGroup
	for i := range people {
		wg.Go(func() {
			if err := h.NewPerson(bg, fmt.Sprint("p", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range 3 {
		if err := h.NewPart(bg, "p1", fmt.Sprint("part", i)); err != nil {
			t.Fatal(err)
		}
		h.pair(t, "p1", fmt.Sprint("c", i))
	}
	h.do(t, func(tx kv.Tx) error { return h.EndEpoch(tx, "p1", "c0") })
	h.pair(t, "p1", "c0") // a second epoch
	for _, make := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := h.SigningKey(ctx); return err },
		func(ctx context.Context) error { _, err := h.WebhookKey(ctx); return err },
	} {
		if err := make(bg); err != nil {
			t.Fatal(err)
		}
	}
	h.open(t) // with nothing in memory
	before := append(h.file(t, "jali.db"), h.file(t, "keys.db")...)
	var told Kept
	got, err := h.Check(bg, func(k Kept) { told = k })
	if want := (Kept{Persons: people, Parts: 3, Pairs: 4, Signing: 2}); err != nil || got != want || told != want {
		t.Errorf("Check = %+v, %v, told %+v; want %+v", got, err, told, want)
	}
	if !bytes.Equal(before, append(h.file(t, "jali.db"), h.file(t, "keys.db")...)) {
		t.Error("Check has changed something")
	}
}

func TestCheckFindsTheKeyThatDoesNotOpen(t *testing.T) {
	for why, tt := range map[string]struct {
		store string
		spoil func(tx kv.Tx) error
	}{
		"a bit of a person's":   {"keys.db", func(tx kv.Tx) error { return flip(tx, holder{person: "p1"}.row()) }},
		"a bit of a part's":     {"keys.db", func(tx kv.Tx) error { return flip(tx, holder{"p1", "x"}.row()) }},
		"a bit of a pair's":     {"keys.db", func(tx kv.Tx) error { return flip(tx, pairKey("p1", "c1", 1)) }},
		"a bit of the issuer's": {"jali.db", func(tx kv.Tx) error { return flip(tx, kv.Key("vault", "signing")) }},
		"one put elsewhere": {"keys.db", func(tx kv.Tx) error {
			b, err := tx.Get(holder{person: "p1"}.row())
			return errors.Join(err, tx.Put(holder{person: "p2"}.row(), b))
		}},
		"one cut to nothing":          {"keys.db", func(tx kv.Tx) error { return tx.Put(holder{person: "p1"}.row(), []byte{1}) }},
		"a row of another kind":       {"keys.db", func(tx kv.Tx) error { return tx.Put(kv.Key("vault", "notes", "p1"), []byte("x")) }},
		"a row that is named by none": {"keys.db", func(tx kv.Tx) error { return tx.Put(append(kv.Key("vault"), 0x10), []byte("x")) }},
	} {
		t.Run(why, func(t *testing.T) {
			h := newHouse(t)
			h.person(t, "p1")
			if err := h.NewPart(bg, "p1", "x"); err != nil {
				t.Fatal(err)
			}
			h.pair(t, "p1", "c1")
			if _, err := h.SigningKey(bg); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Check(bg, nil); err != nil {
				t.Fatalf("Check before = %v", err)
			}
			db := h.db
			if tt.store == "keys.db" {
				db = h.keys
			}
			if err := db.Update(bg, tt.spoil); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Check(bg, nil); !errors.Is(err, ErrSealed) {
				t.Errorf("Check = %v, want ErrSealed", err)
			}
		})
	}
}

func flip(tx kv.Tx, row []byte) error {
	b, err := tx.Get(row)
	b = bytes.Clone(b)
	b[len(b)-1] ^= 1
	return errors.Join(err, tx.Put(row, b))
}
