package aggregate

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"jali/connectors"
	"jali/internal/fault"
	"jali/internal/ledger"
	"jali/internal/secret"
	"jali/internal/upstream"
)

const (
	maxPages = 1000     // of one account and window: a source that never ends is a broken one
	maxWalk  = 56 << 20 // of one account's bills, each by its texts and billSize: some hundred thousand
	billSize = 400
)

// asker makes calls to one source for one person.
type asker struct {
	pool   *upstream.Pool
	source Source
	person string
	sent   func() // told of each call that may have reached the source
}

// read makes one call: a page, not a listing.
func read[T any](ctx context.Context, k asker, f func(context.Context) (T, error)) (T, error) {
	v, err := upstream.Read(ctx, k.pool, k.source, k.person, f)
	if !upstream.Unsent(err) {
		k.sent()
	}
	return v, err
}

// part is what one job gives.
type part struct {
	err        error
	balances   []OwnBalance
	statements []OwnStatement
	found      []connectors.Account
}

// collect asks one source everything, a few calls at once, and gathers what
// has come by the time ctx ends. It answers the fault that matters most.
func (s *Service) collect(ctx context.Context, q question, c connectors.Connector, cred connectors.Credential, a *answer) error {
	k := asker{s.pool(), c.Source(), string(q.person), func() { a.asked.Add(1) }}
	jobs := s.jobs(q, c, k, cred, a)
	parts := make(chan part, len(jobs))
	width := k.source.Concurrent
	if width <= 0 {
		width = 4
	}
	slots := make(chan struct{}, width)
	do := func(job func(context.Context) part) {
		var p part
		defer func() { parts <- p }()
		defer fault.Caught(&p.err)
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done():
			p.err = connectors.ErrDown.Because(ctx.Err())
			return
		}
		p = job(ctx)
	}
	for n, job := range jobs {
		if n == 0 {
			continue
		}
		go func() {
			runtime.Gosched() // other sources' first jobs go before
			do(job)
		}()
	}
	if len(jobs) > 0 {
		do(jobs[0])
	}
	var worst error
	for range jobs {
		p := <-parts
		worst = worse(worst, p.err)
		a.balances = append(a.balances, p.balances...)
		a.statements = append(a.statements, p.statements...)
		a.found = append(a.found, p.found...)
	}
	if !tellsAll(q, c, a.accounts) {
		a.complete = false
	}
	return worst
}

// tellsAll reports whether a source has it in it to answer everything that is
// asked of some of its accounts. Statements are of debts.
func tellsAll(q question, c connectors.Connector, accounts []account) bool {
	_, lists := c.(connectors.BillLister)
	_, states := c.(connectors.StatementLister)
	owes := slices.ContainsFunc(accounts, func(a account) bool { return a.Side == connectors.Debt })
	return (lists || !q.bills) && (states || !q.statements || !owes)
}

// worse keeps what the person can mend before what they cannot.
func worse(a, b error) error {
	switch {
	case a == nil, errors.Is(b, connectors.ErrUnauthorized):
		return orElse(b, a)
	default:
		return a
	}
}

func orElse(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// jobs are the walks of a question, each through one listing of the source; those
// first that may be many pages long.
func (s *Service) jobs(q question, c connectors.Connector, k asker, cred connectors.Credential, a *answer) []func(context.Context) part {
	var jobs []func(context.Context) part
	if lister, ok := c.(connectors.BillLister); ok && q.bills {
		for _, one := range a.kept {
			w := walk{asker: k, lister: lister, cred: cred, keeping: one, span: q.span, now: q.at}
			jobs = append(jobs, func(ctx context.Context) part { return part{err: w.bills(ctx, q.anew)} })
		}
	}
	if q.discover {
		jobs = append(jobs, func(ctx context.Context) (p part) {
			p.found, p.err = read(ctx, k, func(ctx context.Context) ([]connectors.Account, error) { return c.Accounts(ctx, cred) })
			return p
		})
	}
	if q.balances && !c.Source().NoBalances && len(a.accounts) > 0 {
		jobs = append(jobs, func(ctx context.Context) part { return askBalances(ctx, k, c, cred, a.accounts) })
	}
	if stater, ok := c.(connectors.StatementLister); ok && q.statements {
		for i := range a.accounts {
			one := &a.accounts[i]
			jobs = append(jobs, func(ctx context.Context) part { return askStatements(ctx, k, stater, cred, one, q.span) })
		}
	}
	return jobs
}

func (p plate) ref() connectors.AccountRef { return connectors.AccountRef{ID: secret.Of(p.Ref)} }

// errStranger is an answer that was somebody else's.
var errStranger = connectors.ErrMalformed.Because(fault.Cause("aggregate: an answer about another account than asked for"))

// askBalances believes balances of the accounts it asked for and no others:
// an answer that holds another account's is somebody else's answer.
func askBalances(ctx context.Context, k asker, c connectors.Connector, cred connectors.Credential, accounts []account) (p part) {
	refs := make([]connectors.AccountRef, len(accounts))
	ids := make(map[string]*account, len(accounts))
	for i := range accounts {
		refs[i] = accounts[i].ref()
		ids[accounts[i].Ref] = &accounts[i]
	}
	balances, err := read(ctx, k, func(ctx context.Context) ([]connectors.Balance, error) { return c.Balances(ctx, cred, refs) })
	if err != nil {
		return part{err: err}
	}
	for _, b := range balances {
		a, ok := ids[b.Account.ID.RevealString()]
		if !ok {
			return part{err: errStranger}
		}
		if b.Amount.Currency == "" {
			return part{err: connectors.ErrMalformed}
		}
		p.balances = append(p.balances, OwnBalance{Account: a.ID, Kind: b.Kind, Amount: b.Amount, AsOf: b.AsOf})
	}
	return p
}

func askStatements(ctx context.Context, k asker, l connectors.StatementLister, cred connectors.Credential, a *account, span connectors.Span) (p part) {
	statements, err := read(ctx, k, func(ctx context.Context) ([]connectors.Statement, error) {
		return l.Statements(ctx, cred, a.ref(), span.From, span.To)
	})
	if err != nil {
		return part{err: err}
	}
	for _, st := range statements {
		if ref := st.Account.ID; !ref.Empty() && ref.RevealString() != a.Ref {
			return part{err: errStranger}
		}
		p.statements = append(p.statements, OwnStatement{Account: a.ID, Statement: st})
	}
	return p
}

// errEndless is a source that tells more bills than anybody has.
var errEndless = connectors.ErrMalformed.Because(fault.Cause("aggregate: more bills than are believed"))

// keeping is an account with what is kept of it and what a walk through its
// bills brings.
type keeping struct {
	account *account
	kept    *ledger.Kept
	reading ledger.Reading
	brought bool // the reading holds something
	write   bool // what is kept has changed, and
	sealed  bool // all that is left to write of it is ready
}

// walk goes through one account's bills.
type walk struct {
	asker
	lister connectors.BillLister
	cred   connectors.Credential
	*keeping
	span connectors.Span
	now  time.Time
	size int // of what it holds
}

// counted reports whether the source counts how often each of its lists is read.
// Then each is read once for a reading that is counted here.
func (w *walk) counted(ctx context.Context) bool {
	_, present := connectors.PresenceOf(ctx)
	return !present && w.source.Unattended > 0
}

// bills asks for what may have changed: where the source tells changes, for
// these and for the days it has told nothing of; else, and where it counts the
// asking, for the days that are not settled. What came before a failure is kept.
func (w *walk) bills(ctx context.Context, anew bool) error {
	parts, whole := w.kept.Ask(w.span, w.now)
	if anew && !whole {
		parts, whole = []connectors.Span{w.span}, true
	}
	w.reading.At, w.reading.Anew, w.reading.Mark = w.now, whole, w.kept.Mark
	if w.counted(ctx) {
		parts = []connectors.Span{hull(parts)}
	} else if l, ok := w.lister.(connectors.ChangeLister); ok {
		since := w.kept.Mark
		if whole {
			since = ""
		}
		err := w.changes(ctx, l, since)
		switch {
		case errors.Is(err, connectors.ErrMark):
			parts = []connectors.Span{w.span}
			w.reading = ledger.Reading{At: w.now, Anew: true}
			if err = w.changes(ctx, l, ""); errors.Is(err, connectors.ErrMark) { // and none was sent
				err = connectors.ErrMalformed.Because(err)
			}
		case err == nil && since != "":
			parts = w.kept.Missing(connectors.Span{From: w.span.From, To: connectors.Earlier(w.span.To, w.kept.At)})
		}
		if err != nil {
			return err
		}
	}
	for _, p := range parts {
		if h := w.source.History; h > 0 {
			p.From = connectors.Later(p.From, w.now.Add(-h))
		}
		if p.Empty() {
			continue
		}
		for _, window := range windows(p, w.source.MaxWindow) {
			if err := w.window(ctx, window); err != nil {
				return err
			}
		}
	}
	return nil
}

// changes reads from a mark to the mark of this moment.
func (w *walk) changes(ctx context.Context, l connectors.ChangeLister, since connectors.Mark) error {
	next := connectors.Cursor("")
	for range maxPages {
		page, err := read(ctx, w.asker, func(ctx context.Context) (connectors.ChangePage, error) {
			return l.Changes(ctx, w.cred, w.account.ref(), since, next)
		})
		if err != nil {
			return err
		}
		if since != "" {
			if err := w.take(page.Bills); err != nil {
				return err
			}
			w.reading.Gone = append(w.reading.Gone, page.Gone...)
		}
		if page.Next == "" {
			w.reading.Mark, w.reading.Since = page.Mark, since != ""
			w.brought = w.brought || w.reading.Since
			return nil
		}
		if page.Next == next {
			return connectors.ErrMalformed
		}
		next = page.Next
	}
	return connectors.ErrMalformed
}

func (w *walk) window(ctx context.Context, window connectors.Span) error {
	reach, next := window, connectors.Cursor("")
	for range maxPages {
		page, err := read(ctx, w.asker, func(ctx context.Context) (connectors.Page, error) {
			return w.lister.Bills(ctx, w.cred, w.account.ref(), window.From, window.To, next)
		})
		if err != nil {
			return err
		}
		if page.Covers != (connectors.Span{}) {
			reach = reach.Overlap(page.Covers)
		}
		bills := slices.DeleteFunc(page.Bills, func(b connectors.Bill) bool { return b.ID != "" && !within(b.At, b.DateOnly, w.span) })
		if err := w.take(bills); err != nil {
			return err
		}
		if page.Next == "" {
			w.reading.Read = append(w.reading.Read, reach)
			w.brought = true
			return nil
		}
		if page.Next == next {
			return connectors.ErrMalformed
		}
		next = page.Next
	}
	return connectors.ErrMalformed
}

// take believes bills that have what every bill has.
func (w *walk) take(bills []connectors.Bill) error {
	for i := range bills {
		b := &bills[i]
		if b.ID == "" || b.Amount.Currency == "" || b.Amount.Minor < 0 {
			return connectors.ErrMalformed
		}
		w.size += billSize + len(b.ID) + len(b.RawKind) + len(b.Category) + len(b.Counterparty) + len(b.Method) + len(b.Description) +
			len(b.Order) + len(b.Merchant) + len(b.Was) + len(b.RefundOf) + len(b.Note)
	}
	if w.size > maxWalk { // nothing of it is believed, or kept in memory
		w.reading, w.brought = ledger.Reading{}, false
		return errEndless
	}
	for _, b := range bills {
		w.reading.Bills = append(w.reading.Bills, ledger.Pack(b))
	}
	w.brought = w.brought || len(bills) > 0
	return nil
}
