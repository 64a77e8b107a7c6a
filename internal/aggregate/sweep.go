package aggregate

import (
	"bytes"
	"context"
	"crypto/rand"
	"strconv"
	"time"

	"jali/consent"
	"jali/internal/deletion"
	"jali/internal/kv"
)

// GrantEnded removes the views of a grant that may not be read any more. An
// exhausted one still reads what it opened. What a revocation closes before its
// time is noted: without its record a view's key is gone, which was stored
// nowhere else than with the client, and in no backup.
func (s *Service) GrantEnded(tx kv.Tx, g consent.Grant, _ bool) error {
	if g.State == consent.Exhausted {
		return nil
	}
	open, err := s.tearAll(tx, kv.Prefix("aggregate", "view_of", g.Person, g.ID), g.EndedAt)
	if err != nil || open == 0 || g.State != consent.Revoked {
		return err
	}
	return deletion.Note(tx, string(g.Person), deletion.Deletion{ID: "views-" + string(g.ID), Of: deletion.Views, At: g.EndedAt, Destroyed: g.EndedAt,
		Client: string(g.Client), Grant: string(g.ID), Views: open})
}

// GrantChanged removes the views of a grant that now opens less: whoever opens
// one again, under the same key, is shown what is left of it for the same use.
func (s *Service) GrantChanged(tx kv.Tx, was, is consent.Grant) error {
	if !is.Narrower(was) {
		return nil
	}
	_, err := s.tearAll(tx, kv.Prefix("aggregate", "view_of", is.Person, is.ID), time.Time{})
	return err
}

// tearAll answers how many of the views could be read at a moment: of the
// others there was nothing left but that they had been there.
func (s *Service) tearAll(tx kv.Tx, r kv.Range, at time.Time) (open int, err error) {
	hashes, err := rowsOf[string](tx, r)
	if err != nil {
		return 0, err
	}
	for _, h := range hashes {
		var row shelved
		if _, err := kv.Load(tx, viewKey(h), &row); err != nil {
			return 0, err
		}
		if at.Before(row.Until) && !row.Unfinished {
			open++
		}
		if err := s.tear(tx, h); err != nil {
			return 0, err
		}
	}
	return open, nil
}

// PersonLeaves removes connections, accounts, uploads and views.
func (s *Service) PersonLeaves(tx kv.Tx, person consent.PersonID) error {
	if _, err := s.tearAll(tx, kv.Prefix("aggregate", "view_of", person), time.Time{}); err != nil {
		return err
	}
	for _, room := range []string{"connection", "account", "ref", "linking", "upload", "upload_part", "draft", "seen", "reading", "telling"} {
		if err := drop(tx, kv.Prefix("aggregate", room, person)); err != nil {
			return err
		}
	}
	s.memory.forget(person)
	return nil
}

const sweepBatch = 64

// Sweep removes what has lapsed: remembered looks, views after ten minutes and
// their graves after a day, links under way, staged files and the keys of both,
// marks of looks; and tells clients of connections. It works in small transactions.
func (s *Service) Sweep(ctx context.Context) error {
	s.memory.sweep(s.now())
	for {
		more, err := s.sweepViews(ctx)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	now := s.now()
	if err := s.Ledger.Sweep(ctx, now); err != nil {
		return err
	}
	for _, room := range []string{"linking", "upload", "draft", "seen", "telling"} {
		if err := s.sweepRoom(ctx, room, now); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) sweepViews(ctx context.Context) (more bool, err error) {
	now := s.now()
	due := kv.Range{From: kv.Prefix("aggregate", "view_due").From, To: kv.Key("aggregate", "view_due", now.Add(time.Microsecond))}
	err = s.DB.Update(ctx, func(tx kv.Tx) error {
		var rows []kv.Entry
		for e, err := range tx.Scan(due) {
			if err != nil {
				return err
			}
			rows = append(rows, kv.Entry{Key: bytes.Clone(e.Key), Value: bytes.Clone(e.Value)})
			if len(rows) == sweepBatch {
				break
			}
		}
		more = len(rows) == sweepBatch
		for _, e := range rows {
			var hash string
			if err := kv.Decode(e.Value, &hash); err != nil {
				return err
			}
			if err := tx.Delete(e.Key); err != nil {
				return err
			}
			if err := s.bury(tx, hash, now); err != nil {
				return err
			}
		}
		return nil
	})
	return more, err
}

// bury removes what a view held, and a day later that it was there.
func (s *Service) bury(tx kv.Tx, hash string, now time.Time) error {
	var row shelved
	ok, err := kv.Load(tx, viewKey(hash), &row)
	if err != nil || !ok || now.Before(row.Until) {
		return err
	}
	grave := row.Until.Add(graveLife)
	if !now.Before(grave) {
		return s.tear(tx, hash)
	}
	if err := drop(tx, kv.Prefix("aggregate", "view_part", hash)); err != nil {
		return err
	}
	return kv.Store(tx, dueKey(grave, hash), hash)
}

// lapsing is what rows that lapse have in common; the rest is of uploads, drafts
// and what is to be told.
type lapsing struct {
	Until  time.Time        `json:"until"`
	Person consent.PersonID `json:"person"`
	ID     string           `json:"id"`
	Part   string           `json:"part"`
	Grant  consent.GrantID  `json:"grant"`
}

// sweepRoom removes rows whose own "until" has passed.
func (s *Service) sweepRoom(ctx context.Context, room string, now time.Time) error {
	var keys [][]byte
	var rows []lapsing
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		keys, rows = nil, nil
		for e, err := range tx.Scan(kv.Prefix("aggregate", room)) {
			if err != nil {
				return err
			}
			var row lapsing
			if err := kv.Decode(e.Value, &row); err != nil {
				return err
			}
			if !now.Before(row.Until) {
				keys, rows = append(keys, bytes.Clone(e.Key)), append(rows, row)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for from := 0; from < len(keys); from += sweepBatch {
		to, event := min(from+sweepBatch, len(keys)), rand.Text()
		err := s.DB.Update(ctx, func(tx kv.Tx) error {
			for i := from; i < to; i++ {
				var err error
				switch l := rows[i]; room {
				case "upload":
					err = s.dropUpload(tx, upload{Person: l.Person, ID: l.ID, Part: l.Part})
				case "draft":
					err = s.abandon(tx, l.Person, l.Part)
				case "telling":
					err = s.tellLate(tx, now, event+"-"+strconv.Itoa(i), telling{l.Until, l.Person, l.Part, l.Grant})
				default:
					err = tx.Delete(keys[i])
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
