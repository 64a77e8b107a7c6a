package consent

import (
	"errors"
	"strconv"
	"time"

	"jali/internal/kv"
	"jali/internal/webhook"
)

// tell queues for a grant's client what happened to it, if the client wants to
// be told. An event has the id of the deed's record, or one made of it.
func tell(tx kv.Tx, now time.Time, event, what string, g Grant) error {
	c, err := getClient(tx, g.Client)
	if errors.Is(err, ErrNoClient) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.tell(tx, now, event, what, g.ID)
}

func (c Client) tell(tx kv.Tx, now time.Time, event, what string, id GrantID) error {
	if c.WebhookURI == "" {
		return nil
	}
	return webhook.Queue(tx, webhook.Event{ID: event, At: now, Client: string(c.ID), Type: what, Grant: string(id)})
}

// nth is the id of one of several events of a deed.
func nth(event string, i int) string { return event + "-" + strconv.Itoa(i) }
