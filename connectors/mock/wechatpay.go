package mock

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"jali/internal/secret"
)

// WeChatPayAccess is what an operator holds who is a service provider (服务商)
// of WeChat Pay, with an official account for the people's login.
type WeChatPayAccess struct {
	BaseURL      string // of the API; "/v3/…" and "/sns/…" follow. Signatures are over the path as it is sent, prefix and all
	RootURL      string // the same without a prefix, for clients that take none
	AuthorizeURL string // connect/oauth2/authorize
	AppID        string
	AppSecret    secret.Value
	MchID        string
	SerialNo     string          // of the merchant's certificate
	MerchantKey  *rsa.PrivateKey // signs requests
	PublicKeyID  string          // public-key mode. PUB_KEY_ID_…: Wechatpay-Serial of every answer
	PublicKey    *rsa.PublicKey  // public-key mode. WeChat Pay's: verifies answers
	APIv3Key     secret.Value    // platform-certificate mode: opens what /v3/certificates lists
}

const (
	wechatAppID       = "wx8a1d5f30c2e94b76"
	wechatMchID       = "1900009191"
	wechatSerial      = "5F3C1D8E7A9B40261C8D9E0F1A2B3C4D5E6F7081"
	wechatPublicKeyID = "PUB_KEY_ID_0119000091912026010100291200001234"
	// An older service provider of the same shops, who has platform certificates.
	wechatOldMchID  = "1900009199"
	wechatOldSerial = "3775B6A45ACD588826D15E583A95F5DD1F0E2C41"

	wechatCodeFor    = 5 * time.Minute
	wechatAccessFor  = 2 * time.Hour
	wechatRefreshFor = 30 * 24 * time.Hour
	wechatSkew       = 5 * time.Minute
)

// WeChatPay answers the operator's registration. It waits for two keys.
func (t *Town) WeChatPay() WeChatPayAccess {
	return WeChatPayAccess{
		BaseURL:      t.cfg.BaseURL + "/wechatpay",
		RootURL:      t.cfg.BaseURL,
		AuthorizeURL: t.cfg.BaseURL + "/wechatpay/connect/oauth2/authorize",
		AppID:        wechatAppID,
		AppSecret:    secret.Of(t.wechatSecret()),
		MchID:        wechatMchID,
		SerialNo:     wechatSerial,
		MerchantKey:  t.keys.get(keyMerchant),
		PublicKeyID:  wechatPublicKeyID,
		PublicKey:    &t.keys.get(keyWeChatPay).PublicKey,
	}
}

// WeChatPayCertificates answers the registration of an operator in
// platform-certificate mode.
func (t *Town) WeChatPayCertificates() WeChatPayAccess {
	a := t.WeChatPay()
	a.MchID, a.SerialNo, a.PublicKeyID, a.PublicKey = wechatOldMchID, wechatOldSerial, "", nil
	a.APIv3Key = secret.Of(t.wechatAPIv3Key())
	return a
}

func (t *Town) wechatSecret() string { return letters(seeded(t.cfg.Seed, "wechat secret"), 32) }

func (t *Town) serveWeChatPay(mux *http.ServeMux, prefix string) {
	mux.HandleFunc("GET "+prefix+"/connect/oauth2/authorize", t.wechatAuthorize)
	mux.HandleFunc("POST "+prefix+"/connect/oauth2/authorize", t.wechatAuthorize)
	mux.HandleFunc("GET "+prefix+"/sns/oauth2/access_token", t.wechatToken)
	mux.HandleFunc("GET "+prefix+"/sns/oauth2/refresh_token", t.wechatRefresh)
	v3 := func(pattern string, serve func(*Town, *http.Request, wechatCall) (any, *wechatFault)) {
		mux.HandleFunc(prefix+pattern, func(w http.ResponseWriter, r *http.Request) { t.wechatV3(w, r, prefix, serve) })
	}
	v3("/v3/", func(*Town, *http.Request, wechatCall) (any, *wechatFault) {
		return nil, &wechatFault{http.StatusNotFound, "RESOURCE_NOT_EXISTS", "资源不存在"}
	})
	v3("/v3/certificates", (*Town).wechatCertificates)
	v3("/v3/ecommerce/fund/balance/{sub_mchid}", (*Town).wechatBalance)
	v3("/v3/ecommerce/fund/enddaybalance/{sub_mchid}", (*Town).wechatDayEnd)
	v3("/v3/bill/tradebill", (*Town).wechatTradeBill)
	v3("/v3/bill/sub-merchant-fundflowbill", (*Town).wechatFundFlow)
	v3("/v3/billdownload/file", (*Town).wechatDownload)
}

// wechatCall is what a request of API v3 is served under.
type wechatCall struct {
	Trouble
	prefix       string
	certificates bool // the service provider is in platform-certificate mode
}

// wechatAuthorize is "网页授权获取用户基本信息": who refuses comes back with
// the state alone.
func (t *Town) wechatAuthorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back := q.Get("redirect_uri")
	if q.Get("appid") != wechatAppID || !t.mayRedirect(back) {
		showMistake(w, "微信支付 WeChat Pay", "appid 或 redirect_uri 未登记。", "This appid or redirect_uri is not registered.")
		return
	}
	if scope := q.Get("scope"); q.Get("response_type") != "code" || (scope != "snsapi_base" && scope != "snsapi_userinfo") {
		showMistake(w, "微信支付 WeChat Pay", "response_type 须为 code，scope 须为 snsapi_base。", "response_type must be code, and scope snsapi_base.")
		return
	}
	page := loginPage{Title: "微信支付 WeChat Pay", Colour: "#0a7d3b", Asker: "花窗 Jali",
		Wants: "想查看你的小店的余额和账单 would like to see your shop's balance and bills"}
	if r.Method == http.MethodGet {
		t.showLogin(w, r, page, http.StatusOK)
		return
	}
	answer := url.Values{"state": {q.Get("state")}}
	if r.PostFormValue("decision") == "refuse" {
		sendBack(w, r, back, answer)
		return
	}
	p := t.personByLogin(r.PostFormValue("login"), r.PostFormValue("password"))
	if p == nil {
		page.Wrong, page.Login = true, r.PostFormValue("login")
		t.showLogin(w, r, page, http.StatusUnauthorized)
		return
	}
	if !p.sells() {
		showMistake(w, page.Title, "你没有用微信支付收款的小店，请返回换一位居民。", "You have no shop that takes WeChat Pay: go back and choose somebody else.")
		return
	}
	now := t.cfg.Now()
	err := t.state.change(func() error {
		t.state.join(WeChatPay, p.id)
		answer.Set("code", t.state.issue("0", now, pass{Institution: WeChatPay, Kind: codePass, Person: p.id,
			Scope: q.Get("scope"), Until: now.Add(wechatCodeFor)}))
		return nil
	})
	if err != nil {
		http.Error(w, "town", http.StatusInternalServerError)
		return
	}
	sendBack(w, r, back, answer)
}

// snsAnswer is an answer of api.weixin.qq.com, which is 200 whatever it says.
func snsAnswer(w http.ResponseWriter, members map[string]any) {
	w.Header().Set("Content-Type", "text/plain")
	_ = json.NewEncoder(w).Encode(members)
}

func snsRefuses(w http.ResponseWriter, code int, words string) {
	snsAnswer(w, map[string]any{"errcode": code, "errmsg": words})
}

func (t *Town) wechatToken(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if !t.snsOpen(w, r) {
		return
	}
	switch {
	case q.Get("appid") != wechatAppID:
		snsRefuses(w, 40013, "invalid appid")
		return
	case !secret.Of(q.Get("secret")).Equal(secret.Of(t.wechatSecret())):
		snsRefuses(w, 40125, "invalid appsecret")
		return
	case q.Get("grant_type") != "authorization_code":
		snsRefuses(w, 40002, "invalid grant_type")
		return
	}
	now := t.cfg.Now()
	refusal, words := 40029, "invalid code"
	var p *person
	var access, refresh, scope string
	err := t.state.change(func() error {
		held, ok := t.state.Passes[q.Get("code")]
		switch {
		case !ok || held.Institution != WeChatPay || held.Kind != codePass:
			return nil
		case held.Spent:
			refusal, words = 40163, "code been used"
			return nil
		case !now.Before(held.Until):
			refusal, words = 42003, "code expired"
			return nil
		}
		held.Spent = true
		p, scope = t.personByID(held.Person), held.Scope
		access = t.state.issue("91_", now, pass{Institution: WeChatPay, Kind: accessPass, Person: p.id, Scope: scope, Until: now.Add(wechatAccessFor)})
		refresh = t.state.issue("91_", now, pass{Institution: WeChatPay, Kind: refreshPass, Person: p.id, Scope: scope, Until: now.Add(wechatRefreshFor)})
		return nil
	})
	if err != nil || p == nil {
		snsRefuses(w, refusal, words)
		return
	}
	snsAnswer(w, snsTokens(p, access, refresh, scope))
}

func snsTokens(p *person, access, refresh, scope string) map[string]any {
	return map[string]any{
		"access_token": access, "expires_in": int(wechatAccessFor / time.Second), "refresh_token": refresh,
		"openid": p.openid, "scope": scope,
		"sub_mchid": p.shop.subMchID, // the town's own: see the package comment
	}
}

// wechatRefresh answers with a new access token and the same refresh token.
func (t *Town) wechatRefresh(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if !t.snsOpen(w, r) {
		return
	}
	if q.Get("appid") != wechatAppID {
		snsRefuses(w, 40013, "invalid appid")
		return
	}
	if q.Get("grant_type") != "refresh_token" {
		snsRefuses(w, 40002, "invalid grant_type")
		return
	}
	now, old := t.cfg.Now(), q.Get("refresh_token")
	held, ok := t.state.holds(WeChatPay, refreshPass, old, now)
	if !ok {
		if held.Kind == refreshPass {
			snsRefuses(w, 42002, "refresh_token expired")
			return
		}
		snsRefuses(w, 40030, "invalid refresh_token")
		return
	}
	p := t.personByID(held.Person)
	var access string
	err := t.state.change(func() error {
		access = t.state.issue("91_", now, pass{Institution: WeChatPay, Kind: accessPass, Person: p.id, Scope: held.Scope, Until: now.Add(wechatAccessFor)})
		return nil
	})
	if err != nil {
		snsRefuses(w, -1, "system error")
		return
	}
	snsAnswer(w, snsTokens(p, access, old, held.Scope))
}

// snsOpen reports whether the login's API answers at all.
func (t *Town) snsOpen(w http.ResponseWriter, r *http.Request) bool {
	x, here := t.ails(w, r, WeChatPay)
	switch {
	case !here:
		return false
	case x.Down:
		snsRefuses(w, -1, "system error")
		return false
	case x.Busy:
		snsRefuses(w, 45009, "reach max api daily quota limit")
		return false
	}
	return true
}

// wechatFault is an error of API v3 ("基本规则": HTTP status, code, message).
type wechatFault struct {
	status        int
	code, message string
}

// rawAnswer is an answer that is not JSON and not signed.
type rawAnswer struct {
	kind string
	body []byte
}

func (t *Town) wechatV3(w http.ResponseWriter, r *http.Request, prefix string, serve func(*Town, *http.Request, wechatCall) (any, *wechatFault)) {
	x, here := t.ails(w, r, WeChatPay)
	if !here {
		return
	}
	call, answer := wechatCall{Trouble: x, prefix: prefix}, any(nil)
	mchID, f := t.wechatCheck(r)
	call.certificates = mchID == wechatOldMchID
	h := w.Header()
	switch {
	case f != nil:
	case x.Down:
		f = &wechatFault{http.StatusInternalServerError, "SYSTEM_ERROR", "系统异常，请稍后重试"}
	case x.Busy:
		f = &wechatFault{http.StatusTooManyRequests, "RATELIMIT_EXCEEDED", "请求超过频率限制，请降低频率后重试"}
		if strings.Contains(r.URL.Path, "/v3/bill/") {
			f.code = "FREQUENCY_LIMITED"
		}
		if !x.NoWait {
			h.Set("Retry-After", "5")
		}
	default:
		answer, f = serve(t, r, call)
	}
	if raw, ok := answer.(rawAnswer); ok && f == nil {
		h.Set("Content-Type", raw.kind)
		_, _ = w.Write(raw.body)
		return
	}
	status := http.StatusOK
	if f != nil {
		status, answer = f.status, map[string]string{"code": f.code, "message": f.message}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, "town", http.StatusInternalServerError)
		return
	}
	body = x.spoil(body)
	stamp, nonce, by := strconv.FormatInt(t.cfg.Now().Unix(), 10), rand.Text(), t.wechatSigner(call.certificates)
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Request-ID", rand.Text())
	h.Set("Wechatpay-Timestamp", stamp)
	h.Set("Wechatpay-Nonce", nonce)
	h.Set("Wechatpay-Serial", by.serial)
	h.Set("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048")
	h.Set("Wechatpay-Signature", signPKCS1(by.key, []byte(stamp+"\n"+nonce+"\n"+string(body)+"\n"), x.Forged))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

const wechatScheme = "WECHATPAY2-SHA256-RSA2048 "

var wechatAuthMember = regexp.MustCompile(`^\s*([a-z_]+)="([^"]*)"\s*$`)

// wechatCheck is "签名生成" from the other side: the signature is over method,
// path and query as sent, timestamp, nonce and body, a line each.
func (t *Town) wechatCheck(r *http.Request) (mchID string, f *wechatFault) {
	refuse := &wechatFault{http.StatusUnauthorized, "SIGN_ERROR", "错误的签名，验签失败"}
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), wechatScheme)
	if !ok {
		return "", refuse
	}
	said := map[string]string{}
	for part := range strings.SplitSeq(given, ",") {
		m := wechatAuthMember.FindStringSubmatch(part)
		if m == nil || said[m[1]] != "" {
			return "", refuse
		}
		said[m[1]] = m[2]
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", &wechatFault{http.StatusBadRequest, "PARAM_ERROR", "请求体无法读取"}
	}
	path := r.RequestURI
	if !strings.HasPrefix(path, "/") {
		path = r.URL.RequestURI()
	}
	message := r.Method + "\n" + path + "\n" + said["timestamp"] + "\n" + said["nonce_str"] + "\n" + string(body) + "\n"
	stamp, err := strconv.ParseInt(said["timestamp"], 10, 64)
	switch {
	case err != nil || said["nonce_str"] == "":
		return "", refuse
	case said["mchid"] == wechatMchID && said["serial_no"] != wechatSerial, said["mchid"] == wechatOldMchID && said["serial_no"] != wechatOldSerial,
		said["mchid"] != wechatMchID && said["mchid"] != wechatOldMchID:
		return "", refuse
	case !verifiesPKCS1(&t.keys.get(keyMerchant).PublicKey, []byte(message), said["signature"]):
		return "", refuse
	case t.cfg.Now().Sub(time.Unix(stamp, 0)).Abs() >= wechatSkew:
		return "", &wechatFault{http.StatusUnauthorized, "SIGN_ERROR", "请求时间戳与微信支付服务器时间相差过大"}
	case !t.once(t.nonces, said["nonce_str"], 2*wechatSkew):
		return "", &wechatFault{http.StatusUnauthorized, "SIGN_ERROR", "请求随机串重复使用"}
	}
	if r.Method != http.MethodGet {
		return "", &wechatFault{http.StatusMethodNotAllowed, "INVALID_REQUEST", "HTTP方法不正确"}
	}
	return said["mchid"], nil
}
