package openbanking

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"jali/connectors"
	"jali/internal/dial"
	"jali/internal/fault"
)

func (c *Connector) sign(claims map[string]any) (string, error) {
	signed, err := c.key.Sign(map[string]any{"typ": "JWT", "kid": c.keyID}, claims)
	if err != nil {
		return "", fmt.Errorf("openbanking: sign: %w", err)
	}
	return signed, nil
}

// ownToken is ours, not a person's: it opens consents (client_credentials).
func (c *Connector) ownToken(ctx context.Context, e endpoints) (string, error) {
	t, err := c.token(ctx, e, url.Values{"grant_type": {"client_credentials"}, "scope": {"accounts"}})
	return t.Access, ours(err)
}

type tokens struct {
	Access    string      `json:"access_token"`
	Type      string      `json:"token_type"`
	ExpiresIn json.Number `json:"expires_in"`
	Refresh   string      `json:"refresh_token"`
	ID        string      `json:"id_token"`
	until     int64
}

// token calls the token endpoint, authenticated by private_key_jwt (RFC 7523,
// section 2.2).
func (c *Connector) token(ctx context.Context, e endpoints, form url.Values) (tokens, error) {
	now := c.now()
	assertion, err := c.sign(map[string]any{"iss": c.clientID, "sub": c.clientID, "aud": e.token,
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": rand.Text()})
	if err != nil {
		return tokens{}, err
	}
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", assertion)
	form.Set("client_id", c.clientID)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.token, strings.NewReader(form.Encode()))
	if err != nil {
		return tokens{}, connectors.ErrMalformed.Because(fault.Cause("not an address"))
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	a, err := c.sendThere(r)
	if err != nil {
		return tokens{}, err
	}
	if a.Status == http.StatusBadRequest || a.Status == http.StatusUnauthorized {
		var e struct {
			Error string `json:"error"`
		}
		if dial.JSON(a.Body, &e) == nil && e.Error == "invalid_grant" {
			return tokens{}, connectors.ErrUnauthorized.Because(fault.Cause("invalid_grant"))
		}
		return tokens{}, connectors.ErrRefused.Because(fault.Cause("from the token endpoint, HTTP status", a.Status))
	}
	if err := connectors.Answered(a.Status, a.RetryAfter(now)); err != nil {
		return tokens{}, err
	}
	var t tokens
	if err := decode(a.Body, &t); err != nil {
		return tokens{}, err
	}
	seconds, err := t.ExpiresIn.Int64()
	if t.Access == "" || !strings.EqualFold(t.Type, "Bearer") || err != nil || seconds <= 0 || seconds > 10*366*24*60*60 {
		return tokens{}, connectors.ErrMalformed.Because(fault.Cause("no bearer token with a lifetime"))
	}
	t.until = now.Unix() + seconds
	return t, nil
}
