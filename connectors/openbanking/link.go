package openbanking

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"jali/connectors"
	"jali/internal/fault"
	"jali/internal/jose"
	"jali/internal/secret"
)

const (
	early       = time.Minute      // how long before its end a token is renewed
	requestLife = 10 * time.Minute // of a request object: as long as a Linking
)

// credential is what the vault keeps of a link. Times are Unix seconds; zero is
// none.
type credential struct {
	Consent string `json:"consent"`
	Access  string `json:"access"`
	Refresh string `json:"refresh,omitempty"`
	Until   int64  `json:"until"`           // the access token's end
	Renew   int64  `json:"renew,omitempty"` // the refresh token's
	Ends    int64  `json:"ends,omitempty"`  // the consent's
	From    int64  `json:"from,omitempty"`  // of the transactions that the consent opens
	To      int64  `json:"to,omitempty"`
	Few     bool   `json:"few,omitempty"` // without statements
}

// kept is what a link under way keeps on our side.
type kept struct {
	Consent  string `json:"consent"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Ends     int64  `json:"ends,omitempty"`
	From     int64  `json:"from,omitempty"`
	To       int64  `json:"to,omitempty"`
	Few      bool   `json:"few,omitempty"`
}

func read(v connectors.Credential) (credential, error) {
	var k credential
	if json.Unmarshal(v.Reveal(), &k) != nil || k.Consent == "" || k.Access == "" {
		return k, connectors.ErrUnauthorized.Because(fault.Cause("the credential is not one of this dialect"))
	}
	return k, nil
}

// opened is read for a call to the bank, which is not made for a consent whose
// time is over.
func (c *Connector) opened(v connectors.Credential) (credential, error) {
	k, err := read(v)
	if err == nil && past(k.Ends, c.now()) {
		err = connectors.ErrUnauthorized.Because(errConsent)
	}
	return k, err
}

func past(at int64, now time.Time) bool { return at != 0 && !now.Before(time.Unix(at, 0)) }

// opens is the part of [from, to) whose transactions the consent opens.
func (k credential) opens(from, to time.Time) connectors.Span {
	s := connectors.Span{From: from, To: to}
	if first := time.Unix(k.From, 0); k.From != 0 && first.After(from) {
		s.From = first
	}
	if last := time.Unix(k.To, 0); k.To != 0 && last.Before(to) {
		s.To = last
	}
	if s.To.Before(s.From) {
		return connectors.Span{From: from, To: from}
	}
	return s
}

// responseType is that of the OpenID Connect flow that is used.
func (c *Connector) responseType() string {
	if c.hybrid {
		return "code id_token"
	}
	return "code"
}

// Begin stages an account-access-consent at the bank and answers its
// authorization page with a signed request for exactly that consent.
func (c *Connector) Begin(ctx context.Context, state, redirectURI string) (connectors.Linking, error) {
	e, err := c.endpoints(ctx)
	if err != nil {
		return connectors.Linking{}, err
	}
	k, err := c.stage(ctx, e)
	if err != nil {
		return connectors.Linking{}, err
	}
	k.Nonce, k.Verifier = rand.Text(), rand.Text()+rand.Text()
	sum := sha256.Sum256([]byte(k.Verifier))
	now := c.now()
	request, err := c.sign(map[string]any{
		"iss": c.clientID, "aud": c.issuer, "client_id": c.clientID, "response_type": c.responseType(), "scope": "openid accounts",
		"redirect_uri": redirectURI, "state": state, "nonce": k.Nonce,
		"code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method": "S256",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(requestLife).Unix(), "jti": rand.Text(),
		"claims": map[string]any{"id_token": map[string]any{
			"openbanking_intent_id": map[string]any{"value": k.Consent, "essential": true},
		}},
	})
	if err != nil {
		return connectors.Linking{}, err
	}
	u, err := url.Parse(e.authorize)
	if err != nil {
		return connectors.Linking{}, connectors.ErrMalformed.Because(fault.Cause("not an address"))
	}
	q := u.Query()
	for name, value := range map[string]string{"client_id": c.clientID, "response_type": c.responseType(), "scope": "openid accounts",
		"redirect_uri": redirectURI, "state": state, "nonce": k.Nonce, "request": request} {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	b, err := json.Marshal(k)
	return connectors.Linking{URL: u.String(), RedirectURI: redirectURI, Keep: secret.New(b)}, err
}

// Finish trades the code for tokens, and believes them once the ID token says,
// under the bank's signature, that they are for the consent that was staged.
func (c *Connector) Finish(ctx context.Context, l connectors.Linking, query url.Values) (connectors.Credential, error) {
	var k kept
	if json.Unmarshal(l.Keep.Reveal(), &k) != nil || k.Consent == "" {
		return secret.Value{}, connectors.ErrLinkRefused.Because(fault.Cause("not a link of this dialect"))
	}
	if iss := query.Get("iss"); iss != "" && iss != c.issuer {
		return secret.Value{}, connectors.ErrLinkRefused.Because(fault.Cause("another issuer answered"))
	}
	codes := query["code"]
	if query.Has("error") || len(codes) != 1 || codes[0] == "" {
		return secret.Value{}, connectors.ErrLinkRefused
	}
	var front jose.Claims
	if c.hybrid {
		var err error
		if front, err = c.detached(ctx, query, k); err != nil {
			return secret.Value{}, err
		}
	}
	e, err := c.endpoints(ctx)
	if err != nil {
		return secret.Value{}, err
	}
	t, err := c.token(ctx, e, url.Values{"grant_type": {"authorization_code"}, "code": codes,
		"redirect_uri": {l.RedirectURI}, "code_verifier": {k.Verifier}})
	if errors.Is(err, connectors.ErrUnauthorized) {
		err = connectors.ErrLinkRefused.Because(err)
	}
	if err != nil {
		return secret.Value{}, err
	}
	claims, err := c.confirm(ctx, t.ID, k)
	if err != nil {
		return secret.Value{}, err
	}
	if c.hybrid && claim(claims, "sub") != claim(front, "sub") {
		return secret.Value{}, connectors.ErrMalformed.Because(fault.Cause("the two ID tokens are of two subjects"))
	}
	next := credential{Consent: k.Consent, Ends: k.Ends, From: k.From, To: k.To, Few: k.Few}
	if at, ok := claims.Time("http://openbanking.org.uk/refresh_token_expires_at"); ok {
		next.Renew = at.Unix()
	}
	return c.seal(t, next)
}

// Stale reports whether the access token ends within a minute.
func (c *Connector) Stale(v connectors.Credential, now time.Time) bool {
	k, err := read(v)
	return err == nil && k.Refresh != "" && !now.Add(early).Before(time.Unix(k.Until, 0))
}

// Refresh trades the refresh token for a new access token of the same consent.
func (c *Connector) Refresh(ctx context.Context, v connectors.Credential) (connectors.Credential, error) {
	k, err := read(v)
	if err != nil {
		return secret.Value{}, err
	}
	if k.Refresh == "" || past(k.Renew, c.now()) || past(k.Ends, c.now()) {
		return secret.Value{}, connectors.ErrUnauthorized.Because(fault.Cause("there is no refresh token that still serves"))
	}
	e, err := c.endpoints(ctx)
	if err != nil {
		return secret.Value{}, err
	}
	t, err := c.token(ctx, e, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {k.Refresh}})
	if err != nil {
		return secret.Value{}, err
	}
	return c.seal(t, k)
}

// Unlink deletes the consent. One that is gone already is as good.
func (c *Connector) Unlink(ctx context.Context, v connectors.Credential) error {
	k, err := read(v)
	if err != nil {
		return err
	}
	e, err := c.endpoints(ctx)
	if err != nil {
		return err
	}
	own, err := c.ownToken(ctx, e)
	if err != nil {
		return err
	}
	err = c.call(ctx, http.MethodDelete, c.api.JoinPath("account-access-consents", url.PathEscape(k.Consent)), own, nil, nil)
	if errors.Is(err, errNotFound) || errors.Is(err, errConsent) {
		return nil
	}
	return ours(err)
}

// ours is err of a call that we made in our own name: what the bank does not
// accept there is our registration, and no person mends it by linking again.
func ours(err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Code == connectors.ErrUnauthorized.Code {
		return connectors.ErrRefused.Because(errors.Unwrap(f)) // f itself, in the chain, would still be found there
	}
	return err
}

func (c *Connector) seal(t tokens, k credential) (connectors.Credential, error) {
	k.Access, k.Until = t.Access, t.until
	if t.Refresh != "" && t.Refresh != k.Refresh {
		if k.Refresh != "" {
			k.Renew = 0 // of a token that was replaced, the bank says no end
		}
		k.Refresh = t.Refresh
	}
	b, err := json.Marshal(k)
	return secret.New(b), err
}
