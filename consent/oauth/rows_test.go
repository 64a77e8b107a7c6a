package oauth

import (
	"context"
	"reflect"
	"strings"
	"testing"

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

// What is remembered of a code or token is what its row says.
func TestRowsAreStoredAsTheyAreRead(t *testing.T) {
	h := open(t)
	h.code(h.bank, once)
	h.tokens(h.bank, once)
	h.scoped(h.bank, daily, scopeQuery)
	h.ownToken(h.bank, scopeQuery)
	n := 0
	if err := h.db.View(t.Context(), func(tx kv.Tx) error {
		for e, err := range tx.Scan(kv.Prefix(room, "ends")) {
			if k := endingKind(e.Key); err != nil || k == pushedKind {
				continue
			}
			got, ok, err := tokenRows.Load(tx, e.Value)
			var want row
			if _, err := kv.Load(tx, e.Value, &want); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("remembered as %+v, and is %+v, %v", got, want, err)
			}
			if err == nil && ok {
				n++
			}
		}
		return nil
	}); err != nil || n != 7 {
		t.Errorf("%d codes and tokens, %v; want three codes, three access tokens and a refresh token", n, err)
	}
}
