package boltkv

import (
	"bytes"
	"iter"
	"slices"
	"sort"

	"go.etcd.io/bbolt"

	"jali/internal/kv"
)

// overlay is what one closure has written so far, over what its group has.
type overlay struct {
	reader
	writes map[string]*write
	sorted []*write // those of writes that are in order by key,
	fresh  []*write // and those that came since
}

// write is one pending row; a nil value deletes.
type write struct{ key, value []byte }

func (o *overlay) Get(key []byte) ([]byte, error) {
	if o.over {
		return nil, errOver
	}
	if w, ok := o.writes[string(key)]; ok {
		return w.value, nil
	}
	return o.reader.Get(key)
}

func (o *overlay) Put(key, value []byte) error {
	if len(value) == 0 || int64(len(value)) > bbolt.MaxValueSize {
		return errRow
	}
	return o.set(key, bytes.Clone(value))
}

func (o *overlay) Delete(key []byte) error { return o.set(key, nil) }

func (o *overlay) set(key, value []byte) error {
	switch {
	case o.over:
		return errOver
	case len(key) == 0 || len(key) > bbolt.MaxKeySize:
		return errRow
	}
	if w, ok := o.writes[string(key)]; ok {
		w.value = value
		return nil
	}
	if o.writes == nil {
		o.writes = map[string]*write{}
	}
	w := &write{bytes.Clone(key), value}
	o.writes[string(key)] = w
	o.fresh = append(o.fresh, w)
	return nil
}

// Scan merges the pending rows with the stored ones.
func (o *overlay) Scan(r kv.Range) iter.Seq2[kv.Entry, error] {
	if len(o.writes) == 0 {
		return o.reader.Scan(r)
	}
	return func(yield func(kv.Entry, error) bool) {
		if o.over {
			yield(kv.Entry{}, errOver)
			return
		}
		pending := o.pending(r)
		c := o.cursor(r)
		stored, err := c.first()
		for {
			if err != nil {
				yield(kv.Entry{}, err)
				return
			}
			if len(pending) == 0 && stored.Key == nil {
				return
			}
			var e kv.Entry
			if len(pending) > 0 && (stored.Key == nil || c.order(pending[0].key, stored.Key) <= 0) {
				w := pending[0]
				pending = pending[1:]
				if bytes.Equal(w.key, stored.Key) {
					stored, err = c.next()
				}
				if w.value == nil {
					continue
				}
				e = kv.Entry{Key: w.key, Value: w.value}
			} else {
				e = stored
				stored, err = c.next()
			}
			if !yield(e, nil) {
				return
			}
			if o.over {
				yield(kv.Entry{}, errOver)
				return
			}
		}
	}
}

// pending answers the writes in r, in its order. The slice stays as it is when
// more is written.
func (o *overlay) pending(r kv.Range) []*write {
	if len(o.fresh) > 0 {
		slices.SortFunc(o.fresh, func(a, b *write) int { return bytes.Compare(a.key, b.key) })
		o.sorted = merged(o.sorted, o.fresh)
		o.fresh = nil
	}
	at := func(key []byte) int {
		return sort.Search(len(o.sorted), func(i int) bool { return bytes.Compare(o.sorted[i].key, key) >= 0 })
	}
	from, to := at(r.From), len(o.sorted)
	if r.To != nil {
		to = max(from, at(r.To))
	}
	p := o.sorted[from:to]
	if r.Reverse {
		p = slices.Clone(p)
		slices.Reverse(p)
	}
	return p
}

func merged(a, b []*write) []*write {
	out := make([]*write, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if bytes.Compare(a[0].key, b[0].key) < 0 {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// mergeInto gives the writes to the group's bolt transaction.
func (o *overlay) mergeInto(rows *bbolt.Bucket) (err error) {
	defer caught(&err)
	for _, w := range o.writes {
		if w.value == nil {
			err = rows.Delete(w.key)
		} else {
			err = rows.Put(w.key, w.value)
		}
		if err != nil {
			return kv.ErrStopped.Because(err)
		}
	}
	return nil
}
