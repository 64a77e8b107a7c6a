package mock

import (
	"crypto/sha256"
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
	hybrid := claims.ResponseType == hybridType
	back := func(code string) {
		c.sendBack(claims.RedirectURI, hybrid, url.Values{"error": {code}, "state": {claims.State}})
	}
	outside := func(name, inside string) bool { return q.Get(name) == "" || q.Get(name) == inside }
	switch {
	case claims.Issuer != q.Get("client_id") || claims.ClientID != q.Get("client_id") ||
		!slices.Contains(claims.Audience, c.t.issuer(c.bank)) ||
		claims.Expires == nil || !c.now.Before(claims.Expires.Add(bankSkew)) || claims.Expires.After(c.now.Add(time.Hour)) ||
		(claims.NotBefore != nil && claims.NotBefore.After(c.now.Add(bankSkew))):
		back("invalid_request_object")
		return
	case (claims.ResponseType != "code" && !hybrid) || !outside("response_type", claims.ResponseType),
		hybrid && !scoped(claims.Scope, "openid"):
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
	if !ok || (k.Status != "AWAU" && k.Status != "AUTH") { // one that stands may be proven again
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
	p := c.t.personByLogin(c.r.PostFormValue("login"), c.r.PostFormValue("password"))
	if p == nil {
		page.Wrong, page.Login, page.Accounts = true, c.r.PostFormValue("login"), []loginAccount{{}}
		c.t.showLogin(c.w, c.r, page, http.StatusUnauthorized)
		return
	}
	if k.Status == "AUTH" && k.Person != p.id {
		back("access_denied")
		return
	}
	var own []string
	for _, a := range slices.Concat(p.cards, p.further) {
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
			showMistake(c.w, title, "你在这家银行没有账户，请返回换一位居民。", "You have no account at this bank: go back and choose somebody else.")
			return
		}
		c.t.showLogin(c.w, c.r, page, status)
		return
	}
	var code string
	err := c.t.state.change(func() error {
		held := c.t.state.Consents[k.ID]
		if held == nil || held.Status != k.Status {
			return nil // another window was quicker
		}
		held.Proven = c.now
		if held.Status == "AWAU" {
			held.Status, held.Updated, held.Person, held.Accounts = "AUTH", c.now, p.id, picked
		}
		code = c.t.state.issue("", c.now, pass{Institution: c.bank.id, Kind: codePass, Person: p.id, Until: c.now.Add(bankCodeFor),
			Redirect: claims.RedirectURI, Scope: claims.Scope, Consent: k.ID, Nonce: claims.Nonce, Challenge: claims.Challenge})
		return nil
	})
	if err != nil || code == "" {
		back("server_error")
		return
	}
	answer := url.Values{"code": {code}, "state": {claims.State}}
	if claims.ResponseType == hybridType {
		// An ID token as a detached signature (FAPI 1.0 Advanced 5.2.2.1).
		answer.Set("id_token", c.idToken(k.ID, claims.Nonce, map[string]any{"c_hash": halfOf(code), "s_hash": halfOf(claims.State)}))
	}
	c.sendBack(claims.RedirectURI, claims.ResponseType == hybridType, answer)
}

const hybridType = "code id_token"

// halfOf is the left half of a hash, as c_hash and s_hash are.
func halfOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return b64.EncodeToString(sum[:len(sum)/2])
}

// sendBack answers in the query, or in the fragment as the hybrid flow does
// (OAuth 2.0 Multiple Response Type Encoding Practices 5).
func (c bankCall) sendBack(redirectURI string, hybrid bool, add url.Values) {
	add.Set("iss", c.t.issuer(c.bank))
	if !hybrid {
		sendBack(c.w, c.r, redirectURI, add)
		return
	}
	c.w.Header().Set("Location", redirectURI+"#"+add.Encode())
	c.w.WriteHeader(http.StatusFound)
}

func scoped(scope, name string) bool { return slices.Contains(strings.Fields(scope), name) }
