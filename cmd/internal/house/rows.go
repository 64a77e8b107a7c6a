package house

import (
	"context"

	"jali/internal/kv"
)

// Rows is how much is stored of one thing.
type Rows struct{ Count, Bytes int }

// Rows counts what is stored in jali.db, by room and, where a room's rows are
// of several things, by the thing: "oauth ends", "audit". It walks all of it.
func (h *House) Rows(ctx context.Context) (map[string]Rows, error) {
	var rows map[string]Rows
	err := h.db.View(ctx, func(t tx) error {
		rows = map[string]Rows{}
		for e, err := range t.Scan(kv.Range{}) {
			if err != nil {
				return err
			}
			name, rest, _ := kv.Text(e.Key)
			if name != "audit" && name != "ledger" { // whose second element is a person
				thing, _, _ := kv.Text(rest)
				name += " " + thing
			}
			r := rows[name]
			rows[name] = Rows{r.Count + 1, r.Bytes + len(e.Key) + len(e.Value)}
		}
		return nil
	})
	return rows, err
}
