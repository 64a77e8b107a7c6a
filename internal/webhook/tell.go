package webhook

import (
	"context"
	"net/http"
	"time"

	"jali/internal/kv"
)

const (
	patience = 3 * 24 * time.Hour // after which an event is given up
	// fewest tries are made however late an event comes first in its line.
	fewest = 5
)

// delays follow the failures of an event; the last repeats.
var delays = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour}

// tell attempts the first event of a grant's line.
func (o *Outbox) tell(ctx context.Context, d due, uri string) (outcome, error) {
	var (
		r     Delivery
		found bool
	)
	err := o.DB.View(ctx, func(tx kv.Tx) error {
		f, any, err := end(tx, line(d.Client, d.ID))
		if found = any; err != nil || !any {
			return err
		}
		r, found, err = f.load(tx)
		return err
	})
	if err != nil || !found {
		return outcome{rest: look}, err
	}
	if uri == "" {
		return outcome{}, o.settle(ctx, r, answer{code: "nowhere"}, uri)
	}
	got, err := o.send(ctx, r.Event, uri)
	if err != nil || ctx.Err() != nil { // cut short: it counts for nothing
		return outcome{failed: true}, err
	}
	return outcome{failed: !got.taken(), rest: got.rest()}, o.settle(ctx, r, got, uri)
}

// settle writes down what came of an attempt, unless the event has been moved
// by others since.
func (o *Outbox) settle(ctx context.Context, tried Delivery, got answer, uri string) error {
	now, extra := o.now(), time.Duration(0)
	if n := min(tried.Tries, len(delays)-1); !got.taken() {
		extra = max(delays[n]+o.jitter(delays[n]), got.retryAfter)
	}
	var as State
	err := o.DB.Update(context.WithoutCancel(ctx), func(tx kv.Tx) error {
		r, found, err := tried.ref().load(tx)
		if as = ""; err != nil || !found || r.State != Waiting || r.Place != tried.Place {
			return err
		}
		r.Last = got.code
		switch next := now.Add(extra); {
		case got.taken():
			as = Taken
		case uri == "":
			as = Dropped
		case got.status == http.StatusGone:
			as = Waiting
			if err := kv.Store(tx, goneKey(r.Client), gone{URI: uri, At: now}); err != nil {
				return err
			}
			return kv.Store(tx, r.key(), r)
		default:
			r.Tries++
			if as = Waiting; r.Tries < fewest || !next.After(r.Since.Add(patience)) {
				return r.again(tx, next)
			}
			as = GivenUp
		}
		return r.leave(tx, now, as)
	})
	if err != nil || as == "" {
		return err
	}
	o.met.count(events, as)
	if as == GivenUp || got.status == http.StatusGone {
		o.Log.Warn("a client does not take its events", "client", tried.Client, "event", tried.ID, "state", as, "last", got.code)
	}
	return nil
}

// gone is an address that answered 410: nothing goes there until the client
// has another or [Outbox.Resume].
type gone struct {
	URI string    `json:"uri"`
	At  time.Time `json:"at"`
}

func goneKey(client string) []byte { return kv.Key(room, "gone", client) }

// Stopped reports whether a client has answered 410 at an address.
func (o *Outbox) Stopped(ctx context.Context, client, uri string) (is bool, err error) {
	err = o.DB.View(ctx, func(tx kv.Tx) error {
		var g gone
		found, err := kv.Load(tx, goneKey(client), &g)
		is = found && g.URI == uri
		return err
	})
	return is, err
}
