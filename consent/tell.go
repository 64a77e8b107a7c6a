package consent

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"time"

	"jali/internal/kv"
	"jali/internal/webhook"
)

// tell queues for a grant's client what happened to it, if the client wants to
// be told. event is the id of the deed's record, or one made of it.
func tell(tx kv.Tx, now time.Time, event, what string, g Grant) error {
	return tellOf(tx, now, event, what, g, time.Time{})
}

// tellOf also says which views it is about, by until when they may be kept.
func tellOf(tx kv.Tx, now time.Time, event, what string, g Grant, kept time.Time) error {
	c, err := getClient(tx, g.Client)
	if errors.Is(err, ErrNoClient) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.queue(tx, event, webhook.Event{At: now, Type: what, Grant: string(g.ID), KeepUntil: kept})
}

func (c Client) tell(tx kv.Tx, now time.Time, event, what string, id GrantID) error {
	return c.queue(tx, event, webhook.Event{At: now, Type: what, Grant: string(id)})
}

// queue makes the event the client's, if it wants to be told.
func (c Client) queue(tx kv.Tx, event string, e webhook.Event) error {
	if c.WebhookURI == "" {
		return nil
	}
	e.ID, e.Client = toldAs(event, c.ID), string(c.ID)
	return webhook.Queue(tx, e)
}

// toldAs is an event's id as a client hears it. One deed may concern several
// clients, and what they hear of it must not show that it was one. The record's
// own id is random and known to no client, so this leads back to none.
func toldAs(event string, c ClientID) string {
	sum := sha256.Sum256([]byte(event + "\x00" + string(c)))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// nth is the id of one of several events of a deed.
func nth(event string, i int) string { return event + "-" + strconv.Itoa(i) }
