// Package aggregate puts a person's sources together: it links them, asks them
// side by side, joins what they say with imported bills, and shows the result
// either to the person ([Service.Own]) or, through a grant and under aliases,
// to a client ([Service.Open]). Both come out of the same code.
package aggregate

import (
	"context"
	"io"
	"net/url"
	"time"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/kv"
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
	Tail   string // the last four characters of its number, or empty
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
}

// SourceReport says how one source answered.
type SourceReport struct {
	Source              connectors.Source
	Status              Status
	AsOf                time.Time
	Covers              connectors.Span
	Owner, Code, Action string // of the failure, where there was one
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
	Counted  bool
	Mirrors  []string // ids of the same movement seen by other accounts
	Refunds  string   // id of the bill this one gives back
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

// Upload is a parsed file that waits for the person's yes; sealed, for an hour.
type Upload struct {
	ID     string
	Report ImportReport
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
}

type FlowSum struct {
	Flow  connectors.Flow
	Count int
	Sum   money.Amount
}

// Service is wired in cmd; see fields in service.go.
type Service struct {
	DB  kv.DB
	Now func() time.Time
}

func (s *Service) Sources() []connectors.Source { panic("unwritten") }

func (s *Service) Connections(ctx context.Context, p consent.Session) ([]Connection, error) {
	panic("unwritten")
}

// BeginLink answers where to send the browser; FinishLink takes what the
// source sent back to returnURL. The link belongs to the session that began it.
func (s *Service) BeginLink(ctx context.Context, p consent.Session, source, returnURL string) (string, error) {
	panic("unwritten")
}
func (s *Service) FinishLink(ctx context.Context, p consent.Session, query url.Values) (Connection, error) {
	panic("unwritten")
}
func (s *Service) Disconnect(ctx context.Context, p consent.Session, id string) error {
	panic("unwritten")
}

// Accounts answers what a person can tick, from what is stored: no source is asked.
func (s *Service) Accounts(ctx context.Context, p consent.Session) ([]OwnAccount, error) {
	panic("unwritten")
}

// Stage parses an exported file and keeps it sealed until Accept or an hour
// has gone. A file that cannot be read stores nothing.
func (s *Service) Stage(ctx context.Context, p consent.Session, file io.Reader) (Upload, error) {
	panic("unwritten")
}

// Accept takes a staged file in. Problems need acceptMismatch.
func (s *Service) Accept(ctx context.Context, p consent.Session, upload string, acceptMismatch bool) (ImportReport, error) {
	panic("unwritten")
}

// Own is the person's own look over [from, to). It is audited.
func (s *Service) Own(ctx context.Context, p consent.Session, from, to time.Time) (Look, error) {
	panic("unwritten")
}

// ExportJSON and ExportCSV write everything that is kept of a person.
func (s *Service) ExportJSON(ctx context.Context, p consent.Session, w io.Writer) error {
	panic("unwritten")
}
func (s *Service) ExportCSV(ctx context.Context, p consent.Session, w io.Writer) error {
	panic("unwritten")
}

// PersonLeaves removes connections, accounts, uploads and views.
func (s *Service) PersonLeaves(tx kv.Tx, person consent.PersonID) error { panic("unwritten") }
func (s *Service) Sweep(ctx context.Context) error                      { panic("unwritten") }
