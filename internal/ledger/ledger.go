// Package ledger is a person's sealed store of bills, and the published tree
// that bills are filed under ([Category]).
//
// Its unit is the bill of one account. A bill that came out of a file is kept
// once, by the id that its source gave it: putting it again changes nothing,
// unless the source has come to a later state of it. It lives until its account
// is forgotten or the person leaves.
//
// What a connected source has told is [Kept] beside it, so that the source is
// asked for what may have changed and no more, and so that a bill has one id
// here from the day it is pending ([Kept.Merge]). The source's last word holds:
// what it does not tell any more is gone. It is kept for [KeepFor] after the
// last reading; then nothing stays but the ids that bills had before.
//
// Rows, all under ("ledger", person, account):
//
//	("bill", MAC(id))               the bill, sealed
//	("month", MAC(month), MAC(id))  where to look for a month's bills
//	("kept")                        what was told and when, sealed; how many bills, until which day
//	("sheet", MAC(week), n)         the bills of a week as they were told, sealed, [sheetSize] in a row
//
// and ("ledger due", day, person, account) to find what is kept too long.
//
// What a person has said of their bills ([Words]), and how they read tables of
// a sort that nobody knows ([Ledger.Draw]), is theirs and no account's: sealed
// under their own key, under ("ledger", person, ""), one word a row.
//
// No order number and no date stands in a key: both are HMACs under the
// vault's root, bound to person and account. So a window is read by asking
// for each of its months by name, and opens the bills of those months alone.
// The cost is a second small key per bill, one range per month of a window,
// and, for who can read the file without the keys, how many bills share a
// month, but not which month. Windows of more than [maxMonths] months, or
// without an end, walk all of the account.
//
// Bills are sealed under the key of the part of the person's data that their
// account belongs to ([vault.Record]), and cannot be read once that is destroyed.
//
// It knows nothing of where bills came from, of grants, nor of other accounts:
// that two bills tell of one movement is for package match.
package ledger

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"time"

	"jali/connectors"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/secret"
	"jali/vault"
)

var (
	errDangling = kv.ErrRecord.Because(fault.Cause("ledger: a month names a bill that is not there"))
	errMoved    = kv.ErrRecord.Because(fault.Cause("ledger: a bill stands where it does not belong"))
)

// maxMonths is where asking month by month stops being worth it.
const maxMonths = 36

// macSize is how much of an HMAC goes into a key.
const macSize = 16

// Ledger is wired in cmd.
type Ledger struct {
	DB    kv.DB
	Vault Sealer
}

// Sealer is what Ledger needs of [vault.Vault]. None of it may use DB: Seal and
// Open are called within transactions.
type Sealer interface {
	Seal(ctx context.Context, r vault.Record, plain []byte) ([]byte, error)
	Open(ctx context.Context, r vault.Record, sealed []byte) (secret.Value, error)
	MAC(use string, parts ...string) []byte
}

// Account is one of a person's accounts, with the part of their data under
// whose key its bills are sealed.
type Account struct{ Person, Part, ID string }

// Put seals the bills of an account and answers how many were new. A bill whose ID is there already is left as it is, unless this one
// tells a later state of it (pending, then booked, then reversed or failed):
// then it takes its place. So importing in any order ends the same.
func (l *Ledger) Put(ctx context.Context, tx kv.Tx, a Account, bills []connectors.Bill) (added int, err error) {
	s := shelf{l.Vault, a}
	for _, b := range bills {
		name := s.name(b.ID)
		value, err := tx.Get(s.billKey(name))
		if err != nil {
			return 0, err
		}
		if value != nil {
			old, err := s.open(ctx, kv.Entry{Key: s.billKey(name), Value: value})
			if err != nil {
				return 0, err
			}
			if rank(b.State) <= rank(old.State) {
				continue
			}
			if err := tx.Delete(s.monthKey(old.At, name)); err != nil {
				return 0, err
			}
		} else {
			added++
		}
		sealed, err := s.seal(ctx, name, b)
		if err != nil {
			return 0, err
		}
		if err := tx.Put(s.billKey(name), sealed); err != nil {
			return 0, err
		}
		if err := tx.Put(s.monthKey(b.At, name), name); err != nil {
			return 0, err
		}
	}
	return added, nil
}

// rank orders states by how far they have come.
func rank(s connectors.BillState) int {
	switch s {
	case connectors.Pending:
		return 0
	case connectors.Done:
		return 1
	default:
		return 2
	}
}

// Known counts the bills that are there already, so that Put would not add
// them. It opens nothing.
func (l *Ledger) Known(ctx context.Context, a Account, bills []connectors.Bill) (int, error) {
	s := shelf{l.Vault, a}
	var known int
	err := l.DB.View(ctx, func(tx kv.Tx) error {
		seen := map[string]bool{}
		for _, b := range bills {
			name := s.name(b.ID)
			value, err := tx.Get(s.billKey(name))
			if err != nil {
				return err
			}
			if value != nil {
				seen[string(name)] = true
			}
		}
		known = len(seen)
		return nil
	})
	return known, err
}

// Bills answers an account's bills of [from, to), oldest first; zero times
// mean all.
func (l *Ledger) Bills(ctx context.Context, a Account, from, to time.Time) ([]connectors.Bill, error) {
	s := shelf{l.Vault, a}
	var rows []kv.Entry
	err := l.DB.View(ctx, func(tx kv.Tx) error {
		var err error
		if months, ok := monthsOf(from, to); ok {
			rows, err = s.rowsOf(tx, months)
		} else {
			rows, err = s.allRows(tx)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	bills := make([]connectors.Bill, 0, len(rows))
	for _, row := range rows {
		b, err := s.open(ctx, row)
		if err != nil {
			return nil, err
		}
		if (from.IsZero() || !b.At.Before(from)) && (to.IsZero() || b.At.Before(to)) {
			bills = append(bills, b)
		}
	}
	slices.SortFunc(bills, func(a, b connectors.Bill) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	return bills, nil
}

// Count answers how many bills of an account are here.
func (l *Ledger) Count(tx kv.Tx, person, account string) (n int, err error) {
	for _, err := range tx.Scan(kv.Prefix("ledger", person, account, "bill")) {
		if err != nil {
			return 0, err
		}
		n++
	}
	var h head
	_, err = kv.Load(tx, shelf{Account: Account{Person: person, ID: account}}.headKey(), &h)
	return n + h.Bills, err
}

// Forget removes an account's bills, and what its person has said of them.
func (l *Ledger) Forget(tx kv.Tx, person, account string) error {
	if err := unsay(tx, person, account); err != nil {
		return err
	}
	if err := forgetDue(tx, Account{Person: person, ID: account}); err != nil {
		return err
	}
	return remove(tx, kv.Prefix("ledger", person, account))
}

// PersonLeaves removes everything of a person.
func (l *Ledger) PersonLeaves(tx kv.Tx, person string) error {
	var accounts []string
	for row, err := range tx.Scan(kv.Prefix("ledger", person)) {
		if err != nil {
			return err
		}
		_, rest, _ := kv.Text(row.Key)
		_, rest, _ = kv.Text(rest)
		if account, _, ok := kv.Text(rest); ok && (len(accounts) == 0 || accounts[len(accounts)-1] != account) {
			accounts = append(accounts, account)
		}
	}
	for _, account := range accounts {
		if err := forgetDue(tx, Account{Person: person, ID: account}); err != nil {
			return err
		}
	}
	return remove(tx, kv.Prefix("ledger", person))
}

func remove(tx kv.Tx, r kv.Range) error {
	var keys [][]byte
	for row, err := range tx.Scan(r) {
		if err != nil {
			return err
		}
		keys = append(keys, bytes.Clone(row.Key))
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// shelf is one account's part of the ledger.
type shelf struct {
	vault Sealer
	Account
}

func (s shelf) name(id string) []byte {
	return s.vault.MAC("ledger.bill", s.Person, s.ID, id)[:macSize]
}

func (s shelf) billKey(name []byte) []byte {
	return kv.Key("ledger", s.Person, s.ID, "bill", name)
}

func (s shelf) monthKey(at time.Time, name []byte) []byte {
	return kv.Key("ledger", s.Person, s.ID, "month", s.month(at.UTC().Format("2006-01")), name)
}

func (s shelf) month(month string) []byte {
	return s.vault.MAC("ledger.month", s.Person, s.ID, month)[:macSize]
}

// monthsOf lists the months (UTC) that [from, to) touches, if they are few.
func monthsOf(from, to time.Time) ([]string, bool) {
	if from.IsZero() || to.IsZero() {
		return nil, false
	}
	from, to = from.UTC(), to.UTC()
	var months []string
	for m := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC); m.Before(to); m = m.AddDate(0, 1, 0) {
		if len(months) == maxMonths {
			return nil, false
		}
		months = append(months, m.Format("2006-01"))
	}
	return months, true
}

// rowsOf follows the months' rows to their bills. What stands in a month's row
// is its name, so that the key need not be taken apart.
func (s shelf) rowsOf(tx kv.Tx, months []string) ([]kv.Entry, error) {
	var rows []kv.Entry
	for _, m := range months {
		var keys [][]byte
		prefix := kv.Prefix("ledger", s.Person, s.ID, "month", s.month(m))
		for row, err := range tx.Scan(prefix) {
			if err != nil {
				return nil, err
			}
			keys = append(keys, s.billKey(row.Value))
		}
		for _, k := range keys {
			value, err := tx.Get(k)
			if err != nil {
				return nil, err
			}
			if value == nil {
				return nil, errDangling
			}
			rows = append(rows, kv.Entry{Key: k, Value: bytes.Clone(value)})
		}
	}
	return rows, nil
}

func (s shelf) allRows(tx kv.Tx) ([]kv.Entry, error) {
	var rows []kv.Entry
	for row, err := range tx.Scan(kv.Prefix("ledger", s.Person, s.ID, "bill")) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, kv.Entry{Key: bytes.Clone(row.Key), Value: bytes.Clone(row.Value)})
	}
	return rows, nil
}

// seal writes the bill's name before it, so that a walk over all rows can tell
// what each was sealed as; open checks that it stands under that name.
func (s shelf) seal(ctx context.Context, name []byte, b connectors.Bill) ([]byte, error) {
	plain, err := kv.Pack(toRow(b, "", false))
	if err != nil {
		return nil, err
	}
	sealed, err := s.vault.Seal(ctx, s.record(name), plain)
	if err != nil {
		return nil, err
	}
	return append(bytes.Clone(name), sealed...), nil
}

func (s shelf) open(ctx context.Context, e kv.Entry) (connectors.Bill, error) {
	if len(e.Value) < macSize || !bytes.Equal(e.Key, s.billKey(e.Value[:macSize])) {
		return connectors.Bill{}, errMoved
	}
	plain, err := s.vault.Open(ctx, s.record(e.Value[:macSize]), e.Value[macSize:])
	if err != nil {
		return connectors.Bill{}, err
	}
	var r row
	err = kv.Unpack(plain.Reveal(), &r)
	return r.bill(), err
}

func (s shelf) record(name []byte) vault.Record {
	return vault.Record{Kind: "bill", Person: s.Person, Part: s.Part, Key: s.ID + "/" + hex.EncodeToString(name)}
}
