package aggregate

import (
	"context"
	"errors"
	"slices"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/ledger"
)

// question is what is asked of a person's sources.
type question struct {
	person   consent.PersonID
	accounts []consent.AccountID // nil: all
	sources  []string            // nil: all
	span     connectors.Span     // of bills and statements

	balances, bills, statements bool
	discover                    bool // ask which accounts there are, too
}

// answer is what one connection says.
type answer struct {
	known
	gone       bool // disconnected while it was asked
	report     SourceReport
	complete   bool
	balances   []OwnBalance
	bills      []told
	statements []OwnStatement
	found      []connectors.Account
}

// told is a bill and the account that tells it.
type told struct {
	account *account
	bill    connectors.Bill
}

// ask puts the question to every connection at once. Each has the deadline to
// itself; what one does takes nothing from the others. What was disconnected
// meanwhile is left out. missing reports that an account that was asked for is
// not here any more.
func (s *Service) ask(ctx context.Context, q question, all []known) (answers []answer, missing bool) {
	all, missing = q.narrow(all)
	done := make(chan int, len(all))
	answers = make([]answer, len(all))
	for i, k := range all {
		go func() {
			defer func() { done <- i }()
			var err error
			defer func() { // of ours: the dialects' own are caught where they are called
				if err != nil {
					answers[i] = answer{known: k}
					s.failed(&answers[i], err)
				}
			}()
			defer fault.Caught(&err)
			answers[i] = s.askOne(ctx, q, k)
		}()
	}
	for range all {
		<-done
	}
	s.leaveOutGone(ctx, q.person, answers)
	kept := slices.DeleteFunc(answers, func(a answer) bool { return a.gone })
	return kept, missing || len(kept) < len(all)
}

// leaveOutGone marks whose connection is not there any more. If that cannot be
// read, who writes the answers down finds out ([Service.stand]).
func (s *Service) leaveOutGone(ctx context.Context, p consent.PersonID, answers []answer) {
	_ = s.DB.View(ctx, func(tx kv.Tx) error {
		for i := range answers {
			if b, err := tx.Get(linkKey(p, answers[i].ID)); err == nil && b == nil {
				answers[i].gone = true
			}
		}
		return nil
	})
}

// stand fails where one of the connections is not there any more.
func stand(tx kv.Tx, p consent.PersonID, links []string) error {
	for _, id := range links {
		if b, err := tx.Get(linkKey(p, id)); err != nil {
			return err
		} else if b == nil {
			return errRaced
		}
	}
	return nil
}

// narrow leaves out what was not asked for.
func (q question) narrow(all []known) (kept []known, missing bool) {
	seen := 0
	for _, k := range all {
		if q.accounts != nil {
			k.accounts = slices.DeleteFunc(slices.Clone(k.accounts), func(a account) bool { return !slices.Contains(q.accounts, a.ID) })
			seen += len(k.accounts)
		}
		if q.sources != nil && !slices.Contains(q.sources, k.Source) {
			continue
		}
		if len(k.accounts) > 0 || q.discover {
			kept = append(kept, k)
		}
	}
	return kept, q.accounts != nil && seen < len(q.accounts)
}

func (s *Service) askOne(ctx context.Context, q question, k known) answer {
	a := answer{known: k, complete: true, report: SourceReport{Source: s.source(k.link), AsOf: s.moment(), Status: Fresh}}
	ctx, cancel := context.WithTimeout(ctx, s.deadline())
	defer cancel()
	if k.Imported {
		s.readFiles(ctx, q, &a)
		return a
	}
	c, ok := s.Connectors.Find(k.Source)
	switch {
	case !ok:
		s.failed(&a, connectors.ErrDown)
		return a
	case k.NeedsPerson:
		s.failed(&a, connectors.ErrUnauthorized)
		return a
	}
	cred, sealed, err := s.credential(ctx, q.person, k.link, c)
	if err == nil {
		err = s.collect(ctx, q, c, cred, &a)
	}
	a.report.AsOf = s.moment()
	if err != nil {
		s.failed(&a, err)
	}
	if errors.Is(err, connectors.ErrUnauthorized) {
		s.needsPerson(context.WithoutCancel(ctx), q.person, k.ID, sealed)
	}
	return a
}

// readFiles answers out of the ledger. Files hold bills and nothing else.
func (s *Service) readFiles(ctx context.Context, q question, a *answer) {
	a.report.Status = FromFile
	if whole := hull(a.Covers); !whole.To.IsZero() {
		a.report.AsOf = earlier(whole.To, a.report.AsOf)
	}
	a.complete = !q.balances && !q.statements
	if !q.bills {
		return
	}
	for i := range a.accounts {
		// A day more on each side: a bill of which only the day is known may
		// lie there in its own zone.
		bills, err := s.Ledger.Bills(ctx, a.book(q.person, i), q.span.From.AddDate(0, 0, -1), q.span.To.AddDate(0, 0, 1))
		if err != nil {
			s.failed(a, err)
			return
		}
		for _, b := range bills {
			if within(b, q.span) {
				a.bills = append(a.bills, told{&a.accounts[i], b})
			}
		}
	}
	past := connectors.Span{From: q.span.From, To: earlier(q.span.To, s.now())}
	a.report.Covers = reached(a.Covers, past)
	a.complete = a.complete && covers(a.Covers, past)
}

// book is where an account's imported bills are.
func (k known) book(p consent.PersonID, account int) ledger.Account {
	return ledger.Account{Person: string(p), Part: k.ID, ID: string(k.accounts[account].ID)}
}

// failed says in the report what went wrong. What was told before stays.
func (s *Service) failed(a *answer, err error) {
	if err = partGone(a.ID, err); errors.Is(err, ErrNoConnection) {
		a.gone = true
		return
	}
	f := faultOf(err)
	a.complete = false
	if a.report.Source.ID == "" {
		a.report.Source, a.report.AsOf = s.source(a.link), s.moment()
	}
	a.report.Status = Failed
	if errors.Is(err, connectors.ErrRefused) || errors.Is(err, connectors.ErrUnauthorized) {
		a.report.Status = Refused
	}
	a.report.Owner, a.report.Code, a.report.Action = string(f.WhoseFault()), f.Code, f.Action
	if f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		s.log().Error("a source could not be asked", "source", a.known.Source, "code", f.Code, "err", err)
		a.report.Owner, a.report.Code, a.report.Action = string(fault.Us), "internal", ""
		return
	}
	s.log().Warn("a source failed", "source", a.known.Source, "code", f.Code, "err", err)
}

// faultOf reads a context's end as the source's slowness.
func faultOf(err error) *fault.Error {
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return connectors.ErrDown
	}
	return fault.Of(err)
}

func code(err error) string { return faultOf(err).Code }

// errPanicked is a dialect that panicked over an answer of its source.
var errPanicked = connectors.ErrMalformed.Saying("the source's answer could not be read, and was thrown away")

// await runs f and answers with it or with ctx, whichever ends first: a
// dialect that does not mind its context holds nobody up. A panic is an error.
func await[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	c := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := (*fault.Panic)(nil); errors.As(r.err, &p) { // here, or where the dialect caught it
				r = result{err: errPanicked.Because(p)}
			}
			c <- r
		}()
		defer fault.Caught(&r.err)
		r.v, r.err = f(ctx)
	}()
	select {
	case r := <-c:
		return r.v, r.err
	case <-ctx.Done():
		var none T
		return none, connectors.ErrDown.Because(ctx.Err())
	}
}

// credential opens a connection's credential, and refreshes it first where it
// wants that. Callers that come together share one refresh: many sources take
// the old token back only once. sealed is the credential as it is stored.
func (s *Service) credential(ctx context.Context, p consent.PersonID, l link, c connectors.Connector) (cred connectors.Credential, sealed []byte, err error) {
	cred, err = s.openCredential(ctx, p, l)
	if err != nil {
		return cred, l.Credential, err
	}
	r, ok := c.(connectors.Refresher)
	if !ok || !r.Stale(cred, s.now()) {
		return cred, l.Credential, nil
	}
	type fresh struct {
		cred   connectors.Credential
		sealed []byte
	}
	f, err := await(ctx, func(ctx context.Context) (fresh, error) {
		v, err, _ := s.refreshes.Do(string(p)+"/"+l.ID, func() (any, error) {
			// The first caller's going away must not undo it for the others.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.deadline())
			defer cancel()
			cred, sealed, err := s.refresh(ctx, p, l.ID, r)
			return fresh{cred, sealed}, err
		})
		if err != nil {
			return fresh{sealed: l.Credential}, err
		}
		return v.(fresh), nil
	})
	if f.sealed == nil {
		f.sealed = l.Credential
	}
	return f.cred, f.sealed, err
}

// refresh trades the stored credential for a new one and stores that before
// anybody uses it.
func (s *Service) refresh(ctx context.Context, p consent.PersonID, id string, r connectors.Refresher) (connectors.Credential, []byte, error) {
	l, err := s.link(ctx, p, id)
	if err != nil {
		return connectors.Credential{}, nil, err
	}
	old, err := s.openCredential(ctx, p, l)
	if err != nil {
		return connectors.Credential{}, nil, err
	}
	if !r.Stale(old, s.now()) {
		return old, l.Credential, nil // somebody was here before
	}
	cred, err := await(ctx, func(ctx context.Context) (connectors.Credential, error) { return r.Refresh(ctx, old) })
	if err != nil {
		return connectors.Credential{}, nil, err
	}
	sealed, err := s.sealCredential(ctx, p, id, cred)
	if err != nil {
		return connectors.Credential{}, nil, err
	}
	replaced := false
	err = s.DB.Update(ctx, func(tx kv.Tx) error {
		var now link
		switch ok, err := kv.Load(tx, linkKey(p, id), &now); {
		case err != nil:
			return err
		case !ok:
			return ErrNoConnection
		}
		if replaced = !slices.Equal(now.Credential, l.Credential); replaced {
			return nil // linked again meanwhile: that one is the person's newest word
		}
		now.Credential = sealed
		return kv.Store(tx, linkKey(p, id), now)
	})
	if err != nil || !replaced {
		return cred, sealed, err
	}
	if l, err = s.link(ctx, p, id); err != nil {
		return connectors.Credential{}, nil, err
	}
	cred, err = s.openCredential(ctx, p, l)
	return cred, l.Credential, err
}

func (s *Service) link(ctx context.Context, p consent.PersonID, id string) (link, error) {
	var l link
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		l = link{}
		ok, err := kv.Load(tx, linkKey(p, id), &l)
		if err == nil && !ok {
			err = ErrNoConnection
		}
		return err
	})
	return l, err
}

// needsPerson marks a connection whose credential its source refused, unless
// it has another by now.
func (s *Service) needsPerson(ctx context.Context, p consent.PersonID, id string, sealed []byte) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		var l link
		ok, err := kv.Load(tx, linkKey(p, id), &l)
		if err != nil || !ok || !slices.Equal(l.Credential, sealed) {
			return err
		}
		l.NeedsPerson = true
		return kv.Store(tx, linkKey(p, id), l)
	})
	if err != nil {
		s.log().ErrorContext(ctx, "a connection could not be marked", "err", err)
	}
}
