package consent

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strconv"
	"time"

	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/webhook"
)

const (
	// TicketLife is how long the browser may take from the yes to the redirect.
	TicketLife = 10 * time.Minute
	// maxAccounts bounds what one grant opens.
	maxAccounts = 200
)

// Prepare narrows a shown request to the person's choice and answers what the
// passkey is to sign within five minutes; it replaces an earlier one. offered
// is every account the person may tick for it: a choice outside is refused,
// also of accounts that the grant to be changed has opened so far.
func (s *Service) Prepare(ctx context.Context, p Session, id GrantID, c Choice, offered []AccountID) (Agreement, error) {
	accounts := slices.Compact(slices.Sorted(slices.Values(c.Accounts)))
	switch {
	case len(accounts) == 0:
		return Agreement{}, ErrNothingChosen
	case len(accounts) > maxAccounts || !subset(accounts, offered):
		return Agreement{}, ErrWider
	}
	now, nonce := s.now(), random128()
	var a Agreement
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		g, before, client, err := deciding(tx, p, id, now)
		if err != nil {
			return err
		}
		terms, err := g.Asked.Narrow(c, now)
		if err != nil {
			return err
		}
		until := earliest(now.Add(agreementLife), g.LapsesAt, terms.Until)
		if g.Revises != "" {
			until = earliest(until, before.Agreed.Until)
		}
		if g.Action == Merge && terms.Uses.Per == "" && terms.Uses.Limit <= before.Uses {
			return ErrTooFew
		}
		if a, err = grantAgreement(g, before, client, terms, accounts, nonce, until); err != nil {
			return err
		}
		g.Pending = &a
		return putGrant(tx, g)
	})
	if err != nil {
		return Agreement{}, err
	}
	return a, nil
}

// Give checks the passkey's answer to the prepared agreement and gives the
// grant, or changes the one that the request revises: evidence, grant and
// audit event in one transaction. It answers the grant that there now is. The
// ticket finishes the request; a decoupled one needs none and has none.
func (s *Service) Give(ctx context.Context, p Session, id GrantID, response []byte) (Grant, Ticket, error) {
	now, event, ticket := s.now(), rand.Text(), Ticket(random128())
	var request, given Grant
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		g, before, _, err := deciding(tx, p, id, now)
		if err != nil {
			return err
		}
		if g.Pending == nil || !now.Before(g.Pending.Until) {
			return ErrNoAgreement
		}
		yes, err := s.StepUp.Check(tx, p.Person, g.Pending.Challenge, response)
		if err != nil {
			return err
		}
		yes.Agreement = g.Pending.JSON
		if g.Revises != "" {
			if err := s.become(tx, now, event, &before, g, yes); err != nil {
				return err
			}
			if err := g.decide(tx, Applied, now, ticket); err != nil {
				return err
			}
			request, given = g, before
			return s.decided(tx, request, given)
		}
		g.Agreed, g.Accounts = g.Pending.Terms, g.Pending.Accounts
		g.GivenAt, g.Revision = now, 1
		if err := g.decide(tx, Given, now, ticket); err != nil {
			return err
		}
		if err := s.begin(tx, now, event, g, yes); err != nil {
			return err
		}
		g.Evidence = &yes
		request, given = g, g
		return s.decided(tx, request, given)
	})
	if err != nil {
		return Grant{}, "", err
	}
	if request.Decoupled {
		ticket = ""
	}
	return given, ticket, nil
}

// begin puts a new grant into the indexes, with its evidence and its record.
func (s *Service) begin(tx kv.Tx, now time.Time, event string, g Grant, yes Evidence) error {
	if err := s.schedule(tx, g); err != nil {
		return err
	}
	for _, key := range [][]byte{givenKey(g.Person, g.Client, g.ID), livingKey(g.Client, g.ID)} {
		if err := tx.Put(key, []byte(g.ID)); err != nil {
			return err
		}
	}
	if err := kv.Store(tx, evidenceKey(g.ID, g.Revision), yes); err != nil {
		return err
	}
	if err := tell(tx, now, event, webhook.GrantGiven, g); err != nil {
		return err
	}
	return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(g.Person), Client: string(g.Client),
		Verb: audit.GrantGiven, On: string(g.ID),
		Facts: map[string]string{"purpose": string(g.Agreed.Purpose), "accounts": strconv.Itoa(len(g.Accounts))}})
}

// Refuse ends a shown request. The grant that it would have changed stays as it is.
func (s *Service) Refuse(ctx context.Context, p Session, id GrantID) (Grant, Ticket, error) {
	now, event, ticket := s.now(), rand.Text(), Ticket(random128())
	var g Grant
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		var err error
		if g, err = getGrant(tx, id); err != nil {
			return err
		}
		if err := g.decidable(p, now); err != nil {
			return err
		}
		g.EndedAt, g.EndedBy = now, "person"
		if err := g.decide(tx, Refused, now, ticket); err != nil {
			return err
		}
		if err := s.decided(tx, g, g); err != nil {
			return err
		}
		if err := tell(tx, now, event, webhook.GrantRefused, g); err != nil {
			return err
		}
		return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(p.Person), Client: string(g.Client),
			Verb: audit.GrantRefused, On: string(id)})
	})
	if err != nil {
		return Grant{}, "", err
	}
	if g.Decoupled {
		ticket = ""
	}
	return g, ticket, nil
}

// Finish takes the ticket of a decided request, once and within ten minutes,
// and answers its grant: given, also where the request changed it, or refused.
// It runs in the transaction that issues the code. A grant that has ended in
// between gets none.
func (s *Service) Finish(tx kv.Tx, now time.Time, id GrantID, t Ticket) (Grant, error) {
	request, err := getGrant(tx, id)
	if err != nil {
		return Grant{}, ErrNoTicket.Because(err)
	}
	sum := sha256.Sum256([]byte(t))
	if len(request.Ticket) == 0 || subtle.ConstantTimeCompare(request.Ticket, sum[:]) != 1 || !now.Before(request.DecidedAt.Add(TicketLife)) {
		return Grant{}, ErrNoTicket
	}
	g := request
	if request.State == Applied {
		if g, err = getGrant(tx, request.Revises); err != nil {
			return Grant{}, ErrNoTicket.Because(err)
		}
	}
	switch g = g.at(now); g.State {
	case Given, Refused:
	case Expired:
		return Grant{}, ErrExpired
	case Exhausted:
		return Grant{}, ErrSpent
	default:
		return Grant{}, ErrRevoked
	}
	if err := request.dueTicket().delete(tx); err != nil {
		return Grant{}, err
	}
	if request.State == Applied {
		return g, request.remove(tx)
	}
	g.Ticket = nil
	return g, putGrant(tx, g)
}

// deciding loads what a yes is made of: the request, the grant it would
// change, if any, and the client.
func deciding(tx kv.Tx, p Session, id GrantID, now time.Time) (g, target Grant, c Client, err error) {
	if g, err = getGrant(tx, id); err != nil {
		return
	}
	if err = g.decidable(p, now); err != nil {
		return
	}
	if target, err = g.target(tx, now); err != nil {
		return
	}
	c, err = activeClient(tx, g.Client)
	return
}

// decidable is undecided, and the person has seen it.
func (g Grant) decidable(p Session, now time.Time) error {
	if err := g.undecided(p, now); err != nil || g.State == Shown {
		return err
	}
	return ErrNoGrant
}

// decide writes a decision down, with the ticket that hands it to OAuth.
// Nobody brings a ticket for a decoupled request: its client asks ([Service.Decision]).
func (g *Grant) decide(tx kv.Tx, to State, now time.Time, t Ticket) error {
	if err := g.move(to); err != nil {
		return err
	}
	g.DecidedAt, g.Pending = now, nil
	if err := g.dueRequest().delete(tx); err != nil {
		return err
	}
	if g.Decoupled {
		if err := g.settle(tx); err != nil {
			return err
		}
		return putGrant(tx, *g)
	}
	sum := sha256.Sum256([]byte(t))
	g.Ticket = sum[:]
	if err := g.dueTicket().put(tx); err != nil {
		return err
	}
	return putGrant(tx, *g)
}

// random128 is 128 random bits in base64url.
func random128() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func earliest(first time.Time, rest ...time.Time) time.Time {
	for _, t := range rest {
		if t.Before(first) {
			first = t
		}
	}
	return first
}
