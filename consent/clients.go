package consent

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"jali/internal/audit"
	"jali/internal/kv"
)

// AddClient registers a client, or says as [ErrClient] what about it is not
// acceptable. AliasShape is opaque where it is left out.
func (s *Service) AddClient(ctx context.Context, c Client) error {
	now, event := s.now(), rand.Text()
	return s.DB.Update(ctx, func(tx kv.Tx) error { return s.RegisterClient(tx, now, event, c) })
}

// RegisterClient is AddClient inside the transaction of what allows it. Package
// oauth alone calls it.
func (s *Service) RegisterClient(tx kv.Tx, now time.Time, event string, c Client) error {
	switch _, err := getClient(tx, c.ID); {
	case err == nil:
		return ErrClientExists
	case !errors.Is(err, ErrNoClient):
		return err
	}
	if c.AddedAt.IsZero() {
		c.AddedAt = now
	}
	if _, err := putClient(tx, c); err != nil {
		return err
	}
	return clientEvent(tx, now, event, audit.ClientAdded, c.ID)
}

func clientEvent(tx kv.Tx, now time.Time, event, verb string, id ClientID) error {
	return audit.Append(tx, audit.Event{ID: event, At: now, Client: string(id), Verb: verb, On: string(id)})
}

// PutClient is AddClient, but replaces a client of the same id. Since when it
// is registered, whether it is suspended and what it manages itself by stay as
// they are.
func (s *Service) PutClient(ctx context.Context, c Client) error {
	_, err := s.ReviseClient(ctx, c.ID, func(old Client) (Client, error) {
		put := c
		put.AddedAt, put.Suspended, put.Management = old.AddedAt, old.Suspended, old.Management
		return put, nil
	})
	if errors.Is(err, ErrNoClient) {
		return s.AddClient(ctx, c)
	}
	return err
}

// ReviseClient replaces a client by what revise makes of it, in one
// transaction, and answers that. revise may run again.
func (s *Service) ReviseClient(ctx context.Context, id ClientID, revise func(Client) (Client, error)) (Client, error) {
	now, event := s.now(), rand.Text()
	var c Client
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		old, err := getClient(tx, id)
		if err != nil {
			return err
		}
		if c, err = revise(old); err != nil {
			return err
		}
		c.ID = id
		if c, err = putClient(tx, c); err != nil {
			return err
		}
		return clientEvent(tx, now, event, audit.ClientChanged, id)
	})
	return c, err
}

func putClient(tx kv.Tx, c Client) (Client, error) {
	c = c.whole()
	if err := c.check(); err != nil {
		return Client{}, err
	}
	return c, kv.Store(tx, clientKey(c.ID), c)
}

// whole fills in what a registration may leave out.
func (c Client) whole() Client {
	if c.AliasShape == "" {
		c.AliasShape = "opaque"
	}
	return c
}

// Client answers a client, suspended or not. What it holds is shared with
// others who ask, and must not be changed.
func (s *Service) Client(ctx context.Context, id ClientID) (Client, error) {
	var c Client
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		var err error
		c, err = s.known.get(tx, id)
		return err
	})
	return c, err
}

// Clients answers the register, by id.
func (s *Service) Clients(ctx context.Context) ([]Client, error) {
	var list []Client
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		list = nil
		for row, err := range tx.Scan(kv.Prefix(room, "client")) {
			if err != nil {
				return err
			}
			var c Client
			if err := kv.Decode(row.Value, &c); err != nil {
				return err
			}
			list = append(list, c)
		}
		return nil
	})
	return list, err
}

// SuspendClient stops a client from asking and from using any grant, from the
// next request on, or lets it again.
func (s *Service) SuspendClient(ctx context.Context, id ClientID, suspended bool) error {
	now, event, verb := s.now(), rand.Text(), audit.ClientSuspended
	if !suspended {
		verb = audit.ClientReadmitted
	}
	return s.DB.Update(ctx, func(tx kv.Tx) error {
		c, err := getClient(tx, id)
		if err != nil {
			return err
		}
		c.Suspended = suspended
		if err := kv.Store(tx, clientKey(id), c); err != nil {
			return err
		}
		return clientEvent(tx, now, event, verb, id)
	})
}

// SetKeys replaces a client's public keys, or the address they were at. From then
// on they are in the operator's hands: a client that registered itself manages
// itself no longer, or whoever took its keys could take this back.
func (s *Service) SetKeys(ctx context.Context, id ClientID, jwks []byte) error {
	_, err := s.ReviseClient(ctx, id, func(c Client) (Client, error) {
		c.JWKS, c.JWKSURI, c.Management = bytes.Clone(jwks), "", nil
		return c, nil
	})
	return err
}

func getClient(tx kv.Tx, id ClientID) (Client, error) {
	var c Client
	ok, err := kv.Load(tx, clientKey(id), &c)
	if err == nil && !ok {
		err = ErrNoClient
	}
	return c, err
}

// knownClients remembers clients by their rows: every request needs its own,
// and reads it anew, but its JSON is parsed again only where it has changed.
type knownClients struct{ byID sync.Map } // of knownClient

type knownClient struct {
	row []byte
	Client
}

// get is getClient for who changes nothing in what it answers.
func (k *knownClients) get(tx kv.Tx, id ClientID) (Client, error) {
	row, err := tx.Get(clientKey(id))
	if err != nil {
		return Client{}, err
	}
	if row == nil {
		k.byID.Delete(id)
		return Client{}, ErrNoClient
	}
	if known, ok := k.byID.Load(id); ok && bytes.Equal(known.(knownClient).row, row) {
		return known.(knownClient).Client, nil
	}
	var c Client
	if err := kv.Decode(row, &c); err != nil {
		return Client{}, err
	}
	k.byID.Store(id, knownClient{bytes.Clone(row), c})
	return c, nil
}

func activeClient(tx kv.Tx, id ClientID) (Client, error) { return active(getClient(tx, id)) }

func active(c Client, err error) (Client, error) {
	if err == nil && c.Suspended {
		err = ErrSuspended
	}
	return c, err
}
