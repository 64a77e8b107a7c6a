package aggregate

import (
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
)

// Source is an institution that a person can connect.
type Source = connectors.Source

// Offer is a source and the datatypes that it tells.
type Offer struct {
	Source
	Tells []string
}

// Presence is how a client says that the person is there.
type Presence = connectors.Presence

// Want is the part of its grant that a client asks for; empty fields mean all
// of it.
type Want struct {
	Sources   []string
	Datatypes []consent.Datatype
}

// View is what one use of a grant opened, as its client sees it: under
// aliases, masked, and only what the grant's datatypes and fields allow.
type View struct {
	ID         string          `json:"id"`
	Grant      consent.GrantID `json:"grant"`
	OpenedAt   time.Time       `json:"opened_at"`
	ExpiresAt  time.Time       `json:"expires_at"`
	KeepUntil  time.Time       `json:"keep_until,omitzero"` // by its client; zero: not at all
	Complete   bool            `json:"complete"`
	UsesLeft   int             `json:"uses_left"`
	Sources    []Report        `json:"sources"`
	Accounts   []Account       `json:"accounts"`
	Balances   []Balance       `json:"balances"`
	Totals     []Total         `json:"totals"`
	Statements []Statement     `json:"statements"`
	Bills      BillPage        `json:"-"` // kept apart, in chunks

	Again bool `json:"-"` // it was opened before, by the same key

	links []string // the connections that it shows
}

// Report is a [SourceReport] that names its source by id alone.
type Report struct {
	Source string          `json:"source"`
	Status Status          `json:"status"`
	AsOf   time.Time       `json:"as_of"`
	Covers connectors.Span `json:"covers"` // zero: not said
	Owner  string          `json:"owner,omitempty"`
	Code   string          `json:"code,omitempty"`
	Action string          `json:"action,omitempty"`

	RetryAfter time.Duration `json:"retry_after,omitempty"`
	Unattended *Unattended   `json:"unattended,omitempty"` // nil: the source does not limit them
}

// Unattended is how often a day a connection may be read while its person is
// not there, and how many of these are left.
type Unattended struct {
	Limit    int       `json:"limit"`
	Left     int       `json:"left"`
	ResetsAt time.Time `json:"resets_at"`
}

// Account is a granted account; Alias stands in place of its number.
type Account struct {
	Alias  string                 `json:"alias"`
	Source string                 `json:"source"`
	Kind   connectors.AccountKind `json:"kind"`
	Side   connectors.Side        `json:"side"`
	Name   string                 `json:"name"`
}

// Balance is what the account under an alias holds or owes.
type Balance struct {
	Account string                 `json:"account"`
	Kind    connectors.BalanceKind `json:"kind"`
	Amount  money.Amount           `json:"amount"`
	AsOf    time.Time              `json:"as_of"`
}

// BillPage is one page of bills, newest first. Next is empty on the last.
type BillPage struct {
	Items []Bill
	Next  string
}

// Bill is a bill at the level of fields that its grant opens. What the level
// does not open is empty.
type Bill struct {
	ID           string               `json:"id"`
	Account      string               `json:"account"`
	Date         string               `json:"date"` // "2006-01-02" at the source
	Time         time.Time            `json:"time,omitzero"`
	Amount       money.Amount         `json:"amount"`
	Direction    connectors.Direction `json:"direction"`
	Flow         connectors.Flow      `json:"flow"`
	State        connectors.BillState `json:"state"`
	Kind         connectors.Kind      `json:"kind"`
	Category     string               `json:"category"`
	Counterparty string               `json:"counterparty,omitempty"`
	Method       string               `json:"method,omitempty"`        // alias of the paying account
	SplitFunding bool                 `json:"split_funding,omitempty"` // several accounts paid, by parts that are not known
	Description  string               `json:"description,omitempty"`
	Order        string               `json:"order,omitempty"`
	Counted      bool                 `json:"counted"`
	Mirrors      []string             `json:"mirrors,omitempty"`
	RefundOf     string               `json:"refund_of,omitempty"`
}

// Statement is a period's summary of the account under an alias.
type Statement struct {
	Account string          `json:"account"`
	Period  connectors.Span `json:"period"`
	Due     money.Amount    `json:"due"`
	Minimum money.Amount    `json:"minimum"`  // zero: not said
	Paid    money.Amount    `json:"paid"`     // zero: not said
	DueDate string          `json:"due_date"` // "2006-01-02" at the source; empty: not said
	Settled bool            `json:"settled"`
}

// OpenRequest is one client's call to open a view.
type OpenRequest struct {
	Grant  consent.GrantID
	Client consent.ClientID
	Key    string // the client's idempotency key
	Want   Want

	Present *Presence // nil: the person is not there
}
