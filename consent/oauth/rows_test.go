package oauth

import (
	"context"
	"strings"

	"jali/internal/kv"
)

// rows counts what the room keeps.
func (h *house) rows() int {
	n := 0
	err := h.db.View(context.Background(), func(tx kv.Tx) error {
		n = 0
		for _, err := range tx.Scan(kv.Prefix(room)) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// indexed counts what will be swept of a kind, whether it is still there or not.
func (h *house) indexed(k kind) int {
	n := 0
	err := h.db.View(context.Background(), func(tx kv.Tx) error {
		n = 0
		for e, err := range tx.Scan(kv.Prefix(room, "ends")) {
			if err != nil {
				return err
			}
			if endingKind(e.Key) == k {
				n++
			}
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// dump is every row of the room, keys and values.
func (h *house) dump() string {
	var b strings.Builder
	err := h.db.View(context.Background(), func(tx kv.Tx) error {
		b.Reset()
		for e, err := range tx.Scan(kv.Prefix(room)) {
			if err != nil {
				return err
			}
			b.Write(e.Key)
			b.Write(e.Value)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return b.String()
}
