package ledger

import (
	"time"

	"jali/connectors"
	"jali/connectors/money"
)

// row1 is a bill as it is stored. It is apart from connectors.Bill so that a
// field renamed there does not empty the rows written before.
type row1 struct {
	ID           string       `json:"id"`
	At           time.Time    `json:"at"`
	DateOnly     bool         `json:"date_only,omitempty"`
	Amount       money.Amount `json:"amount"`
	Direction    string       `json:"direction"`
	Flow         string       `json:"flow"`
	State        string       `json:"state"`
	Kind         string       `json:"kind"`
	RawKind      string       `json:"raw_kind,omitempty"`
	Category     string       `json:"category,omitempty"`
	Counterparty string       `json:"counterparty,omitempty"`
	Method       string       `json:"method,omitempty"`
	Description  string       `json:"description,omitempty"`
	Order        string       `json:"order,omitempty"`
	Merchant     string       `json:"merchant,omitempty"`
	Refs         []string     `json:"refs,omitempty"`
	RefundOf     string       `json:"refund_of,omitempty"`
	Note         string       `json:"note,omitempty"`
}

func toRow(b connectors.Bill) row1 {
	return row1{
		ID: b.ID, At: b.At, DateOnly: b.DateOnly, Amount: b.Amount,
		Direction: string(b.Direction), Flow: string(b.Flow), State: string(b.State), Kind: string(b.Kind),
		RawKind: b.RawKind, Category: b.Category, Counterparty: b.Counterparty, Method: b.Method, Description: b.Description,
		Order: b.Order, Merchant: b.Merchant, Refs: b.Refs, RefundOf: b.RefundOf, Note: b.Note,
	}
}

func (r row1) bill() connectors.Bill {
	return connectors.Bill{
		ID: r.ID, At: r.At, DateOnly: r.DateOnly, Amount: r.Amount,
		Direction: connectors.Direction(r.Direction), Flow: connectors.Flow(r.Flow), State: connectors.BillState(r.State), Kind: connectors.Kind(r.Kind),
		RawKind: r.RawKind, Category: r.Category, Counterparty: r.Counterparty, Method: r.Method, Description: r.Description,
		Order: r.Order, Merchant: r.Merchant, Refs: r.Refs, RefundOf: r.RefundOf, Note: r.Note,
	}
}
