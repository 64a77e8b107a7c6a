package house

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"jali/connectors"
	"jali/internal/backup"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
	"jali/internal/rollback"
	"jali/vault"
	"jali/vault/anchor"
	"jali/vault/kek"
)

// operator has an age key.
type operator struct {
	to   backup.Recipients
	with backup.Identities
	key  string
}

func newOperator(t testing.TB) operator {
	t.Helper()
	k, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	to, err := backup.ParseRecipients([]string{k.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	with, err := backup.ParseIdentities(strings.NewReader(k.String()))
	if err != nil {
		t.Fatal(err)
	}
	return operator{to, with, k.Recipient().String()}
}

func opened(t testing.TB) *House {
	t.Helper()
	h, err := Open(context.Background(), Config{Issuer: "http://localhost:8080", Data: filepath.Join(t.TempDir(), "data"), Sources: &connectors.Registry{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// copied is a backup as an operator has it, and the anchor as it was just
// before it was taken.
type copied struct {
	archive []byte
	anchor  string
}

func (o operator) copy(t testing.TB, h *House) copied {
	t.Helper()
	c := copied{anchor: o.copyAnchor(t, h)}
	spool, _, err := h.Backup(context.Background(), o.to, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	var b bytes.Buffer
	if _, err := spool.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	c.archive = b.Bytes()
	return c
}

func (operator) copyAnchor(t testing.TB, h *House) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(h.data, "anchor"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "anchor")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// restore takes a copy back into a new folder, with the key of h.
func (o operator) restore(t testing.TB, h *House, c copied) (dir string, found Restored, err error) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "back")
	found, err = Restore{
		Config: Config{Data: dir, Key: kek.Choice{File: filepath.Join(h.data, "kek.key")}, AnchorFile: c.anchor},
		From:   bytes.NewReader(c.archive), With: o.with,
	}.Run(context.Background())
	return dir, found, err
}

// bustle uses a house as much as it can: people come, have records sealed, lose
// parts and pairs, leave and are shredded, and the root keys are rotated.
type bustle struct {
	h     *House
	mu    sync.Mutex
	step  *sync.Cond // of mu; told of each step and of the end
	steps int
	ctx   context.Context
	stop  context.CancelFunc
	wg    sync.WaitGroup
}

func record(person string, part string, n int) vault.Record {
	return vault.Record{Kind: "test", Person: person, Part: part, Key: fmt.Sprint(n)}
}

func recordKey(r vault.Record) []byte { return kv.Key("test", r.Person, r.Part, r.Key) }

func newBustle(t *testing.T, h *House) *bustle {
	ctx, stop := context.WithCancel(context.Background())
	c := &bustle{h: h, ctx: ctx, stop: stop}
	c.step = sync.NewCond(&c.mu)
	context.AfterFunc(ctx, func() { c.tell(0) })
	for name := range 6 {
		c.wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(name)))
			var living []string
			for n := 0; ctx.Err() == nil; n++ {
				var err error
				if len(living) > 5 && random.IntN(3) == 0 {
					leaving := random.IntN(len(living))
					err = c.leave(living[leaving])
					living = append(living[:leaving], living[leaving+1:]...)
				} else {
					person := fmt.Sprintf("p%d-%d", name, n)
					living = append(living, person)
					err = c.come(person)
				}
				if err != nil {
					t.Errorf("a step in the bustle: %v", err)
					stop() // whoever awaits a step need not
					return
				}
				c.tell(1)
			}
		})
	}
	c.wg.Go(func() {
		for ctx.Err() == nil {
			if err := errors.Join(h.Vault.NewTerm(bg), h.Vault.Rewrap(bg)); err != nil {
				t.Errorf("a rotation in the bustle: %v", err)
				stop()
				return
			}
			c.await(5)
		}
	})
	t.Cleanup(c.end)
	return c
}

var bg = context.Background()

func (c *bustle) end() { c.stop(); c.wg.Wait() }

// await lets a number of steps pass.
func (c *bustle) await(steps int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for until := c.steps + steps; c.steps < until && c.ctx.Err() == nil; {
		c.step.Wait()
	}
}

func (c *bustle) tell(steps int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps += steps
	c.step.Broadcast()
}

func (c *bustle) come(person string) error {
	v := c.h.Vault
	if err := errors.Join(v.NewPerson(bg, person), v.NewPart(bg, person, "part"), v.NewPart(bg, person, "lost")); err != nil {
		return err
	}
	for n, part := range []string{"", "part", "lost"} {
		r := record(person, part, n)
		sealed, err := v.Seal(bg, r, []byte("plain "+person))
		if err != nil {
			return err
		}
		if err := c.h.db.Update(bg, func(t tx) error { return t.Put(recordKey(r), sealed) }); err != nil {
			return err
		}
	}
	pair, err := v.Pair(bg, person, "client")
	if err != nil {
		return err
	}
	if err := c.h.db.Update(bg, func(t tx) error { _, err := pair.Alias(t, "account", "opaque"); return err }); err != nil {
		return err
	}
	return c.h.db.Update(bg, func(t tx) error {
		return errors.Join(t.Delete(recordKey(record(person, "lost", 2))), v.PartEnds(t, person, "lost"), v.EndEpoch(t, person, "client"))
	})
}

func (c *bustle) leave(person string) error {
	err := c.h.db.Update(bg, func(t tx) error {
		return errors.Join(t.Delete(recordKey(record(person, "", 0))), t.Delete(recordKey(record(person, "part", 1))), c.h.Vault.PersonLeaves(t, person))
	})
	return errors.Join(err, c.h.Vault.Shred(bg))
}

// opens walks the records in a restored folder: each has to open.
func opens(h *House, dir, anchorPath string) (n int, err error) {
	keys, err := boltkv.Open(filepath.Join(dir, keysFile))
	if err != nil {
		return 0, err
	}
	defer keys.Close()
	db, err := boltkv.Open(filepath.Join(dir, rowsFile))
	if err != nil {
		return 0, err
	}
	defer db.Close()
	held, err := anchor.At(anchorPath)
	if err != nil {
		return 0, err
	}
	key, err := kek.OpenFile(filepath.Join(h.data, "kek.key"))
	if err != nil {
		return 0, err
	}
	v, err := vault.Open(bg, vault.Config{DB: db, Keys: keys, KEK: key, Anchor: held})
	if err != nil {
		return 0, err
	}
	err = db.View(bg, func(t tx) error {
		n = 0
		for e, err := range t.Scan(kv.Prefix("test")) {
			if err != nil {
				return err
			}
			_, rest, _ := kv.Text(e.Key)
			person, rest, _ := kv.Text(rest)
			part, rest, _ := kv.Text(rest)
			name, _, _ := kv.Text(rest)
			got, err := v.Open(bg, vault.Record{Kind: "test", Person: person, Part: part, Key: name}, e.Value)
			if err != nil {
				return fmt.Errorf("a record of %s %s does not open: %w", person, part, err)
			}
			if got.RevealString() != "plain "+person {
				return fmt.Errorf("a record of %s opens as another", person)
			}
			n++
		}
		return nil
	})
	return n, err
}

// Backups are taken while everything happens at once, and out of each of them
// comes a house in which every record opens.
func TestEveryBackupOfABusyHouseOpens(t *testing.T) {
	h, o := opened(t), newOperator(t)
	c := newBustle(t, h)
	c.await(20)

	// The same search has to find what two copies at different times hold.
	for name, order := range map[string][]*boltkv.DB{"keys first": {h.keys, h.db}, "rows first": {h.db, h.keys}} {
		caught := false
		for range 20 {
			if caught = c.apart(t, o, order); caught {
				break
			}
		}
		if !caught {
			t.Fatalf("%s, and something happens before the other: every record opens, so this search finds nothing", name)
		}
	}

	records := 0
	for range 50 {
		held := o.copy(t, h)
		dir, found, err := o.restore(t, h, held)
		if err != nil {
			t.Fatalf("restore: %v", err)
		}
		n, err := opens(h, dir, held.anchor)
		if err != nil {
			t.Fatal(err)
		}
		if found.Keys.Persons == 0 {
			t.Fatal("nobody is in the backup")
		}
		records += n
		c.await(2)
	}
	t.Logf("50 backups, %d records", records)
}

// apart takes a backup of two moments and reports whether that is found out.
func (c *bustle) apart(t *testing.T, o operator, order []*boltkv.DB) bool {
	t.Helper()
	held := copied{anchor: o.copyAnchor(t, c.h)}
	rows := map[*boltkv.DB]iter.Seq2[kv.Entry, error]{}
	for _, db := range order {
		frozen, err := boltkv.Freeze(bg, db)
		if err != nil {
			t.Fatal(err)
		}
		var all []kv.Entry
		for e, err := range once(frozen[0]) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, kv.Entry{Key: bytes.Clone(e.Key), Value: bytes.Clone(e.Value)})
		}
		rows[db] = func(yield func(kv.Entry, error) bool) {
			for _, e := range all {
				if !yield(e, nil) {
					return
				}
			}
		}
		c.await(20)
	}
	var b bytes.Buffer
	state := c.h.held.State()
	_, err := backup.Write(bg, &b, o.to, backup.Header{Made: time.Now(), Ring: state.Ring, Term: state.Term, Stores: []backup.Store{
		{Name: keysFile, Schema: boltkv.Schema, Rows: rows[c.h.keys]}, {Name: rowsFile, Schema: boltkv.Schema, Rows: rows[c.h.db]},
	}}, c.h.signBackup, nil)
	if err != nil {
		t.Fatal(err)
	}
	held.archive = b.Bytes()
	dir, _, err := o.restore(t, c.h, held)
	if err != nil {
		return true
	}
	_, err = opens(c.h, dir, held.anchor)
	return err != nil
}

// What is restored is older than the anchor, by however little: so the next
// start notices.
func TestARestoredHouseIsOlderThanItsAnchor(t *testing.T) {
	h, o := opened(t), newOperator(t)
	held := o.copy(t, h)
	held.anchor = o.copyAnchor(t, h) // as it is now
	dir, _, err := o.restore(t, h, held)
	if err != nil {
		t.Fatal(err)
	}
	for data, restored := range map[string]bool{dir: true, h.data: false} {
		if !restored {
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
		}
		db, err := boltkv.Open(filepath.Join(data, rowsFile))
		if err != nil {
			t.Fatal(err)
		}
		path := held.anchor
		if !restored {
			path = filepath.Join(data, "anchor")
		}
		a, err := anchor.At(path)
		if err != nil {
			t.Fatal(err)
		}
		v, err := (&rollback.Guard{DB: db, Anchor: a, MAC: h.Vault.MAC, Now: time.Now}).Open(bg)
		if err != nil || v.Restored != restored {
			t.Errorf("%s is restored: %t, %v; want %t", data, v.Restored, err, restored)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What was destroyed is in no later backup, and in none of them is anything
// that opens it.
func TestWhoHasLeftIsInNoLaterBackup(t *testing.T) {
	h, o := opened(t), newOperator(t)
	b := &bustle{h: h, ctx: bg}
	if err := errors.Join(b.come("stays"), b.come("leaves")); err != nil {
		t.Fatal(err)
	}
	wrapped := map[string][]byte{}
	for _, who := range []string{"stays", "leaves"} {
		err := h.keys.View(bg, func(t tx) error {
			v, err := t.Get(kv.Key("vault", "person", who))
			wrapped[who] = bytes.Clone(v)
			return err
		})
		if err != nil || len(wrapped[who]) == 0 {
			t.Fatalf("no key of %s: %v", who, err)
		}
	}
	holds := func(c copied, who string) bool {
		t.Helper()
		from, err := backup.Open(bytes.NewReader(c.archive), o.with)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		_, err = from.Each(bg, func(s backup.Store) error {
			for e, err := range s.Rows {
				if err != nil {
					return err
				}
				found = found || bytes.Equal(e.Value, wrapped[who])
			}
			return nil
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if c := o.copy(t, h); !holds(c, "stays") || !holds(c, "leaves") {
		t.Fatal("the backup before lacks a key: this test looks at the wrong thing")
	}
	if err := b.leave("leaves"); err != nil {
		t.Fatal(err)
	}
	if c := o.copy(t, h); !holds(c, "stays") || holds(c, "leaves") {
		t.Error("the backup after holds the key of who has left, or lacks that of who stays")
	}
}
