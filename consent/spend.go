package consent

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"strconv"
	"time"

	"jali/internal/audit"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/webhook"
)

// keyLife is how long an idempotency key is remembered: a view's ten minutes,
// and the day in which asking again is told that it has gone.
const keyLife = 25 * time.Hour

// used is what an idempotency key was spent on.
type used struct {
	At        time.Time `json:"at"`
	KeepUntil time.Time `json:"keep_until,omitzero"`
	Request   []byte    `json:"request"`
}

var errNoKey = &fault.Error{Kind: fault.Invalid, Code: "idempotency_key_missing",
	Detail: "send an Idempotency-Key header"}

// Load answers a client's grant in any state after given. Unknown, foreign and
// undecided answer ErrNoGrant alike.
func (s *Service) Load(ctx context.Context, client ClientID, id GrantID) (Grant, error) {
	now := s.now()
	var g Grant
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		var err error
		g, err = s.LoadIn(tx, now, client, id)
		return err
	})
	return g, err
}

// LoadIn is Load in the transaction that hands something out because of the grant.
func (s *Service) LoadIn(tx kv.Tx, now time.Time, client ClientID, id GrantID) (Grant, error) {
	g, err := ownGrant(tx, client, id)
	return g.at(now), err
}

// Live answers a client's grant if it may still be read from: given or
// exhausted, not paused, its client not suspended, the person's yes not older
// than StepUpLife. It writes nothing.
func (s *Service) Live(ctx context.Context, client ClientID, id GrantID) (Grant, error) {
	now := s.now()
	var g Grant
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		var err error
		g, _, err = s.living(tx, now, client, id)
		return err
	})
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

// Spend takes one use of a live grant for an idempotency key, in one
// transaction with its audit event. request is a hash of what was asked: the
// same key with another request is ErrKeyReused. Exactly one of any number of
// concurrent spendings of a last use wins. A key is remembered for 25 hours.
func (s *Service) Spend(ctx context.Context, client ClientID, id GrantID, key string, request []byte) (Use, error) {
	if key == "" {
		return Use{}, errNoKey
	}
	now, event := s.now(), rand.Text()
	var u Use
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		g, c, err := s.living(tx, now, client, id)
		if err != nil {
			return err
		}
		var before used
		switch again, err := kv.Load(tx, usedKey(id, key), &before); {
		case err != nil:
			return err
		case again && subtle.ConstantTimeCompare(before.Request, request) != 1:
			return ErrKeyReused
		case again:
			u = Use{Grant: g, Key: key, At: before.At, KeepUntil: before.KeepUntil, Repeat: true, Left: g.left(now)}
			return nil
		}
		if err := g.take(now); err != nil {
			return err
		}
		u = Use{Grant: g, Key: key, At: now, KeepUntil: g.Agreed.keepUntil(now), Left: g.left(now)}
		if err := kv.Store(tx, usedKey(id, key), used{At: now, KeepUntil: u.KeepUntil, Request: request}); err != nil {
			return err
		}
		if !u.KeepUntil.IsZero() {
			if err := (kept{At: now, Until: u.KeepUntil, Ends: u.KeepUntil, Key: key}).put(tx, id); err != nil {
				return err
			}
		}
		if err := (due{At: now.Add(keyLife), Kind: dueUse, ID: string(id), Key: key}).put(tx); err != nil {
			return err
		}
		if err := audit.Append(tx, audit.Event{ID: event, At: now, Person: string(g.Person), Client: string(client),
			Verb: audit.GrantUsed, On: string(id), Facts: map[string]string{"uses_left": strconv.Itoa(u.Left)}}); err != nil {
			return err
		}
		if err := c.tell(tx, now, event, webhook.GrantUsed, id); err != nil {
			return err
		}
		if g.Agreed.Uses.Per == "" && u.Left == 0 {
			if err := s.end(tx, now, &g, Exhausted, ""); err != nil {
				return err
			}
			u.Grant = g
			return c.tell(tx, now.Add(time.Microsecond), event+"-end", webhook.GrantExhausted, id) // listed behind the use
		}
		if err := s.touched(tx, g, true); err != nil {
			return err
		}
		return putGrant(tx, g)
	})
	if err != nil {
		return Use{}, err
	}
	return u, nil
}

func (s *Service) touched(tx kv.Tx, g Grant, used bool) error {
	for _, touched := range s.Touched {
		if err := touched(tx, g, used); err != nil {
			return err
		}
	}
	return nil
}

// ownGrant loads a grant that client was given.
func ownGrant(tx kv.Tx, client ClientID, id GrantID) (Grant, error) {
	g, err := getGrant(tx, id)
	if err != nil {
		return Grant{}, err
	}
	if g.Client != client || !g.wasGiven() {
		return Grant{}, ErrNoGrant
	}
	return g, nil
}

// living loads a grant that client may read from at now, and the client.
func (s *Service) living(tx kv.Tx, now time.Time, client ClientID, id GrantID) (Grant, Client, error) {
	g, err := ownGrant(tx, client, id)
	if err != nil {
		return Grant{}, Client{}, err
	}
	switch {
	case g.State == Revoked:
		return Grant{}, Client{}, ErrRevoked
	case g.State == Expired || !now.Before(g.Agreed.Until):
		return Grant{}, Client{}, ErrExpired
	}
	c, err := activeClient(tx, client)
	if err != nil {
		return Grant{}, Client{}, err
	}
	if paused, err := isPaused(tx, g.Person, client); err != nil {
		return Grant{}, Client{}, err
	} else if paused {
		return Grant{}, Client{}, ErrPaused
	}
	if !now.Before(s.ReadableUntil(g)) {
		return Grant{}, Client{}, ErrStepUpOld
	}
	return g, c, nil
}

// ReadableUntil answers until when a grant that was given can be read, if
// nothing else stops it: its end, or before that the moment at which the last
// yes to it is older than StepUpLife ([ErrStepUpOld]) and its person has to
// give another.
func (s *Service) ReadableUntil(g Grant) time.Time {
	if again := g.DecidedAt.Add(s.StepUpLife); s.StepUpLife > 0 && again.Before(g.Agreed.Until) {
		return again
	}
	return g.Agreed.Until
}

// take counts one use, if there is one left.
func (g *Grant) take(now time.Time) error {
	if g.left(now) == 0 {
		if g.State == Given && g.Agreed.Uses.Per != "" {
			return ErrSpentToday.After(g.DayEnds(now).Sub(now))
		}
		return ErrSpent
	}
	if day := DateOf(now, g.Agreed.Uses.Zone()); day > g.Day {
		g.Day, g.DayUses = day, 0
	}
	g.Uses++
	g.DayUses++
	g.LastUse = now
	return nil
}

// Left is how many uses a grant has at a moment: in all, or for a daily grant
// on that moment's day.
func (g Grant) Left(now time.Time) int {
	if !now.Before(g.Agreed.Until) {
		return 0
	}
	return g.left(now)
}

// DayEnds is when the uses of a daily grant count anew.
func (g Grant) DayEnds(now time.Time) time.Time { return nextDay(now, g.Agreed.Uses.Zone()) }

func (g Grant) left(now time.Time) int {
	u := g.Agreed.Uses
	switch {
	case g.State != Given:
		return 0
	case u.Per == "":
		return max(0, u.Limit-g.Uses)
	case DateOf(now, u.Zone()) > g.Day: // a clock set back opens no new day
		return u.Limit
	default:
		return max(0, u.Limit-g.DayUses)
	}
}
