package mock

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	fdxPushedFor  = 10 * time.Minute
	fdxAccessFor  = 15 * time.Minute // FDX's Security Model: 900 seconds at most
	fdxRefreshFor = 365 * 24 * time.Hour
	fdxReaches    = 400 // days, at most
)

// fdxBook is what the finance company must not forget.
type fdxBook struct {
	Pushed map[string]*fdxRequest // by request_uri
	Grants map[string]*fdxGrant
}

// fdxRequest is a pushed authorization request (RFC 9126).
type fdxRequest struct {
	Until                             time.Time
	Redirect, State, Scope, Challenge string
	Duration, Lookback                int // days; Duration 0: until it is revoked
	Clusters                          []string
	Once                              bool
	Used                              bool
}

// fdxGrant is a ConsentGrant.
type fdxGrant struct {
	ID                 string
	Person             string
	Accounts, Clusters []string
	Duration, Lookback int
	Once               bool
	Created            time.Time
	Expires            time.Time // zero: never
	Ended              time.Time // zero: it stands
	Reason, Initiator  string
}

func (g fdxGrant) status(now time.Time) string {
	switch {
	case !g.Ended.IsZero():
		return "REVOKED"
	case !g.Expires.IsZero() && !now.Before(g.Expires):
		return "EXPIRED"
	}
	return "ACTIVE"
}

func (s *state) fdxGrant(id string) (fdxGrant, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.FDX.Grants[id]
	if !ok {
		return fdxGrant{}, false
	}
	return *g, true
}

// fdxScopes are the clusters of data that may be asked for, by their scopes.
var fdxScopes = map[string]string{
	"fdx:accountbasic:read": "ACCOUNT_BASIC", "fdx:accountdetailed:read": "ACCOUNT_DETAILED", "fdx:bills:read": "BILLS",
	"fdx:statements:read": "STATEMENTS", "fdx:transactions:read": "TRANSACTIONS",
}

// oauthFail is an error of RFC 6749, section 5.2.
func (c fdxCall) oauthFail(status int, code string) {
	c.answer(status, map[string]string{"error": code})
}

// client reports whether a form proves that our one client sent it, or has
// refused it: private_key_jwt for the issuer.
func (c fdxCall) client() bool {
	kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if kind != "application/x-www-form-urlencoded" || c.r.ParseForm() != nil {
		c.oauthFail(http.StatusBadRequest, "invalid_request")
		return false
	}
	form, client, issuer := c.r.PostForm, c.t.qingshiClient(), c.t.cfg.BaseURL+qingshiAuth
	claims, err := openJWS(form.Get("client_assertion"), bankClientKeyID, &c.t.keys.get(keyBankClient).PublicKey)
	switch {
	case form.Get("client_assertion_type") != assertionType, form.Get("client_id") != client,
		err != nil, claims.Issuer != client, claims.Subject != client, !slices.Contains(claims.Audience, issuer), claims.ID == "",
		claims.Expires == nil, !c.now.Before(claims.Expires.Time), claims.Expires.After(c.now.Add(5 * time.Minute)),
		!c.t.once(c.t.jtis, Qingshi+" "+claims.ID, 10*time.Minute):
		c.oauthFail(http.StatusUnauthorized, "invalid_client")
		return false
	}
	return true
}

// push is POST /par.
func (c fdxCall) push() {
	if !c.client() {
		return
	}
	form := c.r.PostForm
	ask := &fdxRequest{Until: c.now.Add(fdxPushedFor), Redirect: form.Get("redirect_uri"), State: form.Get("state"),
		Scope: form.Get("scope"), Challenge: form.Get("code_challenge")}
	if form.Get("response_type") != "code" || form.Has("request_uri") || !c.t.mayRedirect(ask.Redirect) ||
		form.Get("code_challenge_method") != "S256" || len(ask.Challenge) != 43 {
		c.oauthFail(http.StatusBadRequest, "invalid_request")
		return
	}
	if problem := ask.details(form.Get("authorization_details")); problem != "" {
		c.oauthFail(http.StatusBadRequest, problem)
		return
	}
	uri := "urn:ietf:params:oauth:request_uri:" + rand.Text()
	err := c.t.state.change(func() error {
		book := &c.t.state.FDX
		if book.Pushed == nil {
			book.Pushed, book.Grants = map[string]*fdxRequest{}, map[string]*fdxGrant{}
		}
		for old, p := range book.Pushed {
			if !c.now.Before(p.Until) {
				delete(book.Pushed, old)
			}
		}
		book.Pushed[uri] = ask
		return nil
	})
	if err != nil {
		c.oauthFail(http.StatusInternalServerError, "server_error")
		return
	}
	c.answer(http.StatusCreated, map[string]any{"request_uri": uri, "expires_in": int(fdxPushedFor / time.Second)})
}

// details reads the one consent request; scopes must match its clusters.
func (p *fdxRequest) details(text string) (problem string) {
	var list []struct {
		Type    string `json:"type"`
		Request struct {
			Type      string `json:"durationType"`
			Period    int    `json:"durationPeriod"`
			Lookback  int    `json:"lookbackPeriod"`
			Resources []struct {
				Type     string   `json:"resourceType"`
				Clusters []string `json:"dataClusters"`
			} `json:"resources"`
		} `json:"consentRequest"`
	}
	if json.Unmarshal([]byte(text), &list) != nil || len(list) != 1 || list[0].Type != "fdx_v1.0" || len(list[0].Request.Resources) != 1 {
		return "invalid_authorization_details"
	}
	ask := list[0].Request
	bounded := ask.Period >= 1 && ask.Period <= 365
	switch {
	case ask.Type == "TIME_BOUND" && bounded:
		p.Duration = ask.Period
	case ask.Type == "ONE_TIME":
		p.Once, p.Duration = true, 1
	case ask.Type == "PERSISTENT":
	default:
		return "invalid_authorization_details"
	}
	if ask.Resources[0].Type != "ACCOUNT" || ask.Lookback < 1 || len(ask.Resources[0].Clusters) == 0 {
		return "invalid_authorization_details"
	}
	p.Lookback, p.Clusters = min(ask.Lookback, fdxReaches), ask.Resources[0].Clusters
	var scoped []string
	for _, s := range strings.Fields(p.Scope) {
		if cluster, ok := fdxScopes[s]; ok {
			scoped = append(scoped, cluster)
		} else if s != "offline_access" {
			return "invalid_scope"
		}
	}
	asked := slices.Clone(p.Clusters)
	slices.Sort(asked)
	slices.Sort(scoped)
	if !slices.Equal(asked, scoped) {
		return "invalid_scope"
	}
	return ""
}

// authorize is the company's page: sign in, then tick accounts, then agree.
func (c fdxCall) authorize() {
	title := "青石消费金融 Qingshi Consumer Finance"
	uri := c.r.URL.Query().Get("request_uri")
	c.t.state.mu.Lock()
	held := c.t.state.FDX.Pushed[uri]
	var ask fdxRequest
	if held != nil {
		ask = *held
	}
	c.t.state.mu.Unlock()
	if held == nil || ask.Used || !c.now.Before(ask.Until) || c.r.URL.Query().Get("client_id") != c.t.qingshiClient() {
		showMistake(c.w, title, "这个授权请求不存在，或者已经过期。", "This request is unknown, or has expired.")
		return
	}
	back := func(add url.Values) {
		add.Set("state", ask.State)
		add.Set("iss", c.t.cfg.BaseURL+qingshiAuth)
		sendBack(c.w, c.r, ask.Redirect, add)
	}
	page := loginPage{Title: title, Colour: "#2f5d50", Asker: "花窗 Jali",
		Wants: "想查看你的花呗、借呗的余额、账单和对账单 would like to see what you owe, with bills and statements"}
	if c.r.Method == http.MethodGet {
		page.Accounts = []loginAccount{{}} // not known yet: the page offers to sign in
		c.t.showLogin(c.w, c.r, page, http.StatusOK)
		return
	}
	if c.r.PostFormValue("decision") == "refuse" {
		back(url.Values{"error": {"access_denied"}})
		return
	}
	p := c.t.personByLogin(c.r.PostFormValue("login"), c.r.PostFormValue("password"))
	if p == nil {
		page.Wrong, page.Login, page.Accounts = true, c.r.PostFormValue("login"), []loginAccount{{}}
		c.t.showLogin(c.w, c.r, page, http.StatusUnauthorized)
		return
	}
	var own []string
	for _, a := range p.further {
		if a.bank == Qingshi {
			own = append(own, a.id)
			page.Accounts = append(page.Accounts, loginAccount{a.id, a.product + "(" + a.number[len(a.number)-4:] + ")"})
		}
	}
	if len(own) == 0 {
		showMistake(c.w, title, "你在这里没有花呗或借呗，请返回换一位居民。", "You have no account here: go back and choose somebody else.")
		return
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
		c.t.showLogin(c.w, c.r, page, status)
		return
	}
	var code string
	err := c.t.state.change(func() error {
		held := c.t.state.FDX.Pushed[uri]
		if held == nil || held.Used {
			return nil // another window was quicker
		}
		held.Used = true
		g := &fdxGrant{ID: strings.ToLower(rand.Text()), Person: p.id, Accounts: picked, Clusters: ask.Clusters,
			Duration: ask.Duration, Lookback: ask.Lookback, Once: ask.Once, Created: c.now}
		if ask.Duration > 0 {
			g.Expires = c.now.AddDate(0, 0, ask.Duration)
		}
		c.t.state.FDX.Grants[g.ID] = g
		code = c.t.state.issue("", c.now, pass{Institution: Qingshi, Kind: codePass, Person: p.id, Until: c.now.Add(bankCodeFor),
			Redirect: ask.Redirect, Scope: ask.Scope, Consent: g.ID, Challenge: ask.Challenge})
		return nil
	})
	if err != nil || code == "" {
		back(url.Values{"error": {"server_error"}})
		return
	}
	back(url.Values{"code": {code}})
}

// token is POST /token.
func (c fdxCall) token() {
	if !c.client() {
		return
	}
	form := c.r.PostForm
	body := map[string]any{"token_type": "Bearer", "expires_in": int(fdxAccessFor / time.Second)}
	problem := ""
	err := c.t.state.change(func() error {
		switch form.Get("grant_type") {
		case "client_credentials":
			body["access_token"] = c.t.state.issue("", c.now, pass{Institution: Qingshi, Kind: accessPass, Until: c.now.Add(fdxAccessFor)})
		case "authorization_code":
			problem = c.redeem(form, body)
		case "refresh_token":
			problem = c.renew(form.Get("refresh_token"), body)
		default:
			problem = "unsupported_grant_type"
		}
		return nil
	})
	switch {
	case err != nil:
		c.oauthFail(http.StatusInternalServerError, "server_error")
	case problem != "":
		c.oauthFail(http.StatusBadRequest, problem)
	default:
		c.answer(http.StatusOK, body)
	}
}

// redeem spends a code. One that comes twice takes its tokens with it (RFC
// 6749, section 4.1.2). The caller is inside change.
func (c fdxCall) redeem(form url.Values, body map[string]any) (problem string) {
	held, ok := c.t.state.Passes[form.Get("code")]
	if !ok || held.Institution != Qingshi || held.Kind != codePass {
		return "invalid_grant"
	}
	if held.Spent {
		c.t.state.spend(held.Consent)
		return "invalid_grant"
	}
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	proven := subtle.ConstantTimeCompare([]byte(b64.EncodeToString(sum[:])), []byte(held.Challenge)) == 1
	if !c.now.Before(held.Until) || form.Get("redirect_uri") != held.Redirect || !proven {
		return "invalid_grant"
	}
	held.Spent = true
	c.hand(*held, body)
	return ""
}

// renew replaces a refresh token; the old one answers with its successor for a
// minute more, for whom an answer was lost.
func (c fdxCall) renew(text string, body map[string]any) (problem string) {
	held, ok := c.t.state.Passes[text]
	if !ok || held.Institution != Qingshi || held.Kind != refreshPass || held.Spent || !c.now.Before(held.Until) {
		return "invalid_grant"
	}
	c.hand(*held, body)
	if held.Twin == "" {
		held.Twin, held.Until = body["refresh_token"].(string), c.now.Add(bankGrace)
	} else {
		delete(c.t.state.Passes, body["refresh_token"].(string))
		body["refresh_token"] = held.Twin
	}
	return ""
}

func (c fdxCall) hand(from pass, body map[string]any) {
	next := pass{Institution: Qingshi, Kind: accessPass, Person: from.Person, Scope: from.Scope, Consent: from.Consent, Until: c.now.Add(fdxAccessFor)}
	body["access_token"] = c.t.state.issue("", c.now, next)
	next.Kind, next.Until = refreshPass, c.now.Add(fdxRefreshFor)
	body["refresh_token"] = c.t.state.issue("", c.now, next)
	body["scope"], body["grant_id"] = from.Scope, from.Consent
}

// spend ends every token of a consent. The caller is inside change.
func (s *state) spend(consent string) {
	for _, p := range s.Passes {
		if p.Institution == Qingshi && p.Consent == consent {
			p.Spent = true
		}
	}
}
