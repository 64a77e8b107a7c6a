package consent

import (
	"context"
	"crypto/rand"
	"time"

	"jali/internal/audit"
	"jali/internal/kv"
)

// Action is what a request does to the client's grants (Grant Management for
// OAuth 2.0).
type Action string

const (
	Create  Action = "create"
	Merge   Action = "merge"   // what is asked for is added to what was agreed; see [Terms.Merge]
	Replace Action = "replace" // what is asked for takes its place; also how a grant is renewed
)

// Request is what a client asks for.
type Request struct {
	ID     GrantID // of the request; once given, of the grant
	Client ClientID
	Asked  Terms
	Lapses time.Time // if it is not decided before

	Action  Action  // empty: Create
	Revises GrantID // of Merge and Replace: a given grant of the client's

	// Decoupled requests are decided where the person is signed in already.
	Decoupled bool
	Person    PersonID // who is asked; empty: whoever opens the request
	Binding   string
}

// Push records a client's request inside the transaction of its PAR record.
// Terms beyond their purpose's ceilings are refused; of a merge, those of the
// grant as it would become. To revise a grant that is not the client's, or
// not given any more, is [ErrNotRevisable]. A decoupled request is [ErrBinding]
// or [ErrWaiting] where it may not be put before its person; one to a person
// who has paused the client is taken and not shown, so that nobody learns of
// the pause.
func (s *Service) Push(tx kv.Tx, now time.Time, r Request) (Grant, error) {
	if r.Action != Merge { // of which the whole is looked at
		if err := r.Asked.Within(now); err != nil {
			return Grant{}, err
		}
	}
	if _, err := activeClient(tx, r.Client); err != nil {
		return Grant{}, err
	}
	if taken, err := tx.Get(grantKey(r.ID)); err != nil {
		return Grant{}, err
	} else if taken != nil || r.ID == "" {
		return Grant{}, errBackwards
	}
	g := Grant{
		ID: r.ID, Client: r.Client, Person: r.Person, State: Pushed, Asked: r.Asked,
		PushedAt: now.UTC(), LapsesAt: r.Lapses.UTC().Truncate(time.Microsecond),
	}
	if err := g.revise(tx, now, r); err != nil {
		return Grant{}, err
	}
	if r.Decoupled {
		if err := g.decouple(tx, now, r); err != nil {
			return Grant{}, err
		}
	}
	if g.Person != "" {
		if err := tx.Put(personKey(g.Person, g.ID), []byte(g.ID)); err != nil {
			return Grant{}, err
		}
	}
	g.Asked.Until = g.Asked.Until.UTC()
	if err := putGrant(tx, g); err != nil {
		return Grant{}, err
	}
	return g, g.dueRequest().put(tx)
}

// Show binds a pushed request to the person who opens it. Shown again to the
// same person it answers the same; to another person it is unknown.
func (s *Service) Show(ctx context.Context, p Session, id GrantID) (Grant, error) {
	now, event := s.now(), rand.Text()
	var g Grant
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		var err error
		if g, err = getGrant(tx, id); err != nil {
			return err
		}
		if g.Person == "" && !g.Decoupled {
			g.Person = p.Person
		}
		if err := g.undecided(p, now); err != nil {
			return err
		}
		if _, err := g.target(tx, now); err != nil {
			return err
		}
		if _, err := activeClient(tx, g.Client); err != nil || g.State == Shown {
			return err
		}
		if err := g.move(Shown); err != nil {
			return err
		}
		if err := putGrant(tx, g); err != nil {
			return err
		}
		if err := tx.Put(personKey(p.Person, id), []byte(id)); err != nil {
			return err
		}
		return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(p.Person), Client: string(g.Client),
			Verb: audit.GrantShown, On: string(id)})
	})
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

// undecided reports why this person may not decide the request now.
func (g Grant) undecided(p Session, now time.Time) error {
	switch {
	case g.Person != p.Person || p.Person == "":
		return ErrNoGrant
	case g.State != Pushed && g.State != Shown:
		if g.State == Expired && g.DecidedAt.IsZero() {
			return ErrLapsed
		}
		return ErrDecided
	case g.lapsed(now):
		return ErrLapsed
	}
	return nil
}

// lapsed reports that nothing can come of a request any more.
func (g Grant) lapsed(now time.Time) bool {
	return !now.Before(g.LapsesAt) || !now.Before(g.Asked.Until)
}
