package fdx

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"jali/connectors"
	"jali/internal/dial"
	"jali/internal/fault"
	"jali/internal/jose"
	"jali/internal/secret"
)

const (
	maxToken    = 16 << 10 // bytes of an access token that is looked into
	longestLife = 366 * day
)

type tokens struct {
	Access    string      `json:"access_token"`
	Type      string      `json:"token_type"`
	ExpiresIn json.Number `json:"expires_in"`
	Refresh   string      `json:"refresh_token"`
	Grant     string      `json:"grant_id"`
	until     int64
}

// consent is the consent that the tokens are for: grant_id beside them, or
// fdxConsentId in an access token of FDX's JWT profile. It only says which
// consent to ask after: the consent's own record decides.
func (t tokens) consent() string {
	if t.Grant != "" {
		return t.Grant
	}
	claims, err := jose.Unverified(t.Access, maxToken)
	if err != nil {
		return ""
	}
	id, _ := claims.String("fdxConsentId")
	return id
}

func (t tokens) seal(k credential) (connectors.Credential, error) {
	k.Access, k.Until = t.Access, t.until
	if t.Refresh != "" {
		k.Refresh = t.Refresh
	}
	b, err := json.Marshal(k)
	return secret.New(b), err
}

// ownToken is ours, not a person's: it reads and revokes consents.
func (c *Connector) ownToken(ctx context.Context) (string, error) {
	t, err := c.token(ctx, url.Values{"grant_type": {"client_credentials"}})
	return t.Access, ours(err)
}

func (c *Connector) token(ctx context.Context, form url.Values) (tokens, error) {
	var t tokens
	if err := c.post(ctx, c.c.Token, form, &t); err != nil {
		return tokens{}, err
	}
	seconds, err := t.ExpiresIn.Int64()
	if t.Access == "" || !strings.EqualFold(t.Type, "Bearer") || err != nil || seconds <= 0 || seconds > int64(longestLife/time.Second) {
		return tokens{}, connectors.ErrMalformed.Because(fault.Cause("no bearer token with a lifetime"))
	}
	t.until = c.c.Now().Unix() + seconds
	return t, nil
}

// post sends a form to the authorization server, with proof of who we are.
func (c *Connector) post(ctx context.Context, address string, form url.Values, out any) error {
	if !c.c.Key.Empty() {
		now := c.c.Now()
		assertion, err := c.c.Key.Sign(map[string]any{"typ": "JWT", "kid": c.c.KeyID}, map[string]any{
			"iss": c.c.ClientID, "sub": c.c.ClientID, "aud": c.c.Issuer, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": rand.Text()})
		if err != nil {
			return fmt.Errorf("fdx: sign: %w", err)
		}
		form.Set("client_id", c.c.ClientID)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return connectors.ErrMalformed.Because(fault.Cause("not an address"))
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.c.Key.Empty() {
		r.Header.Set("Authorization", basic(c.c.ClientID, c.c.Secret))
	}
	a, err := c.send(r)
	if err != nil {
		return err
	}
	if a.Status == http.StatusBadRequest || a.Status == http.StatusUnauthorized {
		var e struct {
			Error string `json:"error"`
		}
		if dial.JSON(a.Body, &e) == nil && e.Error == "invalid_grant" {
			return connectors.ErrUnauthorized.Because(fault.Cause("invalid_grant"))
		}
		return connectors.ErrRefused.Because(fault.Cause("from the authorization server, HTTP status", a.Status))
	}
	if err := connectors.Answered(a.Status, a.RetryAfter(c.c.Now())); err != nil {
		return err
	}
	return decode(a.Body, out)
}

// basic is client_secret_basic (RFC 6749, section 2.3.1).
func basic(id string, s secret.Value) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(s.RevealString())))
}
