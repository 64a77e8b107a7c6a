package ledger

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
	"jali/internal/secret"
	"jali/vault"
)

// box seals as the vault does, bound to the record, and counts what it opens.
type box struct {
	aead   cipher.AEAD
	opened int
}

func newBox() *box {
	block, err := aes.NewCipher(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return &box{aead: aead}
}

func (b *box) Seal(_ context.Context, r vault.Record, plain []byte) ([]byte, error) {
	return b.aead.Seal(nil, nil, plain, fmt.Appendf(nil, "%q", r)), nil
}

func (b *box) Open(_ context.Context, r vault.Record, sealed []byte) (secret.Value, error) {
	b.opened++
	plain, err := b.aead.Open(nil, nil, sealed, fmt.Appendf(nil, "%q", r))
	return secret.New(plain), err
}

func (b *box) MAC(use string, parts ...string) []byte {
	h := hmac.New(sha256.New, []byte("root"))
	fmt.Fprintf(h, "%q %q", use, parts)
	return h.Sum(nil)
}

func openLedger(t testing.TB) (*Ledger, *box, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jali.db")
	db, err := boltkv.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	b := newBox()
	return &Ledger{DB: db, Vault: b}, b, path
}

type fataler interface {
	Helper()
	Fatal(...any)
}

// put imports a file and answers how many of its bills were new.
func put(t fataler, l *Ledger, person, account string, bills ...connectors.Bill) int {
	t.Helper()
	added, err := take(context.Background(), l, Account{Person: person, ID: account}, bills)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func take(ctx context.Context, l *Ledger, a Account, bills []connectors.Bill, points ...Point) (added int, err error) {
	i, err := l.Begin(ctx, a.Person, []Account{a})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, i.Close(ctx)) }()
	for _, b := range bills {
		if err := i.Add(ctx, a.ID, b); err != nil {
			return 0, err
		}
	}
	i.AddPoints(a.ID, points)
	if err := i.Seal(ctx); err != nil || !i.News() {
		return 0, err
	}
	_, added = i.Count(a.ID)
	return added, l.DB.Update(ctx, i.Finish)
}

func bills(t fataler, l *Ledger, person, account string, from, to time.Time) []connectors.Bill {
	t.Helper()
	known, err := l.Bills(context.Background(), Account{Person: person, ID: account}, from, to)
	if err != nil {
		t.Fatal(err)
	}
	var got []connectors.Bill
	for _, b := range known {
		got = append(got, b.Bill())
	}
	return got
}

func ids(bills []connectors.Bill) string {
	var s []string
	for _, b := range bills {
		s = append(s, b.ID)
	}
	return strings.Join(s, " ")
}

var zone = time.FixedZone("", 8*3600)

func day(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", s, zone)
	if err != nil {
		panic(err)
	}
	return t
}

func bill(id, when string, state connectors.BillState) connectors.Bill {
	return connectors.Bill{ID: id, At: day(when), Amount: money.Amount{Minor: 1850, Currency: "CNY"}, Direction: connectors.Out,
		Flow: connectors.FlowOut, State: state, Kind: connectors.Payment, RawKind: "商户消费", Category: "餐饮", Counterparty: "河边面馆",
		Method: "江南银行(1234)", Description: "牛肉面", Order: "order-" + id, Merchant: "m-" + id, Refs: []string{"r"}, RefundOf: "x", Note: "split_funding"}
}

func TestABillIsKeptOnce(t *testing.T) {
	l, _, _ := openLedger(t)
	a, b := bill("1", "2024-05-01 08:00", connectors.Done), bill("2", "2024-05-02 08:00", connectors.Done)
	if n := put(t, l, "p", "acc", a, b, a); n != 2 {
		t.Errorf("added %d of two bills, one of them twice; want 2", n)
	}
	poorer := a
	poorer.Counterparty = ""
	if n := put(t, l, "p", "acc", poorer, bill("3", "2024-05-03 08:00", connectors.Done)); n != 1 {
		t.Errorf("added %d, want 1", n)
	}
	richer := b
	richer.Was = "another"
	if n := put(t, l, "p", "acc", richer); n != 0 {
		t.Errorf("added %d, want 0: the bill was here, and now more is told of it", n)
	}
	got := bills(t, l, "p", "acc", time.Time{}, time.Time{})
	if diff := cmp.Diff([]connectors.Bill{a, richer, bill("3", "2024-05-03 08:00", connectors.Done)}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	dry, err := l.BeginDry(t.Context(), "p", []Account{{Person: "p", ID: "acc"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []connectors.Bill{a, a, bill("9", "2024-05-01 08:00", connectors.Done)} {
		if err := dry.Add(t.Context(), "acc", b); err != nil {
			t.Fatal(err)
		}
	}
	if err := dry.Seal(t.Context()); err != nil || dry.News() {
		t.Errorf("a dry import has something to finish (%v)", err)
	}
	if known, added := dry.Count("acc"); known != 1 || added != 1 {
		t.Errorf("Count = %d, %d; want 1 and 1: one is here, twice in the file, and one is new", known, added)
	}
	if err := l.DB.View(t.Context(), func(tx kv.Tx) error {
		if n, err := l.Count(tx, "p", "acc"); n != 3 || err != nil {
			t.Errorf("Count = %d, %v; want 3", n, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// A parcel under way in May's file has arrived in June's; and May's file,
// imported again, does not undo it. The time of payment may move, too.
func TestAnImportFollowsTheState(t *testing.T) {
	l, _, _ := openLedger(t)
	pending, done := bill("1", "2024-05-31 23:00", connectors.Pending), bill("1", "2024-06-01 09:00", connectors.Done)
	put(t, l, "p", "acc", pending)
	if n := put(t, l, "p", "acc", done); n != 0 {
		t.Errorf("added %d, want 0: the bill was here", n)
	}
	put(t, l, "p", "acc", pending)
	if got := bills(t, l, "p", "acc", day("2024-05-01 08:00"), day("2024-05-31 23:59")); len(got) != 0 {
		t.Errorf("May still has %s", ids(got))
	}
	got := bills(t, l, "p", "acc", day("2024-06-01 00:00"), day("2024-07-01 00:00"))
	if diff := cmp.Diff([]connectors.Bill{done}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWindow(t *testing.T) {
	l, box, _ := openLedger(t)
	put(t, l, "p", "acc",
		bill("apr", "2024-04-30 23:59", connectors.Done),
		bill("may1", "2024-05-01 00:00", connectors.Done), // still April in UTC
		bill("may2", "2024-05-31 23:59", connectors.Done),
		bill("jun", "2024-06-01 00:00", connectors.Done),
		bill("old", "2019-01-01 00:00", connectors.Done))
	for _, tt := range []struct {
		why, from, to string
		want          string
		opens         int
	}{
		{"a month: its end is not in it", "2024-05-01 00:00", "2024-06-01 00:00", "may1 may2", 2},
		{"one minute", "2024-04-30 23:59", "2024-05-01 00:00", "apr", 2},
		{"a month more on either side", "2024-07-10 00:00", "2024-07-11 00:00", "", 0},
		{"nothing there, nothing opened", "2023-01-01 00:00", "2023-02-01 00:00", "", 0},
		{"turned round", "2024-06-01 00:00", "2024-05-01 00:00", "", 0},
		{"years: everything is walked", "2015-01-01 00:00", "2024-05-01 00:00", "old apr", 3},
		{"no end", "2024-05-31 00:00", "", "may2 jun", 3},
	} {
		t.Run(tt.why, func(t *testing.T) {
			var to time.Time
			if tt.to != "" {
				to = day(tt.to)
			}
			box.opened = 0
			if got := ids(bills(t, l, "p", "acc", day(tt.from), to)); got != tt.want || box.opened != tt.opens {
				t.Errorf("= %q with %d opened, want %q with %d", got, box.opened, tt.want, tt.opens)
			}
		})
	}
}

func TestOthersSeeNothing(t *testing.T) {
	l, _, _ := openLedger(t)
	put(t, l, "p", "acc", bill("1", "2024-05-01 08:00", connectors.Done))
	put(t, l, "p", "acc2", bill("1", "2024-05-01 08:00", connectors.Done))
	put(t, l, "q", "acc", bill("1", "2024-05-01 08:00", connectors.Done))
	ctx := context.Background()
	if err := l.DB.Update(ctx, func(tx kv.Tx) error { return l.Forget(tx, "p", "acc") }); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		person, account string
		want            int
	}{{"p", "acc", 0}, {"p", "acc2", 1}, {"q", "acc", 1}, {"p", "", 0}} {
		if got := bills(t, l, tt.person, tt.account, time.Time{}, time.Time{}); len(got) != tt.want {
			t.Errorf("%s/%s has %d bills, want %d", tt.person, tt.account, len(got), tt.want)
		}
	}
	if err := l.DB.Update(ctx, func(tx kv.Tx) error { return l.PersonLeaves(tx, "p") }); err != nil {
		t.Fatal(err)
	}
	err := l.DB.View(ctx, func(tx kv.Tx) error {
		for row, err := range tx.Scan(kv.Prefix("ledger", "p")) {
			if err != nil {
				return err
			}
			t.Errorf("left behind: %q", row.Key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := bills(t, l, "q", "acc", time.Time{}, time.Time{}); len(got) != 1 {
		t.Errorf("the other person lost their bill")
	}
}

// A row moved under another key, account or person does not open.
func TestMovedRowDoesNotOpen(t *testing.T) {
	ctx := context.Background()
	for _, other := range []Account{{Person: "p", ID: "acc2"}, {Person: "q", ID: "acc"}, {Person: "p", Part: "other", ID: "acc"}} {
		l, box, _ := openLedger(t)
		put(t, l, "p", "acc", bill("1", "2024-05-01 08:00", connectors.Done))
		from, to := shelf{box, Account{Person: "p", ID: "acc"}}, shelf{box, other}
		err := l.DB.Update(ctx, func(tx kv.Tx) error {
			seen, err := from.imports(tx)
			if err != nil {
				return err
			}
			for id := range seen {
				sealed, err := tx.Get(from.billsKey(from.monthName(monthOf(day("2024-05-01 08:00"))), id, 0))
				if err != nil {
					return err
				}
				if err := tx.Put(to.importKey(id), []byte(`{"bills":1}`)); err != nil {
					return err
				}
				for _, under := range []shelf{from, to} { // as it is, and renamed
					if err := tx.Put(to.billsKey(under.monthName(monthOf(day("2024-05-01 08:00"))), id, 0), sealed); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := l.Bills(ctx, other, time.Time{}, time.Time{}); err == nil {
			t.Errorf("a moved row opened: %d bills", len(got))
		}
	}
}

// Nothing of a bill stands in the file: not in keys, not in values.
func TestNothingPlainInTheFile(t *testing.T) {
	l, _, path := openLedger(t)
	b := bill("2088-7001", "2024-05-01 08:00", connectors.Done)
	put(t, l, "p", "acc", b)
	if err := l.DB.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(file, []byte("ledger")) {
		t.Fatal("the search cannot find: no row is in the file")
	}
	if regexp.MustCompile(`\bCNY\b|cCNY`).Match(file) { // by itself, or as CBOR has it: an id may hold three letters
		t.Error("the file holds the currency")
	}
	for _, plain := range []string{b.ID, b.Order, b.Merchant, b.Counterparty, b.Description, b.Method, "1850", "2024-05"} {
		if bytes.Contains(file, []byte(plain)) {
			t.Errorf("the file holds %q", plain)
		}
	}
}

// Any split, order and overlap of imports ends with the same bills, in whatever
// window they are looked at. A bill may have moved since it was pending.
func TestImportsInAnyOrder(t *testing.T) {
	l, _, _ := openLedger(t)
	states := []connectors.BillState{connectors.Pending, connectors.Done, connectors.Reversed}
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		account := fmt.Sprint("acc", round)
		var told []connectors.Bill
		for n := range rapid.IntRange(1, 8).Draw(t, "bills") {
			at := day("2024-01-15 08:00").AddDate(0, 0, rapid.IntRange(0, 300).Draw(t, "day"))
			moved := at.AddDate(0, 0, rapid.IntRange(0, 28).Draw(t, "moved"))
			for s := range rapid.IntRange(1, 3).Draw(t, "states") {
				b := bill(fmt.Sprint(n), at.Format("2006-01-02 15:04"), states[s])
				if s > 0 {
					b.At = moved
				}
				if rapid.Bool().Draw(t, "poor") {
					b.Method, b.Refs = "", nil
				}
				if rapid.Bool().Draw(t, "other") {
					b.Counterparty = "河边面店" // as long: only the order by content tells them apart
				}
				told = append(told, b)
			}
		}
		told = append(told, told[rapid.IntRange(0, len(told)-1).Draw(t, "again")])
		want := map[string]connectors.Bill{}
		for _, b := range told {
			if was, ok := want[b.ID]; !ok || better(t, was, b) {
				want[b.ID] = b
			}
		}
		order, added := rapid.Permutation(told).Draw(t, "order"), 0
		for len(order) > 0 {
			n := rapid.IntRange(1, len(order)).Draw(t, "file")
			added += put(t, l, "p", account, order[:n]...)
			order = order[max(1, n-rapid.IntRange(0, 2).Draw(t, "overlap")):]
		}
		if added != len(want) {
			t.Errorf("%d were new, want %d", added, len(want))
		}
		got := bills(t, l, "p", account, time.Time{}, time.Time{})
		if len(got) != len(want) {
			t.Fatalf("%d bills, want %d", len(got), len(want))
		}
		var windowed []connectors.Bill
		for from := day("2023-12-01 00:00"); from.Before(day("2025-02-01 00:00")); from = from.AddDate(0, 0, 10) {
			windowed = append(windowed, bills(t, l, "p", account, from, from.AddDate(0, 0, 10))...)
		}
		if diff := cmp.Diff(got, windowed); diff != "" {
			t.Errorf("window by window: %s", diff)
		}
		for _, b := range got {
			if diff := cmp.Diff(want[b.ID], b); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		}
	})
}

func better(t fataler, was, is connectors.Bill) bool {
	yes, err := holds(Know(was), Know(is))
	if err != nil {
		t.Fatal(err)
	}
	return yes
}

// Keys drawn at random for the vault do not matter: rows of another root do
// not answer, they are simply not found.
func TestAnotherRootFindsNothing(t *testing.T) {
	l, _, _ := openLedger(t)
	put(t, l, "p", "acc", bill("1", "2024-05-01 08:00", connectors.Done))
	l.Vault = otherRoot{newBox(), []byte(rand.Text())}
	got := bills(t, l, "p", "acc", day("2024-05-01 00:00"), day("2024-06-01 00:00"))
	if len(got) != 0 {
		t.Errorf("found %s", ids(got))
	}
}

type otherRoot struct {
	*box
	key []byte
}

func (o otherRoot) MAC(use string, parts ...string) []byte {
	h := hmac.New(sha256.New, o.key)
	fmt.Fprintf(h, "%q %q", use, parts)
	return h.Sum(nil)
}
