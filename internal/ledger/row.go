package ledger

import (
	"time"

	"jali/connectors"
	"jali/connectors/money"
)

// row is a bill as it is stored: a list of its fields in this order, which is
// part of the database's schema. It is apart from connectors.Bill so that a
// field renamed or moved there changes no row.
type row struct {
	_            struct{} `cbor:",toarray"`
	ID           string
	Seconds      int64 // since 1970, and
	Nanoseconds  int
	Zone         int // in seconds east of UTC, as the source wrote it
	DateOnly     bool
	Minor        int64
	Currency     string
	Direction    string
	Flow         string
	State        string
	Kind         string
	RawKind      string
	Category     string
	Counterparty string
	Method       string
	Description  string
	Order        string
	Merchant     string
	Refs         []string
	RefundOf     string
	Note         string
	Was          string
	First        string
	Gone         bool
}

func toRow(b connectors.Bill, first string, gone bool) row {
	_, zone := b.At.Zone()
	return row{
		ID: b.ID, Seconds: b.At.Unix(), Nanoseconds: b.At.Nanosecond(), Zone: zone, DateOnly: b.DateOnly,
		Minor: b.Amount.Minor, Currency: b.Amount.Currency,
		Direction: string(b.Direction), Flow: string(b.Flow), State: string(b.State), Kind: string(b.Kind),
		RawKind: b.RawKind, Category: b.Category, Counterparty: b.Counterparty, Method: b.Method, Description: b.Description,
		Order: b.Order, Merchant: b.Merchant, Refs: b.Refs, RefundOf: b.RefundOf, Note: b.Note, Was: b.Was,
		First: first, Gone: gone,
	}
}

func (r *row) bill() connectors.Bill {
	return connectors.Bill{
		ID: r.ID, At: time.Unix(r.Seconds, int64(r.Nanoseconds)).In(time.FixedZone("", r.Zone)), DateOnly: r.DateOnly,
		Amount:    money.Amount{Minor: r.Minor, Currency: r.Currency},
		Direction: connectors.Direction(r.Direction), Flow: connectors.Flow(r.Flow), State: connectors.BillState(r.State), Kind: connectors.Kind(r.Kind),
		RawKind: r.RawKind, Category: r.Category, Counterparty: r.Counterparty, Method: r.Method, Description: r.Description,
		Order: r.Order, Merchant: r.Merchant, Refs: r.Refs, RefundOf: r.RefundOf, Note: r.Note, Was: r.Was,
	}
}
