// Package aggregate puts a person's sources together: it links them, asks them
// side by side, joins what they say with imported bills, and shows the result
// either to the person ([Service.Own]) or, through a grant and under aliases,
// to a client ([Service.Open]). Both come out of the same code.
//
// The unit is the look: what the sources say of one person at one moment. A
// client's look becomes a [View], which lives ten minutes, or until the person
// agrees to less, under a key that is stored nowhere. Whether a client may look is package consent's to say, and is
// asked again before anything goes out; how a source speaks is its dialect's.
//
// Rows, all under "aggregate": ("connection", person, id), ("account", person,
// id), ("ref", person, source, MAC of the source's own name) -> account id (of files there is none: see placeOf),
// ("linking", person, hash of state), ("upload", person, id) with ("upload_part",
// person, id, n), ("draft", person, part) for the key of either, ("seen", person, session), ("reading", person, connection) and ("allotted", source) for what a day's asking has used up; ("view", hash) with ("view_part",
// hash, n), and to find them ("view_of", person, grant, hash) and ("view_due",
// moment, hash). Credentials, numbers, names and bills in them are sealed: a
// view's under its id, all others under the key of their connection, which
// disconnecting destroys.
package aggregate

import (
	"time"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/ledger/match"
	"jali/internal/ledger/sums"
)

// Connection is one person's link to one source.
type Connection struct {
	ID       string
	Source   connectors.Source
	Imported bool   // out of files; Covers says which days
	State    string // "healthy", "needs_person" (link it again)
	LinkedAt time.Time
	Covers   connectors.Span
}

// OwnAccount is an account as its owner sees it.
type OwnAccount struct {
	ID     consent.AccountID
	Source connectors.Source
	Kind   connectors.AccountKind
	Side   connectors.Side
	Name   string
	Named  bool   // by the person: Name is theirs, and goes to nobody else
	Tail   string // the last four digits of its number, or empty
	Called string // by the person, for themselves alone: no client is told

	Imported bool              // out of files
	Covers   []connectors.Span // of its files, merged, in order
}

// Look is what one look over a person's sources gives, unmasked: it never
// leaves for a client as it is.
type Look struct {
	At         time.Time
	Complete   bool
	Sources    []SourceReport
	Accounts   []OwnAccount
	Balances   []OwnBalance
	Totals     []Total
	Bills      []OwnBill // newest first
	Statements []OwnStatement

	// For the person alone: nothing of these goes into a view.
	Suggestions []Suggestion
	Decided     []Decided // newest first
	// Filed are the last balances that files tell of imported accounts, one of
	// each currency, as of when they were: in no Total, which is of one moment,
	// and not for a client, who is told by Complete that they are missing.
	Filed    []OwnBalance
	Gaps     []Gap
	LoanUses []LoanUse
	Sums     sums.Report
}

// Suggestion is two bills of a look that may belong together: the person
// decides, once, by [Service.Decide].
type Suggestion = match.Suggestion

// Decided is what the person has said of two bills of a look.
type Decided struct {
	A, B string
	Link Link
	Yes  bool
	At   time.Time
}

// Link is what two bills may be to one another: [Mirror] or [Refund].
type Link = match.Link

const (
	Mirror = match.Mirror
	Refund = match.Refund
)

// Gap is where what an account held and its bills do not add up.
type Gap struct {
	Account  consent.AccountID
	From, To time.Time    // of the balances that stand on both sides of it
	Missing  money.Amount // what bills would have to bring, for the later balance to be right; negative: take away
}

// LoanUse is borrowed money that seems to have gone into an investment, which
// the lender forbids.
type LoanUse struct {
	Loan, Investment string // ids of bills
}

// SourceReport says how one source answered.
type SourceReport struct {
	Source              connectors.Source
	Status              Status
	AsOf                time.Time
	Covers              connectors.Span
	Owner, Code, Action string // of the failure, where there was one
	RetryAfter          time.Duration
	Unattended          *Unattended // where the source limits readings without the person
}

type Status string

const (
	Fresh    Status = "fresh"
	FromFile Status = "imported"
	Failed   Status = "failed"
	Refused  Status = "refused"
	Skipped  Status = "skipped"
)

type OwnBalance struct {
	Account consent.AccountID
	Kind    connectors.BalanceKind
	Amount  money.Amount
	AsOf    time.Time
}

// OwnBill is a bill with its place among the person's others.
type OwnBill struct {
	ID      string // Jali's own, stable
	Account consent.AccountID
	connectors.Bill
	Category string // of Jali's tree; hides the source's hint
	// CategoryBy says who found it: "person" (a correction of this bill),
	// "learnt" (one of another bill of that shop), "rule" or "source".
	CategoryBy string
	Counted    bool
	Mirrors    []string // ids of the same movement seen by other accounts
	Refunds    string   // id of the bill this one gives back
	Sure       int      // of both, in percent; 0: it has neither
	Also       []string // ids it went by while only another form of file told of it
}

type OwnStatement struct {
	Account consent.AccountID
	connectors.Statement
}

// Total sums counted bills and balances in one currency. An Amount without a
// currency was not asked for.
type Total struct {
	Assets money.Amount `json:"assets"`
	Debts  money.Amount `json:"debts"`
	Net    money.Amount `json:"net"`
	In     money.Amount `json:"in"`
	Out    money.Amount `json:"out"`
}

// Upload is a file that waits for the person's yes, or for a word of theirs
// without which it cannot be read; sealed, for an hour.
type Upload struct {
	ID      string
	Report  ImportReport
	Mapping *billfile.Mapping // by which it was read; nil: a known form
}

// ImportReport says what a file holds, before and after it is taken in.
type ImportReport struct {
	Format   string // "alipay_app_2023", "wechat_xlsx_2026", …
	Source   connectors.Source
	Rows     int
	Known    int // already here
	Covers   connectors.Span
	Sums     []FlowSum
	Problems []billfile.Problem // each disagreement of the file with itself
	Kinds    map[connectors.Kind]int
	Accounts []AccountReport // in the file's order
}

// AccountReport is what a file holds of one account.
type AccountReport struct {
	Account  consent.AccountID // empty: it was not here before
	Kind     connectors.AccountKind
	Side     connectors.Side
	Name     string
	Tail     string // the last four digits of its number, or empty
	Currency string
	Rows     int
	Known    int // already here
	Covers   connectors.Span
	Sums     []FlowSum
	Kinds    map[connectors.Kind]int
	Balances []billfile.Balance // the first and the last it tells
	First    []connectors.Bill  // some, as they were read
	Which    *Which             `json:",omitempty"` // before it is taken in: where the file does not name the account
}

// Progress is how far an import has come.
type Progress struct {
	Stage string `json:"stage"` // "reading", then "comparing" or "storing"
	Done  int    `json:"done"`  // bytes while reading, then rows
	Of    int    `json:"of"`
}

type FlowSum struct {
	Flow  connectors.Flow
	Count int
	Sum   money.Amount
}
