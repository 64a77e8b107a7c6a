package oauth

import (
	"context"
	"errors"
	"slices"

	"jali/internal/kv"
)

// EndUnderWay drops every pushed and decoupled request, code and invitation of
// a database that was put back by an older copy of itself: nobody knows which
// of them were used since. Tokens stay; they open what their grants do. It can
// be done any number of times.
func (s *Server) EndUnderWay(ctx context.Context) error {
	for rows, err := range kv.Batches(ctx, s.DB, kv.Prefix(room, "ends"), sweepStep) {
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(e kv.Entry) bool {
			k := endingKind(e.Key)
			return k == accessKind || k == refreshKind
		})
		if len(rows) == 0 {
			continue
		}
		if err := s.DB.Update(ctx, func(tx kv.Tx) error {
			for _, e := range rows {
				if err := errors.Join(tx.Delete(e.Key), tx.Delete(e.Value)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
