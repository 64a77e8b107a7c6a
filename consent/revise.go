package consent

import (
	"context"
	"errors"
	"strconv"
	"time"

	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/webhook"
)

// revise makes a request one to change a grant: what it asks becomes what the
// whole grant would be, and its person is the grant's.
func (g *Grant) revise(tx kv.Tx, now time.Time, r Request) error {
	switch r.Action {
	case Merge, Replace:
	case "", Create:
		if r.Revises == "" {
			return nil
		}
		fallthrough
	default:
		return ErrNotRevisable
	}
	t, err := getGrant(tx, r.Revises)
	switch {
	case errors.Is(err, ErrNoGrant):
		return ErrNotRevisable
	case err != nil:
		return err
	case t.Client != r.Client || t.at(now).State != Given || r.Person != "" && r.Person != t.Person:
		return ErrNotRevisable
	}
	if r.Action == Merge {
		if g.Asked, err = t.Agreed.Merge(r.Asked); err != nil {
			return err
		}
		if err := g.Asked.Within(now); err != nil {
			return err
		}
	}
	g.Action, g.Revises, g.Base, g.Person = r.Action, t.ID, t.Revision, t.Person
	return nil
}

// target loads what a request would change; the zero Grant if it would change
// none, and [ErrChanged] once that has ended or is another revision.
func (g Grant) target(tx kv.Tx, now time.Time) (Grant, error) {
	if g.Revises == "" {
		return Grant{}, nil
	}
	t, err := getGrant(tx, g.Revises)
	switch {
	case errors.Is(err, ErrNoGrant):
		return Grant{}, ErrChanged
	case err != nil:
		return Grant{}, err
	case t.at(now).State != Given || t.Revision != g.Base:
		return Grant{}, ErrChanged
	}
	return t, nil
}

// Revised answers the grant that a request would change, as it stands: the
// page shows the difference ([Changes]). For a request that changes none it is
// the zero Grant.
func (s *Service) Revised(ctx context.Context, p Session, request GrantID) (Grant, error) {
	now := s.now()
	var t Grant
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		g, err := getGrant(tx, request)
		if err != nil {
			return err
		}
		if g.Person != p.Person || p.Person == "" {
			return ErrNoGrant
		}
		t, err = g.target(tx, now)
		return err
	})
	if err != nil {
		return Grant{}, err
	}
	t.Ticket = nil
	return t, nil
}

// become makes a given grant what the person has agreed that it becomes. A
// merge keeps what was used; a replace begins anew, but for the uses of today,
// so that renewing a daily grant gives no second day's worth.
func (s *Service) become(tx kv.Tx, now time.Time, event string, t *Grant, request Grant, yes Evidence) error {
	was := *t
	if err := s.unschedule(tx, *t); err != nil {
		return err
	}
	if err := t.dueTicket().delete(tx); err != nil { // a code would be for what it was
		return err
	}
	t.Ticket = nil
	t.Asked, t.Agreed, t.Accounts = request.Asked, request.Pending.Terms, request.Pending.Accounts
	t.DecidedAt, t.Revision = now, t.Revision+1
	if request.Action == Replace {
		t.Uses = 0
	}
	if t.Day != "" { // days may be another zone's now
		t.Day = DateOf(t.LastUse, t.Agreed.Uses.Zone())
	}
	if t.left(now) == 0 && t.Agreed.Uses.Per == "" {
		return ErrChanged // used since the choice was made
	}
	if err := s.schedule(tx, *t); err != nil {
		return err
	}
	if err := shortenKept(tx, now, *t); err != nil {
		return err
	}
	if err := kv.Store(tx, evidenceKey(t.ID, t.Revision), yes); err != nil {
		return err
	}
	if err := putGrant(tx, *t); err != nil {
		return err
	}
	t.Evidence = &yes
	for _, changed := range s.Changed {
		if err := changed(tx, was, *t); err != nil {
			return err
		}
	}
	if err := tell(tx, now, event, webhook.GrantChanged, *t); err != nil {
		return err
	}
	return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(t.Person), Client: string(t.Client),
		Verb: audit.GrantChanged, On: string(t.ID), Facts: map[string]string{"action": string(request.Action),
			"revision": strconv.Itoa(t.Revision), "purpose": string(t.Agreed.Purpose), "accounts": strconv.Itoa(len(t.Accounts))}})
}
