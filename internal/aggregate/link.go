package aggregate

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/audit"
	"jali/internal/kv"
	"jali/internal/secret"
	"jali/internal/upstream"
)

const linkingLife = 10 * time.Minute

// linking is a link under way.
type linking struct {
	Session string    `json:"session"`
	Source  string    `json:"source"`
	Part    string    `json:"part"` // the connection's, if there comes to be one
	Until   time.Time `json:"until"`
	Sealed  []byte    `json:"sealed"`
}

// kept is what is sealed of it.
type kept struct {
	URL      string `json:"url"`
	Redirect string `json:"redirect"`
	Keep     []byte `json:"keep"`
}

// Connections answers a person's connections, oldest first.
func (s *Service) Connections(ctx context.Context, p consent.Session) ([]Connection, error) {
	var links []link
	err := s.DB.View(ctx, func(tx kv.Tx) (err error) {
		links, err = rowsOf[link](tx, kv.Prefix("aggregate", "connection", p.Person))
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(links, func(a, b link) int { return a.LinkedAt.Compare(b.LinkedAt) })
	all := make([]Connection, 0, len(links))
	for _, l := range links {
		all = append(all, s.connection(l))
	}
	return all, nil
}

func (s *Service) connection(l link) Connection {
	state := "healthy"
	if l.NeedsPerson {
		state = "needs_person"
	}
	return Connection{ID: l.ID, Source: s.source(l), Imported: l.Imported, State: state, LinkedAt: l.LinkedAt, Covers: hull(l.Covers)}
}

// source answers what is known of a connection's source: by its connector, by
// its files, or, where its connector is not configured any more, its id.
func (s *Service) source(l link) Source {
	if c, ok := s.Connectors.Find(l.Source); ok {
		return c.Source()
	}
	if l.Called != nil {
		return Source{ID: l.Source, Name: l.Called.Name, Kind: l.Called.Kind}
	}
	return Source{ID: l.Source, Name: connectors.Name{ZH: l.Source, EN: l.Source}}
}

// Accounts answers what a person can tick, from what is stored: no source is asked.
func (s *Service) Accounts(ctx context.Context, p consent.Session) ([]OwnAccount, error) {
	all, err := s.load(ctx, p.Person)
	if err != nil {
		return nil, err
	}
	var list []OwnAccount
	for _, k := range all {
		for _, a := range k.accounts {
			list = append(list, s.own(k.link, a))
		}
	}
	return list, nil
}

func (s *Service) own(l link, a account) OwnAccount {
	return OwnAccount{ID: a.ID, Source: s.source(l), Kind: a.Kind, Side: a.Side, Name: a.Name, Named: a.Named, Tail: a.tail(), Called: a.Called,
		Imported: l.Imported, Covers: a.Covers}
}

// BeginLink answers where to send the browser; the source sends it back to
// returnURL. The link belongs to the session that began it, for ten minutes.
func (s *Service) BeginLink(ctx context.Context, p consent.Session, source, returnURL string) (string, error) {
	c, ok := s.Connectors.Find(source)
	if !ok {
		return "", ErrNoSource
	}
	linker, ok := c.(connectors.Linker)
	if !ok {
		return "", ErrNoSource
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random)
	state := hex.EncodeToString(random) // letters and digits alone: not every source takes others
	ctx, cancel := context.WithTimeout(ctx, s.deadline())
	defer cancel()
	begun, err := upstream.Write(ctx, s.pool(), c.Source(), string(p.Person), func(ctx context.Context) (connectors.Linking, error) { return linker.Begin(ctx, state, returnURL) })
	if err != nil {
		return "", err
	}
	id := stateID(state)
	row := linking{Session: p.ID, Source: source, Until: s.now().Add(linkingLife)}
	if row.Part, err = s.draft(ctx, p.Person, row.Until); err != nil {
		return "", err
	}
	row.Sealed, err = s.seal(ctx, "linking", p.Person, row.Part, id, kept{URL: begun.URL, Redirect: begun.RedirectURI, Keep: begun.Keep.Reveal()})
	if err != nil {
		return "", err
	}
	err = s.DB.Update(ctx, func(tx kv.Tx) error { return kv.Store(tx, linkingKey(p.Person, id), row) })
	if err != nil {
		return "", err
	}
	return begun.URL, nil
}

func stateID(state string) string {
	h := sha256.Sum256([]byte(state))
	return hex.EncodeToString(h[:])
}

func linkingKey(p consent.PersonID, id string) []byte { return kv.Key("aggregate", "linking", p, id) }

// FinishLink takes what the source sent back. Its state is used up whether the
// link succeeds or not; nothing is stored unless the source then tells its
// accounts. A person who links what they have linked before keeps the
// connection and the accounts' ids.
func (s *Service) FinishLink(ctx context.Context, p consent.Session, query url.Values) (_ Connection, err error) {
	row, under, err := s.claim(ctx, p, query)
	if err != nil {
		return Connection{}, err
	}
	defer func() {
		if err != nil {
			s.abandoned(ctx, p.Person, row.Part)
		}
	}()
	c, ok := s.Connectors.Find(row.Source)
	if !ok {
		return Connection{}, ErrNoSource
	}
	linker, ok := c.(connectors.Linker)
	if !ok {
		return Connection{}, ErrNoSource
	}
	asking, cancel := context.WithTimeout(ctx, 2*s.deadline()) // two calls and more, once
	defer cancel()
	cred, err := upstream.Write(asking, s.pool(), c.Source(), string(p.Person), func(ctx context.Context) (connectors.Credential, error) { return linker.Finish(ctx, under, query) })
	if err != nil {
		return Connection{}, err
	}
	found, err := upstream.Read(asking, s.pool(), c.Source(), string(p.Person), func(ctx context.Context) ([]connectors.Account, error) { return c.Accounts(ctx, cred) })
	if err == nil && len(found) == 0 {
		err = connectors.ErrMalformed
	}
	if err != nil {
		s.unlink(context.WithoutCancel(ctx), p.Person, c, cred)
		return Connection{}, err
	}
	l, err := s.keep(ctx, p, row, cred, found)
	if err != nil {
		return Connection{}, err
	}
	return s.connection(l), nil
}

// claim takes the link that query's state names, once. A state of another
// session is not used up: only who began it may do that.
func (s *Service) claim(ctx context.Context, p consent.Session, query url.Values) (linking, connectors.Linking, error) {
	states := query["state"]
	if len(states) != 1 {
		return linking{}, connectors.Linking{}, ErrNoLinking
	}
	id, now := stateID(states[0]), s.now()
	var row linking
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		row = linking{}
		switch ok, err := kv.Load(tx, linkingKey(p.Person, id), &row); {
		case err != nil:
			return err
		case !ok || row.Session != p.ID || !now.Before(row.Until):
			return ErrNoLinking
		}
		return tx.Delete(linkingKey(p.Person, id))
	})
	if err != nil {
		return linking{}, connectors.Linking{}, err
	}
	var k kept
	if err := s.open(ctx, "linking", p.Person, row.Part, id, row.Sealed, &k); err != nil {
		return linking{}, connectors.Linking{}, err
	}
	return row, connectors.Linking{URL: k.URL, RedirectURI: k.Redirect, Keep: secret.New(k.Keep)}, nil
}

// keep stores a connection with its accounts and the audit event in one
// transaction. Who meets another link of the same accounts begins again.
func (s *Service) keep(ctx context.Context, p consent.Session, begun linking, cred connectors.Credential, found []connectors.Account) (link, error) {
	for range 3 {
		l, err := s.tryKeep(ctx, p, begun, cred, found)
		if !errors.Is(err, errRaced) {
			return l, err
		}
	}
	return link{}, errRaced
}

func (s *Service) tryKeep(ctx context.Context, p consent.Session, begun linking, cred connectors.Credential, found []connectors.Account) (link, error) {
	now, event, source := s.now(), rand.Text(), begun.Source
	before, err := s.linkedBefore(ctx, p.Person, source, found)
	if err != nil {
		return link{}, err
	}
	id := cmp.Or(before, begun.Part)
	l := link{ID: id, Source: source, LinkedAt: now}
	l.Credential, err = s.sealCredential(ctx, p.Person, id, cred)
	var pots []named
	if err == nil {
		pots, err = s.potsOf(ctx, p.Person, id, source, found)
	}
	switch {
	case errors.Is(err, ErrNoConnection) && before != "":
		return link{}, errRaced // disconnected since we looked
	case errors.Is(err, ErrNoConnection):
		return link{}, ErrNoLinking // abandoned: it took too long
	case err != nil:
		return link{}, err
	}
	err = s.DB.Update(ctx, func(tx kv.Tx) error {
		if err := s.become(tx, p.Person, before, begun.Part); err != nil {
			return err
		}
		if err := kv.Store(tx, linkKey(p.Person, id), l); err != nil {
			return err
		}
		if err := s.settle(tx, p.Person, id, pots); err != nil {
			return err
		}
		return audit.Append(tx, audit.Event{ID: event, At: now, Person: string(p.Person), Verb: audit.SourceLinked, On: id,
			Facts: map[string]string{"source": source, "accounts": strconv.Itoa(len(pots))}})
	})
	s.memory.forget(p.Person)
	return l, err
}

// become makes a connection out of a draft, or ends that where the person has
// had the connection before.
func (s *Service) become(tx kv.Tx, p consent.PersonID, before, part string) error {
	if before == "" {
		return adopt(tx, p, part)
	}
	if b, err := tx.Get(linkKey(p, before)); err != nil {
		return err
	} else if b == nil {
		return errRaced
	}
	if err := hush(tx, p, before); err != nil {
		return err
	}
	return s.abandon(tx, p, part)
}

// linkedBefore answers the connection that already holds one of found.
func (s *Service) linkedBefore(ctx context.Context, p consent.PersonID, source string, found []connectors.Account) (id string, err error) {
	err = s.DB.View(ctx, func(tx kv.Tx) error {
		id = ""
		for _, f := range found {
			account, err := tx.Get(s.refKey(p, source, f.Ref.ID.RevealString()))
			if err != nil || account == nil {
				if err != nil {
					return err
				}
				continue
			}
			var a pot
			if ok, err := kv.Load(tx, potKey(p, consent.AccountID(account)), &a); err != nil || !ok {
				return err
			}
			id = a.Link
			return nil
		}
		return nil
	})
	return id, err
}

func (s *Service) sealCredential(ctx context.Context, p consent.PersonID, link string, c connectors.Credential) ([]byte, error) {
	return s.seal(ctx, "credential", p, link, link, c.Reveal())
}

func (s *Service) openCredential(ctx context.Context, p consent.PersonID, l link) (connectors.Credential, error) {
	var b []byte
	if err := s.open(ctx, "credential", p, l.ID, l.ID, l.Credential, &b); err != nil {
		return connectors.Credential{}, err
	}
	return secret.New(b), nil
}
