package aggregate

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/ledger"
	"jali/internal/upstream"
)

// question is what is asked of a person's sources.
type question struct {
	person   consent.PersonID
	accounts []consent.AccountID // nil: all
	sources  []string            // nil: all
	span     connectors.Span     // of bills and statements

	balances, bills, statements bool
	discover                    bool // ask which accounts there are, too
	anew                        bool // whatever the sources have told before

	at time.Time // when it was put
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

	ration ration
	asked  *atomic.Int32 // calls that the source was sent
	kept   []*keeping    // of each account that its source is asked for the bills of
}

// ask puts the question to every connection at once. Each has the deadline to
// itself; what one does takes nothing from the others. What was disconnected
// meanwhile is left out. missing reports that an account that was asked for is
// not here any more.
func (s *Service) ask(ctx context.Context, q question, all []known) (answers []answer, missing bool) {
	all, missing = q.narrow(all)
	q.at = s.now()
	answers = make([]answer, len(all))
	for i, k := range all {
		answers[i] = answer{known: k, complete: true, report: SourceReport{Source: s.source(k.link), AsOf: s.moment(), Status: Fresh}, asked: new(atomic.Int32)}
	}
	s.prepare(ctx, q, answers)
	done := make(chan int, len(all))
	for _, i := range s.slowestFirst(answers) {
		go func() {
			defer func() { done <- i }()
			var err error
			defer func() { // of ours: the dialects' own are caught where they are called
				if err != nil {
					s.failed(ctx, &answers[i], err)
				}
			}()
			defer fault.Caught(&err)
			s.askOne(ctx, q, &answers[i])
		}()
		runtime.Gosched() // to it, before the next
	}
	for range all {
		<-done
	}
	s.giveBack(ctx, q.person, answers)
	s.writeDown(ctx, q, answers)
	s.leaveOutGone(ctx, q.person, answers)
	kept := slices.DeleteFunc(answers, func(a answer) bool { return a.gone })
	return kept, missing || len(kept) < len(all)
}

// slowestFirst is the order in which to ask: a look takes as long as its slowest
// source, and what is asked for beside that, each with a signature, is not to
// stand before it on a busy machine.
func (s *Service) slowestFirst(answers []answer) []int {
	slow, order := make([]time.Duration, len(answers)), make([]int, len(answers))
	for i, a := range answers {
		order[i] = i
		if !a.Imported {
			slow[i] = s.pool().Slow(a.Source)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(slow[j], slow[i]) })
	return order
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
		if q.sources != nil && !slices.Contains(q.sources, public(k.Source)) {
			continue
		}
		if len(k.accounts) > 0 || q.discover {
			kept = append(kept, k)
		}
	}
	return kept, q.accounts != nil && seen < len(q.accounts)
}

// prepare finds out, for all connections together, what may be asked and what
// is known. Where that cannot be, no source is asked.
func (s *Service) prepare(ctx context.Context, q question, answers []answer) {
	all := make([]known, len(answers))
	for i, a := range answers {
		all[i] = a.known
	}
	rations, err := s.ration(ctx, q.person, all)
	if err == nil {
		err = s.loadKept(ctx, q, answers)
	}
	for i := range answers {
		a := &answers[i]
		a.ration = rations[a.ID]
		if a.ration.Limit > 0 {
			told := a.ration.Unattended
			a.report.Unattended = &told
		}
		if err != nil && !a.Imported {
			s.failed(ctx, a, err)
		}
	}
}

func (s *Service) askOne(ctx context.Context, q question, a *answer) {
	ctx, cancel := context.WithTimeout(ctx, s.deadline())
	defer cancel()
	if a.Imported {
		s.readFiles(ctx, q, a)
		return
	}
	if a.report.Status != Fresh {
		return
	}
	c, ok := s.Connectors.Find(a.Source)
	switch {
	case !ok:
		s.failed(ctx, a, connectors.ErrDown)
		return
	case a.NeedsPerson:
		s.failed(ctx, a, connectors.ErrUnauthorized)
		return
	}
	err := a.openKept(ctx)
	switch {
	case err != nil:
	case a.ration.refused:
		s.recall(q, a)
		s.skip(a)
		return
	default:
		err = s.consult(ctx, q, c, a)
	}
	if err != nil {
		s.failed(ctx, a, err)
	}
}

// consult asks a source with the credential that it gave, and finds out when it
// does not accept that any more.
func (s *Service) consult(ctx context.Context, q question, c connectors.Connector, a *answer) error {
	cred, sealed, err := s.credential(ctx, q.person, a.link, c)
	if err == nil {
		err = s.collect(ctx, q, c, cred, a)
	}
	a.report.AsOf = s.moment()
	if failed := s.mergeKept(ctx, q, c, a, err); err == nil {
		err = failed
	}
	if errors.Is(err, connectors.ErrUnauthorized) {
		s.needsPerson(context.WithoutCancel(ctx), q.person, a.ID, sealed)
	}
	return err
}

// readFiles answers bills out of the ledger. Balances that files tell are the
// person's alone: see booked.
func (s *Service) readFiles(ctx context.Context, q question, a *answer) {
	a.report.Status = FromFile
	if whole := hull(a.Covers); !whole.To.IsZero() {
		a.report.AsOf = connectors.Earlier(whole.To, a.report.AsOf)
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
			s.failed(ctx, a, err)
			return
		}
		for n := range bills {
			if b := &bills[n]; within(b.At, b.DateOnly(), q.span) {
				a.bills = append(a.bills, told{&a.accounts[i], b})
			}
		}
	}
	past := connectors.Span{From: q.span.From, To: connectors.Earlier(q.span.To, s.now())}
	a.report.Covers = past
	for _, acc := range a.accounts {
		a.report.Covers = a.report.Covers.Overlap(reached(acc.Covers, past))
		a.complete = a.complete && connectors.Covers(acc.Covers, past)
	}
}

// book is where an account's imported bills are.
func (k known) book(p consent.PersonID, account int) ledger.Account {
	return ledger.Account{Person: string(p), Part: k.ID, ID: string(k.accounts[account].ID)}
}

// failed says in the report what went wrong. What was told before stays.
func (s *Service) failed(ctx context.Context, a *answer, err error) {
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
	a.report.Owner, a.report.Code, a.report.Action, a.report.RetryAfter = string(f.WhoseFault()), f.Code, f.Action, f.RetryAfter
	if f.Kind != fault.Upstream { // what clients are told of a source is its own alone
		s.log().ErrorContext(ctx, "a source could not be asked", "source", a.known.Source, "code", f.Code, "err", err)
		a.report.Owner, a.report.Code, a.report.Action = string(fault.Us), "internal", ""
		return
	}
	s.log().WarnContext(ctx, "a source failed", "source", a.known.Source, "code", f.Code, "err", err)
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

func (s *Service) pool() *upstream.Pool {
	if s.Upstream == nil {
		return &s.spare
	}
	return s.Upstream
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
	done := s.refreshes.DoChan(string(p)+"/"+l.ID, func() (_ any, err error) {
		defer fault.Caught(&err)
		// The first caller's going away must not undo it for the others.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.deadline())
		defer cancel()
		cred, sealed, err := s.refresh(ctx, p, l.ID, c.Source(), r)
		return fresh{cred, sealed}, err
	})
	select {
	case told := <-done:
		if told.Err != nil {
			return cred, l.Credential, told.Err
		}
		f := told.Val.(fresh)
		return f.cred, f.sealed, nil
	case <-ctx.Done():
		return cred, l.Credential, connectors.ErrDown.Because(ctx.Err())
	}
}

// refresh trades the stored credential for a new one and stores that before
// anybody uses it.
func (s *Service) refresh(ctx context.Context, p consent.PersonID, id string, src Source, r connectors.Refresher) (connectors.Credential, []byte, error) {
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
	cred, err := upstream.Write(ctx, s.pool(), src, string(p), func(ctx context.Context) (connectors.Credential, error) { return r.Refresh(ctx, old) })
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
