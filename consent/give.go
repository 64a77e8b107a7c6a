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
)

const (
	// TicketLife is how long the browser may take from the yes to the redirect.
	TicketLife = 10 * time.Minute
	// maxAccounts bounds what one grant opens.
	maxAccounts = 200
)

// Prepare narrows a shown request to the person's choice and answers what the
// passkey is to sign within five minutes; it replaces an earlier one. offered
// is every account the person may tick for it: a choice outside is refused.
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
		g, client, err := deciding(tx, p, id, now)
		if err != nil {
			return err
		}
		terms, err := g.Asked.Narrow(c, now)
		if err != nil {
			return err
		}
		until := earliest(now.Add(agreementLife), g.LapsesAt, terms.Until)
		if a, err = grantAgreement(g, client, terms, accounts, nonce, until); err != nil {
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
// grant: evidence, grant and audit event in one transaction.
func (s *Service) Give(ctx context.Context, p Session, id GrantID, response []byte) (Grant, Ticket, error) {
	now, event, ticket := s.now(), rand.Text(), Ticket(random128())
	var g Grant
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		var err error
		if g, _, err = deciding(tx, p, id, now); err != nil {
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
		g.Agreed, g.Accounts = g.Pending.Terms, g.Pending.Accounts
		if err := g.decide(tx, Given, now, ticket); err != nil {
			return err
		}
		if err := g.dueEnd().put(tx); err != nil {
			return err
		}
		if err := tx.Put(givenKey(g.Person, g.Client, id), []byte(id)); err != nil {
			return err
		}
		if err := kv.Store(tx, evidenceKey(id), yes); err != nil {
			return err
		}
		g.Evidence = &yes
		return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(p.Person), Client: string(g.Client),
			Verb: audit.GrantGiven, On: string(id),
			Facts: map[string]string{"purpose": string(g.Agreed.Purpose), "accounts": strconv.Itoa(len(g.Accounts))}})
	})
	if err != nil {
		return Grant{}, "", err
	}
	return g, ticket, nil
}

// Refuse ends a shown request.
func (s *Service) Refuse(ctx context.Context, p Session, id GrantID) (Grant, Ticket, error) {
	now, event, ticket := s.now(), rand.Text(), Ticket(random128())
	var g Grant
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		var err error
		if g, err = getGrant(tx, id); err != nil {
			return err
		}
		if err := g.undecided(p, now); err != nil {
			return err
		}
		g.EndedAt, g.EndedBy = now, "person"
		if err := g.decide(tx, Refused, now, ticket); err != nil {
			return err
		}
		return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(p.Person), Client: string(g.Client),
			Verb: audit.GrantRefused, On: string(id)})
	})
	if err != nil {
		return Grant{}, "", err
	}
	return g, ticket, nil
}

// Finish takes the ticket of a decided request, once and within ten minutes,
// and answers its grant: given or refused. It runs in the transaction that
// issues the code. A grant that was revoked in between gets none.
func (s *Service) Finish(tx kv.Tx, now time.Time, id GrantID, t Ticket) (Grant, error) {
	g, err := getGrant(tx, id)
	if err != nil {
		return Grant{}, ErrNoTicket.Because(err)
	}
	sum := sha256.Sum256([]byte(t))
	if len(g.Ticket) == 0 || subtle.ConstantTimeCompare(g.Ticket, sum[:]) != 1 || !now.Before(g.DecidedAt.Add(TicketLife)) {
		return Grant{}, ErrNoTicket
	}
	switch g = g.at(now); g.State {
	case Given, Refused:
	case Expired:
		return Grant{}, ErrExpired
	default:
		return Grant{}, ErrRevoked
	}
	if err := g.dueTicket().delete(tx); err != nil {
		return Grant{}, err
	}
	g.Ticket = nil
	return g, putGrant(tx, g)
}

// deciding loads what a decision is made of.
func deciding(tx kv.Tx, p Session, id GrantID, now time.Time) (Grant, Client, error) {
	g, err := getGrant(tx, id)
	if err != nil {
		return Grant{}, Client{}, err
	}
	if err := g.undecided(p, now); err != nil {
		return Grant{}, Client{}, err
	}
	c, err := activeClient(tx, g.Client)
	return g, c, err
}

// decide writes a decision down with the ticket that hands it to OAuth.
func (g *Grant) decide(tx kv.Tx, to State, now time.Time, t Ticket) error {
	if err := g.move(to); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(t))
	g.DecidedAt, g.Ticket, g.Pending = now, sum[:], nil
	if err := g.dueRequest().delete(tx); err != nil {
		return err
	}
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
