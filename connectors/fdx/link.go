package fdx

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"jali/connectors"
	"jali/internal/fault"
	"jali/internal/secret"
)

const early = time.Minute // how long before its end a token is renewed

// clusters are what a consent asks for, and the scopes that go with them: "the
// scopes of the request must match the consent request", and no more is read.
var clusters = []string{"ACCOUNT_BASIC", "ACCOUNT_DETAILED", "BILLS", "STATEMENTS", "TRANSACTIONS"}

const scopes = "fdx:accountbasic:read fdx:accountdetailed:read fdx:bills:read fdx:statements:read fdx:transactions:read offline_access"

// credential is what the vault keeps of a link.
type credential struct {
	Consent  string `json:"consent"`
	Access   string `json:"access"`
	Refresh  string `json:"refresh,omitempty"`
	Until    int64  `json:"until"`              // of the access token, Unix seconds
	Lookback int    `json:"lookback,omitempty"` // days that the consent opens, from each call back; 0: not said
}

// kept is what a link under way keeps on our side.
type kept struct {
	Verifier string `json:"verifier"`
}

func read(v connectors.Credential) (credential, error) {
	var k credential
	if json.Unmarshal(v.Reveal(), &k) != nil || k.Consent == "" || k.Access == "" {
		return k, connectors.ErrUnauthorized.Because(fault.Cause("the credential is not one of this dialect"))
	}
	return k, nil
}

// Begin pushes a request for consent (RFC 9126) and answers the institution's
// page for exactly that request.
func (c *Connector) Begin(ctx context.Context, state, redirectURI string) (connectors.Linking, error) {
	k := kept{Verifier: rand.Text() + rand.Text()}
	challenge := sha256.Sum256([]byte(k.Verifier))
	details, err := json.Marshal([]any{map[string]any{"type": "fdx_v1.0", "consentRequest": map[string]any{
		"durationType": "TIME_BOUND", "durationPeriod": int(longestGrant / day), "lookbackPeriod": int(c.c.Source.History / day),
		"resources": []any{map[string]any{"resourceType": "ACCOUNT", "dataClusters": clusters}},
	}}})
	if err != nil {
		return connectors.Linking{}, err
	}
	var pushed struct {
		RequestURI string `json:"request_uri"`
	}
	err = c.post(ctx, c.c.PAR, url.Values{
		"response_type": {"code"}, "client_id": {c.c.ClientID}, "redirect_uri": {redirectURI}, "state": {state}, "scope": {scopes},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"}, "authorization_details": {string(details)},
	}, &pushed)
	if err != nil {
		return connectors.Linking{}, ours(err)
	}
	if pushed.RequestURI == "" {
		return connectors.Linking{}, connectors.ErrMalformed.Because(fault.Cause("no request_uri"))
	}
	u, err := url.Parse(c.c.Authorize)
	if err != nil {
		return connectors.Linking{}, connectors.ErrMalformed.Because(fault.Cause("not an address"))
	}
	q := u.Query()
	q.Set("client_id", c.c.ClientID)
	q.Set("request_uri", pushed.RequestURI)
	u.RawQuery = q.Encode()
	b, err := json.Marshal(k)
	return connectors.Linking{URL: u.String(), RedirectURI: redirectURI, Keep: secret.New(b)}, err
}

// Finish trades the code for tokens and reads the grant that they open, as the
// institution recorded it: it must be active and open what was asked for.
func (c *Connector) Finish(ctx context.Context, l connectors.Linking, query url.Values) (connectors.Credential, error) {
	var k kept
	if json.Unmarshal(l.Keep.Reveal(), &k) != nil || k.Verifier == "" {
		return secret.Value{}, connectors.ErrLinkRefused.Because(fault.Cause("not a link of this dialect"))
	}
	if iss := query.Get("iss"); iss != "" && iss != c.c.Issuer {
		return secret.Value{}, connectors.ErrLinkRefused.Because(fault.Cause("another issuer answered"))
	}
	given := query["code"]
	if query.Has("error") || len(given) != 1 || given[0] == "" {
		return secret.Value{}, connectors.ErrLinkRefused
	}
	t, err := c.token(ctx, url.Values{"grant_type": {"authorization_code"}, "code": given,
		"redirect_uri": {l.RedirectURI}, "code_verifier": {k.Verifier}, "client_id": {c.c.ClientID}})
	if errors.Is(err, connectors.ErrUnauthorized) {
		err = connectors.ErrLinkRefused.Because(err)
	}
	if err != nil {
		return secret.Value{}, err
	}
	consent := t.consent()
	if consent == "" {
		return secret.Value{}, connectors.ErrMalformed.Because(fault.Cause("the tokens name no consent"))
	}
	g, err := c.grant(ctx, consent)
	if err != nil {
		return secret.Value{}, err
	}
	if err := g.opens(consent, c.c.Now()); err != nil {
		return secret.Value{}, connectors.ErrLinkRefused.Because(err)
	}
	return t.seal(credential{Consent: consent, Lookback: g.Lookback})
}

// grant is one ConsentGrant.
type grant struct {
	ID        string `json:"id"`
	Status    string `json:"status"`
	Expires   string `json:"expirationTime"`
	Lookback  int    `json:"lookbackPeriod"`
	Resources []struct {
		Type     string   `json:"resourceType"`
		ID       string   `json:"resourceId"`
		Clusters []string `json:"dataClusters"`
	} `json:"resources"`
}

// grant reads a consent in our own name, which is whose resource it is.
func (c *Connector) grant(ctx context.Context, id string) (grant, error) {
	var g grant
	own, err := c.ownToken(ctx)
	if err == nil {
		_, err = c.call(ctx, http.MethodGet, c.api.JoinPath("consents", url.PathEscape(id)), own, nil, &g)
	}
	return g, ours(err)
}

// opens checks that a grant is the one named, stands, and is for accounts.
func (g grant) opens(id string, now time.Time) error {
	switch {
	case g.ID != id:
		return fault.Cause("the grant is another")
	case g.Status != "ACTIVE":
		return fault.Cause("the grant is not active")
	case g.Lookback < 0 || g.Lookback > 100*366:
		return fault.Cause("lookbackPeriod is out of bounds")
	}
	if g.Expires != "" {
		end, err := time.Parse(time.RFC3339, g.Expires)
		if err != nil || !now.Before(end) {
			return fault.Cause("the grant has ended")
		}
	}
	for _, r := range g.Resources {
		if r.Type == "ACCOUNT" && r.ID != "" && slices.Contains(r.Clusters, "ACCOUNT_DETAILED") {
			return nil
		}
	}
	return fault.Cause("the grant opens no account")
}

// Stale reports whether the access token ends within a minute.
func (c *Connector) Stale(v connectors.Credential, now time.Time) bool {
	k, err := read(v)
	return err == nil && k.Refresh != "" && !now.Add(early).Before(time.Unix(k.Until, 0))
}

// Refresh trades the refresh token for new tokens of the same consent.
// Institutions replace it by each use (RFC 9700, section 4.14).
func (c *Connector) Refresh(ctx context.Context, v connectors.Credential) (connectors.Credential, error) {
	k, err := read(v)
	if err != nil {
		return secret.Value{}, err
	}
	if k.Refresh == "" {
		return secret.Value{}, connectors.ErrUnauthorized.Because(fault.Cause("there is no refresh token"))
	}
	t, err := c.token(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {k.Refresh}, "client_id": {c.c.ClientID}})
	if err != nil {
		return secret.Value{}, err
	}
	if named := t.consent(); named != "" && named != k.Consent {
		return secret.Value{}, connectors.ErrMalformed.Because(fault.Cause("the tokens are of another consent"))
	}
	return t.seal(k)
}

// Unlink revokes the consent. One that is revoked, has run out or is not known
// (409, 404) needs no revoking.
func (c *Connector) Unlink(ctx context.Context, v connectors.Credential) error {
	k, err := read(v)
	if err != nil {
		return err
	}
	own, err := c.ownToken(ctx)
	if err != nil {
		return err
	}
	why := map[string]string{"reason": "USER_ACTION", "initiator": "INDIVIDUAL"}
	status, err := c.call(ctx, http.MethodPut, c.api.JoinPath("consents", url.PathEscape(k.Consent), "revocation"), own, why, nil)
	if status == http.StatusConflict || status == http.StatusNotFound {
		return nil
	}
	return ours(err)
}

// ours is err of a call that we made in our own name: what is not accepted
// there is our registration, and no person mends it by linking again.
func ours(err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Code == connectors.ErrUnauthorized.Code {
		return connectors.ErrRefused.Because(errors.Unwrap(f)) // f itself, in the chain, would still be found there
	}
	return err
}
