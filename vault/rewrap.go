package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
)

var (
	// ErrKeysDamaged stops a rotation before anything is given up.
	ErrKeysDamaged = &fault.Error{Kind: fault.Unavailable, Code: "keys_damaged", Owner: fault.Us,
		Detail: "some wrapped keys do not open"}

	// ErrNoRoom stops a rotation before a full disk stops the store.
	ErrNoRoom = &fault.Error{Kind: fault.Unavailable, Code: "disk_full", Owner: fault.Us,
		Detail: "the disk has too little room left to go on rotating keys; nothing is lost and what is sealed opens: make room, and the rotation goes on"}
)

const (
	rewrapBatch = 512      // keys in one transaction, for which other writers wait
	pieceRows   = 8192     // rows that one transaction looks at
	leastRoom   = 32 << 20 // what has to be free on the disk of Keys
	namedDamage = 10       // how many damaged keys are named
)

// Rotation is how far the way from one root term to the next has come.
type Rotation struct {
	From      uint32        `json:"from"`
	To        uint32        `json:"to"`
	Running   bool          `json:"running"`           // or it was interrupted
	Done      int           `json:"done"`              // keys wrapped anew in this run
	Total     int           `json:"total"`             // of so many
	Since     time.Time     `json:"since,omitzero"`    // when this run began
	PerSecond float64       `json:"per_second"`        // keys
	Remaining time.Duration `json:"remaining"`         // about
	Failed    string        `json:"failed,omitempty"`  // why the last run stopped
	Damaged   []string      `json:"damaged,omitempty"` // whose keys do not open, the first of them
}

// shelf is where a store keeps keys that the root wraps.
type shelf struct {
	db kv.DB
	kv.Range
}

func (v *Vault) shelves() []shelf {
	signing := kv.Range{From: kv.Key("vault", "signing"), To: kv.Prefix("vault", "signing").To}
	return []shelf{
		{v.keys, kv.Prefix("vault", "person")}, {v.keys, kv.Prefix("vault", "part")},
		{v.keys, kv.Prefix("vault", "pair")}, {v.db, signing},
	}
}

// piece is what one short transaction saw: a long one keeps the file growing.
type piece struct {
	rows  []kv.Entry     // those not of the asked term, at most a batch
	terms map[uint32]int // how many are of which; 0: none can be told
	rest  []byte         // where the next piece begins; nil: this was the last
}

func (s shelf) piece(ctx context.Context, from []byte, not uint32, batch int) (p piece, err error) {
	err = s.db.View(ctx, func(tx kv.Tx) error {
		p = piece{terms: map[uint32]int{}}
		seen := 0
		for e, err := range tx.Scan(kv.Range{From: from, To: s.To}) {
			if err != nil {
				return err
			}
			term, _ := termOf(e.Value)
			p.terms[term]++
			if term != not && batch > 0 {
				p.rows = append(p.rows, kv.Entry{Key: bytes.Clone(e.Key), Value: bytes.Clone(e.Value)})
			}
			if seen++; seen == pieceRows || batch > 0 && len(p.rows) == batch {
				p.rest = append(bytes.Clone(e.Key), 0)
				return nil
			}
		}
		return nil
	})
	return p, err
}

// wrappedIn counts the wrapped keys by term.
func (v *Vault) wrappedIn(ctx context.Context) (map[uint32]int, error) {
	terms := map[uint32]int{}
	for _, s := range v.shelves() {
		for from := s.From; from != nil; {
			p, err := s.piece(ctx, from, 0, 0)
			if err != nil {
				return nil, err
			}
			for term, n := range p.terms {
				terms[term] += n
			}
			from = p.rest
		}
	}
	return terms, nil
}

// outside counts the keys that are not of term.
func (v *Vault) outside(ctx context.Context, term uint32) (n int, err error) {
	terms, err := v.wrappedIn(ctx)
	for t, of := range terms {
		if t != term {
			n += of
		}
	}
	return n, err
}

// Rewrap wraps every key anew that is of a term before the current one, in
// small transactions beside everything else that goes on, and then leaves that
// term. With no term to leave it does nothing. Stopped anywhere, the next one
// goes on. While one runs, another answers [ErrRotating]; where some keys do
// not open, all others are wrapped anew, the term is kept, and it answers
// [ErrKeysDamaged].
func (v *Vault) Rewrap(ctx context.Context) (err error) {
	if !v.rewrapping.TryLock() {
		return ErrRotating
	}
	defer v.rewrapping.Unlock()
	ring := v.ring()
	if !ring.leaving() {
		return nil
	}
	w := &rewrap{vault: v, said: Rotation{From: ring.oldest, To: ring.current.term, Running: true, Since: v.now()}}
	defer func() {
		w.said.Running = false
		if err != nil {
			w.said.Failed = fault.Of(err).Detail
			if errors.Is(err, context.Canceled) {
				w.said.Failed = ""
			}
		}
		w.tell()
	}()
	if err := v.enter(ctx, ring.current.term); err != nil {
		return err
	}
	if w.said.Total, err = v.outside(ctx, ring.current.term); err != nil {
		return err
	}
	w.tell()
	if err := w.all(ctx); err != nil {
		return err
	}
	return v.retire(ctx)
}

// rewrap is one run of [Vault.Rewrap].
type rewrap struct {
	vault *Vault
	said  Rotation
}

// passes bounds how often it is gone over the keys. A second time is needed
// only if something else than a Shred changed one under the first.
const passes = 4

// all answers nil once a look at every key has found none of a former term.
func (w *rewrap) all(ctx context.Context) error {
	for range passes {
		damaged := 0
		w.said.Damaged = nil
		for _, s := range w.vault.shelves() {
			n, err := w.shelf(ctx, s)
			if err != nil {
				return err
			}
			damaged += n
		}
		switch left, err := w.vault.outside(ctx, w.said.To); {
		case err != nil:
			return err
		case left == 0:
			return nil
		case damaged > 0:
			return ErrKeysDamaged.Saying(fmt.Sprintf("%d wrapped keys do not open: the rotation stops before the former root term is given up, and nothing is lost by it; put back a backup in which they are whole, or delete the people whose they are", damaged))
		}
	}
	return fault.Cause("there are still keys of a former term after so many passes:", passes)
}

func (w *rewrap) shelf(ctx context.Context, s shelf) (damaged int, err error) {
	for from := s.From; from != nil; {
		p, err := s.piece(ctx, from, w.said.To, w.vault.batch)
		if err != nil {
			return damaged, err
		}
		from = p.rest
		if len(p.rows) == 0 {
			continue
		}
		room, err := w.vault.keys.Room()
		if err != nil {
			return damaged, err
		}
		if room < leastRoom {
			return damaged, ErrNoRoom
		}
		n, err := w.batch(ctx, s.db, p.rows)
		if err != nil {
			return damaged, err
		}
		damaged += n
		w.said.Done += len(p.rows) - n
		w.tell()
	}
	return damaged, nil
}

// batch puts each key wrapped anew in the place of the very bytes that were
// read: one that was destroyed meanwhile does not come back.
func (w *rewrap) batch(ctx context.Context, db kv.DB, rows []kv.Entry) (damaged int, err error) {
	ring := w.vault.ring()
	if err := ring.seals.add(ctx, uint64(len(rows))); err != nil {
		return 0, err
	}
	fresh := make([][]byte, len(rows))
	for i, e := range rows {
		names, key, err := ring.unwrapRow(e)
		if err != nil {
			damaged++
			w.damaged(names)
			continue
		}
		fresh[i] = ring.wrap(key, names...)
		clear(key)
	}
	return damaged, db.Update(ctx, func(tx kv.Tx) error {
		for i, e := range rows {
			if fresh[i] == nil {
				continue
			}
			now, err := tx.Get(e.Key)
			if err != nil {
				return err
			}
			if !bytes.Equal(now, e.Value) {
				continue
			}
			if err := tx.Put(e.Key, fresh[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *rewrap) damaged(names []string) {
	if len(w.said.Damaged) < namedDamage {
		w.said.Damaged = append(w.said.Damaged, strings.Join(names, " "))
	}
}

// tell lets [Vault.Terms] say how far it is.
func (w *rewrap) tell() {
	said := w.said
	if spent := w.vault.now().Sub(said.Since); spent > 0 && said.Done > 0 {
		said.PerSecond = float64(said.Done) / spent.Seconds()
		said.Remaining = time.Duration(float64(max(0, said.Total-said.Done)) / said.PerSecond * float64(time.Second))
	}
	w.vault.rotation.Store(&said)
}

// unwrapRow opens a row whose key says what it is bound to.
func (r *keyring) unwrapRow(e kv.Entry) (names []string, key []byte, err error) {
	names = wrappedAs(e.Key)
	key, err = r.unwrap(e.Value, names...)
	return names, key, err
}
