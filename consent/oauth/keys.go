package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"jali/consent"
	"jali/internal/jose"
)

// registeredKeys are a client's public keys as they stand now.
type registeredKeys struct {
	raw json.RawMessage // the whole set, with what jose leaves out
	set jose.KeySet
}

// errKeysAway is a key set that its client's own server does not give out.
var errKeysAway = &refusal{status: http.StatusUnauthorized, code: "invalid_client", retryAfter: askAgain,
	description: "the client's keys could not be read at its jwks_uri; a public address must answer 200 with an acceptable key set of at most 64 KiB"}

// keysOf answers a client's keys, registered by value or by URL. A client that
// is unknown, or that needs none, has none: nothing it signs is good.
func (s *Server) keysOf(ctx context.Context, c consent.Client, now time.Time) (registeredKeys, error) {
	switch {
	case c.JWKSURI != "":
		return s.remote.keys(ctx, c, now, false)
	case len(c.JWKS) == 0:
		return registeredKeys{}, nil
	}
	set, err := s.keys.Parse(c.JWKS)
	if err != nil {
		return registeredKeys{}, serverError(err) // a registration is checked when it is made
	}
	return registeredKeys{c.JWKS, set}, nil
}

// newerKeysOf is keysOf for a key that is not among those: a set registered by
// URL is asked for again, if it was not just now.
func (s *Server) newerKeysOf(ctx context.Context, c consent.Client, now time.Time) (registeredKeys, error) {
	if c.JWKSURI == "" {
		return s.keysOf(ctx, c, now)
	}
	return s.remote.keys(ctx, c, now, true)
}

// verify checks a JWS of a client's against its keys, as [jose.Verify] does.
// One that names a key not known yet has the set fetched anew.
func (s *Server) verify(ctx context.Context, c consent.Client, compact string, want jose.Expect, now time.Time) (jose.Token, error) {
	keys, err := s.keysOf(ctx, c, now)
	if err != nil {
		return jose.Token{}, err
	}
	t, err := jose.Verify(compact, keys.set, want)
	if c.JWKSURI == "" || !errors.Is(err, jose.ErrSignature) || keys.hold(jose.KeyID(compact, want.MaxBytes)) {
		return t, err
	}
	if keys, err = s.newerKeysOf(ctx, c, now); err != nil {
		return jose.Token{}, err
	}
	return jose.Verify(compact, keys.set, want)
}

func (k registeredKeys) hold(id string) bool {
	return slices.ContainsFunc(k.set, func(one jose.PublicKey) bool { return one.ID() == id })
}
