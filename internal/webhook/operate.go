package webhook

import (
	"context"
	"crypto/rand"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
)

var (
	ErrNoEvent = &fault.Error{Kind: fault.NotFound, Code: "webhook_event_not_found",
		Detail: "there is no such event of this client; events are kept for 30 days"}
	ErrNowhere = &fault.Error{Kind: fault.Conflict, Code: "webhook_nowhere",
		Detail: "this client has no webhook address, or there is no such client"}
	errLost = &fault.Error{Kind: fault.Internal, Code: "webhook_lost", Detail: "an index names an event that is not there"}
)

const (
	listed = 200 // events of one client
	stride = 500 // rows read in one transaction
)

// List answers the newest events of a client, or of every client where it is
// empty: at most 200 of each. With failed, those alone that were given up or
// dropped, or have failed and will be tried again.
func (o *Outbox) List(ctx context.Context, client string, failed bool) ([]Delivery, error) {
	var list []Delivery
	r := kv.Prefix(room, "event").Backwards()
	if client != "" {
		r = kv.Prefix(room, "event", client).Backwards()
	}
	last, count := "", 0
	err := o.walk(ctx, r, func(d Delivery) bool {
		if d.Client != last {
			last, count = d.Client, 0
		}
		if count < listed && (!failed || d.State == GivenUp || d.State == Dropped || d.Tries > 0 && d.State == Waiting) {
			list = append(list, d)
			count++
		}
		return client == "" || count < listed
	})
	return list, err
}

// walk reads events until f has enough, in transactions that are short.
func (o *Outbox) walk(ctx context.Context, r kv.Range, f func(Delivery) (more bool)) error {
	for rows, err := range kv.Batches(ctx, o.DB, r, stride) {
		if err != nil {
			return err
		}
		for _, e := range rows {
			var d Delivery
			if err := kv.Decode(e.Value, &d); err != nil {
				return err
			}
			if !f(d) {
				return nil
			}
		}
	}
	return nil
}

// Replay delivers an event once more, behind what waits of its grant. One
// that waits first in its line is tried at once.
func (o *Outbox) Replay(ctx context.Context, client, id string) error {
	var found *Delivery
	err := o.walk(ctx, kv.Prefix(room, "event", client).Backwards(), func(d Delivery) bool {
		if d.ID == id {
			found = &d
		}
		return found == nil
	})
	if err != nil {
		return err
	}
	if found == nil {
		return ErrNoEvent
	}
	return o.replay(ctx, []Delivery{*found})
}

// ReplaySince is Replay for all of a client's events from a moment on, oldest
// first, and answers how many they are.
func (o *Outbox) ReplaySince(ctx context.Context, client string, since time.Time) (int, error) {
	r := kv.Prefix(room, "event", client)
	r.From = kv.Key(room, "event", client, since)
	var list []Delivery
	if err := o.walk(ctx, r, func(d Delivery) bool { list = append(list, d); return true }); err != nil {
		return 0, err
	}
	for i := 0; i < len(list); i += stride {
		if err := o.replay(ctx, list[i:min(i+stride, len(list))]); err != nil {
			return i, err
		}
	}
	return len(list), nil
}

func (o *Outbox) replay(ctx context.Context, list []Delivery) error {
	now := o.now()
	defer o.rouse()
	return o.DB.Update(ctx, func(tx kv.Tx) error {
		for _, d := range list {
			r, found, err := d.ref().load(tx)
			switch {
			case err != nil:
				return err
			case !found: // swept just now
			case r.State != Waiting:
				if err := tx.Delete(r.endsKey()); err != nil {
					return err
				}
				if err := r.join(tx, now); err != nil {
					return err
				}
			case !r.Next.IsZero():
				if err := r.again(tx, now); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Resume tells a client again that has answered 410 Gone: at once, or within a
// minute where this meets a look at the client.
func (o *Outbox) Resume(ctx context.Context, client string) error {
	if err := o.DB.Update(ctx, func(tx kv.Tx) error { return tx.Delete(goneKey(client)) }); err != nil {
		return err
	}
	o.rest(lane{events, client}, time.Time{})
	o.rouse()
	return nil
}

// Tested is what came of [Outbox.Test].
type Tested struct {
	ID    string `json:"id"`
	Taken bool   `json:"taken"`
	Said  string `json:"said"` // "http_200", "no_answer", …
}

// Test sends a signed event of type webhook.test, once and out of line. It is
// not kept, and a client that was stopped stays so.
func (o *Outbox) Test(ctx context.Context, client string) (Tested, error) {
	uri, err := o.Endpoint(ctx, client)
	if err != nil {
		return Tested{}, err
	}
	if uri == "" {
		return Tested{}, ErrNowhere
	}
	e := Event{ID: "test_" + rand.Text(), At: o.now(), Client: client, Type: Trial}
	got, err := o.send(ctx, e, uri)
	return Tested{ID: e.ID, Taken: got.taken(), Said: got.code}, err
}
