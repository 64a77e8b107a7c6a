package ledger

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"strconv"
	"time"

	"jali/connectors"
	"jali/internal/kv"
	"jali/vault"
)

// KeepFor is how long what a source has told is kept after it was last read.
const KeepFor = 30 * 24 * time.Hour

// sheetSize is how many bills lie in one sealed row.
const sheetSize = 500

// Kept is what a source has told of one account, as far as its weeks were
// asked for. It is one caller's; [Kept.Open] comes before anything else.
type Kept struct {
	Account
	Told  []connectors.Span // of which everything was told, as of At
	At    time.Time         // of the last reading
	Mark  connectors.Mark   // from where the source goes on, where it can
	Bills []Known           // by moment, then id

	// Settled is what a reading need not ask again: it was told, and lay back
	// by [Overlap] then. Whole is when it was begun.
	Settled []connectors.Span
	Whole   time.Time

	// Points are what it was told to hold or to owe when: of each kind and
	// currency the first of a day.
	Points []Point

	shelf  shelf
	name   func(week int64) []byte
	head   []byte                // as it was read; nil: nothing is kept
	until  time.Time             // as it was read
	rows   map[string][]kv.Entry // the sheets of each week that was read, by its name
	all    bool                  // every week was
	first  int64                 // else these
	last   int64
	dirty  map[int64]bool // weeks that are to be written
	count  int            // of living bills in all weeks, as they are to be
	living int            // of those in Bills, when count was that

	sealing []int64    // weeks that Seal has not done with, the next one last
	sheet   int        // how many sheets of that it has made
	puts    []kv.Entry // by Seal
	drops   [][]byte   // by Seal
	sealed  []byte     // the head among puts
}

// Known is a bill as it is kept.
type Known struct {
	Packed
	At    time.Time
	First string // the id it was told by first, if that was another
	Gone  bool   // it is not told any more; kept for what may come in its place

	told bool   // by the reading that was merged
	also string // see Also
}

// Know is a bill that had no other id.
func Know(b connectors.Bill) Known { return Known{Packed: Pack(b), At: b.At} }

// Seed is what a bill's id is made of: the same however often its source has
// renamed it.
func (k Known) Seed() string {
	if k.First != "" {
		return k.First
	}
	return k.ID()
}

// Wish names an account and the time of which its bills are wanted; zero times
// mean all.
type Wish struct {
	Account
	From, To time.Time
}

// head is what stands beside an account's sheets; what is sealed of it is page.
type head struct {
	Until  time.Time `json:"until"` // when the bills go, if nobody reads them again; to the day
	Bills  int       `json:"bills"`
	Sealed []byte    `json:"sealed"`
}

type page struct {
	Told    []span    `json:"told"`
	Settled []span    `json:"settled"`
	At      time.Time `json:"at"`
	Whole   time.Time `json:"whole"`
	Mark    string    `json:"mark,omitempty"`
	Points  []point   `json:"points,omitempty"`
}

type span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

const week = 7 * 24 * 60 * 60

func weekOf(t time.Time) int64 { return t.Unix() / week }

func (s shelf) headKey() []byte { return kv.Key("ledger", s.Person, s.ID, "kept") }

// keptDue finds what nobody has read for long. The day stands in clear.
func keptDue(until time.Time, a Account) []byte {
	return kv.Key("ledger due", until, a.Person, a.ID)
}

func (s shelf) sheetKey(name []byte, n int) []byte {
	return kv.Key("ledger", s.Person, s.ID, "sheet", name, n)
}

func (s shelf) sheetsOf(name []byte) kv.Range {
	return kv.Prefix("ledger", s.Person, s.ID, "sheet", name)
}

// weekNames makes the names of weeks, one HMAC each: the vault is asked for one
// key and not for every week.
func (s shelf) weekNames() func(int64) []byte {
	key := s.vault.MAC("ledger.week", s.Person, s.ID)
	return func(week int64) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(strconv.AppendInt(nil, week, 10))
		return h.Sum(nil)[:macSize]
	}
}

func (s shelf) sheetRecord(name []byte, n int) vault.Record {
	return vault.Record{Kind: "sheet", Person: s.Person, Part: s.Part, Key: s.ID + "/" + hex.EncodeToString(name) + "/" + strconv.Itoa(n)}
}

func (s shelf) headRecord() vault.Record {
	return vault.Record{Kind: "kept", Person: s.Person, Part: s.Part, Key: s.ID}
}

// Kept reads, all in one transaction, what is kept of accounts, sealed.
func (l *Ledger) Kept(ctx context.Context, wishes []Wish) ([]*Kept, error) {
	all := make([]*Kept, len(wishes))
	names := make([][][]byte, len(wishes))
	for i, w := range wishes {
		k := &Kept{Account: w.Account, shelf: shelf{l.Vault, w.Account}, all: w.From.IsZero() || w.To.IsZero()}
		k.name = k.shelf.weekNames()
		k.first, k.last = weekOf(w.From), weekOf(w.To)
		for n := k.first; !k.all && n <= k.last; n++ {
			names[i] = append(names[i], k.name(n))
		}
		all[i] = k
	}
	err := l.DB.View(ctx, func(tx kv.Tx) error {
		for i, k := range all {
			b, err := tx.Get(k.shelf.headKey())
			if err != nil {
				return err
			}
			k.head, k.rows = bytes.Clone(b), map[string][]kv.Entry{}
			if b == nil {
				continue
			}
			ranges := []kv.Range{kv.Prefix("ledger", k.Person, k.ID, "sheet")}
			if !k.all {
				ranges = ranges[:0]
				for _, name := range names[i] {
					ranges = append(ranges, k.shelf.sheetsOf(name))
				}
			}
			for _, r := range ranges {
				if err := k.read(tx, r); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return all, err
}

func (k *Kept) read(tx kv.Tx, r kv.Range) error {
	for e, err := range tx.Scan(r) {
		if err != nil {
			return err
		}
		if len(e.Value) < macSize+2 {
			return errMoved
		}
		name := string(e.Value[:macSize])
		k.rows[name] = append(k.rows[name], kv.Entry{Key: bytes.Clone(e.Key), Value: bytes.Clone(e.Value)})
	}
	return nil
}

// Open opens what was read.
func (k *Kept) Open(ctx context.Context) error {
	k.dirty, k.Bills = map[int64]bool{}, nil
	if k.head == nil {
		return nil
	}
	var h head
	if err := kv.Decode(k.head, &h); err != nil {
		return err
	}
	plain, err := k.shelf.vault.Open(ctx, k.shelf.headRecord(), h.Sealed)
	if err != nil {
		return err
	}
	var p page
	if err := kv.Unpack(plain.Reveal(), &p); err != nil {
		return err
	}
	k.until, k.count = h.Until, h.Bills
	k.Told, k.Settled = spans(p.Told), spans(p.Settled)
	k.At, k.Whole, k.Mark, k.Points = p.At, p.Whole, connectors.Mark(p.Mark), pointsOf(p.Points)
	for name, rows := range k.rows {
		for n, e := range rows {
			if !bytes.Equal(e.Key, k.shelf.sheetKey([]byte(name), n)) {
				return errMoved
			}
			plain, err := k.shelf.vault.Open(ctx, k.shelf.sheetRecord([]byte(name), n), e.Value[macSize:])
			if err != nil {
				return err
			}
			var bills []row
			if err := kv.Unpack(plain.Reveal(), &bills); err != nil {
				return err
			}
			rows[n].Value = nil // its key is all that is wanted of it now
			for i := range bills {
				b := bills[i].bill()
				k.Bills = append(k.Bills, Known{Packed: Pack(b), At: b.At, First: bills[i].First, Gone: bills[i].Gone})
			}
		}
	}
	k.sort()
	k.living = k.alive()
	return nil
}

// Count answers how many bills are kept, those of other weeks too.
func (k *Kept) Count() int { return k.count }

func (k *Kept) sort() {
	slices.SortFunc(k.Bills, func(a, b Known) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID(), b.ID())) })
}

// holds reports whether the week of a moment was read.
func (k *Kept) holds(at time.Time) bool {
	w := weekOf(at)
	return k.all || k.first <= w && w <= k.last
}

// Seal makes the rows of what [Kept.Merge] changed, about most bills of it, and
// reports whether that is the end. The next call makes the next rows, once these
// are kept. Until the end nothing is said to be told, so that whoever reads
// in between, or after we fell over, asks for everything again; and of a bill
// that was renamed the new name is written before the old one goes.
func (k *Kept) Seal(ctx context.Context, most int) (end bool, err error) {
	if k.sealed == nil {
		k.sealing = slices.Sorted(maps.Keys(k.dirty)) // the latest is taken first
	} else {
		k.head = k.sealed
	}
	k.puts, k.drops = nil, nil
	for left := most; len(k.sealing) > 0 && left > 0; {
		w := k.sealing[len(k.sealing)-1]
		name := k.name(w)
		from := sort.Search(len(k.Bills), func(i int) bool { return weekOf(k.Bills[i].At) >= w })
		to := sort.Search(len(k.Bills), func(i int) bool { return weekOf(k.Bills[i].At) > w })
		if k.sheet == 0 { // none of them may lie beside the new ones
			for _, old := range k.rows[string(name)] {
				k.drops = append(k.drops, old.Key)
			}
		}
		from += k.sheet * sheetSize
		for some := range slices.Chunk(k.Bills[min(from, to):to], sheetSize) {
			if left <= 0 {
				break
			}
			if err := k.seal(ctx, name, some); err != nil {
				return false, err
			}
			k.sheet, from, left = k.sheet+1, from+len(some), left-len(some)
		}
		if from >= to {
			k.sealing, k.sheet = k.sealing[:len(k.sealing)-1], 0
		}
	}
	end = len(k.sealing) == 0
	return end, k.sealHead(ctx, end)
}

func (k *Kept) seal(ctx context.Context, name []byte, bills []Known) error {
	rows := make([]row, len(bills))
	for i, b := range bills {
		rows[i] = toRow(b.Bill(), b.First, b.Gone)
	}
	plain, err := kv.Pack(rows)
	if err != nil {
		return err
	}
	sealed, err := k.shelf.vault.Seal(ctx, k.shelf.sheetRecord(name, k.sheet), plain)
	if err != nil {
		return err
	}
	k.puts = append(k.puts, kv.Entry{Key: k.shelf.sheetKey(name, k.sheet), Value: append(bytes.Clone(name), sealed...)})
	return nil
}

func (k *Kept) sealHead(ctx context.Context, end bool) error {
	p := page{At: k.At, Points: storedPoints(k.Points)}
	if end {
		p.Told, p.Settled, p.Whole, p.Mark = stored(k.Told), stored(k.Settled), k.Whole, string(k.Mark)
	}
	plain, err := kv.Pack(p)
	if err != nil {
		return err
	}
	sealed, err := k.shelf.vault.Seal(ctx, k.shelf.headRecord(), plain)
	if err != nil {
		return err
	}
	h := head{Until: k.At.Add(KeepFor).UTC().Truncate(24 * time.Hour), Bills: k.count, Sealed: sealed}
	if k.sealed, err = json.Marshal(h); err != nil {
		return err
	}
	k.puts = append(k.puts, kv.Entry{Key: k.shelf.headKey(), Value: k.sealed})
	if !h.Until.Equal(k.until) {
		if !k.until.IsZero() {
			k.drops = append(k.drops, keptDue(k.until, k.Account))
		}
		due, err := json.Marshal(k.Account)
		if err != nil {
			return err
		}
		k.puts = append(k.puts, kv.Entry{Key: keptDue(h.Until, k.Account), Value: due})
	}
	return nil
}

// Keep writes what Seal made. Where somebody else has written since this was
// read it writes nothing, and says so: their word is as new.
func (l *Ledger) Keep(tx kv.Tx, k *Kept) (ok bool, err error) {
	if b, err := tx.Get(k.shelf.headKey()); err != nil || !bytes.Equal(b, k.head) {
		return false, err
	}
	for _, key := range k.drops {
		if err := tx.Delete(key); err != nil {
			return false, err
		}
	}
	for _, e := range k.puts {
		if err := tx.Put(e.Key, e.Value); err != nil {
			return false, err
		}
	}
	return true, nil
}

func spans(all []span) (out []connectors.Span) {
	for _, s := range all {
		out = append(out, connectors.Span(s))
	}
	return out
}

func stored(all []connectors.Span) (out []span) {
	for _, s := range all {
		out = append(out, span(s))
	}
	return out
}
