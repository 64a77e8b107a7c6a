package aggregate

import (
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/audit"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/ledger"
)

// exportSpan is how far back the sources are asked for an export. What files
// brought is exported whole.
const exportSpan = 396 * 24 * time.Hour

// exported is everything that is kept of a person, and what their sources say
// now. Names of members are those of the data API where it has them.
type exported struct {
	ExportedAt  time.Time        `json:"exported_at"`
	Complete    bool             `json:"complete"` // every source answered for the last 13 months
	Person      About            `json:"person"`
	Connections []exportedLink   `json:"connections"`
	Accounts    []exportedPot    `json:"accounts"`
	Balances    []exportedSum    `json:"balances"`
	Bills       []exportedBill   `json:"bills"`
	Statements  []exportedDue    `json:"statements"`
	Grants      []exportedGrant  `json:"grants"`
	Activity    []exportedAction `json:"activity"`
	Words       exportedWords    `json:"words"`
}

// About is what other rooms keep of a person: the export takes it as told.
type About struct {
	ID        consent.PersonID   `json:"id"`
	Name      string             `json:"name"` // what they call themselves
	Passkeys  []AboutPasskey     `json:"passkeys"`
	Sessions  []AboutSession     `json:"sessions"`
	Paused    []consent.ClientID `json:"paused_clients"`
	AllPaused bool               `json:"all_paused"`
	Receipts  []AboutReceipt     `json:"receipts"` // of every yes, every revocation and every deletion
}

// AboutReceipt is a signed receipt: a JWS that `jali receipt verify` checks.
type AboutReceipt struct {
	Grant    consent.GrantID `json:"grant,omitempty"`
	Deletion string          `json:"deletion,omitempty"`
	Name     string          `json:"name"` // the number of the yes, "revocation" or "deletion"
	JWS      string          `json:"receipt"`
}

// AboutPasskey is one of a person's passkeys.
type AboutPasskey struct {
	ID       string    `json:"id"` // base64url of the credential's id
	Label    string    `json:"label"`
	AddedAt  time.Time `json:"added_at"`
	LastUsed time.Time `json:"last_used_at,omitzero"`
}

// AboutSession is a browser in which a person is signed in.
type AboutSession struct {
	ID       string    `json:"id"`
	Agent    string    `json:"agent"`
	OpenedAt time.Time `json:"opened_at"`
	SeenAt   time.Time `json:"seen_at"` // to the hour
}

type exportedLink struct {
	ID       string         `json:"id"`
	Source   string         `json:"source"`
	Name     string         `json:"name"`
	Imported bool           `json:"imported"`
	State    string         `json:"state"`
	LinkedAt time.Time      `json:"linked_at"`
	Covers   []exportedSpan `json:"covers,omitempty"`
	Status   Status         `json:"status,omitempty"`
	Code     string         `json:"code,omitempty"`
}

type exportedPot struct {
	ID         consent.AccountID      `json:"id"`
	Connection string                 `json:"connection"`
	Source     string                 `json:"source"`
	Kind       connectors.AccountKind `json:"kind"`
	Side       connectors.Side        `json:"side"`
	Name       string                 `json:"name"`
	Called     string                 `json:"called,omitempty"` // by the person
	Number     string                 `json:"number,omitempty"`
	Holder     string                 `json:"holder,omitempty"`
	Kept       *exportedKept          `json:"kept,omitempty"` // of its source's bills
	Balances   []exportedSum          `json:"balances_told,omitempty"`
}

// exportedKept is what is kept of what a source has told. Its bills stand with
// the others.
type exportedKept struct {
	Bills  int            `json:"bills"`
	Covers []exportedSpan `json:"covers"`
	ReadAt time.Time      `json:"read_at"`
	Until  time.Time      `json:"until"` // when it goes, if nobody reads it again
}

// exportedGrant is a grant and the assertion by which it was given, which
// anyone who has the export can check.
type exportedGrant struct {
	consent.Grant
	Evidence *consent.Evidence `json:"evidence,omitempty"`
}

type exportedSpan struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

func spansOf(spans []connectors.Span) []exportedSpan {
	var out []exportedSpan
	for _, s := range spans {
		out = append(out, exportedSpan(s))
	}
	return out
}

type exportedAmount struct {
	Value    string `json:"value"`
	Currency string `json:"currency"`
}

func amountOf(a money.Amount) exportedAmount { return exportedAmount{a.Value(), a.Currency} }

type exportedSum struct {
	Account consent.AccountID      `json:"account"`
	Kind    connectors.BalanceKind `json:"kind,omitempty"`
	Amount  exportedAmount         `json:"amount"`
	AsOf    time.Time              `json:"as_of"`
}

type exportedBill struct {
	ID           string               `json:"id"`
	Account      consent.AccountID    `json:"account"`
	Date         string               `json:"date"`
	Time         time.Time            `json:"time,omitzero"`
	Amount       exportedAmount       `json:"amount"`
	Direction    connectors.Direction `json:"direction"`
	Flow         connectors.Flow      `json:"flow"`
	State        connectors.BillState `json:"state"`
	Kind         connectors.Kind      `json:"kind"`
	RawKind      string               `json:"raw_kind,omitempty"`
	Category     string               `json:"category"`
	Counterparty string               `json:"counterparty,omitempty"`
	Method       string               `json:"method,omitempty"`
	Description  string               `json:"description,omitempty"`
	Order        string               `json:"order,omitempty"`
	Merchant     string               `json:"merchant_order,omitempty"`
	SourceID     string               `json:"source_id"`
	Note         string               `json:"note,omitempty"`
	Counted      bool                 `json:"counted"`
	Mirrors      []string             `json:"mirrors,omitempty"`
	RefundOf     string               `json:"refund_of,omitempty"`
}

type exportedDue struct {
	Account consent.AccountID `json:"account"`
	Period  exportedSpan      `json:"period"`
	Due     exportedAmount    `json:"due"`
	Minimum exportedAmount    `json:"minimum"`
	Paid    exportedAmount    `json:"paid"`
	DueDate string            `json:"due_date,omitempty"`
	Settled bool              `json:"settled"`
}

type exportedAction struct {
	At     time.Time         `json:"at"`
	Verb   string            `json:"verb"`
	Client string            `json:"client,omitempty"`
	On     string            `json:"on,omitempty"`
	Facts  map[string]string `json:"facts,omitempty"`
}

// ExportJSON writes everything that is kept here of a person's data, and what
// the sources say of the last 13 months. about is what the caller knows of the
// person. It is audited before it is written.
func (s *Service) ExportJSON(ctx context.Context, p consent.Session, about About, w io.Writer) error {
	all, look, err := s.everything(ctx, p, "json")
	if err != nil {
		return err
	}
	grants, err := s.Grants.Grants(ctx, p)
	if err != nil {
		return err
	}
	e := exported{ExportedAt: look.At, Complete: look.Complete, Person: about, Connections: []exportedLink{}, Accounts: []exportedPot{}, Balances: []exportedSum{},
		Bills: []exportedBill{}, Statements: []exportedDue{}, Grants: []exportedGrant{}, Activity: []exportedAction{}}
	for _, g := range grants {
		g.Ticket, g.Pending = nil, nil // of a moment, and nobody's to keep
		eg := exportedGrant{Grant: g}
		if yes, err := s.Grants.Evidence(ctx, p, g.ID); err == nil {
			eg.Evidence = &yes
		} else if faultOf(err).Kind != fault.NotFound { // refused ones have none
			return err
		}
		e.Grants = append(e.Grants, eg)
	}
	for i, a := range all {
		c := s.connection(a.link)
		e.Connections = append(e.Connections, exportedLink{ID: c.ID, Source: c.Source.ID, Name: c.Source.Name.ZH, Imported: c.Imported, State: c.State,
			LinkedAt: c.LinkedAt, Covers: spansOf(a.Covers), Status: look.Sources[i].Status, Code: look.Sources[i].Code})
		for n, acc := range a.accounts {
			points, err := s.points(ctx, p.Person, a, n)
			if err != nil {
				return err
			}
			e.Accounts = append(e.Accounts, exportedPot{ID: acc.ID, Connection: c.ID, Source: acc.Source, Kind: acc.Kind, Side: acc.Side,
				Name: acc.Name, Called: acc.Called, Number: acc.Number, Holder: acc.Holder, Kept: a.keeps(acc.ID), Balances: points})
		}
	}
	for _, b := range look.Balances {
		e.Balances = append(e.Balances, exportedSum{b.Account, b.Kind, amountOf(b.Amount), b.AsOf})
	}
	for _, b := range look.Bills {
		e.Bills = append(e.Bills, exportBill(b))
	}
	for _, st := range look.Statements {
		e.Statements = append(e.Statements, exportedDue{st.Account, exportedSpan(st.Period), amountOf(st.Due), amountOf(st.Minimum), amountOf(st.Paid),
			dayOf(st.DueDate), st.Settled})
	}
	if e.Words, err = s.words(ctx, p.Person); err != nil {
		return err
	}
	if e.Activity, err = s.activity(ctx, p.Person); err != nil {
		return err
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(e)
}

func exportBill(b OwnBill) exportedBill {
	e := exportedBill{ID: b.ID, Account: b.Account, Date: b.At.Format(time.DateOnly), Amount: amountOf(b.Amount), Direction: b.Direction, Flow: b.Flow,
		State: b.State, Kind: b.Kind, RawKind: b.RawKind, Category: b.Category, Counterparty: b.Counterparty, Method: b.Method,
		Description: b.Description, Order: b.Order, Merchant: b.Merchant, SourceID: b.Bill.ID, Note: b.Note,
		Counted: b.Counted, Mirrors: b.Mirrors, RefundOf: b.Refunds}
	if !b.DateOnly {
		e.Time = b.At
	}
	return e
}

// activity reads the whole timeline, newest first.
func (s *Service) activity(ctx context.Context, p consent.PersonID) ([]exportedAction, error) {
	actions := []exportedAction{}
	told := map[string]bool{}
	for before := (time.Time{}); ; {
		events, err := audit.Timeline(ctx, s.DB, string(p), before, 500)
		if err != nil {
			return nil, err
		}
		more := false
		for _, e := range events {
			if !told[e.ID] {
				told[e.ID], more = true, true
				actions = append(actions, exportedAction{e.At, e.Verb, e.Client, e.On, e.Facts})
			}
		}
		if !more || len(events) < 500 {
			return actions, nil
		}
		before = events[len(events)-1].At.Add(time.Microsecond) // others of the same moment may follow
	}
}

// everything audits an export and looks at all there is.
func (s *Service) everything(ctx context.Context, p consent.Session, format string) ([]answer, Look, error) {
	now, event := s.now(), rand.Text()
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(p.Person), Verb: audit.DataExported, On: p.ID,
			Facts: map[string]string{"format": format}})
	})
	if err != nil {
		return nil, Look{}, err
	}
	all, err := s.load(ctx, p.Person)
	if err != nil {
		return nil, Look{}, err
	}
	// Who discovers asks connections that have no accounts, too.
	answers, _ := s.ask(ctx, question{person: p.Person, span: connectors.Span{From: now.Add(-exportSpan), To: now},
		balances: true, bills: true, statements: true, discover: true}, all)
	for i := range answers {
		err := s.wholeFiles(ctx, p.Person, &answers[i])
		if err == nil {
			err = s.wholeKept(ctx, p.Person, &answers[i])
		}
		if answers[i].gone = errors.Is(err, ErrNoConnection); err != nil && !answers[i].gone {
			return nil, Look{}, err
		}
	}
	answers = slices.DeleteFunc(answers, func(a answer) bool { return a.gone })
	look, bills, err := s.look(ctx, p.Person, answers, false)
	if err != nil {
		return nil, Look{}, err
	}
	look.Bills = bills.all()
	return answers, look, nil
}

// wholeFiles replaces what was asked of imported files by all they hold.
func (s *Service) wholeFiles(ctx context.Context, p consent.PersonID, a *answer) error {
	if !a.Imported {
		return nil
	}
	a.bills = nil
	for i := range a.accounts {
		bills, err := s.Ledger.Bills(ctx, a.book(p, i), time.Time{}, time.Time{})
		if err != nil {
			return partGone(a.ID, err)
		}
		for n := range bills {
			a.bills = append(a.bills, told{&a.accounts[i], &bills[n]})
		}
	}
	a.report.Covers, a.complete = hull(a.Covers), true
	return nil
}

// wholeKept adds what is kept beside what was just told: of earlier days, or of
// a source that does not answer any more.
func (s *Service) wholeKept(ctx context.Context, p consent.PersonID, a *answer) error {
	here := map[string]bool{}
	for _, t := range a.bills {
		here[string(t.account.ID)+" "+t.Seed()] = true
	}
	for _, k := range a.kept {
		all, err := s.Ledger.Kept(ctx, []ledger.Wish{{Account: k.kept.Account}})
		if err == nil {
			err = all[0].Open(ctx)
		}
		if err != nil {
			return partGone(a.ID, err)
		}
		k.kept = all[0]
		for _, t := range k.tell(connectors.Span{To: s.now().AddDate(1, 0, 0)}, nil) {
			if !here[string(t.account.ID)+" "+t.Seed()] {
				a.bills = append(a.bills, t)
			}
		}
	}
	return nil
}

// keeps says what is kept of an account.
func (a *answer) keeps(id consent.AccountID) *exportedKept {
	for _, k := range a.kept {
		if k.account.ID == id && !k.kept.At.IsZero() {
			at := k.kept.At.In(consent.Shanghai)
			return &exportedKept{k.kept.Count(), spansOf(k.kept.Told), at, at.Add(ledger.KeepFor)}
		}
	}
	return nil
}

var csvHeader = []string{"日期 date", "时间 time", "机构 source", "账户 account", "方向 direction", "流向 flow", "金额 amount", "币种 currency",
	"状态 state", "类型 kind", "分类 category", "对方 counterparty", "支付方式 method", "说明 description", "订单号 order", "计入合计 counted", "编号 id"}

// ExportCSV writes all bills as one table (RFC 4180) in UTF-8 with a byte
// order mark, which spreadsheets want before they believe it. A cell that a
// spreadsheet would run as a formula is made a text by an apostrophe.
func (s *Service) ExportCSV(ctx context.Context, p consent.Session, w io.Writer) error {
	_, look, err := s.everything(ctx, p, "csv")
	if err != nil {
		return err
	}
	accounts := map[consent.AccountID]OwnAccount{}
	for _, a := range look.Accounts {
		accounts[a.ID] = a
	}
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(csvHeader); err != nil {
		return err
	}
	for _, b := range look.Bills {
		at, counted := "", "no"
		if !b.DateOnly {
			at = b.At.Format(time.RFC3339)
		}
		if b.Counted {
			counted = "yes"
		}
		a := accounts[b.Account]
		row := []string{b.At.Format(time.DateOnly), at, a.Source.Name.ZH, strings.TrimSpace(a.Name + " " + a.Tail), string(b.Direction), string(b.Flow),
			b.Amount.Value(), b.Amount.Currency, string(b.State), string(b.Kind), b.Category, b.Counterparty, b.Method, b.Description,
			b.Order, counted, b.ID}
		for i, cell := range row {
			row[i] = tame(cell)
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// tame keeps a cell from being a formula in a spreadsheet.
func tame(cell string) string {
	if t := strings.TrimLeft(cell, " \u00a0\u3000"); t != "" && strings.ContainsRune("=+-@\t\r\n|%＝＋－＠", []rune(t)[0]) {
		return "'" + cell
	}
	return cell
}
