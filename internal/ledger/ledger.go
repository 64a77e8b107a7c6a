// Package ledger is a person's sealed store of bills that came out of files.
package ledger

import (
	"context"
	"time"

	"jali/connectors"
	"jali/internal/kv"
	"jali/vault"
)

// Ledger is wired in cmd.
type Ledger struct {
	DB    kv.DB
	Vault *vault.Vault
}

// Put seals the bills of one of the person's accounts and answers how many
// were new: a bill whose ID is there already is left as it is.
func (l *Ledger) Put(ctx context.Context, tx kv.Tx, person, account string, bills []connectors.Bill) (added int, err error) {
	panic("unwritten")
}

// Known counts the bills that Put would leave as they are.
func (l *Ledger) Known(ctx context.Context, person, account string, bills []connectors.Bill) (int, error) {
	panic("unwritten")
}

// Bills answers an account's bills of [from, to), oldest first; zero times
// mean all.
func (l *Ledger) Bills(ctx context.Context, person, account string, from, to time.Time) ([]connectors.Bill, error) {
	panic("unwritten")
}

// Forget removes an account's bills; PersonLeaves everything of a person.
func (l *Ledger) Forget(tx kv.Tx, person, account string) error { panic("unwritten") }
func (l *Ledger) PersonLeaves(tx kv.Tx, person string) error    { panic("unwritten") }
