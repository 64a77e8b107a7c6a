package boltkv

import (
	"bytes"
	"iter"

	"go.etcd.io/bbolt"

	"jali/internal/fault"
	"jali/internal/kv"
)

// reader is a kv.Tx over a bolt bucket that cannot write.
type reader struct {
	rows *bbolt.Bucket
	over bool
}

func (r *reader) Get(key []byte) (value []byte, err error) {
	if r.over {
		return nil, errOver
	}
	defer caught(&err)
	return r.rows.Get(key), nil
}

func (*reader) Put(_, _ []byte) error { return kv.ErrReadOnly }
func (*reader) Delete([]byte) error   { return kv.ErrReadOnly }

func (r *reader) Scan(rg kv.Range) iter.Seq2[kv.Entry, error] {
	return func(yield func(kv.Entry, error) bool) {
		if r.over {
			yield(kv.Entry{}, errOver)
			return
		}
		c := r.cursor(rg)
		e, err := c.first()
		for ; err == nil && e.Key != nil; e, err = c.next() {
			if !yield(e, nil) {
				return
			}
			if r.over {
				err = errOver
				break
			}
		}
		if err != nil {
			yield(kv.Entry{}, err)
		}
	}
}

// cursor walks the stored rows of a range; an Entry without a key ends it.
type cursor struct {
	kv.Range
	bolt *bbolt.Cursor
}

func (r *reader) cursor(rg kv.Range) *cursor { return &cursor{rg, r.rows.Cursor()} }

func (c *cursor) order(a, b []byte) int {
	if c.Reverse {
		return bytes.Compare(b, a)
	}
	return bytes.Compare(a, b)
}

func (c *cursor) first() (kv.Entry, error) {
	return c.step(func() ([]byte, []byte) {
		switch {
		case !c.Reverse:
			return c.bolt.Seek(c.From)
		case c.To == nil:
			return c.bolt.Last()
		}
		if k, _ := c.bolt.Seek(c.To); k == nil {
			return c.bolt.Last()
		}
		return c.bolt.Prev()
	})
}

func (c *cursor) next() (kv.Entry, error) {
	if c.Reverse {
		return c.step(c.bolt.Prev)
	}
	return c.step(c.bolt.Next)
}

func (c *cursor) step(move func() ([]byte, []byte)) (e kv.Entry, err error) {
	defer caught(&err)
	k, v := move()
	if k == nil || bytes.Compare(k, c.From) < 0 || c.To != nil && bytes.Compare(k, c.To) >= 0 {
		return kv.Entry{}, nil
	}
	return kv.Entry{Key: k, Value: v}, nil
}

// caught is deferred around calls into bbolt: its assertions panic on a page
// that is not what it should be.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = ErrDamaged.Because(fault.Panicked(p))
	}
}
