package ledger

import (
	"bytes"
	"cmp"
	"crypto/sha256"

	"jali/connectors"
	"jali/internal/kv"
)

// version tells which of two readings of one bill holds: that whose state has
// come further; then that which says more; then either, and always the same.
// So it does not matter which came first.
type version struct {
	state  int
	fields int // that say something
	length int // of the texts
	sum    [8]byte
}

func versionOf(b connectors.Bill) (version, error) {
	v := version{state: rank(b.State)}
	for _, text := range []string{b.RawKind, b.Category, b.Counterparty, b.Method, b.Description, b.Order, b.Merchant, b.RefundOf, b.Note, b.Was} {
		if text != "" {
			v.fields++
			v.length += len(text)
		}
	}
	for _, text := range b.Refs {
		v.fields++
		v.length += len(text)
	}
	if !b.DateOnly {
		v.fields++
	}
	if b.Kind != "" && b.Kind != connectors.Other {
		v.fields++
	}
	packed, err := kv.Pack(toRow(b, "", false))
	if err != nil {
		return version{}, err
	}
	sum := sha256.Sum256(packed)
	copy(v.sum[:], sum[:])
	return v, nil
}

func (v version) compare(w version) int {
	return cmp.Or(cmp.Compare(v.state, w.state), cmp.Compare(v.fields, w.fields), cmp.Compare(v.length, w.length), bytes.Compare(v.sum[:], w.sum[:]))
}

// rank orders states by how far they have come.
func rank(s connectors.BillState) int {
	switch s {
	case connectors.Pending:
		return 0
	case connectors.Done:
		return 1
	default:
		return 2
	}
}
