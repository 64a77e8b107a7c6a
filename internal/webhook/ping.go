package webhook

import (
	"context"
	"errors"
	"net/http"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
)

// Ping tells a client that its decoupled request was decided (OpenID CIBA
// Core 1.0, section 10.2). What it says is a secret that only
// [Config.Notification] opens.
type Ping struct {
	ID      string    `json:"id"` // unique; drawn outside the transaction
	At      time.Time `json:"at"`
	Client  string    `json:"client"`
	Request string    `json:"request"`
	Sealed  []byte    `json:"sealed"`
}

type pingRow struct {
	Ping
	Tries int       `json:"tries,omitempty"`
	Next  time.Time `json:"next"`
}

func pingKey(client, id string) []byte { return kv.Key(room, "ping", client, id) }

func (p pingRow) due() due { return due{pings, p.Client, p.ID, p.Next} }

// pingLife is how long a ping is tried; the client can poll all the while.
const pingLife = 10 * time.Minute

var pingDelays = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute}

var errPing = &fault.Error{Kind: fault.Internal, Code: "webhook_ping",
	Detail: "a ping lacks id, time, client or content, or is queued twice"}

// QueuePing puts a ping into the outbox, in the transaction of the decision.
// It is tried a few times and then dropped, and never replayed.
func QueuePing(tx kv.Tx, p Ping) error {
	if p.ID == "" || p.At.IsZero() || p.Client == "" || len(p.Sealed) == 0 {
		return errPing
	}
	p.At = p.At.UTC().Truncate(time.Microsecond)
	row := pingRow{Ping: p, Next: p.At}
	key := pingKey(p.Client, p.ID)
	if there, err := tx.Get(key); err != nil {
		return err
	} else if there != nil {
		return errPing
	}
	if err := row.due().put(tx); err != nil {
		return err
	}
	return kv.Store(tx, key, row)
}

// ping makes one attempt.
func (o *Outbox) ping(ctx context.Context, d due) (outcome, error) {
	var (
		p     pingRow
		found bool
	)
	err := o.DB.View(ctx, func(tx kv.Tx) (err error) {
		p, found = pingRow{}, false
		found, err = kv.Load(tx, pingKey(d.Client, d.ID), &p)
		return err
	})
	if err != nil || !found {
		return outcome{rest: look}, err
	}
	if !o.now().Before(p.At.Add(pingLife)) {
		return outcome{}, o.endPing(ctx, p, GivenUp)
	}
	notice, err := o.Notification(ctx, p.Ping)
	switch {
	case err == nil && notice.URI != "":
	case err == nil, errors.Is(err, ErrSuspended), fault.Of(err).Kind == fault.Gone:
		return outcome{}, o.endPing(ctx, p, Dropped)
	default:
		o.Log.Error("a ping cannot be opened", "client", d.Client, "code", fault.Of(err).Code)
		return outcome{}, o.pingAgain(ctx, p, 0)
	}
	got := o.post(ctx, notice.URI, notice.Body, http.Header{"Authorization": {"Bearer " + notice.Bearer.RevealString()}})
	switch {
	case got.taken():
		return outcome{}, o.endPing(ctx, p, Taken)
	case ctx.Err() != nil: // cut short: it counts for nothing
		return outcome{failed: true}, nil
	case got.hopeless():
		return outcome{failed: true}, o.endPing(ctx, p, GivenUp)
	}
	return outcome{failed: true, rest: got.rest()}, o.pingAgain(ctx, p, got.retryAfter)
}

// hopeless is a redirect, or a no that the client means.
func (a answer) hopeless() bool {
	switch a.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return a.status/100 == 3 || a.status/100 == 4 || a.code == "address_refused"
}

func (o *Outbox) pingAgain(ctx context.Context, p pingRow, atLeast time.Duration) error {
	if p.Tries == len(pingDelays) {
		return o.endPing(ctx, p, GivenUp)
	}
	d := pingDelays[p.Tries]
	again := p
	again.Tries, again.Next = p.Tries+1, o.now().Add(max(d+o.jitter(d), atLeast))
	if !again.Next.Before(p.At.Add(pingLife)) {
		return o.endPing(ctx, p, GivenUp)
	}
	err := o.DB.Update(context.WithoutCancel(ctx), func(tx kv.Tx) error {
		if err := p.due().delete(tx); err != nil {
			return err
		}
		if err := again.due().put(tx); err != nil {
			return err
		}
		return kv.Store(tx, pingKey(p.Client, p.ID), again)
	})
	if err == nil {
		o.met.count(pings, Waiting)
	}
	return err
}

// endPing removes a ping.
func (o *Outbox) endPing(ctx context.Context, p pingRow, as State) error {
	err := o.DB.Update(context.WithoutCancel(ctx), func(tx kv.Tx) error {
		if err := p.due().delete(tx); err != nil {
			return err
		}
		return tx.Delete(pingKey(p.Client, p.ID))
	})
	if err == nil {
		o.met.count(pings, as)
	}
	return err
}
