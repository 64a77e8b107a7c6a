package consent

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"jali/internal/kv"
)

// memory is a store for the ten thousand lives of the machine, which walks on
// bbolt too, but not as often: each of its steps would wait for the disk.
type memory struct {
	mu   sync.Mutex
	rows map[string][]byte
}

func (m *memory) View(_ context.Context, f func(kv.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return f(memoryTx{m.rows, nil})
}

func (m *memory) Update(_ context.Context, f func(kv.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	tx := memoryTx{m.rows, map[string][]byte{}}
	if err := f(tx); err != nil {
		return err
	}
	for k, v := range tx.wrote {
		if m.rows[k] = v; v == nil {
			delete(m.rows, k)
		}
	}
	return nil
}

func (*memory) Close() error { return nil }

// memoryTx is rows and what was written over them; nil is deleted.
type memoryTx struct{ rows, wrote map[string][]byte }

func (t memoryTx) Get(key []byte) ([]byte, error) {
	if v, ok := t.wrote[string(key)]; ok {
		return v, nil
	}
	return t.rows[string(key)], nil
}

func (t memoryTx) Put(key, value []byte) error {
	if t.wrote == nil {
		return kv.ErrReadOnly
	}
	t.wrote[string(key)] = bytes.Clone(value)
	return nil
}

func (t memoryTx) Delete(key []byte) error {
	if t.wrote == nil {
		return kv.ErrReadOnly
	}
	t.wrote[string(key)] = nil
	return nil
}

func (t memoryTx) Scan(r kv.Range) iter.Seq2[kv.Entry, error] {
	var keys []string
	in := func(k string) bool { return k >= string(r.From) && (r.To == nil || k < string(r.To)) }
	for k := range t.rows {
		if _, over := t.wrote[k]; !over && in(k) {
			keys = append(keys, k)
		}
	}
	for k, v := range t.wrote {
		if v != nil && in(k) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if r.Reverse {
		slices.Reverse(keys)
	}
	return func(yield func(kv.Entry, error) bool) {
		for _, k := range keys {
			v, _ := t.Get([]byte(k))
			if !yield(kv.Entry{Key: []byte(k), Value: v}, nil) {
				return
			}
		}
	}
}

func (m *memory) clone() *memory { return &memory{rows: maps.Clone(m.rows)} }
