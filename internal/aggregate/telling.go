package aggregate

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"time"

	"jali/consent"
	"jali/internal/audit"
	"jali/internal/kv"
)

// telling is a client that is to be told that a connection needs the person.
// What finds that out may be another client's view: each is told at a moment of
// its own, or two of them would know by the second that they look at one person.
type telling struct {
	Until  time.Time        `json:"until"` // told then
	Person consent.PersonID `json:"person"`
	Part   string           `json:"part"` // the connection
	Grant  consent.GrantID  `json:"grant"`
}

// toldWithin is over how long clients are told of one connection.
const toldWithin = time.Hour

func (t telling) key() []byte { return kv.Key("aggregate", "telling", t.Person, t.Part, t.Grant) }

// needsPerson marks a connection whose credential its source refused, unless
// it has another by now, and has the clients told that look at it again and again.
func (s *Service) needsPerson(ctx context.Context, p consent.PersonID, id string, sealed []byte) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	now, event := s.now(), rand.Text()
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		var l link
		ok, err := kv.Load(tx, linkKey(p, id), &l)
		if err != nil || !ok || l.NeedsPerson || !slices.Equal(l.Credential, sealed) {
			return err
		}
		l.NeedsPerson = true
		if err := kv.Store(tx, linkKey(p, id), l); err != nil {
			return err
		}
		if err := audit.Append(tx, audit.Event{ID: event, At: now, Person: string(p), Verb: audit.SourceRefuses, On: id,
			Facts: map[string]string{"source": l.Source}}); err != nil {
			return err
		}
		covering, err := s.coveringLink(tx, now, p, id)
		for i, g := range covering {
			if err == nil && s.AtOnce {
				err = s.Grants.TellNeedsPerson(tx, now, event+"-"+strconv.Itoa(i), g, public(l.Source))
			} else if err == nil {
				t := telling{now.Add(mathrand.N(toldWithin)), p, id, g.ID}
				err = kv.Store(tx, t.key(), t)
			}
		}
		return err
	})
	if err != nil {
		s.log().ErrorContext(ctx, "a connection could not be marked", "err", err)
	}
}

// coveringLink answers the grants by which a connection is looked at again.
func (s *Service) coveringLink(tx kv.Tx, now time.Time, p consent.PersonID, id string) ([]consent.Grant, error) {
	pots, err := rowsOf[pot](tx, kv.Prefix("aggregate", "account", p))
	if err != nil {
		return nil, err
	}
	var accounts []consent.AccountID
	for _, a := range pots {
		if a.Link == id {
			accounts = append(accounts, a.ID)
		}
	}
	return s.Grants.Covering(tx, now, p, accounts)
}

// tellLate tells a client when its moment has come, if the grant still lives.
// A connection that was made again or cut has hushed it.
func (s *Service) tellLate(tx kv.Tx, now time.Time, event string, t telling) error {
	var is telling
	if ok, err := kv.Load(tx, t.key(), &is); err != nil || !ok || now.Before(is.Until) {
		return err
	}
	if err := tx.Delete(t.key()); err != nil {
		return err
	}
	var l link
	ok, err := kv.Load(tx, linkKey(t.Person, t.Part), &l)
	if err != nil || !ok || !l.NeedsPerson {
		return err
	}
	covering, err := s.coveringLink(tx, now, t.Person, t.Part)
	if err != nil {
		return err
	}
	for _, g := range covering {
		if g.ID == t.Grant {
			return s.Grants.TellNeedsPerson(tx, now, event, g, public(l.Source))
		}
	}
	return nil
}

// hush takes back what is not told yet of a connection.
func hush(tx kv.Tx, p consent.PersonID, id string) error {
	return drop(tx, kv.Prefix("aggregate", "telling", p, id))
}
