package aggregate

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/audit"
	"jali/internal/deletion"
	"jali/internal/kv"
	"jali/internal/upstream"
)

// Disconnect forgets a connection, its accounts and what was imported for
// them, has its key destroyed, and then tells the source, if it wants to be
// told.
func (s *Service) Disconnect(ctx context.Context, p consent.Session, id string) error {
	now, event := s.now(), rand.Text()
	tell := func(context.Context) {}
	if l, err := s.link(ctx, p.Person, id); err != nil {
		return err
	} else if c, ok := s.Connectors.Find(l.Source); ok && !l.Imported {
		// Opened before its key goes. Who cannot be told loses nothing by it.
		if cred, err := s.openCredential(ctx, p.Person, l); err == nil {
			tell = func(ctx context.Context) { s.unlink(ctx, p.Person, c, cred) }
		}
	}
	err := s.DB.Update(ctx, func(tx kv.Tx) error { return s.disconnect(tx, now, event, p.Person, id) })
	s.memory.forget(p.Person)
	if err == nil {
		tell(context.WithoutCancel(ctx))
	}
	return err
}

// disconnect is the deed of Disconnect and its records.
func (s *Service) disconnect(tx kv.Tx, now time.Time, event string, p consent.PersonID, id string) error {
	var l link
	switch ok, err := kv.Load(tx, linkKey(p, id), &l); {
	case err != nil:
		return err
	case !ok:
		return ErrNoConnection
	}
	held, err := s.held(tx, p, func(link string) bool { return link == id })
	if err != nil {
		return err
	}
	if err := s.cut(tx, p, id); err != nil {
		return err
	}
	err = deletion.Note(tx, string(p), deletion.Deletion{ID: id, Of: deletion.Connection, At: now, Source: l.Source, Imported: l.Imported,
		Accounts: held.Accounts, Bills: held.Bills})
	if err != nil {
		return err
	}
	return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(p), Verb: audit.SourceUnlinked, On: id,
		Facts: map[string]string{"source": l.Source}})
}

// Holding is how much is kept of a person.
type Holding struct{ Connections, Accounts, Bills int }

// Held counts what a person's leaving deletes, in its transaction.
func (s *Service) Held(tx kv.Tx, p consent.PersonID) (Holding, error) {
	h, err := s.held(tx, p, func(string) bool { return true })
	if err != nil {
		return Holding{}, err
	}
	links, err := rowsOf[link](tx, kv.Prefix("aggregate", "connection", p))
	h.Connections = len(links)
	return h, err
}

// held counts accounts, and the bills that files brought, of some connections.
func (s *Service) held(tx kv.Tx, p consent.PersonID, of func(link string) bool) (h Holding, err error) {
	pots, err := rowsOf[pot](tx, kv.Prefix("aggregate", "account", p))
	if err != nil {
		return Holding{}, err
	}
	for _, a := range pots {
		if !of(a.Link) {
			continue
		}
		n, err := s.Ledger.Count(tx, string(p), string(a.ID))
		if err != nil {
			return Holding{}, err
		}
		h.Accounts, h.Bills = h.Accounts+1, h.Bills+n
	}
	return h, nil
}

// cut removes all that belongs to a connection and has its key destroyed.
func (s *Service) cut(tx kv.Tx, p consent.PersonID, id string) error {
	pots, err := rowsOf[pot](tx, kv.Prefix("aggregate", "account", p))
	if err != nil {
		return err
	}
	for _, a := range pots {
		if a.Link != id {
			continue
		}
		if err := s.forget(tx, p, a.ID); err != nil {
			return err
		}
	}
	waiting, err := rowsOf[upload](tx, kv.Prefix("aggregate", "upload", p))
	if err != nil {
		return err
	}
	for _, u := range waiting {
		if u.Into != id {
			continue
		}
		if err := s.dropUpload(tx, u); err != nil {
			return err
		}
	}
	if err := s.tearShown(tx, p, id); err != nil {
		return err
	}
	if err := hush(tx, p, id); err != nil {
		return err
	}
	if err := tx.Delete(readingKey(p, id)); err != nil {
		return err
	}
	if err := tx.Delete(linkKey(p, id)); err != nil {
		return err
	}
	return s.Vault.PartEnds(tx, string(p), id)
}

// Parting opens the credentials of a person who is about to leave: afterwards
// neither they nor their keys are there. tell tells every source that wants to
// be told, side by side, until its context ends, and logs who was not.
func (s *Service) Parting(ctx context.Context, p consent.Session) (tell func(context.Context), err error) {
	var links []link
	err = s.DB.View(ctx, func(tx kv.Tx) (err error) {
		links, err = rowsOf[link](tx, kv.Prefix("aggregate", "connection", p.Person))
		return err
	})
	if err != nil {
		return nil, err
	}
	var each []func(context.Context)
	for _, l := range links {
		if l.Imported {
			continue
		}
		c, ok := s.Connectors.Find(l.Source)
		if !ok {
			continue
		}
		if _, ok := c.(connectors.Unlinker); !ok {
			continue
		}
		cred, err := s.openCredential(ctx, p.Person, l)
		if err != nil {
			s.log().WarnContext(ctx, "a source will not be told of an unlink", "source", l.Source, "code", code(err))
			continue
		}
		each = append(each, func(ctx context.Context) { s.unlink(ctx, p.Person, c, cred) })
	}
	return func(ctx context.Context) {
		var all sync.WaitGroup
		for _, one := range each {
			all.Go(func() { one(ctx) })
		}
		all.Wait()
	}, nil
}

// unlink tells a source that the person has gone. Nothing depends on it.
func (s *Service) unlink(ctx context.Context, p consent.PersonID, c connectors.Connector, cred connectors.Credential) {
	u, ok := c.(connectors.Unlinker)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.deadline())
	defer cancel()
	_, err := upstream.Write(ctx, s.pool(), c.Source(), string(p), func(ctx context.Context) (struct{}, error) { return struct{}{}, u.Unlink(ctx, cred) })
	if err != nil {
		s.log().WarnContext(ctx, "a source was not told of an unlink", "source", c.Source().ID, "code", code(err))
	}
}
