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

// All answers every request and grant of everybody, newest first, and reads all
// there is: for a house that a developer looks into.
func (s *Service) All(ctx context.Context) ([]Grant, error) {
	now := s.now()
	var list []Grant
	for rows, err := range kv.Batches(ctx, s.DB, kv.Prefix(room, "grant"), sweepBatch) {
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			var g Grant
			if err := kv.Decode(row.Value, &g); err != nil {
				return nil, err
			}
			g.Ticket, g.Pending = nil, nil
			list = append(list, g.at(now))
		}
	}
	slices.SortStableFunc(list, func(a, b Grant) int { return b.PushedAt.Compare(a.PushedAt) })
	return list, nil
}

// Evidence answers the assertion of the last yes to a grant.
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
		if ok, err := kv.Load(tx, evidenceKey(id, g.Revision), &e); err != nil || ok {
			return err
		}
		return ErrNoGrant
	})
	return e, err
}

// Record answers what a receipt of a grant or of its end is made of:
// the grant in any state after given, and the evidence of each yes, oldest
// first.
func (s *Service) Record(ctx context.Context, p Session, id GrantID) (Grant, []Evidence, error) {
	now := s.now()
	var (
		g    Grant
		said []Evidence
	)
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		var err error
		if g, err = getGrant(tx, id); err != nil {
			return err
		}
		if g.Person != p.Person || p.Person == "" || !g.wasGiven() {
			return ErrNoGrant
		}
		said = nil
		for row, err := range tx.Scan(kv.Prefix(room, "evidence", id)) {
			if err != nil {
				return err
			}
			var e Evidence
			if err := kv.Decode(row.Value, &e); err != nil {
				return err
			}
			said = append(said, e)
		}
		return nil
	})
	if err != nil {
		return Grant{}, nil, err
	}
	g.Ticket = nil
	return g.at(now), said, nil
}

// grantsOf answers everything that was ever put before a person and is still here.
func grantsOf(tx kv.Tx, person PersonID) ([]Grant, error) {
	return grantsIn(tx, kv.Prefix(room, "person", person))
}
