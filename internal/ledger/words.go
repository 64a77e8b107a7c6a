package ledger

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
	"jali/vault"
)

// maxWords bounds each sort of a person's words: what is beyond it is refused,
// since to forget an older one would change their bills behind their back.
const (
	maxWords = 5000
	maxDrawn = 200
)

// ErrFull is one word more of a person's than is kept.
var ErrFull = &fault.Error{Kind: fault.Conflict, Code: "words_full", Owner: fault.Person,
	Detail: "so many decisions and corrections are kept already that there is no room for another; take an older one back first"}

// Decision is a person's word on two bills, by Jali's ids of them.
type Decision struct {
	A, B               string
	AccountA, AccountB string // that they are of: with either the decision goes
	Link               string // "mirror", of which either bill may be A; "refund"
	Yes                bool
	At                 time.Time
}

// Words is all that a person has said of their bills.
type Words struct {
	Decisions []Decision        // oldest first
	Filed     map[string]string // Jali's id of a bill -> the category they gave it
	Learnt    map[string]string // shop -> the category of its bills, as learnt from that
}

// filed and learnt are rows as they are sealed.
type filed struct {
	_              struct{} `cbor:",toarray"`
	Bill, Category string
}

type learnt struct {
	_              struct{} `cbor:",toarray"`
	Shop, Category string
}

// The person's own rows lie where an account without a name would have its.
func (l *Ledger) decidedKey(person string, d Decision) []byte {
	return kv.Key("ledger", person, "", "decided", d.AccountA, d.AccountB, l.hidden("decided", person, d.Link, d.A, d.B))
}

func (l *Ledger) filedKey(person, account, bill string) []byte {
	return kv.Key("ledger", person, "", "filed", account, l.hidden("filed", person, bill))
}

func (l *Ledger) learntKey(person, shop string) []byte {
	return kv.Key("ledger", person, "", "learnt", l.hidden("learnt", person, shop))
}

func (l *Ledger) drawnKey(person, signature string) []byte {
	return kv.Key("ledger", person, "", "drawn", l.hidden("drawn", person, signature))
}

func (l *Ledger) hidden(what string, parts ...string) string {
	return hex.EncodeToString(l.Vault.MAC("ledger."+what, parts...)[:macSize])
}

func wordRecord(person string, key []byte) vault.Record {
	return vault.Record{Kind: "word", Person: person, Key: hex.EncodeToString(key)}
}

// Words answers what a person has said.
func (l *Ledger) Words(ctx context.Context, person string) (Words, error) {
	rows, err := l.said(ctx, person, "decided", "filed", "learnt")
	if err != nil {
		return Words{}, err
	}
	w := Words{Filed: map[string]string{}, Learnt: map[string]string{}}
	for _, plain := range rows["decided"] {
		var d Decision
		if err := kv.Unpack(plain, &d); err != nil {
			return Words{}, err
		}
		w.Decisions = append(w.Decisions, d)
	}
	for _, plain := range rows["filed"] {
		var f filed
		if err := kv.Unpack(plain, &f); err != nil {
			return Words{}, err
		}
		w.Filed[f.Bill] = f.Category
	}
	for _, plain := range rows["learnt"] {
		var f learnt
		if err := kv.Unpack(plain, &f); err != nil {
			return Words{}, err
		}
		w.Learnt[f.Shop] = f.Category
	}
	slices.SortStableFunc(w.Decisions, func(a, b Decision) int { return a.At.Compare(b.At) })
	return w, nil
}

// said opens all of some sorts of a person's words.
func (l *Ledger) said(ctx context.Context, person string, sorts ...string) (map[string][][]byte, error) {
	rows := map[string][]kv.Entry{}
	err := l.DB.View(ctx, func(tx kv.Tx) error {
		clear(rows)
		for _, sort := range sorts {
			for e, err := range tx.Scan(kv.Prefix("ledger", person, "", sort)) {
				if err != nil {
					return err
				}
				rows[sort] = append(rows[sort], kv.Entry{Key: bytes.Clone(e.Key), Value: bytes.Clone(e.Value)})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	opened := map[string][][]byte{}
	for sort, all := range rows {
		for _, e := range all {
			plain, err := l.Vault.Open(ctx, wordRecord(person, e.Key), e.Value)
			if err != nil {
				return nil, err
			}
			opened[sort] = append(opened[sort], plain.Reveal())
		}
	}
	return opened, nil
}

// Decide keeps a decision, in place of an earlier one on the same.
func (l *Ledger) Decide(ctx context.Context, tx kv.Tx, person string, d Decision) error {
	if d.Link == "mirror" && d.B < d.A {
		d.A, d.B, d.AccountA, d.AccountB = d.B, d.A, d.AccountB, d.AccountA
	}
	return l.say(ctx, tx, person, "decided", maxWords, l.decidedKey(person, d), d)
}

// Undecide takes a decision back. One that was never made is none to take back.
func (l *Ledger) Undecide(tx kv.Tx, person string, d Decision) error {
	if d.Link == "mirror" && d.B < d.A {
		d.A, d.B, d.AccountA, d.AccountB = d.B, d.A, d.AccountB, d.AccountA
	}
	return tx.Delete(l.decidedKey(person, d))
}

// Correct files a bill of an account under a category, and has it learnt for
// a shop, if that is named. An empty category takes both back.
func (l *Ledger) Correct(ctx context.Context, tx kv.Tx, person, account, bill, shop, category string) error {
	bills, shops := l.filedKey(person, account, bill), l.learntKey(person, shop)
	if category == "" {
		if err := tx.Delete(bills); err != nil || shop == "" {
			return err
		}
		return tx.Delete(shops)
	}
	if err := l.say(ctx, tx, person, "filed", maxWords, bills, filed{Bill: bill, Category: category}); err != nil || shop == "" {
		return err
	}
	return l.say(ctx, tx, person, "learnt", maxWords, shops, learnt{Shop: shop, Category: category})
}

// Draw keeps how a person reads tables of a signature, in the caller's words.
func (l *Ledger) Draw(ctx context.Context, tx kv.Tx, person, signature string, mapping []byte) error {
	return l.say(ctx, tx, person, "drawn", maxDrawn, l.drawnKey(person, signature), mapping)
}

// Drawn answers what Draw kept for a signature, or nothing.
func (l *Ledger) Drawn(ctx context.Context, person, signature string) (mapping []byte, err error) {
	var sealed []byte
	key := l.drawnKey(person, signature)
	err = l.DB.View(ctx, func(tx kv.Tx) error {
		b, err := tx.Get(key)
		sealed = bytes.Clone(b)
		return err
	})
	if err != nil || sealed == nil {
		return nil, err
	}
	plain, err := l.Vault.Open(ctx, wordRecord(person, key), sealed)
	if err != nil {
		return nil, err
	}
	return mapping, kv.Unpack(plain.Reveal(), &mapping)
}

// AllDrawn answers everything that Draw kept.
func (l *Ledger) AllDrawn(ctx context.Context, person string) (mappings [][]byte, err error) {
	rows, err := l.said(ctx, person, "drawn")
	if err != nil {
		return nil, err
	}
	for _, plain := range rows["drawn"] {
		var m []byte
		if err := kv.Unpack(plain, &m); err != nil {
			return nil, err
		}
		mappings = append(mappings, m)
	}
	return mappings, nil
}

// say seals one word, if there is room for it.
func (l *Ledger) say(ctx context.Context, tx kv.Tx, person, sort string, most int, key []byte, word any) error {
	if old, err := tx.Get(key); err != nil {
		return err
	} else if old == nil {
		n := 0
		for _, err := range tx.Scan(kv.Prefix("ledger", person, "", sort)) {
			if err != nil {
				return err
			}
			n++
		}
		if n >= most {
			return ErrFull
		}
	}
	plain, err := kv.Pack(word)
	if err != nil {
		return err
	}
	sealed, err := l.Vault.Seal(ctx, wordRecord(person, key), plain)
	if err != nil {
		return err
	}
	return tx.Put(key, sealed)
}

// unsay removes what was said of an account's bills.
func unsay(tx kv.Tx, person, account string) error {
	var keys [][]byte
	for _, sort := range []string{"decided", "filed"} {
		all := kv.Prefix("ledger", person, "", sort)
		for e, err := range tx.Scan(all) {
			if err != nil {
				return err
			}
			first, rest, _ := kv.Text(e.Key[len(all.From)-1:])
			second, _, _ := kv.Text(rest)
			if first == account || sort == "decided" && second == account {
				keys = append(keys, bytes.Clone(e.Key))
			}
		}
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Follow has what was said of a bill under an id that it goes by no more be
// said of the one that it has: also answers it. Of two words the later holds;
// of a category, that said under the id it has.
func (w *Words) Follow(also map[string]string) {
	if len(also) == 0 {
		return
	}
	type pair struct{ a, b, link string }
	last := map[pair]int{}
	said := w.Decisions[:0:0]
	for _, d := range w.Decisions {
		d.A, d.B = cmp.Or(also[d.A], d.A), cmp.Or(also[d.B], d.B)
		p := pair{d.A, d.B, d.Link}
		if d.Link == "mirror" {
			p.a, p.b = min(d.A, d.B), max(d.A, d.B)
		}
		if i, ok := last[p]; ok {
			said[i] = d
			continue
		}
		last[p] = len(said)
		said = append(said, d)
	}
	w.Decisions = said
	for _, was := range slices.Sorted(maps.Keys(also)) {
		if category, ok := w.Filed[was]; ok && w.Filed[also[was]] == "" {
			w.Filed[also[was]] = category
		}
	}
}
