package aggregate

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/kv"
	"jali/vault"
)

// Open spends one use of a grant and answers what it opens. The same key with
// the same body answers the same view and spends nothing; a twin waits for it.
// If we fell over between the use and the view, the repeat makes the view
// without another use, as long as the view would have lived.
func (s *Service) Open(ctx context.Context, r OpenRequest) (View, error) {
	id := s.Vault.ViewID(string(r.Grant), r.Key)
	give, err := s.turns.take(ctx, s.viewHash(r.Grant, id))
	if err != nil {
		return View{}, err
	}
	defer give()
	g, err := s.Grants.Live(ctx, r.Client, r.Grant)
	if err != nil {
		return View{}, err
	}
	if err := s.covered(ctx, g, r.Want); err != nil {
		return View{}, err
	}
	key := base64.RawURLEncoding.EncodeToString(s.Vault.MAC("idempotency", string(r.Grant), r.Key))
	use, err := s.Grants.Spend(ctx, r.Client, r.Grant, key, r.Want.hash())
	if err != nil {
		return View{}, err
	}
	if use.Grant.Revision != g.Revision { // changed between the two
		if err := s.covered(ctx, use.Grant, r.Want); err != nil {
			return View{}, err
		}
	}
	if use.Repeat {
		v, err := s.Get(ctx, r.Client, r.Grant, id)
		if !errors.Is(err, ErrViewNotFound) {
			v.Again = true
			return v, err
		}
		if s.now().Sub(use.At) >= viewLife {
			return View{}, ErrViewExpired
		}
	}
	// The use is spent: a caller who goes away finds the view by a repeat.
	making, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.deadline()+10*time.Second)
	defer cancel()
	if r.Present != nil {
		making = connectors.Present(making, *r.Present)
	}
	v, err := s.make(making, id, use, r.Want)
	if err != nil {
		return View{}, s.overtaken(making, r, err)
	}
	// What was granted when the sources were asked may have been taken back, or
	// narrowed, while they answered.
	is, err := s.Grants.Live(making, r.Client, r.Grant)
	if err == nil && is.Narrower(use.Grant) {
		err = errRaced
	}
	if err != nil {
		if gone := s.DB.Update(making, func(tx kv.Tx) error { return s.tear(tx, s.viewHash(r.Grant, id)) }); gone != nil {
			err = errors.Join(err, gone)
		}
		return View{}, err
	}
	return v, nil
}

// overtaken answers what to say of a view that was not made: that its time was
// up, or, when keys were destroyed meanwhile or the view torn down, that the
// grant is gone, as anybody hears who asks after it.
func (s *Service) overtaken(ctx context.Context, r OpenRequest, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return ErrUnfinished.Because(err)
	}
	if !errors.Is(err, vault.ErrEpochEnded) && !errors.Is(err, vault.ErrShredded) && !errors.Is(err, errRaced) {
		return err
	}
	if _, gone := s.Grants.Live(ctx, r.Client, r.Grant); gone != nil {
		return gone
	}
	return errRaced.Because(err)
}

// hash is the same for the same wish, in whatever order it is written.
func (w Want) hash() []byte {
	slices.Sort(w.Sources)
	slices.Sort(w.Datatypes)
	b, _ := json.Marshal(w) // strings only
	h := sha256.Sum256(b)
	return h[:]
}

// covered fails where w goes beyond g. A source that is not there and one that
// was not granted answer alike.
func (s *Service) covered(ctx context.Context, g consent.Grant, w Want) error {
	for _, d := range w.Datatypes {
		if !slices.Contains(g.Agreed.Datatypes, d) {
			return ErrNotGranted
		}
	}
	if len(w.Sources) == 0 {
		return nil
	}
	granted := map[string]bool{}
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		clear(granted)
		for _, id := range g.Accounts {
			var a pot
			ok, err := kv.Load(tx, potKey(g.Person, id), &a)
			if err != nil {
				return err
			}
			if ok {
				granted[public(a.Source)] = true
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, src := range w.Sources {
		if !granted[src] {
			return ErrNotGranted
		}
	}
	return nil
}

// make asks the sources, writes what they say in the client's own terms, and
// puts it on the shelf.
func (s *Service) make(ctx context.Context, id string, use consent.Use, w Want) (View, error) {
	g := use.Grant
	datatypes := g.Agreed.Datatypes
	if len(w.Datatypes) > 0 {
		datatypes = w.Datatypes
	}
	q := question{
		person: g.Person, accounts: g.Accounts,
		balances:   slices.Contains(datatypes, consent.Balances),
		bills:      slices.Contains(datatypes, consent.Bills),
		statements: slices.Contains(datatypes, consent.Statements),
	}
	if q.accounts == nil {
		q.accounts = []consent.AccountID{} // none was ticked: none is shown
	}
	if len(w.Sources) > 0 {
		q.sources = w.Sources
	}
	q.span.From, q.span.To = g.Agreed.Period.Range(use.At)
	if q.span.Empty() {
		q.bills, q.statements = false, false
	}
	client, err := s.Grants.Client(ctx, g.Client)
	if err != nil {
		return View{}, err
	}
	all, err := s.load(ctx, g.Person)
	if err != nil {
		return View{}, err
	}
	answers, missing := s.ask(ctx, q, all)
	var links []string
	for _, a := range answers {
		links = append(links, a.ID)
	}
	look, pile, err := s.look(ctx, g.Person, answers, missing) // from here on nobody holds the answers
	if err != nil {
		return View{}, err
	}
	p, err := s.present(ctx, g, client.AliasShape, look, newMasker(all))
	if err != nil {
		return View{}, err
	}
	v := p.view(look, q)
	v.ID, v.Grant, v.UsesLeft = id, g.ID, use.Left
	v.OpenedAt = look.At
	v.ExpiresAt = look.At.Add(viewLife)
	if !use.KeepUntil.IsZero() {
		v.KeepUntil = use.KeepUntil.In(consent.Shanghai)
	}
	v.links = links
	if !q.bills {
		pile = nil
	}
	v.Bills, err = s.shelve(ctx, g, v, p.bills(pile, g.Agreed.Fields), pile.len())
	return v, err
}

// presenter turns a person's look into a client's view.
type presenter struct {
	pair     *vault.Pair
	accounts map[consent.AccountID]OwnAccount
	aliases  map[consent.AccountID]string
	masker
}

// present finds the aliases of the accounts in look, making those that are not
// there yet.
func (s *Service) present(ctx context.Context, g consent.Grant, shape string, look Look, m masker) (presenter, error) {
	p := presenter{masker: m, aliases: map[consent.AccountID]string{}, accounts: map[consent.AccountID]OwnAccount{}}
	for _, a := range look.Accounts {
		p.accounts[a.ID] = a
	}
	if shape == "" {
		shape = "opaque"
	}
	find := func(tx kv.Tx) error {
		clear(p.aliases)
		for _, a := range look.Accounts {
			alias, err := p.pair.Alias(tx, string(a.ID), shape)
			if err != nil {
				return err
			}
			p.aliases[a.ID] = alias
		}
		return nil
	}
	for try := 0; ; try++ {
		var err error
		if p.pair, err = s.Vault.Pair(ctx, string(g.Person), string(g.Client)); err != nil {
			return p, err
		}
		// Aliases are there but for the first view: then nothing is written.
		if err = s.DB.View(ctx, find); errors.Is(err, kv.ErrReadOnly) {
			err = s.DB.Update(ctx, find)
		}
		if errors.Is(err, vault.ErrEpochEnded) && try < 2 {
			if _, dead := s.Grants.Live(ctx, g.Client, g.ID); dead != nil {
				return p, dead
			}
			continue
		}
		return p, err
	}
}

func (p presenter) view(look Look, q question) View {
	v := View{Complete: look.Complete, Sources: []Report{}, Accounts: []Account{}, Balances: []Balance{}, Totals: []Total{}, Statements: []Statement{}}
	for _, r := range look.Sources {
		v.Sources = append(v.Sources, Report{Source: public(r.Source.ID), Status: r.Status, AsOf: r.AsOf, Covers: r.Covers,
			Owner: r.Owner, Code: r.Code, Action: r.Action, RetryAfter: r.RetryAfter, Unattended: r.Unattended})
	}
	for _, a := range look.Accounts {
		v.Accounts = append(v.Accounts, Account{Alias: p.aliases[a.ID], Source: public(a.Source.ID), Kind: a.Kind, Side: a.Side, Name: p.called(a)})
	}
	for _, b := range look.Balances {
		v.Balances = append(v.Balances, Balance{Account: p.aliases[b.Account], Kind: b.Kind, Amount: b.Amount, AsOf: b.AsOf})
	}
	for _, t := range look.Totals {
		if !q.balances {
			t.Assets, t.Debts, t.Net = money.Amount{}, money.Amount{}, money.Amount{}
		}
		if !q.bills {
			t.In, t.Out = money.Amount{}, money.Amount{}
		}
		if t != (Total{}) {
			v.Totals = append(v.Totals, t)
		}
	}
	for _, st := range look.Statements {
		v.Statements = append(v.Statements, Statement{Account: p.aliases[st.Account], Period: st.Period, Due: st.Due, Minimum: st.Minimum,
			Paid: st.Paid, DueDate: dayOf(st.DueDate), Settled: st.Settled})
	}
	v.sort()
	return v
}

// bills writes bills at a level of fields, newest first, one after the other.
func (p presenter) bills(all *pile, fields consent.BillFields) iter.Seq[Bill] {
	return func(yield func(Bill) bool) {
		if all == nil {
			return
		}
		mirrored := all.mirrored()
		var some []Bill
		for together := range all.newestFirst(fields == consent.Standard || fields == consent.Full) {
			some = some[:0]
			for _, m := range together {
				some = append(some, p.bill(all.own(int(m.place)), fields, mirrored))
			}
			slices.SortFunc(some, newestFirst)
			for _, b := range some {
				if !yield(b) {
					return
				}
			}
		}
	}
}

func (p presenter) bill(b OwnBill, fields consent.BillFields, mirrored map[string]told) Bill {
	w := Bill{
		ID: p.billID(b.ID), Account: p.aliases[b.Account], Date: b.At.Format(time.DateOnly), Amount: b.Amount,
		Direction: b.Direction, Flow: b.Flow, State: b.State, Kind: b.Kind, Category: b.Category, Counted: b.Counted,
	}
	for _, m := range b.Mirrors {
		w.Mirrors = append(w.Mirrors, p.billID(m))
	}
	slices.Sort(w.Mirrors)
	if b.Refunds != "" {
		w.RefundOf = p.billID(b.Refunds)
	}
	person := isPerson(b.Bill)
	if fields == consent.Standard || fields == consent.Full {
		if !b.DateOnly {
			w.Time = b.At
		}
		w.Counterparty = p.counterparty(b.Bill, person)
		w.Method = p.aliases[p.payer(b, mirrored)]
		w.SplitFunding = b.Note == "split_funding"
	}
	if fields == consent.Full {
		w.Description = p.description(b.Bill, person)
		if b.Order != "" {
			w.Order = p.pair.ID("ord_", p.accounts[b.Account].Source.ID, b.Order)
		}
	}
	return w
}

// dayOf is a calendar day, or nothing where a source says none.
func dayOf(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format(time.DateOnly)
}

func (p presenter) billID(own string) string { return p.pair.ID("bill_", own) }

// payer is the granted account that the money of a bill came out of. A bank's
// own bill says so itself; a wallet's was paid by the account that tells of the
// same movement going out, or out of the wallet's own balance.
func (p presenter) payer(b OwnBill, mirrored map[string]told) consent.AccountID {
	switch {
	case b.Direction != connectors.Out:
		return ""
	case p.accounts[b.Account].Kind != connectors.WalletBalance:
		return b.Account
	}
	for _, m := range b.Mirrors {
		if t, ok := mirrored[m]; ok && t.Bill().Direction == connectors.Out && t.account.Kind != connectors.WalletBalance {
			return t.account.ID
		}
	}
	switch b.Method {
	case "余额", "零钱", "账户余额", "钱包余额", "美团余额":
		return b.Account
	}
	return ""
}
