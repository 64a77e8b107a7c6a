// Package ledger is a person's sealed store of bills, and the published tree
// that bills are filed under ([Words.File]).
//
// Its unit is the bill of one account. What files brought is kept as imports
// ([Import]): each holds what its file told that was new, or better than what
// was here, and together they tell of each bill what holds, in whatever order
// they came: the version whose state has come further, then the richer. So
// importing a file again, or another that overlaps with it, changes nothing
// that is known. An import is written in several transactions and is there when
// the last of them puts its head. It lives until its account is forgotten or
// the person leaves.
//
// What a connected source has told is [Kept] beside it, so that the source is
// asked for what may have changed and no more, and so that a bill has one id
// here from the day it is pending ([Kept.Merge]). The source's last word holds:
// what it does not tell any more is gone. It is kept for [KeepFor] after the
// last reading; then nothing stays but the ids that bills had before.
//
// Rows, all under ("ledger", person, account):
//
//	("import", id)               how many new bills it brought; sealed, the balances its file told
//	("month", MAC(month), id, n) bills of a month as that import told them, sealed, [sheetSize] in a row
//	("kept")                     what was told and when, and a balance a day, sealed; how many bills, until which day
//	("sheet", MAC(week), n)      the bills of a week as they were told, sealed, [sheetSize] in a row
//
// and ("ledger due", day, person, account) to find what is kept too long, and
// ("ledger open", person, id) to find what an import has left that was not finished.
//
// What a person has said of their bills ([Words]), and how they read tables of
// a sort that nobody knows ([Ledger.Draw]), is theirs and no account's: sealed
// under their own key, under ("ledger", person, ""), one word a row.
//
// No order number and no date stands in a key: months and weeks are HMACs under
// the vault's root, bound to person and account. So a window is read by asking
// for each of its months by name, and opens the bills of those months, and of
// one on either side, since a bill may have moved from one into the next since
// it was pending: one that moved further is found twice in narrow windows. Who
// can read the file without the keys sees about how many bills share a month,
// but not which month. Windows of more than [maxMonths] months, or without an
// end, walk all of the account.
//
// Bills are sealed under the key of the part of the person's data that their
// account belongs to ([vault.Record]), and cannot be read once that is destroyed.
//
// It knows nothing of where bills came from, of grants, nor of other accounts:
// that two bills tell of one movement is for package match.
package ledger

import (
	"bytes"
	"context"
	"sync"

	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/secret"
	"jali/vault"
)

var errMoved = kv.ErrRecord.Because(fault.Cause("ledger: bills stand where they do not belong"))

// maxMonths is where asking month by month stops being worth it.
const maxMonths = 36

// macSize is how much of an HMAC goes into a key.
const macSize = 16

// Ledger is wired in cmd.
type Ledger struct {
	DB    kv.DB
	Vault Sealer

	running sync.Map // imports under way in this process, by id
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

// Count answers how many bills of an account are here.
func (l *Ledger) Count(tx kv.Tx, person, account string) (n int, err error) {
	for e, err := range tx.Scan(kv.Prefix("ledger", person, account, "import")) {
		if err != nil {
			return 0, err
		}
		var h importHead
		if err := kv.Decode(e.Value, &h); err != nil {
			return 0, err
		}
		n += h.Bills
	}
	var h head
	_, err = kv.Load(tx, shelf{Account: Account{Person: person, ID: account}}.headKey(), &h)
	return n + h.Bills, err
}

// Forget removes an account's bills, and what its person has said of them. An
// import under way comes to nothing.
func (l *Ledger) Forget(tx kv.Tx, person, account string) error {
	if err := unsay(tx, person, account); err != nil {
		return err
	}
	if err := condemn(tx, person, account); err != nil {
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
	if err := remove(tx, kv.Prefix("ledger open", person)); err != nil {
		return err
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
