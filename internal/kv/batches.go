package kv

import (
	"bytes"
	"context"
	"iter"
)

// Batches walks a range in its order, at most n rows at a time, each time in a
// View of its own: none stays open over a long walk, and the loop may write.
// What is written behind the walk is not met, what is written ahead of it may
// be. The rows are copies.
func Batches(ctx context.Context, db DB, r Range, n int) iter.Seq2[[]Entry, error] {
	return func(yield func([]Entry, error) bool) {
		for {
			var rows []Entry
			if err := db.View(ctx, func(tx Tx) error {
				rows = nil
				for e, err := range tx.Scan(r) {
					if err != nil {
						return err
					}
					if rows = append(rows, Entry{bytes.Clone(e.Key), bytes.Clone(e.Value)}); len(rows) == n {
						break
					}
				}
				return nil
			}); err != nil {
				yield(nil, err)
				return
			}
			if len(rows) > 0 && !yield(rows, nil) || len(rows) < n {
				return
			}
			if last := rows[len(rows)-1].Key; r.Reverse {
				r.To = last
			} else {
				r.From = append(bytes.Clone(last), 0)
			}
		}
	}
}
