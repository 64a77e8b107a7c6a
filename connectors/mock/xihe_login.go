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

const (
	xiheCodeFor   = 10 * time.Minute
	xiheAccessFor = 10 * time.Minute
)

func (c xiheCall) title() string {
	b := bankByID(XiheBank)
	return b.zh + " " + b.en
}

// sca is where scaRedirect leads. It goes back to the TPP-Redirect-URI, whatever
// the person has decided.
func (c xiheCall) sca() {
	k, ok := c.held(c.r.PathValue("consentId"))
	if !ok || k.Way != wayRedirect || k.Status != "received" {
		showMistake(c.w, c.title(), "没有等待授权的请求。", "There is no request that waits for you.")
		return
	}
	c.login(k, func(bool, string) url.Values { return url.Values{} })
}

// metadata is RFC 8414.
func (c xiheCall) metadata() {
	base := c.t.cfg.BaseURL + c.base
	c.answer(http.StatusOK, map[string]any{"issuer": base, "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token",
		"response_types_supported": []string{"code"}, "grant_types_supported": []string{"authorization_code", "refresh_token"},
		"code_challenge_methods_supported": []string{"S256"}, "token_endpoint_auth_methods_supported": []string{"tls_client_auth"},
		"authorization_response_iss_parameter_supported": true})
}

// authorize is where scaOAuth leads (Implementation Guidelines, section 13.1).
func (c xiheCall) authorize() {
	q := c.r.URL.Query()
	if q.Get("client_id") != xiheClient || !c.t.mayRedirect(q.Get("redirect_uri")) {
		showMistake(c.w, c.title(), "client_id 或回跳地址未登记。", "This client_id or its redirect URI is not registered.")
		return
	}
	back := func(more url.Values) {
		more.Set("state", q.Get("state"))
		more.Set("iss", c.t.cfg.BaseURL+c.base)
		sendBack(c.w, c.r, q.Get("redirect_uri"), more)
	}
	id, ours := strings.CutPrefix(q.Get("scope"), "AIS:")
	k, ok := c.held(id)
	switch {
	case q.Get("response_type") != "code":
		back(url.Values{"error": {"unsupported_response_type"}})
	case !ours || !ok || k.Way != wayOAuth || k.Status != "received":
		back(url.Values{"error": {"invalid_scope"}})
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("state") == "":
		back(url.Values{"error": {"invalid_request"}})
	default:
		k.Redirect = q.Get("redirect_uri")
		c.login(k, func(agreed bool, person string) url.Values {
			more := url.Values{"state": {q.Get("state")}, "iss": {c.t.cfg.BaseURL + c.base}}
			if !agreed {
				more.Set("error", "access_denied")
				return more
			}
			more.Set("code", c.t.state.issue("", c.now, pass{Institution: XiheBank, Kind: codePass, Person: person, Until: c.now.Add(xiheCodeFor),
				Redirect: q.Get("redirect_uri"), Scope: q.Get("scope"), Consent: k.ID, Challenge: q.Get("code_challenge")}))
			return more
		})
	}
}

// login is the bank's page: sign in, tick accounts, agree. done answers what
// the browser takes back; it is called inside a change of the state.
func (c xiheCall) login(k xiheConsent, done func(agreed bool, person string) url.Values) {
	page := loginPage{Title: c.title(), Colour: "#1d5c4b", Asker: "花窗 Jali", Wants: "想查看你的账户、余额和交易 would like to see your accounts, balances and transactions"}
	form := func(name string) string { return c.r.PostFormValue(name) }
	decide := func(p *person, ids []string) {
		var more url.Values
		err := c.t.state.change(func() error {
			held := c.t.state.Xihe[k.ID]
			if held.Status != "received" {
				return nil // another window was quicker
			}
			held.Acted, held.Status = c.now, "rejected"
			if p != nil {
				c.agree(held, p, ids)
			}
			more = done(p != nil, held.Person)
			return nil
		})
		if err != nil || more == nil {
			showMistake(c.w, c.title(), "这个请求已经结束。", "This request has ended.")
			return
		}
		sendBack(c.w, c.r, k.Redirect, more)
	}
	if c.r.Method == http.MethodGet {
		page.Accounts = []loginAccount{{}} // not known yet: the page offers to sign in
		c.t.showLogin(c.w, c.r, page, http.StatusOK)
		return
	}
	if form("decision") == "refuse" {
		decide(nil, nil)
		return
	}
	p := c.t.personByLogin(form("login"), form("password"))
	if p == nil {
		page.Wrong, page.Login, page.Accounts = true, form("login"), []loginAccount{{}}
		c.t.showLogin(c.w, c.r, page, http.StatusUnauthorized)
		return
	}
	var own []string
	for _, a := range p.further {
		if a.bank == XiheBank && k.Access.wants(a) {
			own = append(own, a.id)
			page.Accounts = append(page.Accounts, loginAccount{a.id, a.product + "(" + a.number[len(a.number)-4:] + ")"})
		}
	}
	picked := c.r.PostForm["account"]
	if form("chosen") == "" && len(picked) == 0 {
		picked = own
	}
	foreign := slices.ContainsFunc(picked, func(id string) bool { return !slices.Contains(own, id) })
	switch {
	case len(own) == 0:
		showMistake(c.w, c.title(), "你在这家银行没有这样的账户，请返回换一位居民。", "You have no such account at this bank: go back and choose somebody else.")
	case foreign || form("decision") != "agree" || len(picked) == 0:
		status := http.StatusOK
		if foreign {
			status = http.StatusBadRequest
		}
		page.Known, page.Login, page.Password = true, p.login, p.password
		c.t.showLogin(c.w, c.r, page, status)
	default:
		decide(p, picked)
	}
}

// wants reports whether an access is for the account, or leaves that open.
func (a xiheRights) wants(one *account) bool {
	named := false
	for _, list := range []*[]xiheName{a.Accounts, a.Balances, a.Transactions} {
		if list != nil && len(*list) > 0 {
			named = true
			if one.namedBy(*list) {
				return true
			}
		}
	}
	return !named
}

func (a *account) namedBy(list []xiheName) bool {
	own := a.xiheName()
	return slices.ContainsFunc(list, func(n xiheName) bool {
		return n.BBAN == own.BBAN && n.MaskedPAN == own.MaskedPAN && (n.Currency == "" || n.Currency == own.Currency)
	})
}

// agree makes a consent valid. A recurring one ends the person's older one.
func (c xiheCall) agree(k *xiheConsent, p *person, ids []string) {
	if k.Recurring {
		for _, old := range c.t.state.Xihe {
			if old.Person == p.id && old.Recurring && old.Status == "valid" {
				old.Status = "expired"
				c.t.state.endXihe(old.ID)
			}
		}
	}
	k.Status, k.Person, k.Signed = "valid", p.id, c.now
	for _, a := range p.further {
		if !slices.Contains(ids, a.id) {
			continue
		}
		of := func(list *[]xiheName) bool {
			return k.Access.AllPsd2 != "" || (list != nil && (len(*list) == 0 || a.namedBy(*list)))
		}
		k.Accounts = append(k.Accounts, a.id)
		if of(k.Access.Balances) || k.Access.AvailableWithBalance != "" {
			k.Balances = append(k.Balances, a.id)
		}
		if of(k.Access.Transactions) {
			k.Rows = append(k.Rows, a.id)
		}
	}
}

// token is the token endpoint. Where real banks know the client by its
// certificate, the town has no TLS: PKCE alone holds a code to who asked for it.
func (c xiheCall) token() {
	wrong := func(status int, code string) { c.answer(status, map[string]string{"error": code}) }
	if c.r.ParseForm() != nil || c.r.PostForm.Get("client_id") != xiheClient {
		wrong(http.StatusUnauthorized, "invalid_client")
		return
	}
	form := c.r.PostForm
	var body map[string]any
	give := func(from *pass) {
		k := c.t.state.Xihe[from.Consent]
		if k == nil || k.Status != "valid" {
			return
		}
		body = map[string]any{"token_type": "Bearer", "expires_in": int(xiheAccessFor / time.Second), "scope": from.Scope,
			"access_token": c.t.state.issue("", c.now, pass{Institution: XiheBank, Kind: accessPass, Person: from.Person, Scope: from.Scope,
				Consent: from.Consent, Until: c.now.Add(xiheAccessFor)})}
	}
	err := c.t.state.change(func() error {
		switch form.Get("grant_type") {
		case "authorization_code":
			held := c.t.state.Passes[form.Get("code")]
			sum := sha256.Sum256([]byte(form.Get("code_verifier")))
			switch {
			case held == nil || held.Institution != XiheBank || held.Kind != codePass:
			case held.Spent:
				c.t.state.endXihe(held.Consent) // who has a code twice may have stolen it (RFC 6749 4.1.2)
			case c.now.Before(held.Until) && form.Get("redirect_uri") == held.Redirect &&
				subtle.ConstantTimeCompare([]byte(b64.EncodeToString(sum[:])), []byte(held.Challenge)) == 1:
				held.Spent = true
				if give(held); body != nil {
					last, _ := time.ParseInLocation(time.DateOnly, c.t.state.Xihe[held.Consent].Until, beijing) // written by us
					body["refresh_token"] = c.t.state.issue("", c.now, pass{Institution: XiheBank, Kind: refreshPass, Person: held.Person,
						Scope: held.Scope, Consent: held.Consent, Until: last.AddDate(0, 0, 1)})
				}
			}
		case "refresh_token":
			held := c.t.state.Passes[form.Get("refresh_token")]
			if held != nil && held.Institution == XiheBank && held.Kind == refreshPass && !held.Spent && c.now.Before(held.Until) {
				give(held)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		wrong(http.StatusInternalServerError, "server_error")
	case body == nil:
		wrong(http.StatusBadRequest, "invalid_grant")
	default:
		c.answer(http.StatusOK, body)
	}
}

// bearer reports whether the request's token opens the consent, or has refused
// it. Where it is not needed, it may be left out.
func (c xiheCall) bearer(consent string, needed bool) bool {
	text, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		if needed {
			c.fail(http.StatusUnauthorized, "TOKEN_UNKNOWN")
		}
		return !needed
	}
	held, alive := c.t.bearer(c.x, XiheBank, text, c.now)
	switch {
	case held.Consent == "":
		c.fail(http.StatusUnauthorized, "TOKEN_UNKNOWN")
	case !alive && held.Spent:
		c.fail(http.StatusUnauthorized, "TOKEN_INVALID")
	case !alive:
		c.fail(http.StatusUnauthorized, "TOKEN_EXPIRED")
	case held.Consent != consent:
		c.fail(http.StatusUnauthorized, "TOKEN_INVALID")
	default:
		return true
	}
	return false
}
