package deletion_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/internal/deletion"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
	"jali/vault"
	"jali/vault/anchor"
	"jali/vault/kek"
)

type house struct {
	*deletion.Register
	t   *testing.T
	dir string
	now time.Time
	due time.Time // what is answered to who asks for new root keys
	ask []time.Time
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	key, err := kek.CreateFile(filepath.Join(h.dir, "kek.key"))
	h.must(err)
	open := func(name string) *boltkv.DB {
		db, err := boltkv.Open(filepath.Join(h.dir, name))
		h.must(err)
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	db := open("jali.db")
	held, err := anchor.At(filepath.Join(h.dir, "anchor"))
	h.must(err)
	v, err := vault.Open(t.Context(), vault.Config{DB: db, Keys: open("keys.db"), KEK: key, Anchor: held})
	h.must(err)
	h.Register = &deletion.Register{DB: db, Vault: v, Now: func() time.Time { return h.now }, Rotation: func(_ kv.Tx, at time.Time) (time.Time, error) {
		h.ask = append(h.ask, at)
		return h.due, nil
	}}
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) do(f func(tx kv.Tx) error) { h.t.Helper(); h.must(h.DB.Update(h.t.Context(), f)) }

func (h *house) destroyed(person, part string) {
	h.t.Helper()
	h.do(func(tx kv.Tx) error { return h.Destroyed(tx, person, part, h.now) })
}

func TestWhatIsDeletedIsDestroyedLater(t *testing.T) {
	h := newHouse(t)
	d := deletion.Deletion{ID: "con_1", Of: deletion.Connection, At: h.now, Source: "alipay", Accounts: 2, Bills: 40}
	h.do(func(tx kv.Tx) error { return deletion.Note(tx, "ann", d) })
	for _, bad := range []deletion.Deletion{{}, {ID: "x", Of: deletion.Views}, {ID: "x", At: h.now}, {Of: deletion.Views, At: h.now}} {
		if err := h.DB.Update(t.Context(), func(tx kv.Tx) error { return deletion.Note(tx, "ann", bad) }); err == nil {
			t.Errorf("Note takes %+v", bad)
		}
	}
	if got, err := h.Of(t.Context(), "ann", "con_1"); err != nil || !cmp.Equal(got, d) {
		t.Errorf("Of = %+v, %v", got, err)
	}
	for _, who := range [][2]string{{"bob", "con_1"}, {"ann", "con_2"}} {
		if _, err := h.Of(t.Context(), who[0], who[1]); !errors.Is(err, deletion.ErrNone) {
			t.Errorf("Of %v: %v, want ErrNone", who, err)
		}
	}
	h.now, h.due = h.now.Add(time.Minute), h.now.AddDate(0, 0, 30)
	h.destroyed("ann", "con_2") // which nobody deleted: a login that came to nothing
	if len(h.ask) != 0 {
		t.Error("new root keys are asked for because of nothing")
	}
	h.destroyed("ann", "con_1")
	d.Destroyed, d.Backups = h.now, h.due
	if all, err := h.All(t.Context(), "ann"); err != nil || !cmp.Equal(all, []deletion.Deletion{d}) {
		t.Errorf("All = %+v, %v", all, err)
	}
	h.now = h.now.Add(time.Hour)
	h.destroyed("ann", "con_1") // again, by who does not know
	if got, err := h.Of(t.Context(), "ann", "con_1"); err != nil || !cmp.Equal(got, d) || len(h.ask) != 1 {
		t.Errorf("destroyed twice: %+v, %v; asked %d times", got, err, len(h.ask))
	}
	h.do(func(tx kv.Tx) error { return h.PersonLeaves(tx, "ann") })
	if all, err := h.All(t.Context(), "ann"); err != nil || len(all) != 0 {
		t.Errorf("of who left there is %+v, %v", all, err)
	}
}

func TestWhenBackupsEnd(t *testing.T) {
	for _, tt := range []struct {
		why       string
		due, want time.Duration // from the destruction; 0: never said
	}{
		{"a rotation is asked for", 720 * time.Hour, 720 * time.Hour},
		{"one is due before", time.Hour, time.Hour},
		{"one is overdue, and about to begin", -time.Hour, time.Nanosecond},
		{"the operator rotates by hand", 0, 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h := newHouse(t)
			if tt.due != 0 {
				h.due = h.now.Add(tt.due)
			}
			h.do(func(tx kv.Tx) error {
				return deletion.Note(tx, "ann", deletion.Deletion{ID: "c", Of: deletion.Connection, At: h.now})
			})
			h.destroyed("ann", "c")
			var want time.Time
			if tt.want != 0 {
				want = h.now.Add(tt.want.Truncate(time.Second))
			}
			if d, err := h.Of(t.Context(), "ann", "c"); err != nil || !d.Backups.Equal(want) {
				t.Errorf("backups end %v, %v; want %v", d.Backups, err, want)
			}
		})
	}
}

// Who has left is known to who holds their id, and to no file and no row.
func TestWhoLeftIsKnownByTheirIDAlone(t *testing.T) {
	h := newHouse(t)
	h.due = h.now.AddDate(0, 0, 30)
	id := deletion.NewID()
	l := deletion.Leaving{Person: "person-ann", Proof: json.RawMessage(`{"key":"CANARY"}`),
		Deletion: deletion.Deletion{ID: "person-ann", Of: deletion.Person, At: h.now, Connections: 3, Bills: 7}}
	h.do(func(tx kv.Tx) error { return h.Leave(tx, id, l) })
	if got, err := h.Left(t.Context(), id); err != nil || !cmp.Equal(got, l) {
		t.Errorf("Left = %+v, %v", got, err)
	}
	for _, wrong := range []string{"", deletion.NewID(), id + "x"} {
		if _, err := h.Left(t.Context(), wrong); !errors.Is(err, deletion.ErrNone) {
			t.Errorf("Left(%q): %v, want ErrNone", wrong, err)
		}
	}
	h.now = h.now.Add(time.Minute)
	h.destroyed("person-bob", "")
	h.destroyed("person-ann", "")
	l.Destroyed, l.Backups = h.now, h.due
	if got, err := h.Left(t.Context(), id); err != nil || !cmp.Equal(got, l) {
		t.Errorf("Left once destroyed = %+v, %v", got, err)
	}
	h.must(h.DB.View(t.Context(), func(tx kv.Tx) error {
		for e, err := range tx.Scan(kv.Prefix("deletion")) {
			if err != nil {
				return err
			}
			if bytes.Contains(e.Key, []byte("person-ann")) || bytes.Contains(e.Value, []byte("person-ann")) {
				t.Errorf("a row tells of who left: %q = %q", e.Key, e.Value)
			}
		}
		return nil
	}))
	raw, err := os.ReadFile(filepath.Join(h.dir, "jali.db"))
	h.must(err)
	for _, secret := range []string{"CANARY", id, strings.TrimPrefix(id, "left_")} {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("%q is in the file", secret)
		}
	}
	h.now = l.At.Add(deletion.Keep)
	if _, err := h.Left(t.Context(), id); !errors.Is(err, deletion.ErrNone) {
		t.Errorf("after a week, before any sweep: %v, want ErrNone", err)
	}
}

// Far more than one batch go, each at its time, and keys that are destroyed so
// late that nobody can ask for the receipt any more are no error.
func TestSweepForgetsAfterAWeek(t *testing.T) {
	h := newHouse(t)
	h.do(func(tx kv.Tx) error {
		for i := range 250 {
			p := fmt.Sprint("p", i)
			at := h.now.Add(time.Duration(i/125) * time.Hour)
			if err := h.Leave(tx, fmt.Sprint("id", i), deletion.Leaving{Person: p, Deletion: deletion.Deletion{ID: p, Of: deletion.Person, At: at}, Proof: json.RawMessage(`{}`)}); err != nil {
				return err
			}
		}
		return nil
	})
	count := func(want int) {
		t.Helper()
		h.must(h.Sweep(t.Context()))
		n := map[string]int{}
		h.must(h.DB.View(t.Context(), func(tx kv.Tx) error {
			clear(n)
			for _, room := range []string{"left", "due"} {
				for _, err := range tx.Scan(kv.Prefix("deletion", room)) {
					if err != nil {
						return err
					}
					n[room]++
				}
			}
			return nil
		}))
		if n["left"] != want || n["due"] != want {
			t.Errorf("there are %v, want %d of each", n, want)
		}
	}
	count(250)
	h.now = h.now.Add(deletion.Keep)
	count(125)
	h.now = h.now.Add(time.Hour)
	count(0)
	h.destroyed("p1", "")
	if len(h.ask) != 1 {
		t.Error("nobody asks for new root keys")
	}
}
