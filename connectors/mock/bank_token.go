package mock

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// authorize is the front channel: everything of weight stands in a request
// object signed with PS256 (FAPI 1.0 Advanced 5.2.2, Open Banking Security
// Profile).
func (c bankCall) authorize() {
	q := c.r.URL.Query()
	title := c.bank.zh + " " + c.bank.en
	if q.Get("client_id") != c.t.bankClient(c.bank) {
		showMistake(c.w, title, "client_id 未登记。", "This client_id is not registered.")
		return
	}
	claims, err := openJWS(q.Get("request"), bankClientKeyID, &c.t.keys.get(keyBankClient).PublicKey)
	if err != nil || !c.t.mayRedirect(claims.RedirectURI) {
		showMistake(c.w, title, "请求对象的签名或回跳地址不对。", "The request object's signature or its redirect URI is wrong.")
		return
	}
	back := func(code string) {
		sendBack(c.w, c.r, claims.RedirectURI, url.Values{"error": {code}, "state": {claims.State}, "iss": {c.t.issuer(c.bank)}})
	}
	outside := func(name, inside string) bool { return q.Get(name) == "" || q.Get(name) == inside }
	switch {
	case claims.Issuer != q.Get("client_id") || claims.ClientID != q.Get("client_id") ||
		!slices.Contains(claims.Audience, c.t.issuer(c.bank)) ||
		claims.Expires == nil || !c.now.Before(claims.Expires.Add(bankSkew)) || claims.Expires.After(c.now.Add(time.Hour)) ||
		(claims.NotBefore != nil && claims.NotBefore.After(c.now.Add(bankSkew))):
		back("invalid_request_object")
		return
	case claims.ResponseType != "code" || !outside("response_type", "code"):
		back("unsupported_response_type")
		return
	case !scoped(claims.Scope, "accounts") || !outside("scope", claims.Scope):
		back("invalid_scope")
		return
	case !outside("redirect_uri", claims.RedirectURI) || !outside("state", claims.State) || claims.Nonce == "" || claims.State == "",
		claims.Challenge != "" && claims.Method != "S256":
		back("invalid_request")
		return
	}
	k, ok := c.heldConsent(claims.intent())
	if !ok || k.Status != "AWAU" {
		back("invalid_request")
		return
	}
	c.login(title, claims, k, back)
}

// login is the bank's page: sign in, then tick accounts, then agree.
func (c bankCall) login(title string, claims jwsClaims, k consent, back func(string)) {
	page := loginPage{Title: title, Colour: "#7a2230", Asker: "花窗 Jali",
		Wants: "想查看你的账户、余额和交易 would like to see your accounts, balances and transactions"}
	if c.bank.rotates {
		page.Colour = "#24405e"
	}
	if c.r.Method == http.MethodGet {
		page.Accounts = []loginAccount{{}} // not known yet: the page offers to sign in
		c.t.showLogin(c.w, c.r, page, http.StatusOK)
		return
	}
	if c.r.PostFormValue("decision") == "refuse" {
		_ = c.t.state.change(func() error {
			if held := c.t.state.Consents[k.ID]; held != nil && held.Status == "AWAU" {
				held.Status, held.Updated = "RJCT", c.now
			}
			return nil
		})
		back("access_denied")
		return
	}
	p := c.t.world.personByLogin(c.r.PostFormValue("login"), c.r.PostFormValue("password"))
	if p == nil {
		page.Wrong, page.Login, page.Accounts = true, c.r.PostFormValue("login"), []loginAccount{{}}
		c.t.showLogin(c.w, c.r, page, http.StatusUnauthorized)
		return
	}
	var own []string
	for _, a := range p.cards {
		if a.bank == c.bank.id {
			own = append(own, a.id)
			page.Accounts = append(page.Accounts, loginAccount{a.id, a.product + "(" + a.number[len(a.number)-4:] + ")"})
		}
	}
	picked := c.r.PostForm["account"]
	if c.r.PostFormValue("chosen") == "" && len(picked) == 0 {
		picked = own
	}
	foreign := slices.ContainsFunc(picked, func(id string) bool { return !slices.Contains(own, id) })
	if c.r.PostFormValue("decision") != "agree" || len(picked) == 0 || foreign {
		page.Known, page.Login, page.Password = true, p.login, p.password
		status := http.StatusOK
		if foreign {
			status = http.StatusBadRequest
		}
		if len(own) == 0 {
			showMistake(c.w, title, "你在这家银行没有账户。", "You have no account at this bank.")
			return
		}
		c.t.showLogin(c.w, c.r, page, status)
		return
	}
	var code string
	err := c.t.state.change(func() error {
		held := c.t.state.Consents[k.ID]
		if held == nil || held.Status != "AWAU" {
			return nil // another window was quicker
		}
		held.Status, held.Updated, held.Person, held.Accounts = "AUTH", c.now, p.id, picked
		code = c.t.state.issue("", c.now, pass{Institution: c.bank.id, Kind: codePass, Person: p.id, Until: c.now.Add(bankCodeFor),
			Redirect: claims.RedirectURI, Scope: claims.Scope, Consent: k.ID, Nonce: claims.Nonce, Challenge: claims.Challenge})
		return nil
	})
	if err != nil || code == "" {
		back("server_error")
		return
	}
	sendBack(c.w, c.r, claims.RedirectURI, url.Values{"code": {code}, "state": {claims.State}, "iss": {c.t.issuer(c.bank)}})
}

func scoped(scope, name string) bool { return slices.Contains(strings.Fields(scope), name) }

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
		claims := map[string]any{"iss": c.t.issuer(c.bank), "sub": g.consent, "aud": c.t.bankClient(c.bank),
			"iat": c.now.Unix(), "exp": c.now.Add(bankAccessFor).Unix(), "openbanking_intent_id": g.consent,
			"acr": "urn:openbanking:psd2:sca"}
		if g.nonce != "" {
			claims["nonce"] = g.nonce
		}
		body["id_token"] = signJWS(c.t.keys.get(keyBankPrefix+c.bank.id), bankKeyID, claims, c.x.Forged)
	}
	c.answer(http.StatusOK, body)
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
	c.w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	c.fail(http.StatusUnauthorized, "U033", "the access token is missing, unknown or expired", "")
	return pass{}, false
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
