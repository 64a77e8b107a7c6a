package mock

import (
	"crypto/sha256"
	"crypto/subtle"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// oauthError is RFC 6749 5.2.
func (c bankCall) oauthError(status int, code string) {
	c.answer(status, map[string]string{"error": code})
}

func (c bankCall) token() {
	if err := c.r.ParseForm(); err != nil {
		c.oauthError(http.StatusBadRequest, "invalid_request")
		return
	}
	for _, values := range c.r.PostForm {
		if len(values) > 1 {
			c.oauthError(http.StatusBadRequest, "invalid_request")
			return
		}
	}
	if !c.provesClient() {
		c.oauthError(http.StatusUnauthorized, "invalid_client")
		return
	}
	switch form := c.r.PostForm; form.Get("grant_type") {
	case "client_credentials":
		if !scoped(form.Get("scope"), "accounts") {
			c.oauthError(http.StatusBadRequest, "invalid_scope")
			return
		}
		c.grant(func() (granted, bool) {
			access := c.t.state.issue("", c.now, pass{Institution: c.bank.id, Kind: accessPass, Scope: "accounts", Until: c.now.Add(bankAccessFor)})
			return granted{access: access, scope: "accounts"}, true
		})
	case "authorization_code":
		c.grant(func() (granted, bool) { return c.redeem(form) })
	case "refresh_token":
		c.grant(func() (granted, bool) { return c.renew(form) })
	default:
		c.oauthError(http.StatusBadRequest, "unsupported_grant_type")
	}
}

// granted is what a grant gave.
type granted struct {
	access, refresh, scope string
	consent, nonce, person string
}

// grant runs f inside a change of the state and answers with what it gave.
func (c bankCall) grant(f func() (granted, bool)) {
	var g granted
	var ok bool
	err := c.t.state.change(func() error { g, ok = f(); return nil })
	switch {
	case err != nil:
		c.oauthError(http.StatusInternalServerError, "server_error")
		return
	case !ok:
		c.oauthError(http.StatusBadRequest, "invalid_grant")
		return
	}
	body := map[string]any{"access_token": g.access, "token_type": "Bearer", "expires_in": int(bankAccessFor / time.Second), "scope": g.scope}
	if g.refresh != "" {
		body["refresh_token"] = g.refresh
	}
	if g.consent != "" && scoped(g.scope, "openid") {
		body["id_token"] = c.idToken(g.consent, g.nonce, nil)
	}
	c.answer(http.StatusOK, body)
}

// idToken says which consent was authorised (Read/Write Data API Profile, Token
// Expiry Time, for the end of the refresh token).
func (c bankCall) idToken(consent, nonce string, more map[string]any) string {
	claims := map[string]any{"iss": c.t.issuer(c.bank), "sub": consent, "aud": c.t.bankClient(c.bank),
		"iat": c.now.Unix(), "exp": c.now.Add(bankAccessFor).Unix(), "openbanking_intent_id": consent,
		"acr": "urn:openbanking:psd2:sca", "http://openbanking.org.uk/refresh_token_expires_at": c.now.Add(bankRefreshFor).Unix()}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	maps.Copy(claims, more)
	return signJWS(c.t.keys.get(keyBankPrefix+c.bank.id), bankKeyID, claims, c.x.Forged)
}

// redeem spends a code. A code that comes a second time takes its tokens with
// it (RFC 6749 4.1.2).
func (c bankCall) redeem(form url.Values) (granted, bool) {
	held, ok := c.t.state.Passes[form.Get("code")]
	if !ok || held.Institution != c.bank.id || held.Kind != codePass {
		return granted{}, false
	}
	if held.Spent {
		for _, p := range c.t.state.Passes {
			if p.Consent == held.Consent {
				p.Spent = true
			}
		}
		return granted{}, false
	}
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	proven := held.Challenge == "" || subtle.ConstantTimeCompare([]byte(b64.EncodeToString(sum[:])), []byte(held.Challenge)) == 1
	if !c.now.Before(held.Until) || form.Get("redirect_uri") != held.Redirect || !proven {
		return granted{}, false
	}
	held.Spent = true
	g := c.hand(*held)
	g.nonce = held.Nonce
	g.refresh = c.refreshFor(*held)
	return g, true
}

func (c bankCall) hand(from pass) granted {
	access := c.t.state.issue("", c.now, pass{Institution: c.bank.id, Kind: accessPass, Person: from.Person, Scope: from.Scope,
		Consent: from.Consent, Until: c.now.Add(bankAccessFor)})
	return granted{access: access, scope: from.Scope, consent: from.Consent, person: from.Person}
}

func (c bankCall) refreshFor(from pass) string {
	until := c.now.Add(bankRefreshFor)
	if k := c.t.state.Consents[from.Consent]; k != nil && k.Expires != nil {
		until = *k.Expires
	}
	return c.t.state.issue("", c.now, pass{Institution: c.bank.id, Kind: refreshPass, Person: from.Person, Scope: from.Scope,
		Consent: from.Consent, Until: until})
}

// renew gives a new access token for a refresh token, which some banks replace:
// the old one then lives for bankGrace.
func (c bankCall) renew(form url.Values) (granted, bool) {
	text := form.Get("refresh_token")
	held, ok := c.t.state.Passes[text]
	if !ok || held.Institution != c.bank.id || held.Kind != refreshPass || held.Spent || !c.now.Before(held.Until) {
		return granted{}, false
	}
	g := c.hand(*held)
	g.refresh = text
	if c.bank.rotates {
		if held.Twin == "" {
			held.Twin = c.refreshFor(*held)
			held.Until = c.now.Add(bankGrace)
		}
		g.refresh = held.Twin
	}
	return g, true
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// provesClient is private_key_jwt (OpenID Connect Core 9, RFC 7523).
func (c bankCall) provesClient() bool {
	form, client := c.r.PostForm, c.t.bankClient(c.bank)
	if form.Get("client_assertion_type") != assertionType || (form.Get("client_id") != "" && form.Get("client_id") != client) {
		return false
	}
	claims, err := openJWS(form.Get("client_assertion"), bankClientKeyID, &c.t.keys.get(keyBankClient).PublicKey)
	issuer := c.t.issuer(c.bank)
	switch {
	case err != nil || claims.Issuer != client || claims.Subject != client || claims.ID == "" || claims.Expires == nil,
		!slices.Contains(claims.Audience, issuer) && !slices.Contains(claims.Audience, issuer+"/token"),
		!c.now.Before(claims.Expires.Add(bankSkew)) || claims.Expires.After(c.now.Add(time.Hour)),
		claims.IssuedAt != nil && claims.IssuedAt.After(c.now.Add(bankSkew)):
		return false
	}
	return c.t.once(c.t.jtis, c.bank.id+" "+claims.ID, time.Hour+bankSkew)
}

// bearer answers the living access token of a request, or has refused it.
func (c bankCall) bearer() (pass, bool) {
	text, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if ok {
		var held pass
		if held, ok = c.t.bearer(c.x, c.bank.id, text, c.now); ok {
			return held, true
		}
	}
	c.expired()
	return pass{}, false
}

// expired is 401 without a body, as the profile has it for a token, or a
// consent, whose time is over.
func (c bankCall) expired() {
	c.w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	c.w.WriteHeader(http.StatusUnauthorized)
}

// asClient reports whether the client calls for itself, or has refused it.
func (c bankCall) asClient() bool {
	held, ok := c.bearer()
	if ok && held.Consent != "" {
		c.fail(http.StatusForbidden, "U006", "this wants a token of the client credentials grant", "Authorization")
		return false
	}
	return ok
}
