package oauth

import (
	"bytes"
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
		for e, err := range tx.Scan(ended) {
			if err != nil {
				return err
			}
			if keys = append(keys, bytes.Clone(e.Key), bytes.Clone(e.Value)); len(keys) == 2*sweepStep {
				break
			}
		}
		due = len(keys) / 2
		for _, key := range keys {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
	return due, err
}
