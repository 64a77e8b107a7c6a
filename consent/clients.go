package consent

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"jali/internal/kv"
)

const (
	maxRedirects = 16
	maxName      = 60 // runes
)

// AddClient registers a client, or says as [ErrClient] what about it is not
// acceptable. AliasShape is opaque where it is left out.
func (s *Service) AddClient(ctx context.Context, c Client) error {
	return s.register(ctx, c, func(Client) (Client, error) { return Client{}, ErrClientExists })
}

// PutClient is AddClient, but replaces a client of the same id. Since when it
// is registered and whether it is suspended stay as they are.
func (s *Service) PutClient(ctx context.Context, c Client) error {
	return s.register(ctx, c, func(old Client) (Client, error) {
		c := c
		c.AddedAt, c.Suspended = old.AddedAt, old.Suspended
		return c, nil
	})
}

func (s *Service) register(ctx context.Context, c Client, instead func(old Client) (Client, error)) error {
	if c.AddedAt.IsZero() {
		c.AddedAt = s.now()
	}
	c = c.whole()
	if err := c.check(); err != nil {
		return err
	}
	return s.DB.Update(ctx, func(tx kv.Tx) error {
		put := c
		old, err := getClient(tx, c.ID)
		switch {
		case err == nil:
			put, err = instead(old)
		case errors.Is(err, ErrNoClient):
			err = nil
		}
		if err != nil {
			return err
		}
		return kv.Store(tx, clientKey(c.ID), put.whole())
	})
}

// whole fills in what a registration may leave out.
func (c Client) whole() Client {
	if c.AliasShape == "" {
		c.AliasShape = "opaque"
	}
	return c
}

// Client answers a client, suspended or not.
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
	return s.changeClient(ctx, id, func(c *Client) { c.Suspended = suspended })
}

// SetKeys replaces a client's public keys.
func (s *Service) SetKeys(ctx context.Context, id ClientID, jwks []byte) error {
	if err := CheckKeys(jwks); err != nil {
		return err
	}
	return s.changeClient(ctx, id, func(c *Client) { c.JWKS = bytes.Clone(jwks) })
}

func (s *Service) changeClient(ctx context.Context, id ClientID, change func(*Client)) error {
	return s.DB.Update(ctx, func(tx kv.Tx) error {
		c, err := getClient(tx, id)
		if err != nil {
			return err
		}
		change(&c)
		return kv.Store(tx, clientKey(id), c)
	})
}

func getClient(tx kv.Tx, id ClientID) (Client, error) {
	var c Client
	ok, err := kv.Load(tx, clientKey(id), &c)
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

func (c Client) check() error {
	const idChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	switch {
	case c.ID == "" || len(c.ID) > 128 || strings.Trim(string(c.ID), idChars) != "":
		return ErrClient.Saying("an id has 1 to 128 letters, digits or -._~")
	case !plainName(c.Name.ZH) || !plainName(c.Name.EN):
		return ErrClient.Saying("a client has a name in Chinese and one in English, at most 60 characters, without control characters")
	case c.AliasShape != "opaque" && c.AliasShape != "card" && c.AliasShape != "iban":
		return ErrClient.Saying("the alias shape is opaque, card or iban")
	case len(c.RedirectURIs) == 0 || len(c.RedirectURIs) > maxRedirects:
		return ErrClient.Saying("a client has 1 to 16 redirect URIs")
	}
	for _, u := range c.RedirectURIs {
		if !redirectable(u) {
			return ErrClient.Saying("a redirect URI is absolute, has no fragment and no user, and is https, or http on this machine's own address")
		}
	}
	return CheckKeys(c.JWKS)
}

// plainName holds nothing that makes a name look like another one's surroundings:
// no controls, no line breaks, no marks that turn the direction of writing.
func plainName(s string) bool {
	return s != "" && s == strings.TrimSpace(s) && utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxName &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// redirectable follows RFC 9700, section 2.1, and RFC 8252, section 7.3.
func redirectable(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || len(raw) > 2000 || u.Host == "" || u.Hostname() == "" || u.User != nil || u.Opaque != "" ||
		strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == '#' || r == '*' || r == '\\' || r >= 0x7f }) {
		return false
	}
	switch u.Scheme {
	case "https":
		return true
	case "http":
		ip, err := netip.ParseAddr(u.Hostname())
		return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
	}
	return false
}
