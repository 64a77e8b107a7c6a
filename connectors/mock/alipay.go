package mock

import (
	"crypto/rsa"
	"net/http"
	"net/url"
	"time"
)

// AlipayAccess is what an operator holds who has registered an app with
// Alipay's open platform.
type AlipayAccess struct {
	AuthorizeURL string // publicAppAuthorize.htm
	GatewayURL   string // gateway.do, of v2
	APIURL       string // of v3, without its path
	AppID        string
	AppKey       *rsa.PrivateKey // signs requests
	PublicKey    *rsa.PublicKey  // Alipay's: verifies answers
	ContentKey   string          // AES, in base64
}

// AlipayCerts are what the operator downloads for certificate mode, in PEM.
type AlipayCerts struct {
	App    string // appCertPublicKey_….crt
	Alipay string // alipayCertPublicKey_RSA2.crt, with what issued it
	Root   string // alipayRootCert.crt
}

const (
	alipayAppID   = "2021004170650123"
	alipayCodeFor = 24 * time.Hour
	alipayTokens  = 15 * 24 * time.Hour
	alipayRefresh = 30 * 24 * time.Hour
	alipayNonces  = 10 * time.Minute
	alipayPath    = "/alipay"
)

// Alipay answers the operator's registration. It waits for two keys.
func (t *Town) Alipay() AlipayAccess {
	return AlipayAccess{
		AuthorizeURL: t.cfg.BaseURL + alipayPath + "/oauth2/publicAppAuthorize.htm",
		GatewayURL:   t.cfg.BaseURL + alipayPath + "/gateway.do",
		APIURL:       t.cfg.BaseURL,
		AppID:        alipayAppID,
		AppKey:       t.keys.get(keyAlipayApp),
		PublicKey:    &t.keys.get(keyAlipay).PublicKey,
		ContentKey:   t.alipayContentKey(),
	}
}

func (t *Town) serveAlipay(mux *http.ServeMux) {
	mux.HandleFunc("GET "+alipayPath+"/oauth2/publicAppAuthorize.htm", t.alipayAuthorize)
	mux.HandleFunc("POST "+alipayPath+"/oauth2/publicAppAuthorize.htm", t.alipayAuthorize)
	mux.HandleFunc("POST "+alipayPath+"/gateway.do", t.alipayGateway)
	mux.HandleFunc("GET "+alipayPath+"/gateway.do", t.alipayGateway)
	mux.HandleFunc("GET "+alipayFilePath, t.alipayDownload)
	mux.HandleFunc("GET /v3/alipay/", t.alipayREST)
	mux.HandleFunc("POST /v3/alipay/", t.alipayREST)
}

// alipayAuthorize is opendocs.alipay.com/open/284 "用户信息授权": the person agrees
// to a scope and comes back with an auth_code.
func (t *Town) alipayAuthorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back := q.Get("redirect_uri")
	if q.Get("app_id") != alipayAppID || !t.mayRedirect(back) {
		showMistake(w, "支付宝 Alipay", "app_id 或 redirect_uri 未登记。", "This app_id or redirect_uri is not registered.")
		return
	}
	scope := q.Get("scope")
	if scope != "auth_user" && scope != "auth_base" {
		showMistake(w, "支付宝 Alipay", "scope 须为 auth_user 或 auth_base。", "The scope must be auth_user or auth_base.")
		return
	}
	page := loginPage{Title: "支付宝 Alipay", Colour: "#1558c0", Asker: "花窗 Jali",
		Wants: "想查看你的余额和账单 would like to see your balance and bills"}
	if r.Method == http.MethodGet {
		t.showLogin(w, r, page, http.StatusOK)
		return
	}
	answer := url.Values{"app_id": {alipayAppID}, "source": {"alipay_wallet"}, "state": {q.Get("state")}}
	if r.PostFormValue("decision") == "refuse" {
		answer.Set("error_scope", scope)
		sendBack(w, r, back, answer)
		return
	}
	p := t.personByLogin(r.PostFormValue("login"), r.PostFormValue("password"))
	if p == nil {
		page.Wrong, page.Login = true, r.PostFormValue("login")
		t.showLogin(w, r, page, http.StatusUnauthorized)
		return
	}
	now := t.cfg.Now()
	err := t.state.change(func() error {
		answer.Set("auth_code", t.state.issue("", now, pass{Institution: Alipay, Kind: codePass, Person: p.id, Scope: scope, Until: now.Add(alipayCodeFor)}))
		return nil
	})
	if err != nil {
		http.Error(w, "town", http.StatusInternalServerError)
		return
	}
	answer.Set("scope", scope)
	sendBack(w, r, back, answer)
}
