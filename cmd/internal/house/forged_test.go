package house

import (
	"bytes"
	"errors"
	"iter"
	"os"
	"testing"

	"jali/internal/backup"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
)

// retold is a copy that somebody who knows for whom backups are encrypted has
// made of one: all of it, but for what change does to the rows, and signed by
// sign.
func (o operator) retold(t *testing.T, of copied, sign backup.Sign, change func(*kv.Entry)) copied {
	t.Helper()
	from, err := backup.Open(bytes.NewReader(of.archive), o.with)
	if err != nil {
		t.Fatal(err)
	}
	header := from.Header
	header.Stores = nil
	if _, err := from.Each(bg, func(s backup.Store) error {
		var rows []kv.Entry
		for e, err := range s.Rows {
			if err != nil {
				return err
			}
			change(&e)
			rows = append(rows, e)
		}
		s.Rows = iter.Seq2[kv.Entry, error](func(yield func(kv.Entry, error) bool) {
			for _, e := range rows {
				if !yield(e, nil) {
					return
				}
			}
		})
		header.Stores = append(header.Stores, s)
		return nil
	}, nil); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := backup.Write(bg, &b, o.to, header, sign, nil); err != nil {
		t.Fatal(err)
	}
	return copied{archive: b.Bytes(), anchor: of.anchor}
}

// Whoever writes where backups are kept can encrypt one, too: it is refused,
// and nothing is put in place. So is one that the house has signed, in which a
// key does not open.
func TestABackupThatTheHouseHasNotMade(t *testing.T) {
	h, o := opened(t), newOperator(t)
	if err := h.Vault.NewPerson(bg, "somebody"); err != nil {
		t.Fatal(err)
	}
	made := o.copy(t, h)
	same := func(*kv.Entry) {}
	another := func(...string) []byte { return bytes.Repeat([]byte{1}, 32) }
	damaged := func(e *kv.Entry) {
		if bytes.Equal(e.Key, kv.Key("vault", "person", "somebody")) {
			e.Value = append(bytes.Clone(e.Value[:len(e.Value)-1]), e.Value[len(e.Value)-1]^1)
		}
	}
	for _, tt := range []struct {
		why  string
		copy copied
		want string // a code; empty: it is restored
	}{
		{"made again as it was", o.retold(t, made, h.signBackup, same), ""},
		{"signed by another", o.retold(t, made, another, same), "backup_forged"},
		{"not signed", o.retold(t, made, func(...string) []byte { return nil }, same), "backup_forged"},
		{"signed, and a key in it is damaged", o.retold(t, made, h.signBackup, damaged), "sealed_record"},
	} {
		dir, _, err := o.restore(t, h, tt.copy)
		if (err == nil) != (tt.want == "") || err != nil && fault.Of(err).Code != tt.want {
			t.Errorf("%s: %v, want code %q", tt.why, err, tt.want)
		}
		if _, err := os.Stat(dir); tt.want != "" && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %s was made", tt.why, dir)
		}
	}
}

// What the disk gives back otherwise than it took it is found out before it
// has its place.
func TestADiskThatReadsOtherwise(t *testing.T) {
	h := opened(t)
	sum, err := backup.SumOf(bg, func(yield func(kv.Entry, error) bool) {
		_ = h.keys.View(bg, func(t tx) error {
			t.Scan(kv.Range{})(yield)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := same(bg, h.keys, sum); err != nil {
		t.Errorf("as it was written: %v", err)
	}
	if err := h.Vault.NewPerson(bg, "somebody"); err != nil {
		t.Fatal(err)
	}
	if err := same(bg, h.keys, sum); !errors.Is(err, boltkv.ErrDamaged) {
		t.Errorf("with a row more: %v, want ErrDamaged", err)
	}
}
