package oauth

import (
	"bytes"
	"context"

	"jali/internal/kv"
)

// EndUnderWay drops every pushed and decoupled request, code and invitation of
// a database that was put back by an older copy of itself: nobody knows which
// of them were used since. Tokens stay; they open what their grants do. It can
// be done any number of times.
func (s *Server) EndUnderWay(ctx context.Context) error {
	r := kv.Prefix(room, "ends")
	for {
		var keys [][]byte
		var rows []endsRow
		if err := s.DB.View(ctx, func(tx kv.Tx) error {
			keys, rows = nil, nil
			for e, err := range tx.Scan(r) {
				if err != nil {
					return err
				}
				r.From = append(bytes.Clone(e.Key), 0)
				var row endsRow
				if err := kv.Decode(e.Value, &row); err != nil {
					return err
				}
				if row.Kind == accessKind || row.Kind == refreshKind {
					continue
				}
				keys, rows = append(keys, bytes.Clone(e.Key)), append(rows, row)
				if len(rows) == sweepStep {
					break
				}
			}
			return nil
		}); err != nil || len(rows) == 0 {
			return err
		}
		if err := s.DB.Update(ctx, func(tx kv.Tx) error {
			for i, row := range rows {
				if err := drop(tx, row.Kind, row.Mark, row.Grant); err != nil {
					return err
				}
				if err := tx.Delete(keys[i]); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
}
