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
		if err := s.DB.View(ctx, func(tx kv.Tx) error {
			keys = nil
			for e, err := range tx.Scan(r) {
				if err != nil {
					return err
				}
				r.From = append(bytes.Clone(e.Key), 0)
				if k := endingKind(e.Key); k == accessKind || k == refreshKind {
					continue
				}
				if keys = append(keys, bytes.Clone(e.Key), bytes.Clone(e.Value)); len(keys) == 2*sweepStep {
					break
				}
			}
			return nil
		}); err != nil || len(keys) == 0 {
			return err
		}
		if err := s.DB.Update(ctx, func(tx kv.Tx) error {
			for _, key := range keys {
				if err := tx.Delete(key); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
}
