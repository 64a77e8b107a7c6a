package oauth

import (
	"context"

	"jali/internal/kv"
)

const sweepStep = 256

// Sweep removes requests, codes and tokens whose time has passed, a few
// hundred in each transaction. It reads an index by time and nothing else.
func (s *Server) Sweep(ctx context.Context) error {
	for ctx.Err() == nil {
		removed, err := s.sweepSome(ctx)
		if err != nil || removed < sweepStep {
			return err
		}
	}
	return ctx.Err()
}

func (s *Server) sweepSome(ctx context.Context) (int, error) {
	ended := kv.Prefix(room, "ends")
	ended.To = kv.Key(room, "ends", s.now())
	var due int
	// Looked at first without writing: an idle server stays idle.
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		due = 0
		for _, err := range tx.Scan(ended) {
			due++
			return err
		}
		return nil
	})
	if err != nil || due == 0 {
		return 0, err
	}
	err = s.DB.Update(ctx, func(tx kv.Tx) error {
		var keys [][]byte
		var rows []endsRow
		for e, err := range tx.Scan(ended) {
			if err != nil {
				return err
			}
			var r endsRow
			if err := kv.Decode(e.Value, &r); err != nil {
				return err
			}
			keys, rows = append(keys, append([]byte(nil), e.Key...)), append(rows, r)
			if len(rows) == sweepStep {
				break
			}
		}
		due = len(rows)
		for i, r := range rows {
			if err := drop(tx, r.Kind, r.Mark, r.Grant); err != nil {
				return err
			}
			if err := tx.Delete(keys[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return due, err
}
