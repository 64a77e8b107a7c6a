package webhook

import (
	"time"

	"jali/internal/kv"
)

const room = "webhook"

// State of an event in the outbox.
type State string

const (
	Waiting State = "waiting"
	Taken   State = "taken"    // the client answered 2xx
	GivenUp State = "given_up" // it did not, for [patience]
	Dropped State = "dropped"  // there was nowhere to deliver it to
)

// Delivery is an event with what has become of it.
type Delivery struct {
	Event
	State State     `json:"state"`
	Since time.Time `json:"since"`           // it waits, or was asked to be replayed
	Place int64     `json:"place"`           // in its grant's line, while it waits
	Next  time.Time `json:"next,omitzero"`   // it is tried; zero behind the first of its line
	Tries int       `json:"tries,omitempty"` // since then, that failed
	Last  string    `json:"last,omitempty"`  // what the last try met: a status or a code
	Ended time.Time `json:"ended,omitzero"`
}

func eventKey(client string, at time.Time, id string) []byte {
	return kv.Key(room, "event", client, at, id)
}

func (r *Delivery) key() []byte     { return eventKey(r.Client, r.At, r.ID) }
func (r *Delivery) lineKey() []byte { return kv.Key(room, "line", r.Client, r.Grant, r.Place) }
func (r *Delivery) waitKey() []byte { return kv.Key(room, "waiting", r.Since, r.Client, r.ID) }
func (r *Delivery) endsKey() []byte { return kv.Key(room, "ends", r.Ended.Add(keep), r.Client, r.ID) }
func (r *Delivery) due() due        { return due{events, r.Client, r.Grant, r.Next} }
func (r *Delivery) ref() ref        { return ref{Client: r.Client, At: r.At, ID: r.ID, Place: r.Place} }

// ref names an event from an index.
type ref struct {
	Client string    `json:"client"`
	At     time.Time `json:"at"`
	ID     string    `json:"id"`
	Place  int64     `json:"place"`
}

func (f ref) key() []byte { return eventKey(f.Client, f.At, f.ID) }

func (f ref) load(tx kv.Tx) (r Delivery, found bool, err error) {
	found, err = kv.Load(tx, f.key(), &r)
	return r, found, err
}

// kind is what a client is told.
type kind string

const (
	events kind = "event"
	pings  kind = "ping"
)

// due says when the first of a grant's line, or a ping, is tried next. There
// is one for each line that is not empty and for each ping.
type due struct {
	Kind   kind      `json:"kind"`
	Client string    `json:"client"`
	ID     string    `json:"id"` // of the grant or ping
	At     time.Time `json:"at"`
}

func (d due) key() []byte           { return kv.Key(room, "due", d.Kind, d.Client, d.At, d.ID) }
func (d due) put(tx kv.Tx) error    { return kv.Store(tx, d.key(), d) }
func (d due) delete(tx kv.Tx) error { return tx.Delete(d.key()) }

// lane is all that one client is told of one kind: what is slow or fails in it
// holds up nothing outside of it.
type lane struct {
	kind   kind
	client string
}

func (d due) lane() lane { return lane{d.Kind, d.Client} }

// line is d whenever it is due.
func (d due) line() due { return due{d.Kind, d.Client, d.ID, time.Time{}} }

// end answers the first or, backwards, the last of a grant's line.
func end(tx kv.Tx, line kv.Range) (f ref, found bool, err error) {
	for e, err := range tx.Scan(line) {
		if err != nil {
			return f, false, err
		}
		return f, true, kv.Decode(e.Value, &f)
	}
	return f, false, nil
}

func line(client, grant string) kv.Range { return kv.Prefix(room, "line", client, grant) }

// join puts an event at the end of its grant's line.
func (r *Delivery) join(tx kv.Tx, now time.Time) error {
	last, behind, err := end(tx, line(r.Client, r.Grant).Backwards())
	if err != nil {
		return err
	}
	r.State, r.Since, r.Place, r.Next, r.Tries, r.Last, r.Ended = Waiting, now, 0, now, 0, "", time.Time{}
	if behind {
		r.Place, r.Next = last.Place+1, time.Time{}
	} else if err := r.due().put(tx); err != nil {
		return err
	}
	if err := kv.Store(tx, r.lineKey(), r.ref()); err != nil {
		return err
	}
	if err := kv.Store(tx, r.waitKey(), r.ref()); err != nil {
		return err
	}
	return kv.Store(tx, r.key(), r)
}

// leave takes an event out of its line for good, and lets the one behind it
// come first.
func (r *Delivery) leave(tx kv.Tx, now time.Time, as State) error {
	first := !r.Next.IsZero()
	if first {
		if err := r.due().delete(tx); err != nil {
			return err
		}
	}
	if err := tx.Delete(r.lineKey()); err != nil {
		return err
	}
	if err := tx.Delete(r.waitKey()); err != nil {
		return err
	}
	r.State, r.Next, r.Ended = as, time.Time{}, now
	if err := kv.Store(tx, r.endsKey(), r.ref()); err != nil {
		return err
	}
	if err := kv.Store(tx, r.key(), r); err != nil || !first {
		return err
	}
	f, found, err := end(tx, line(r.Client, r.Grant))
	if err != nil || !found {
		return err
	}
	behind, found, err := f.load(tx)
	if err != nil || !found {
		return err
	}
	return behind.again(tx, now)
}

// again makes the first of a line due at a moment.
func (r *Delivery) again(tx kv.Tx, at time.Time) error {
	if !r.Next.IsZero() {
		if err := r.due().delete(tx); err != nil {
			return err
		}
	}
	r.Next = at
	if err := r.due().put(tx); err != nil {
		return err
	}
	return kv.Store(tx, r.key(), r)
}
