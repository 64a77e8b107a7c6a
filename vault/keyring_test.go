package vault

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"jali/internal/fault"
	"jali/internal/kv"
)

// Whichever byte of the keyring's row is changed (each third is tried) and
// wherever it is cut, the vault says that it is ours to mend and changes
// nothing; or it opens as it was, where the byte says nothing.
func TestADamagedKeyringIsLeftAsItIs(t *testing.T) {
	h := newHouse(t)
	h.person(t, "p1")
	r := Record{Kind: "bill", Person: "p1", Key: "1"}
	sealed := h.seal(t, r, "plain")
	whole := h.row(t, ringKey)
	refused := map[string]int{}
	try := func(why string, at int, row []byte) {
		t.Helper()
		h.put(t, ringKey, row)
		before := h.files(t)
		v, err := Open(bg, h.config())
		var f *fault.Error
		switch {
		case err == nil:
			if got, err := v.Open(bg, r, sealed); err != nil || got.RevealString() != "plain" {
				t.Errorf("%s %d: it opens, and not what was sealed: %v", why, at, err)
			}
			refused["no"]++
		case !errors.As(err, &f) || f.WhoseFault() != fault.Us || f.Kind != fault.Unavailable:
			t.Errorf("%s %d: %v, want a fault that is ours", why, at, err)
		default:
			refused[f.Code]++
		}
		if after := h.files(t); !bytes.Equal(before, after) {
			t.Errorf("%s %d: something was written", why, at)
		}
	}
	for i := 0; i < len(whole); i += 3 {
		turned := bytes.Clone(whole)
		turned[i] ^= 1
		try("byte turned at", i, turned)
	}
	for n := 1; n < len(whole); n += 31 {
		try("cut to", n, whole[:n])
	}
	if refused["keyring_damaged"] < len(whole)/6 || refused["no"] > 8 {
		t.Errorf("of %d bytes: %v; want most to damage the keyring", len(whole), refused)
	}
	h.put(t, ringKey, whole)
	h.open(t)
}

// The key-encryption key is asked when the vault opens and by a rotation, and
// whatever is asked of the vault in between asks nothing of it.
func TestNoRequestUnwraps(t *testing.T) {
	h := newHouse(t)
	asked := &counting{KEK: h.kek}
	h.kek = asked
	h.open(t)
	if asked.unwraps != 1 {
		t.Errorf("opening unwraps %d times, want once", asked.unwraps)
	}
	for _, p := range []string{"p1", "p2"} {
		h.person(t, p)
		r := Record{Kind: "bill", Person: p, Key: "1"}
		if _, err := h.Open(bg, r, h.seal(t, r, "plain")); err != nil {
			t.Fatal(err)
		}
		pair := h.pair(t, p, "c1")
		err := h.db.Update(bg, func(tx kv.Tx) error { _, err := pair.Alias(tx, "account", "opaque"); return err })
		if err != nil {
			t.Fatal(err)
		}
		h.MAC("use", p)
	}
	if _, err := h.SigningKey(bg); err != nil {
		t.Fatal(err)
	}
	if err := h.Shred(bg); err != nil {
		t.Fatal(err)
	}
	if asked.unwraps != 1 {
		t.Errorf("after requests it has unwrapped %d times, want once", asked.unwraps)
	}
}

func (h *house) row(t *testing.T, key []byte) (row []byte) {
	t.Helper()
	err := h.db.View(bg, func(tx kv.Tx) error {
		b, err := tx.Get(key)
		row = bytes.Clone(b)
		return err
	})
	if err != nil || row == nil {
		t.Fatal("no such row", err)
	}
	return row
}

func (h *house) put(t *testing.T, key, row []byte) {
	t.Helper()
	if err := h.db.Update(bg, func(tx kv.Tx) error { return tx.Put(key, row) }); err != nil {
		t.Fatal(err)
	}
}

// files are the house's, one behind the other.
func (h *house) files(t *testing.T) (all []byte) {
	t.Helper()
	for _, name := range []string{"jali.db", "keys.db", "anchor", "kek.key"} {
		b, err := os.ReadFile(filepath.Join(h.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}
