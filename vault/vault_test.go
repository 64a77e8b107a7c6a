package vault

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jali/internal/kv"
	"jali/internal/kv/boltkv"
	"jali/internal/secret"
	"jali/vault/anchor"
	"jali/vault/kek"
)

var bg = context.Background()

// house is a vault on real files.
type house struct {
	*Vault
	dir      string
	db, keys *boltkv.DB
	kek      kek.KEK
	held     *anchor.File
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{dir: t.TempDir()}
	key, err := kek.CreateFile(filepath.Join(h.dir, "kek.key"))
	if err != nil {
		t.Fatal(err)
	}
	h.kek = key
	h.db, h.keys = h.bolt(t, "jali.db"), h.bolt(t, "keys.db")
	h.open(t)
	return h
}

func (h *house) bolt(t testing.TB, name string) *boltkv.DB {
	t.Helper()
	db, err := boltkv.Open(filepath.Join(h.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func (h *house) config() Config {
	return Config{DB: h.db, Keys: h.keys, KEK: h.kek, Anchor: h.held, Now: time.Now}
}

func (h *house) anchor(t testing.TB, name string) *anchor.File {
	t.Helper()
	a, err := anchor.At(filepath.Join(h.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (h *house) open(t testing.TB) {
	t.Helper()
	h.held = h.anchor(t, "anchor")
	v, err := Open(bg, h.config())
	if err != nil {
		t.Fatal(err)
	}
	h.Vault = v
}

func (h *house) person(t testing.TB, p string) {
	t.Helper()
	if err := h.NewPerson(bg, p); err != nil {
		t.Fatal(err)
	}
}

func (h *house) seal(t testing.TB, r Record, plain string) []byte {
	t.Helper()
	b, err := h.Seal(bg, r, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (h *house) pair(t testing.TB, person, client string) *Pair {
	t.Helper()
	p, err := h.Pair(bg, person, client)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h *house) alias(p *Pair, account, shape string) (alias string, err error) {
	err = h.db.Update(bg, func(tx kv.Tx) error {
		alias, err = p.Alias(tx, account, shape)
		return err
	})
	return alias, err
}

func (h *house) resolve(t testing.TB, person, alias string) (what string, err error) {
	t.Helper()
	err = h.db.View(bg, func(tx kv.Tx) error {
		client, account, err := h.Resolve(tx, person, alias)
		what = client + "/" + account
		return err
	})
	return what, err
}

func (h *house) do(t testing.TB, f func(kv.Tx) error) {
	t.Helper()
	if err := h.db.Update(bg, f); err != nil {
		t.Fatal(err)
	}
}

// file is the raw bytes of a store.
func (h *house) file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSealedOpensAcrossRestarts(t *testing.T) {
	h := newHouse(t)
	h.person(t, "p1")
	r := Record{Kind: "account", Person: "p1", Key: "a1"}
	sealed := h.seal(t, r, "6222 0212 3456 7890")
	for range 2 {
		got, err := h.Open(bg, r, sealed)
		if err != nil || got.RevealString() != "6222 0212 3456 7890" {
			t.Fatalf("Open = %q, %v", got.RevealString(), err)
		}
		h.open(t)
	}
	if again := h.seal(t, r, "6222 0212 3456 7890"); bytes.Equal(again, sealed) {
		t.Error("sealing the same twice gives the same bytes")
	}
	h.person(t, "p1") // asked twice: the key stays
	if _, err := h.Open(bg, r, sealed); err != nil {
		t.Errorf("Open after a second NewPerson = %v", err)
	}
	if got, err := h.Open(bg, r, h.seal(t, r, "")); err != nil || !got.Empty() {
		t.Errorf("nothing sealed = %q, %v; want nothing", got.RevealString(), err)
	}
}

// A record opens only as what it was sealed as: the same kind, person, part,
// key and term.
func TestSwappedRecordsDoNotOpen(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	random := rand.New(rand.NewPCG(1, 2))
	kinds, persons, parts := []string{"bill", "account", "credential", "name"}, []string{"p1", "p2", "p3", "p"}, []string{"", "a", "b"}
	for _, p := range persons {
		h.person(t, p)
		for _, part := range parts[1:] {
			if err := h.NewPart(bg, p, part); err != nil {
				t.Fatal(err)
			}
		}
	}
	one := func(of []string) string { return of[random.IntN(len(of))] }
	draw := func() Record {
		return Record{Kind: one(kinds), Person: one(persons), Part: one(parts), Key: fmt.Sprint(random.IntN(20))}
	}
	type row struct {
		as   Record
		term uint32
		b    []byte
	}
	var all []row
	for term := uint32(1); term <= 3; term++ {
		if term > 1 {
			h.rotate(t)
		}
		for range 100 {
			r := draw()
			all = append(all, row{r, term, h.seal(t, r, "plain")})
		}
	}
	// alike are all but one of what a record is bound to: each alone has to count.
	alike := func(r Record, term uint32) (Record, uint32) {
		switch random.IntN(6) {
		case 0:
			r.Kind = one(kinds)
		case 1:
			r.Person = one(persons)
		case 2:
			r.Part = one(parts)
		case 3:
			r.Key = fmt.Sprint(random.IntN(20))
		case 4:
			term = 1 + uint32(random.IntN(3))
		default:
			r, term = draw(), 1+uint32(random.IntN(3))
		}
		return r, term
	}
	for refused := 0; refused < 1000; {
		from := all[random.IntN(len(all))]
		to, term := alike(from.as, from.term)
		b := bytes.Clone(from.b)
		binary.BigEndian.PutUint32(b[1:], term)
		got, err := h.Open(bg, to, b)
		if from.as == to && from.term == term {
			if err != nil {
				t.Fatalf("Open(%v) = %v", to, err)
			}
			continue
		}
		if !errors.Is(err, ErrSealed) || !got.Empty() {
			t.Fatalf("sealed as %v in term %d, Open(%v) in term %d = %v, want ErrSealed", from.as, from.term, to, term, err)
		}
		refused++
	}
	// Boundaries between names count, not only their letters.
	sealed := h.seal(t, Record{Kind: "bill", Person: "p1", Key: "23"}, "plain")
	if _, err := h.Open(bg, Record{Kind: "bil", Person: "p1", Key: "l23"}, sealed); !errors.Is(err, ErrSealed) {
		t.Errorf("Open with letters moved from kind to key = %v, want ErrSealed", err)
	}
	for _, r := range []Record{{Person: "p1", Key: "1"}, {Kind: "bill", Key: "1"}, {Kind: "bill", Person: "p1"}} {
		if _, err := h.Seal(bg, r, nil); err == nil {
			t.Errorf("Seal(%v) = nil, want an error: it binds too little", r)
		}
	}
}

// A wrapped key put in another's row opens nothing, whoever's, whatever's and
// whichever term's it is; and it is not taken for one that was destroyed.
func TestSwappedKeysDoNotOpen(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	random := rand.New(rand.NewPCG(3, 4))
	rows := map[string]func() error{}
	add := func(row []byte, use func() error) { rows[string(row)] = use }
	for _, p := range []string{"p1", "p2"} {
		h.person(t, p)
		for _, part := range []string{"", "a", "b"} {
			if part != "" {
				if err := h.NewPart(bg, p, part); err != nil {
					t.Fatal(err)
				}
			}
			add(holder{p, part}.row(), func() error {
				_, err := h.Seal(bg, Record{Kind: "bill", Person: p, Part: part, Key: "b"}, nil)
				return err
			})
		}
		for _, client := range []string{"bank", "shop"} {
			h.pair(t, p, client)
			h.do(t, func(tx kv.Tx) error { return h.EndEpoch(tx, p, client) })
			h.pair(t, p, client)
			add(pairKey(p, client, 2), func() error { _, err := h.Pair(bg, p, client); return err })
		}
	}
	former := map[string][]byte{}
	for row := range rows {
		former[row] = h.wrapped(t, []byte(row))
	}
	h.rotate(t)
	names := slices.Sorted(maps.Keys(rows))
	put := func(row string, b []byte) {
		if err := h.keys.Update(bg, func(tx kv.Tx) error { return tx.Put([]byte(row), b) }); err != nil {
			t.Fatal(err)
		}
		h.persons.empty()
		h.pairs.empty()
	}
	for range 150 {
		from, to := names[random.IntN(len(names))], names[random.IntN(len(names))]
		own, b := h.wrapped(t, []byte(to)), h.wrapped(t, []byte(from))
		if random.IntN(3) == 0 {
			b = former[from]
		}
		if bytes.Equal(own, b) {
			continue
		}
		put(to, b)
		if err := rows[to](); !errors.Is(err, ErrSealed) {
			t.Fatalf("the key of %q in the row of %q: %v, want ErrSealed", from, to, err)
		}
		put(to, own)
		if err := rows[to](); err != nil {
			t.Fatalf("its own key in the row of %q: %v", to, err)
		}
	}
}

func TestDamagedRecordsDoNotOpen(t *testing.T) {
	h := newHouse(t)
	h.person(t, "p1")
	r := Record{Kind: "bill", Person: "p1", Key: "b1"}
	sealed := h.seal(t, r, "午餐 35.50")
	view, err := h.SealView("view_x", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		sealed []byte
		open   func([]byte) error
	}{
		"record": {sealed, func(b []byte) error { _, err := h.Open(bg, r, b); return err }},
		"view":   {view, func(b []byte) error { _, err := h.OpenView("view_x", b); return err }},
	} {
		if err := tt.open(tt.sealed); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range len(tt.sealed) * 8 {
			b := bytes.Clone(tt.sealed)
			b[i/8] ^= 1 << (i % 8)
			if err := tt.open(b); !errors.Is(err, ErrSealed) {
				t.Fatalf("%s, bit %d turned: %v, want ErrSealed", name, i, err)
			}
		}
		for n := range tt.sealed {
			if err := tt.open(tt.sealed[:n]); !errors.Is(err, ErrSealed) {
				t.Fatalf("%s, cut to %d bytes: %v, want ErrSealed", name, n, err)
			}
		}
		if err := tt.open(append(bytes.Clone(tt.sealed), 0)); !errors.Is(err, ErrSealed) {
			t.Errorf("%s, a byte more: %v, want ErrSealed", name, err)
		}
	}
}

func TestUnknownPersonsHaveNoKey(t *testing.T) {
	h := newHouse(t)
	if _, err := h.Seal(bg, Record{Kind: "bill", Person: "nobody", Key: "1"}, []byte("x")); !errors.Is(err, ErrShredded) {
		t.Errorf("Seal = %v, want ErrShredded", err)
	}
	if _, err := h.Pair(bg, "nobody", "bank"); !errors.Is(err, ErrShredded) {
		t.Errorf("Pair = %v, want ErrShredded", err)
	}
}

func TestFilesHoldNothingPlain(t *testing.T) {
	h := newHouse(t)
	h.person(t, "p1")
	const plain = "6222021234567890123"
	h.do(t, func(tx kv.Tx) error {
		return tx.Put(kv.Key("room", "a1"), h.seal(t, Record{Kind: "account", Person: "p1", Key: "a1"}, plain))
	})
	pair := h.pair(t, "p1", "bank")
	if _, err := h.alias(pair, "a1", "opaque"); err != nil {
		t.Fatal(err)
	}
	der, err := h.SigningKey(bg)
	if err != nil {
		t.Fatal(err)
	}
	view := h.ViewID("g1", "idem-key-0000000")
	sealed, err := h.SealView(view, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	h.do(t, func(tx kv.Tx) error { return tx.Put(kv.Key("room", h.ViewHash(view)), sealed) })
	key, err := h.pairKey(t.Context(), pair.person, pair.client, pair.epoch)
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{
		"an account number": []byte(plain), "the number in hex": []byte(hex.EncodeToString([]byte(plain))),
		"the signing key": der.Reveal(), "the pair's key": key, "the MAC key": h.fixed.mac, "the view's id": []byte(view),
	}
	for _, name := range []string{"jali.db", "keys.db"} {
		b := h.file(t, name)
		for what, s := range secrets {
			if bytes.Contains(b, s) {
				t.Errorf("%s holds %s", name, what)
			}
		}
	}
	h.do(t, func(tx kv.Tx) error { return tx.Put(kv.Key("room", "planted"), []byte(plain)) })
	if !bytes.Contains(h.file(t, "jali.db"), []byte(plain)) {
		t.Error("a planted number is not found: the check above cannot fail")
	}
}

func TestOpenRefusesAndChangesNothing(t *testing.T) {
	rows := func(dbs ...kv.DB) string {
		var b strings.Builder
		for _, db := range dbs {
			if err := db.View(bg, func(tx kv.Tx) error {
				for e, err := range tx.Scan(kv.Range{}) {
					if err != nil {
						return err
					}
					fmt.Fprintf(&b, "%x=%x\n", e.Key, e.Value)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		return b.String()
	}
	a, b := newHouse(t), newHouse(t)
	a.person(t, "p1")
	later := a.anchor(t, "later")
	if err := later.Change(func(s *anchor.State) { *s = a.held.State(); s.Term = 2 }); err != nil {
		t.Fatal(err)
	}
	none := func() *anchor.File { return a.anchor(t, "none") }
	former := a.bolt(t, "former.db")
	if err := former.Update(bg, func(tx kv.Tx) error { return kv.Store(tx, ringKey, storedRing{ID: a.held.State().Ring}) }); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why  string
		c    Config
		want error
	}{
		{"another key", Config{DB: a.db, Keys: a.keys, KEK: b.kek, Anchor: a.held}, kek.ErrWrongKey},
		{"another house's keys", Config{DB: a.db, Keys: b.keys, KEK: a.kek, Anchor: a.held}, ErrForeignKeys},
		{"the keys are missing", Config{DB: a.db, Keys: a.bolt(t, "empty1.db"), KEK: a.kek, Anchor: a.held}, ErrForeignKeys},
		{"the database is missing", Config{DB: a.bolt(t, "empty2.db"), Keys: a.keys, KEK: a.kek, Anchor: a.held}, ErrForeignKeys},
		{"both are missing, the anchor is there", Config{DB: a.bolt(t, "empty5.db"), Keys: a.bolt(t, "empty6.db"), KEK: a.kek, Anchor: a.held}, ErrForeignKeys},
		{"another house's anchor", Config{DB: a.db, Keys: a.keys, KEK: a.kek, Anchor: b.held}, ErrForeignKeys},
		{"the anchor is missing", Config{DB: a.db, Keys: a.keys, KEK: a.kek, Anchor: none()}, anchor.ErrMissing},
		{"the anchor allows no term that old", Config{DB: a.db, Keys: a.keys, KEK: a.kek, Anchor: later}, ErrOldKeyring},
		{"a database of a former layout", Config{DB: former, Keys: a.keys, KEK: a.kek, Anchor: a.held}, ErrFormat},
		{"a key that does not take back what it gave", Config{DB: a.bolt(t, "empty3.db"), Keys: a.bolt(t, "empty4.db"), KEK: forgetful{}, Anchor: none()}, kek.ErrTampered},
	} {
		before := rows(tt.c.DB, tt.c.Keys)
		if _, err := Open(bg, tt.c); !errors.Is(err, tt.want) {
			t.Errorf("%s: Open = %v, want %v", tt.why, err, tt.want)
		}
		if rows(tt.c.DB, tt.c.Keys) != before {
			t.Errorf("%s: Open changed a store", tt.why)
		}
		if none().State().Ring != "" {
			t.Errorf("%s: Open made an anchor", tt.why)
		}
	}
	a.open(t)
}

type forgetful struct{}

func (forgetful) Wrap(context.Context, []byte) ([]byte, error)   { return []byte("wrapped"), nil }
func (forgetful) Unwrap(context.Context, []byte) ([]byte, error) { return []byte("{}"), nil }

// counting counts how often the key-encryption key is asked.
type counting struct {
	kek.KEK
	unwraps int
}

func (c *counting) Unwrap(ctx context.Context, b []byte) ([]byte, error) {
	c.unwraps++
	return c.KEK.Unwrap(ctx, b)
}

func TestOneUnwrapAtTheStart(t *testing.T) {
	h := newHouse(t)
	c := &counting{KEK: h.kek}
	h.kek = c
	h.open(t)
	h.person(t, "p1")
	h.seal(t, Record{Kind: "bill", Person: "p1", Key: "1"}, "x")
	h.pair(t, "p1", "bank")
	if _, err := h.SigningKey(bg); err != nil {
		t.Fatal(err)
	}
	if c.unwraps != 1 {
		t.Errorf("the key-encryption key was asked %d times, want 1", c.unwraps)
	}
}

func TestFoundingTakenUpAfterACrash(t *testing.T) {
	h := &house{dir: t.TempDir()}
	key, err := kek.CreateFile(filepath.Join(h.dir, "kek.key"))
	if err != nil {
		t.Fatal(err)
	}
	h.kek, h.db, h.keys = key, h.bolt(t, "jali.db"), h.bolt(t, "keys.db")
	for _, stopped := range []Config{
		{Keys: &failing{DB: h.keys, Keys: h.keys, updates: -1}, DB: h.db},
		{Keys: &failing{DB: h.keys, Keys: h.keys, updates: 1}, DB: h.db},
		{Keys: h.keys, DB: &failing{DB: h.db, updates: -1}},
	} {
		stopped.KEK, stopped.Anchor = h.kek, h.anchor(t, "anchor")
		if _, err := Open(bg, stopped); !errors.Is(err, errPlanted) {
			t.Fatalf("Open = %v: the planted failure did not come", err)
		}
	}
	h.open(t)
	h.open(t)
}

func TestANewTermKeepsWhatWas(t *testing.T) {
	root := rootKeys{ID: "ring", Terms: []termKey{{Term: 1, Key: random(keySize)}}, MAC: random(keySize)}
	held := anchor.State{Ring: "ring", Term: 1, Ratchet: secret.New(random(keySize))}
	first, fixed, err := root.ready(held)
	if err != nil {
		t.Fatal(err)
	}
	root.Terms = append(root.Terms, termKey{Term: 2, Key: random(keySize)})
	second, fixed2, err := root.ready(held)
	if err != nil {
		t.Fatal(err)
	}
	old, now := &Vault{fixed: fixed}, &Vault{fixed: fixed2}
	if old.ViewID("g", "k") != now.ViewID("g", "k") || old.Subject("p", "c") != now.Subject("p", "c") ||
		!bytes.Equal(old.MAC("token", "x"), now.MAC("token", "x")) || old.ViewHash("v") != now.ViewHash("v") {
		t.Error("ids of views, subjects or MACs changed with a new term")
	}
	wrapped := first.wrap([]byte("a key"), "person", "p1")
	if got, err := second.unwrap(wrapped, "person", "p1"); err != nil || string(got) != "a key" {
		t.Errorf("what term 1 wrapped = %q, %v", got, err)
	}
	if b := second.wrap([]byte("a key"), "x"); b[4] != 2 {
		t.Errorf("wrapped under term %d, want 2", b[4])
	}
	if _, err := first.unwrap(second.wrap([]byte("a key"), "x"), "x"); !errors.Is(err, ErrSealed) {
		t.Errorf("an unknown term = %v, want ErrSealed", err)
	}
	moved := anchor.State{Ring: "ring", Term: 2, Ratchet: secret.New(turned(held.Ratchet.Reveal()))}
	alone, _, err := root.ready(moved)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := alone.unwrap(second.wrap([]byte("a key"), "x"), "x"); err != nil || string(got) != "a key" {
		t.Errorf("with the anchor of term 2, what term 2 wrapped = %q, %v", got, err)
	}
	if _, err := alone.unwrap(wrapped, "person", "p1"); !errors.Is(err, ErrSealed) {
		t.Errorf("with the anchor of term 2, what term 1 wrapped: %v, want ErrSealed", err)
	}
	for why, bad := range map[string]rootKeys{
		"no term":     {ID: "ring", MAC: root.MAC},
		"a short key": {ID: "ring", MAC: root.MAC, Terms: []termKey{{Term: 1, Key: []byte("x")}}},
		"a short MAC": {ID: "ring", MAC: []byte("x"), Terms: root.Terms},
		"disorder":    {ID: "ring", MAC: root.MAC, Terms: []termKey{root.Terms[1], root.Terms[0]}},
	} {
		if _, _, err := bad.ready(held); !errors.Is(err, kek.ErrTampered) {
			t.Errorf("%s: ready = %v, want ErrTampered", why, err)
		}
	}
}

func TestSigningKeyIsOne(t *testing.T) {
	h := newHouse(t)
	got := make([]string, 16)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			key, err := h.SigningKey(bg)
			if err != nil {
				t.Error(err)
			}
			got[i] = key.RevealString()
		})
	}
	wg.Wait()
	h.open(t)
	key, err := h.SigningKey(bg)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range got {
		if k != key.RevealString() {
			t.Fatal("two signing keys were answered")
		}
	}
	parsed, err := x509.ParsePKCS8PrivateKey(key.Reveal())
	if ec, ok := parsed.(*ecdsa.PrivateKey); err != nil || !ok || ec.Curve != elliptic.P256() {
		t.Errorf("ParsePKCS8PrivateKey = %T, %v; want P-256", parsed, err)
	}
}

func TestWebhookKeyIsItsOwn(t *testing.T) {
	h := newHouse(t)
	first, err := h.WebhookKey(bg)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := h.SigningKey(bg)
	if err != nil {
		t.Fatal(err)
	}
	h.open(t)
	again, err := h.WebhookKey(bg)
	if err != nil || !again.Equal(first) || again.Equal(issuer) {
		t.Errorf("the key after a restart: the same %v, the issuer's %v, %v", again.Equal(first), again.Equal(issuer), err)
	}
	if parsed, err := x509.ParsePKCS8PrivateKey(first.Reveal()); err != nil {
		t.Error(err)
	} else if _, ok := parsed.(ed25519.PrivateKey); !ok {
		t.Errorf("it is %T, want Ed25519", parsed)
	}
	if bytes.Contains(h.file(t, "jali.db"), first.Reveal()[16:]) {
		t.Error("the file holds the key")
	}
	// One does not open in the other's place.
	h.do(t, func(tx kv.Tx) error {
		b, err := tx.Get(kv.Key("vault", "signing"))
		if err != nil {
			return err
		}
		return tx.Put(kv.Key("vault", "signing", "webhook"), b)
	})
	if _, err := h.WebhookKey(bg); !errors.Is(err, ErrSealed) {
		t.Errorf("the issuer's key in its place: %v", err)
	}
}

func TestViews(t *testing.T) {
	h := newHouse(t)
	id := h.ViewID("g1", "key-1")
	if id != h.ViewID("g1", "key-1") {
		t.Error("the same grant and key give two ids")
	}
	for _, other := range []string{h.ViewID("g1", "key-2"), h.ViewID("g2", "key-1"), h.ViewID("g1key", "-1"), newHouse(t).ViewID("g1", "key-1")} {
		if id == other {
			t.Error("two views have one id")
		}
	}
	if !strings.HasPrefix(id, "view_") || len(id) != 48 || strings.Contains(h.ViewHash(id), id[5:]) {
		t.Errorf("ViewID = %q, ViewHash = %q", id, h.ViewHash(id))
	}
	sealed, err := h.SealView(id, []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := h.OpenView(id, sealed); err != nil || string(got) != "plain" {
		t.Errorf("OpenView = %q, %v", got, err)
	}
	for _, wrong := range []string{h.ViewID("g2", "key-1"), "", h.ViewHash(id), id[:47]} {
		if _, err := h.OpenView(wrong, sealed); !errors.Is(err, ErrSealed) {
			t.Errorf("OpenView by another id = %v, want ErrSealed", err)
		}
	}
	if _, err := newHouse(t).OpenView(id, sealed); !errors.Is(err, ErrSealed) {
		t.Errorf("OpenView in another house = %v, want ErrSealed", err)
	}
}

func TestMACKeepsPartsAndUsesApart(t *testing.T) {
	h := newHouse(t)
	seen := map[string]string{}
	for _, in := range [][]string{{"use"}, {"use", ""}, {"use", "", ""}, {"use", "ab", "c"}, {"use", "a", "bc"}, {"use", "abc"}, {"usea", "bc"}, {"us", "eabc"}} {
		sum := string(h.MAC(in[0], in[1:]...))
		if len(sum) != 32 || sum != string(h.MAC(in[0], in[1:]...)) {
			t.Errorf("MAC(%q) is not 32 bytes, or not always the same", in)
		}
		if other, ok := seen[sum]; ok {
			t.Errorf("MAC(%q) = MAC(%s)", in, other)
		}
		seen[sum] = fmt.Sprint(in)
	}
	if h.Subject("p1", "c1") == h.Subject("p1", "c2") || h.Subject("p1", "c1") == h.Subject("p2", "c1") || h.Subject("ab", "c") == h.Subject("b", "ca") {
		t.Error("two subjects are the same")
	}
}
