package consent

import "time"

// Terms are what is asked for, or what was agreed to: the content of an
// authorization_details object of type "account_view" (RFC 9396). Package rar
// reads and writes its JSON; [Terms.Within] holds the ceilings.
type Terms struct {
	Purpose   Purpose       `json:"purpose"`
	Datatypes []Datatype    `json:"datatypes"` // sorted, no repeats, at least one
	Sources   []string      `json:"sources"`   // sorted; empty: the person picks
	Fields    BillFields    `json:"bill_fields"`
	Period    Period        `json:"period"`
	Uses      Uses          `json:"uses"`
	Until     time.Time     `json:"until"`     // the grant ends then; second precision
	Retention time.Duration `json:"retention"` // how long the client may keep what it saw
	Locations []string      `json:"locations,omitempty"`
}

// Datatype is a sort of data a grant opens.
type Datatype string

const (
	Balances   Datatype = "balances"
	Bills      Datatype = "bills"
	Statements Datatype = "statements"
)

// BillFields says how much of each bill is shown. Each level holds the one before.
type BillFields string

const (
	Minimal  BillFields = "minimal"  // date, amount, direction, flow, kind, category
	Standard BillFields = "standard" // + time, shop's name, paying account's alias
	Full     BillFields = "full"     // + description, order reference
)

// Period is the days whose bills are shown: From to To, both inclusive, or,
// where Days is not zero, that many days up to and including the day of each
// use. Without bills or statements it is zero.
type Period struct {
	From Date `json:"from,omitempty"`
	To   Date `json:"to,omitempty"`
	Days int  `json:"days,omitempty"`
}

// Uses is how often. Per is empty (Limit times in all) or "day" (Limit times
// on each calendar day of TZ, an IANA name; empty: Asia/Shanghai).
type Uses struct {
	Limit int    `json:"limit"`
	Per   string `json:"per,omitempty"`
	TZ    string `json:"tz,omitempty"`
}

// Once reports whether the grant ends with its first use.
func (u Uses) Once() bool { return u.Limit == 1 && u.Per == "" }

// Purpose is what the data is for; the list is closed and published.
type Purpose string

const (
	BalanceOverview   Purpose = "balance_overview"
	BillOverview      Purpose = "bill_overview"
	RepaymentReminder Purpose = "repayment_reminder"
	Bookkeeping       Purpose = "bookkeeping"
	Reconciliation    Purpose = "reconciliation"
)
