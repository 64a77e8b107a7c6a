package openbanking

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"jali/connectors"
	"jali/internal/fault"
	"jali/internal/jose"
	"jali/internal/secret"
)

const (
	early       = time.Minute      // how long before its end a token is renewed
	maxIDToken  = 16 << 10         // bytes
	clockSkew   = 5 * time.Minute  // between the bank and us
	requestLife = 10 * time.Minute // of a request object: as long as a Linking
)

// permissions are what a consent asks for: no more than is read here.
var permissions = []string{"ReadAccountsDetail", "ReadBalances", "ReadTransactionsCredits", "ReadTransactionsDebits", "ReadTransactionsDetail"}

// credential is what the vault keeps of a link.
type credential struct {
	Consent string `json:"consent"`
	Access  string `json:"access"`
	Refresh string `json:"refresh,omitempty"`
	Until   int64  `json:"until"` // Unix seconds
}

// kept is what a link under way keeps on our side.
type kept struct {
	Consent  string `json:"consent"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

func read(v connectors.Credential) (credential, error) {
	var k credential
	if json.Unmarshal(v.Reveal(), &k) != nil || k.Consent == "" || k.Access == "" {
		return k, connectors.ErrUnauthorized.Because(fault.Cause("the credential is not one of this dialect"))
	}
	return k, nil
}

// Begin stages an account-access-consent at the bank and answers its
// authorization page with a signed request for exactly that consent.
func (c *Connector) Begin(ctx context.Context, state, redirectURI string) (connectors.Linking, error) {
	e, err := c.endpoints(ctx)
	if err != nil {
		return connectors.Linking{}, err
	}
	own, err := c.ownToken(ctx, e)
	if err != nil {
		return connectors.Linking{}, err
	}
	body := map[string]any{"Data": map[string]any{"Permissions": permissions}, "Risk": map[string]any{}}
	var staged struct {
		Data struct {
			ConsentId string `json:"ConsentId"`
			Status    string `json:"Status"`
		} `json:"Data"`
	}
	if err := ours(c.call(ctx, http.MethodPost, c.api.JoinPath("account-access-consents"), own, body, &staged)); err != nil {
		return connectors.Linking{}, err
	}
	if s := staged.Data.Status; staged.Data.ConsentId == "" || (s != "AWAU" && s != "AwaitingAuthorisation") {
		return connectors.Linking{}, connectors.ErrMalformed.Because(fault.Cause("no consent that awaits authorisation"))
	}
	k := kept{Consent: staged.Data.ConsentId, Nonce: rand.Text(), Verifier: rand.Text() + rand.Text()}
	sum := sha256.Sum256([]byte(k.Verifier))
	now := c.now()
	request, err := c.sign(map[string]any{
		"iss": c.clientID, "aud": c.issuer, "client_id": c.clientID, "response_type": "code", "scope": "openid accounts",
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
	for name, value := range map[string]string{"client_id": c.clientID, "response_type": "code", "scope": "openid accounts",
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
	if err := c.confirm(ctx, t.ID, k); err != nil {
		return secret.Value{}, err
	}
	return c.seal(t, credential{Consent: k.Consent})
}

// confirm checks the ID token (OpenID Connect Core 1.0, section 3.1.3.7, and
// the openbanking_intent_id of the UK security profile).
func (c *Connector) confirm(ctx context.Context, compact string, k kept) error {
	want := jose.Expect{MaxBytes: maxIDToken, Algorithms: []string{jose.PS256, jose.ES256}}
	var tok jose.Token
	for _, again := range []bool{false, true} {
		keys, err := c.bankKeys(ctx, again)
		if err != nil {
			return err
		}
		tok, err = jose.Verify(compact, keys, want)
		if err == nil {
			break
		}
		if again || !errors.Is(err, jose.ErrSignature) {
			return connectors.ErrUnsigned.Because(err)
		}
	}
	text := func(name string) string {
		s, _ := tok.Claims.String(name)
		return s
	}
	var audience []string
	if one := text("aud"); one != "" {
		audience = []string{one}
	} else if json.Unmarshal(tok.Claims["aud"], &audience) != nil {
		audience = nil
	}
	now := c.now()
	exp, okExp := tok.Claims.Time("exp")
	iat, okIat := tok.Claims.Time("iat")
	switch {
	case text("iss") != c.issuer, !slices.Contains(audience, c.clientID):
		return connectors.ErrMalformed.Because(fault.Cause("the ID token is another issuer's, or for another client"))
	case len(audience) > 1 && text("azp") != c.clientID:
		return connectors.ErrMalformed.Because(fault.Cause("the ID token is for several clients"))
	case !okExp, !okIat, !now.Before(exp.Add(clockSkew)), iat.After(now.Add(clockSkew)):
		return connectors.ErrMalformed.Because(fault.Cause("the ID token is not of this time"))
	case subtle.ConstantTimeCompare([]byte(text("nonce")), []byte(k.Nonce)) != 1:
		return connectors.ErrMalformed.Because(fault.Cause("the ID token is of another link"))
	case text("openbanking_intent_id") != k.Consent:
		return connectors.ErrMalformed.Because(fault.Cause("the ID token is for another consent"))
	}
	return nil
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
	if k.Refresh == "" {
		return secret.Value{}, connectors.ErrUnauthorized.Because(fault.Cause("the bank gave no refresh token"))
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
	if t.Refresh != "" {
		k.Refresh = t.Refresh
	}
	b, err := json.Marshal(k)
	return secret.New(b), err
}

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
	a, err := c.send(r)
	if err != nil {
		return tokens{}, err
	}
	if a.Status == http.StatusBadRequest || a.Status == http.StatusUnauthorized {
		var e struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(a.Body, &e) == nil && e.Error == "invalid_grant" {
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
