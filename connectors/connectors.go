// Package connectors is the vocabulary that every source is translated into,
// and the small interfaces by which a dialect offers what its source can do.
//
// A dialect (packages alipay, wechatpay, openbanking, …) knows its wire, its
// signing and its mapping; it stores nothing and knows no consent. Package
// billfile gives the same vocabulary out of files that people export.
package connectors

import (
	"context"
	"net/url"
	"time"

	"jali/connectors/money"
	"jali/internal/secret"
)

// Credential opens one person's data at one source. Its bytes are the
// dialect's own affair; the vault keeps them sealed.
type Credential = secret.Value

// Connector reads one source. Implementing a further ability is declaring it.
type Connector interface {
	// Source describes the institution and what it lets one do.
	Source() Source
	// Accounts answers every account that the credential opens.
	Accounts(context.Context, Credential) ([]Account, error)
	// Balances answers what the accounts hold now. An account of which the
	// source tells no balance is left out.
	Balances(context.Context, Credential, []AccountRef) ([]Balance, error)
}

// BillLister is a Connector whose source tells its bills.
type BillLister interface {
	// Bills answers the bills of [from, to), one page at a time; next is
	// empty on the first call, and Page.Next is empty on the last page. A
	// source that cannot go back that far answers what it has and says how
	// far in Page.Covers.
	Bills(ctx context.Context, c Credential, a AccountRef, from, to time.Time, next Cursor) (Page, error)
}

// ChangeLister is a BillLister whose source tells what is new since it was
// last asked, so that a long window need not be read again.
type ChangeLister interface {
	// Changes answers, a page at a time, the bills that came or changed after
	// since, which is the Mark of an earlier answer, or empty: then it answers
	// only the Mark of this moment. A mark that the source does not know any
	// more is [ErrMark]: the caller reads the window anew.
	Changes(ctx context.Context, c Credential, a AccountRef, since Mark, next Cursor) (ChangePage, error)
}

// Mark is a moment of a listing in the source's own words; opaque to all but
// its dialect, and stored sealed.
type Mark string

// ChangePage is one page of changes. Mark stands on the last page.
type ChangePage struct {
	Page
	Gone []string // IDs that the source has taken back
	Mark Mark
}

// StatementLister is a Connector whose source tells periods with a due date.
type StatementLister interface {
	// Statements answers those that closed in [from, to), which Period.To says;
	// an account that is no debt has none.
	Statements(ctx context.Context, c Credential, a AccountRef, from, to time.Time) ([]Statement, error)
}

// Linker is a Connector whose source has a login page of its own.
type Linker interface {
	// Begin answers where to send the person. What it puts in Linking.Keep
	// comes back in Finish and never leaves the server. state is 128 random
	// bits or more, and comes back in the source's redirect.
	Begin(ctx context.Context, state, redirectURI string) (Linking, error)
	// Finish trades what the source sent back for a credential. The state
	// has been checked; everything else in query is the source's word as
	// carried by a browser and is believed only as far as the dialect's
	// own exchange confirms it.
	Finish(ctx context.Context, l Linking, query url.Values) (Credential, error)
}

// Refresher is a Connector whose credentials age. A refreshed credential is
// stored before the next call is made with it.
type Refresher interface {
	// Stale reports whether the credential wants a Refresh before use at now.
	Stale(c Credential, now time.Time) bool
	Refresh(context.Context, Credential) (Credential, error)
}

// Unlinker is a Connector whose source can be told that the person has gone.
type Unlinker interface {
	Unlink(context.Context, Credential) error
}

// Linking is a link under way: at most ten minutes old when it is finished.
type Linking struct {
	URL         string       // where the browser goes
	RedirectURI string       // where it comes back
	Keep        secret.Value // the dialect's own, for Finish
}

// Source is an institution as the outside sees it.
type Source struct {
	ID   string // stable, lower case: "alipay", "jiangnan_bank"
	Name Name
	Kind SourceKind

	// What it bears and how far it reaches, as it publishes it or has agreed
	// it with the operator. Zero: no limit is known.
	History    time.Duration // how far back its bills go
	MaxWindow  time.Duration // the longest [from, to) of one Bills call; the caller walks longer ones
	PageSize   int           // the most bills in one answer
	Concurrent int           // calls at once per credential; 0: 4
	Total      int           // calls at once of all persons together, each up to Concurrent exchanges where the dialect fetches days side by side; 0: 64
	PerSecond  float64       // calls a second of all persons together
	PerDay     int           // calls a day of all persons together, the day being Asia/Shanghai's
	Unattended int           // readings a day of one connection while its person is not there (PSD2's four)
	Hedge      bool          // whether a read may be sent a second time when the first is slow
	NoBalances bool          // Balances answers none, whatever it is asked of
}

// Tells answers the datatypes of c's source, in the words of a grant: balances
// unless it has none; bills and statements where it has the ability.
func Tells(c Connector) []string {
	var all []string
	if !c.Source().NoBalances {
		all = append(all, "balances")
	}
	if _, ok := c.(BillLister); ok {
		all = append(all, "bills")
	}
	if _, ok := c.(StatementLister); ok {
		all = append(all, "statements")
	}
	return all
}

// Name is a name in both languages of the pages.
type Name struct{ ZH, EN string }

// SourceKind groups sources on the pages.
type SourceKind string

const (
	Wallet SourceKind = "wallet"
	Bank   SourceKind = "bank"
)

// AccountRef names an account to its own source. It may be a real number, so
// it is kept as a secret and travels only to that source.
type AccountRef struct{ ID secret.Value }

// Account is one pot of money or debt at a source.
type Account struct {
	Ref      AccountRef
	Number   secret.Value // card number, IBAN, wallet user id: as people know it; empty where there is none
	Kind     AccountKind
	Side     Side
	Name     string // the product as the source calls it ("储蓄卡", "余额宝"), never with a number or a person in it
	Currency string // ISO 4217; empty: several
}

// AccountKind is what sort of pot it is.
type AccountKind string

const (
	WalletBalance AccountKind = "wallet_balance" // 余额, 零钱
	Deposit       AccountKind = "deposit"        // current and savings accounts, debit cards
	CreditCard    AccountKind = "credit_card"
	CreditLine    AccountKind = "credit_line" // 花呗
	Loan          AccountKind = "loan"        // 借呗
	ECNY          AccountKind = "e_cny"       // 数字人民币钱包
	Fund          AccountKind = "fund"        // 余额宝, 零钱通
	Settlement    AccountKind = "settlement"  // a merchant's money not yet paid out
	OtherAccount  AccountKind = "other"
)

// Side says whether a positive balance is the person's or owed by them.
type Side string

const (
	Asset Side = "asset"
	Debt  Side = "debt"
)

// Balance is what an account holds or owes at a moment. On a debt account a
// positive amount is owed.
type Balance struct {
	Account AccountRef
	Kind    BalanceKind
	Amount  money.Amount
	AsOf    time.Time
}

// BalanceKind follows what sources distinguish.
type BalanceKind string

const (
	Available   BalanceKind = "available" // can be spent now
	Current     BalanceKind = "current"   // booked and pending, as it stands
	Booked      BalanceKind = "booked"    // booked movements only
	Frozen      BalanceKind = "frozen"    // held back by the source
	CreditLimit BalanceKind = "credit_limit"
	Outstanding BalanceKind = "outstanding" // owed, on debt accounts
)

// Cursor is where a listing goes on; opaque to all but its dialect.
type Cursor string

// Page is one page of bills.
type Page struct {
	Bills  []Bill
	Next   Cursor
	Covers Span // what the source has told of what was asked; zero: all of it
}

// Span is the half-open time [From, To).
type Span struct{ From, To time.Time }

// Statement is a period's summary of an account of debt, with an amount due.
// Amounts are in the account's currency and never negative.
type Statement struct {
	ID      string // the source's own, where it has one
	Account AccountRef
	Period  Span         // what it sums up; it closes at To
	Due     money.Amount // asked for by DueDate; zero: nothing is owed
	Minimum money.Amount // keeps the person from default; zero: the source does not say
	DueDate time.Time    // midnight of the day, in the source's zone; zero: not said
	Paid    money.Amount // of Due so far; zero with Settled false: nothing, or the source does not say
	Settled bool         // it is paid
}
