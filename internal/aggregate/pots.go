package aggregate

import (
	"bytes"
	"context"
	"crypto/rand"
	"slices"

	"jali/connectors"
	"jali/consent"
	"jali/internal/fault"
	"jali/internal/kv"
)

// named is a pot and the key it is found by.
type named struct {
	pot
	ref []byte
}

// potsOf makes the rows of found accounts, sealed for a connection; those that
// are known keep their id.
func (s *Service) potsOf(ctx context.Context, p consent.PersonID, link, source string, found []connectors.Account) ([]named, error) {
	ids := make([]consent.AccountID, len(found))
	refs := make([][]byte, len(found))
	for i, f := range found {
		refs[i] = s.refKey(p, source, f.Ref.ID.RevealString())
	}
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		for i := range found {
			b, err := tx.Get(refs[i])
			if err != nil {
				return err
			}
			ids[i] = consent.AccountID(bytes.Clone(b))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var pots []named
	for i, f := range found {
		if slices.ContainsFunc(pots, func(n named) bool { return bytes.Equal(n.ref, refs[i]) }) {
			continue
		}
		if ids[i] == "" {
			ids[i] = consent.AccountID(rand.Text())
		}
		sealed, err := s.seal(ctx, "account", p, link, string(ids[i]), plate{
			Ref: f.Ref.ID.RevealString(), Number: f.Number.RevealString(), Name: f.Name,
		})
		if err != nil {
			return nil, err
		}
		pots = append(pots, named{pot{ID: ids[i], Link: link, Source: source, Kind: f.Kind, Side: f.Side, Currency: f.Currency, Sealed: sealed}, refs[i]})
	}
	return pots, nil
}

// errRaced is something that somebody else changed meanwhile: an account that got
// its id, a grant that was narrowed.
var errRaced = &fault.Error{Kind: fault.Conflict, Code: "conflict", Detail: "something changed meanwhile; try again"}

// settle writes a connection's accounts, and marks those that its source does
// not list any more. A connection that it has taken the last account from ends.
func (s *Service) settle(tx kv.Tx, p consent.PersonID, link string, pots []named) error {
	before, err := rowsOf[pot](tx, kv.Prefix("aggregate", "account", p))
	if err != nil {
		return err
	}
	emptied := map[string]bool{}
	for _, n := range pots {
		switch id, err := tx.Get(n.ref); {
		case err != nil:
			return err
		case id != nil && string(id) != string(n.ID):
			return errRaced
		}
		i := slices.IndexFunc(before, func(b pot) bool { return b.ID == n.ID })
		if i >= 0 && before[i].Link != link {
			emptied[before[i].Link] = true
			before[i].Link = link
		}
		if err := kv.Store(tx, potKey(p, n.ID), n.pot); err != nil {
			return err
		}
		if err := tx.Put(n.ref, []byte(n.ID)); err != nil {
			return err
		}
	}
	for _, b := range before {
		delete(emptied, b.Link) // still holds one
		if b.Link != link || b.Gone || slices.ContainsFunc(pots, func(n named) bool { return n.ID == b.ID }) {
			continue
		}
		b.Gone = true
		if err := kv.Store(tx, potKey(p, b.ID), b); err != nil {
			return err
		}
	}
	for l := range emptied {
		if err := s.cut(tx, p, l); err != nil {
			return err
		}
	}
	return nil
}

// forget removes an account and what was imported for it.
func (s *Service) forget(tx kv.Tx, p consent.PersonID, id consent.AccountID) error {
	if err := tx.Delete(potKey(p, id)); err != nil {
		return err
	}
	var refs [][]byte
	for e, err := range tx.Scan(kv.Prefix("aggregate", "ref", p)) {
		if err != nil {
			return err
		}
		if string(e.Value) == string(id) {
			refs = append(refs, bytes.Clone(e.Key))
		}
	}
	for _, k := range refs {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return s.Ledger.Forget(tx, string(p), string(id))
}
