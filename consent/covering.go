package consent

import (
	"errors"
	"slices"
	"time"

	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/webhook"
)

// Covering answers the living grants of a person, for more than one use, that
// cover one of some accounts: those by which a client would look again.
func (s *Service) Covering(tx kv.Tx, now time.Time, p PersonID, accounts []AccountID) ([]Grant, error) {
	given, err := grantsIn(tx, kv.Prefix(room, "given", p))
	return slices.DeleteFunc(given, func(g Grant) bool {
		covers := slices.ContainsFunc(g.Accounts, func(a AccountID) bool { return slices.Contains(accounts, a) })
		return !covers || g.at(now).State != Given || g.Agreed.Uses.Once()
	}), err
}

// TellNeedsPerson tells a grant's client that the person has to connect a
// source again before it answers by this grant. Like every event but those of
// a pause itself, it is told to a client that the person has paused, too. event
// is the id of the record that it leaves; a client that does not listen leaves none.
func (s *Service) TellNeedsPerson(tx kv.Tx, now time.Time, event string, g Grant, source string) error {
	c, err := getClient(tx, g.Client)
	if errors.Is(err, ErrNoClient) || err == nil && c.WebhookURI == "" {
		return nil
	}
	if err != nil {
		return err
	}
	if err := c.queue(tx, event, webhook.Event{At: now, Type: webhook.NeedsPerson, Grant: string(g.ID), Source: source}); err != nil {
		return err
	}
	return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(g.Person), Client: string(g.Client),
		Verb: audit.SourceRefuses, On: string(g.ID), Facts: map[string]string{"source": source, "by": "told"}})
}
