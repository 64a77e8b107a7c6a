package consent

import (
	"context"
	"slices"

	"jali/internal/kv"
)

// Grants answers all of a person's grants, newest first; requests that were
// never decided are left out.
func (s *Service) Grants(ctx context.Context, p Session) ([]Grant, error) {
	now := s.now()
	var list []Grant
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		all, err := grantsOf(tx, p.Person)
		if err != nil {
			return err
		}
		list = nil
		for _, g := range all {
			if g.wasGiven() || g.State == Refused {
				g.Ticket = nil
				list = append(list, g.at(now))
			}
		}
		return nil
	})
	slices.SortStableFunc(list, func(a, b Grant) int { return b.DecidedAt.Compare(a.DecidedAt) })
	return list, err
}

// Evidence answers the assertion by which a person gave a grant.
func (s *Service) Evidence(ctx context.Context, p Session, id GrantID) (Evidence, error) {
	var e Evidence
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		g, err := getGrant(tx, id)
		if err != nil {
			return err
		}
		if g.Person != p.Person || !g.wasGiven() {
			return ErrNoGrant
		}
		if ok, err := kv.Load(tx, evidenceKey(id), &e); err != nil || ok {
			return err
		}
		return ErrNoGrant
	})
	return e, err
}

// grantsOf answers everything that was ever shown to a person and is still here.
func grantsOf(tx kv.Tx, person PersonID) ([]Grant, error) {
	var ids []GrantID
	for row, err := range tx.Scan(kv.Prefix(room, "person", person)) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, GrantID(row.Value))
	}
	list := make([]Grant, 0, len(ids))
	for _, id := range ids {
		g, err := getGrant(tx, id)
		if err != nil {
			return nil, err
		}
		list = append(list, g)
	}
	return list, nil
}
