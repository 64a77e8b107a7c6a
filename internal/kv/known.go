package kv

import (
	"bytes"
	"encoding/json"
	"sync"
)

// maxKnown bounds what a Known holds: some megabytes of records of a kilobyte.
const maxKnown = 2048

// Known is [Load] and [Store] for records that are read far more often than
// they change. It reads the row every time, within the transaction, and
// remembers what each row was parsed to: only a row that has changed since is
// parsed again. So it is never out of date, whatever became of a transaction.
//
// What it answers is shared with others who ask, and so is what was stored: a
// slice or pointer in it is replaced and never written through. A record must
// be stored as it would be read back.
//
// The zero Known is ready, and safe for concurrent use.
type Known[V any] struct {
	mu   sync.RWMutex
	kept map[string]known[V]
}

type known[V any] struct {
	row    []byte
	record V
}

// Load reads the record at key and reports whether there is one.
func (k *Known[V]) Load(tx Tx, key []byte) (record V, ok bool, err error) {
	row, err := tx.Get(key)
	if err != nil || row == nil {
		return record, false, err
	}
	k.mu.RLock()
	before := k.kept[string(key)]
	k.mu.RUnlock()
	if bytes.Equal(before.row, row) {
		return before.record, true, nil
	}
	if err := Decode(row, &record); err != nil {
		return record, true, err
	}
	k.remember(key, bytes.Clone(row), record)
	return record, true, nil
}

// Store writes a record at key as JSON.
func (k *Known[V]) Store(tx Tx, key []byte, record V) error {
	row, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if err := tx.Put(key, row); err != nil {
		return err
	}
	k.remember(key, row, record)
	return nil
}

func (k *Known[V]) remember(key, row []byte, record V) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept == nil || len(k.kept) >= maxKnown {
		k.kept = map[string]known[V]{}
	}
	k.kept[string(key)] = known[V]{row, record}
}
