package openbanking

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"jali/connectors"
	"jali/internal/dial"
	"jali/internal/fault"
	"jali/internal/jose"
)

// learned is how long what a bank publishes of itself is kept; rekeyed is how
// soon its keys may be asked for again when a signature fits none of them.
const (
	learned = time.Hour
	rekeyed = time.Minute
)

type endpoints struct{ authorize, token, jwks string }

// discovery keeps what was learned of a bank. Callers that come while it is
// being learned each ask for themselves: it is one small document an hour.
type discovery struct {
	mu     sync.Mutex
	at     time.Time
	eps    endpoints
	keys   jose.KeySet
	keysAt time.Time
}

// endpoints answers those of the configuration, completed by OpenID Connect
// Discovery 1.0, whose issuer must be the one configured.
func (c *Connector) endpoints(ctx context.Context) (endpoints, error) {
	e := c.given
	if e.authorize != "" && e.token != "" && e.jwks != "" {
		return e, nil
	}
	c.found.mu.Lock()
	found, at := c.found.eps, c.found.at
	c.found.mu.Unlock()
	if now := c.now(); at.IsZero() || now.Sub(at) >= learned {
		body, err := c.fetch(ctx, strings.TrimSuffix(c.issuer, "/")+"/.well-known/openid-configuration")
		if err != nil {
			return e, err
		}
		if found, err = c.readDiscovery(body); err != nil {
			return e, connectors.ErrMalformed.Because(err)
		}
		c.found.mu.Lock()
		c.found.eps, c.found.at = found, now
		c.found.mu.Unlock()
	}
	for _, p := range []struct{ have, got *string }{{&e.authorize, &found.authorize}, {&e.token, &found.token}, {&e.jwks, &found.jwks}} {
		if *p.have == "" {
			*p.have = *p.got
		}
	}
	return e, nil
}

// readDiscovery reads a discovery document, which must be this issuer's.
func (c *Connector) readDiscovery(body []byte) (endpoints, error) {
	var doc struct {
		Issuer    string `json:"issuer"`
		Authorize string `json:"authorization_endpoint"`
		Token     string `json:"token_endpoint"`
		JWKS      string `json:"jwks_uri"`
	}
	if dial.JSON(body, &doc) != nil || doc.Issuer != c.issuer {
		return endpoints{}, fault.Cause("the discovery document is another issuer's")
	}
	for _, text := range []string{doc.Authorize, doc.Token, doc.JWKS} {
		if _, err := dial.Endpoint(text); err != nil {
			return endpoints{}, fault.Cause("the discovery document lacks an endpoint")
		}
	}
	return endpoints{doc.Authorize, doc.Token, doc.JWKS}, nil
}

// bankKeys answers the keys that the bank signs ID tokens with. again asks for
// newer ones, if what is kept is more than a minute old.
func (c *Connector) bankKeys(ctx context.Context, again bool) (jose.KeySet, error) {
	now := c.now()
	c.found.mu.Lock()
	keys, age := c.found.keys, now.Sub(c.found.keysAt)
	c.found.mu.Unlock()
	if keys != nil && age < learned && (!again || age < rekeyed) {
		return keys, nil
	}
	e, err := c.endpoints(ctx)
	if err != nil {
		return nil, err
	}
	body, err := c.fetch(ctx, e.jwks)
	if err != nil {
		return nil, err
	}
	if keys, err = jose.ParseKeySet(body); err != nil {
		return nil, connectors.ErrMalformed.Because(err)
	}
	c.found.mu.Lock()
	c.found.keys, c.found.keysAt = keys, now
	c.found.mu.Unlock()
	return keys, nil
}

// fetch reads a public document.
func (c *Connector) fetch(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, connectors.ErrMalformed.Because(fault.Cause("not an address"))
	}
	r.Header.Set("Accept", "application/json")
	a, err := c.sendThere(r)
	if err != nil {
		return nil, err
	}
	return a.Body, connectors.Answered(a.Status, a.RetryAfter(c.now()))
}
