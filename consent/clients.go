package consent

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
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
	return s.clientEvent(tx, now, event, audit.ClientAdded, c.ID)
}

// clientEvent records what was done with the register, and tells the hooks of
// a change in it.
func (s *Service) clientEvent(tx kv.Tx, now time.Time, event, verb string, id ClientID) error {
	if verb != audit.ClientAdded {
		if err := s.registered(tx, id); err != nil {
			return err
		}
	}
	return audit.Append(tx, audit.Event{ID: event, At: now, Client: string(id), Verb: verb, On: string(id)})
}

func (s *Service) registered(tx kv.Tx, id ClientID) error {
	for _, registered := range s.Registered {
		if err := registered(tx, id); err != nil {
			return err
		}
	}
	return nil
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
// transaction, and answers that. revise may run again, and writes through
// nothing that it is given.
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
		return s.clientEvent(tx, now, event, audit.ClientChanged, id)
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
		c, err = getClient(tx, id)
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
		return s.clientEvent(tx, now, event, verb, id)
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

// clientRows are remembered as they are stored: every request needs its client's.
var clientRows kv.Known[Client]

func getClient(tx kv.Tx, id ClientID) (Client, error) {
	c, ok, err := clientRows.Load(tx, clientKey(id))
	if err == nil && !ok {
		err = ErrNoClient
	}
	return c, err
}

func activeClient(tx kv.Tx, id ClientID) (Client, error) {
	c, err := getClient(tx, id)
	if err == nil && c.Suspended {
		err = ErrSuspended
	}
	return c, err
}
