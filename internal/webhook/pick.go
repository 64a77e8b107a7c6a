package webhook

import (
	"context"
	"time"

	"jali/internal/kv"
)

// pick answers what is due and has room, by client. Of a lane it reads what it
// takes and what is under way, and of a resting one nothing. It goes on behind
// the client at which the last one found no more room.
func (o *Outbox) pick(ctx context.Context, k kind, now time.Time) (map[string][]due, error) {
	o.mu.Lock()
	free, after := atOnce-len(o.busy), o.after[k]
	o.mu.Unlock()
	var found map[string][]due
	stopped := after
	err := o.DB.View(ctx, func(tx kv.Tx) error {
		found, stopped = map[string][]due{}, after
		left := free
		behind, before := kv.Prefix(room, "due", k), kv.Prefix(room, "due", k)
		behind.From = kv.Prefix(room, "due", k, after).To
		before.To = behind.From
		for _, r := range []kv.Range{behind, before} {
			for left > 0 {
				client, any, err := firstClient(tx, r)
				if err != nil {
					return err
				}
				if !any {
					break
				}
				own := kv.Prefix(room, "due", k, client)
				r.From, stopped = own.To, client
				own.To = kv.Key(room, "due", k, client, now.Add(time.Microsecond))
				list, err := o.pickOf(tx, own, lane{k, client}, left, now)
				if err != nil {
					return err
				}
				if len(list) > 0 {
					found[client] = list
					left -= len(list)
				}
			}
		}
		return nil
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	o.after[k] = stopped
	return found, err
}

func firstClient(tx kv.Tx, r kv.Range) (client string, any bool, err error) {
	for e, err := range tx.Scan(r) {
		if err != nil {
			return "", false, err
		}
		var d due
		err = kv.Decode(e.Value, &d)
		return d.Client, true, err
	}
	return "", false, nil
}

// pickOf answers at most so many of one lane's.
func (o *Outbox) pickOf(tx kv.Tx, r kv.Range, l lane, most int, now time.Time) ([]due, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.traffic(l)
	fits := perClient
	if t.ill {
		fits = ailing
	}
	if most = min(most, fits-t.under); most <= 0 || now.Before(t.rests) {
		return nil, nil
	}
	var list []due
	for e, err := range tx.Scan(r) {
		if err != nil {
			return nil, err
		}
		var d due
		if err := kv.Decode(e.Value, &d); err != nil {
			return nil, err
		}
		if o.busy[d.line()] {
			continue
		}
		if list = append(list, d); len(list) == most {
			break
		}
	}
	return list, nil
}
