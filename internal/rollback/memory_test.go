package rollback

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"

	"jali/internal/kv"
)

var errPlanted = errors.New("planted")

// memory is a store that can be copied, put back, and made to fail.
type memory struct {
	mu    sync.Mutex
	rows  map[string][]byte
	fails how // the next Update
	fault string
}

// how an Update fails.
type how int

const (
	no      how = iota
	before      // nothing is stored
	unknown     // it is stored, and answered with an error
)

func (m *memory) View(_ context.Context, f func(kv.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return f(memoryTx{m.rows, nil})
}

func (m *memory) Update(_ context.Context, f func(kv.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	fails := m.fails
	m.fails = no
	tx := memoryTx{m.rows, map[string][]byte{}}
	if err := f(tx); err != nil {
		return err
	}
	if fails == before {
		return errPlanted
	}
	if raised := tx.wrote[string(generationKey)]; raised != nil && m.fault == "forgets early" {
		for k := range m.rows {
			if bytes.HasPrefix([]byte(k), kv.Key(room, "touched")) {
				tx.wrote[k] = nil
			}
		}
	}
	for k, v := range tx.wrote {
		if m.rows[k] = v; v == nil {
			delete(m.rows, k)
		}
	}
	if fails == unknown {
		return kv.ErrUnknown
	}
	return nil
}

func (*memory) Close() error { return nil }

func (m *memory) clone() *memory { return &memory{rows: maps.Clone(m.rows), fault: m.fault} }

// memoryTx is rows and what was written over them; nil is deleted.
type memoryTx struct{ rows, wrote map[string][]byte }

func (t memoryTx) Get(key []byte) ([]byte, error) {
	if v, ok := t.wrote[string(key)]; ok {
		return v, nil
	}
	return t.rows[string(key)], nil
}

func (t memoryTx) Put(key, value []byte) error {
	t.wrote[string(key)] = bytes.Clone(value)
	return nil
}

func (t memoryTx) Delete(key []byte) error {
	t.wrote[string(key)] = nil
	return nil
}

func (t memoryTx) Scan(r kv.Range) iter.Seq2[kv.Entry, error] {
	all := maps.Clone(t.rows)
	maps.Copy(all, t.wrote)
	keys := slices.Sorted(maps.Keys(all))
	return func(yield func(kv.Entry, error) bool) {
		for _, k := range keys {
			if all[k] != nil && k >= string(r.From) && k < string(r.To) && !yield(kv.Entry{Key: []byte(k), Value: all[k]}, nil) {
				return
			}
		}
	}
}
