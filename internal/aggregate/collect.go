package aggregate

import (
	"context"
	"errors"
	"slices"

	"jali/connectors"
	"jali/internal/secret"
)

const (
	maxPages = 1000    // of one account and window: a source that never ends is a broken one
	maxBills = 200_000 // of one account
)

// part is what one call, or one walk through an account's bills, gives.
type part struct {
	err        error
	balances   []OwnBalance
	bills      []told
	statements []OwnStatement
	found      []connectors.Account
	covers     *connectors.Span // nil: of no bills
}

// collect asks one source everything, a few calls at once, and gathers what
// has come by the time ctx ends. It answers the fault that matters most.
func (s *Service) collect(ctx context.Context, q question, c connectors.Connector, cred connectors.Credential, a *answer) error {
	// A dialect that minds its context comes back a little before the end, with
	// what it has.
	asking, cancel := context.WithTimeout(ctx, s.deadline()*19/20)
	defer cancel()
	jobs := s.jobs(q, c, cred, a)
	parts := make(chan part, len(jobs)) // room for all: nobody waits to be heard after the end
	width := c.Source().Concurrent
	if width <= 0 {
		width = 4
	}
	slots := make(chan struct{}, width)
	for _, job := range jobs {
		go func() {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				parts <- part{err: connectors.ErrDown.Because(ctx.Err()), covers: &connectors.Span{}}
				return
			}
			p, err := await(ctx, func(context.Context) (part, error) { return job.do(asking) })
			<-slots
			if err != nil {
				p.err = err
				if job.bills {
					p.covers = &connectors.Span{}
				}
			}
			parts <- p
		}()
	}
	var worst error
	reach := q.span
	for range jobs {
		p := <-parts
		worst = worse(worst, p.err)
		a.balances = append(a.balances, p.balances...)
		a.bills = append(a.bills, p.bills...)
		a.statements = append(a.statements, p.statements...)
		a.found = append(a.found, p.found...)
		if p.covers != nil {
			reach = overlap(reach, *p.covers)
		}
	}
	if !tellsAll(q, c, a.accounts) {
		a.complete = false
	}
	if _, lists := c.(connectors.BillLister); q.bills && lists {
		past := connectors.Span{From: q.span.From, To: earlier(q.span.To, s.now())}
		a.report.Covers = overlap(reach, past) // what is to come nobody has told
		a.complete = a.complete && covers([]connectors.Span{reach}, past)
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

type job struct {
	do    func(context.Context) (part, error)
	bills bool
}

func (s *Service) jobs(q question, c connectors.Connector, cred connectors.Credential, a *answer) []job {
	var jobs []job
	if q.discover {
		jobs = append(jobs, job{do: func(ctx context.Context) (p part, err error) {
			p.found, err = c.Accounts(ctx, cred)
			return p, err
		}})
	}
	if q.balances && len(a.accounts) > 0 {
		jobs = append(jobs, job{do: func(ctx context.Context) (part, error) { return askBalances(ctx, c, cred, a.accounts) }})
	}
	lister, lists := c.(connectors.BillLister)
	stater, states := c.(connectors.StatementLister)
	for i := range a.accounts {
		one := &a.accounts[i]
		if q.bills && lists {
			jobs = append(jobs, job{bills: true, do: func(ctx context.Context) (part, error) {
				return askBills(ctx, lister, cred, one, q.span, windows(q.span, c.Source().MaxWindow))
			}})
		}
		if q.statements && states {
			jobs = append(jobs, job{do: func(ctx context.Context) (part, error) { return askStatements(ctx, stater, cred, one, q.span) }})
		}
	}
	return jobs
}

func (p plate) ref() connectors.AccountRef { return connectors.AccountRef{ID: secret.Of(p.Ref)} }

// askBalances believes balances of the accounts it asked for and no others:
// an answer that holds another account's is somebody else's answer.
func askBalances(ctx context.Context, c connectors.Connector, cred connectors.Credential, accounts []account) (part, error) {
	refs := make([]connectors.AccountRef, len(accounts))
	ids := make(map[string]*account, len(accounts))
	for i := range accounts {
		refs[i] = accounts[i].ref()
		ids[accounts[i].Ref] = &accounts[i]
	}
	balances, err := c.Balances(ctx, cred, refs)
	if err != nil {
		return part{}, err
	}
	var p part
	for _, b := range balances {
		a, ok := ids[b.Account.ID.RevealString()]
		if !ok || b.Amount.Currency == "" {
			return part{}, connectors.ErrMalformed
		}
		p.balances = append(p.balances, OwnBalance{Account: a.ID, Kind: b.Kind, Amount: b.Amount, AsOf: b.AsOf})
	}
	return p, nil
}

// askBills walks one account's windows, oldest first, and every window's
// pages. What came before a failure is kept, and Covers ends there.
func askBills(ctx context.Context, l connectors.BillLister, cred connectors.Credential, a *account, span connectors.Span, ws []connectors.Span) (part, error) {
	var p part
	var reach []connectors.Span
	seen := map[string]bool{}
	finish := func(err error) (part, error) {
		whole := reached(reach, span)
		p.covers = &whole
		p.err = err
		return p, nil
	}
	for _, w := range ws {
		window, err := askWindow(ctx, l, cred, a, span, w, seen, &p)
		if err != nil {
			return finish(err)
		}
		reach = append(reach, window)
	}
	return finish(nil)
}

func askWindow(ctx context.Context, l connectors.BillLister, cred connectors.Credential, a *account, span, w connectors.Span, seen map[string]bool, p *part) (connectors.Span, error) {
	reach, next := w, connectors.Cursor("")
	for range maxPages {
		page, err := l.Bills(ctx, cred, a.ref(), w.From, w.To, next)
		if err != nil {
			return reach, err
		}
		if page.Covers != (connectors.Span{}) {
			reach = overlap(reach, page.Covers)
		}
		for _, b := range page.Bills {
			if b.ID == "" || b.Amount.Currency == "" || b.Amount.Minor < 0 {
				return reach, connectors.ErrMalformed
			}
			if seen[b.ID] || !within(b, span) {
				continue // pages and windows may overlap
			}
			seen[b.ID] = true
			p.bills = append(p.bills, told{a, b})
		}
		if page.Next == "" {
			return reach, nil
		}
		if page.Next == next || len(seen) > maxBills {
			return reach, connectors.ErrMalformed
		}
		next = page.Next
	}
	return reach, connectors.ErrMalformed
}

func askStatements(ctx context.Context, l connectors.StatementLister, cred connectors.Credential, a *account, span connectors.Span) (part, error) {
	statements, err := l.Statements(ctx, cred, a.ref(), span.From, span.To)
	if err != nil {
		return part{}, err
	}
	var p part
	for _, st := range statements {
		if ref := st.Account.ID; !ref.Empty() && ref.RevealString() != a.Ref {
			return part{}, connectors.ErrMalformed
		}
		p.statements = append(p.statements, OwnStatement{Account: a.ID, Statement: st})
	}
	return p, nil
}
