package mock

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// AlipayAccess is what an operator holds who has registered an app with
// Alipay's open platform.
type AlipayAccess struct {
	AuthorizeURL string // publicAppAuthorize.htm
	GatewayURL   string // gateway.do
	AppID        string
	AppKey       *rsa.PrivateKey // signs requests
	PublicKey    *rsa.PublicKey  // Alipay's: verifies answers
}

const (
	alipayAppID   = "2021004170650123"
	alipayCodeFor = 24 * time.Hour
	alipayTokens  = 15 * 24 * time.Hour
	alipayRefresh = 30 * 24 * time.Hour
	alipayPath    = "/alipay"
)

// Alipay answers the operator's registration. It waits for two keys.
func (t *Town) Alipay() AlipayAccess {
	return AlipayAccess{
		AuthorizeURL: t.cfg.BaseURL + alipayPath + "/oauth2/publicAppAuthorize.htm",
		GatewayURL:   t.cfg.BaseURL + alipayPath + "/gateway.do",
		AppID:        alipayAppID,
		AppKey:       t.keys.get(keyAlipayApp),
		PublicKey:    &t.keys.get(keyAlipay).PublicKey,
	}
}

func (t *Town) serveAlipay(mux *http.ServeMux) {
	mux.HandleFunc("GET "+alipayPath+"/oauth2/publicAppAuthorize.htm", t.alipayAuthorize)
	mux.HandleFunc("POST "+alipayPath+"/oauth2/publicAppAuthorize.htm", t.alipayAuthorize)
	mux.HandleFunc("POST "+alipayPath+"/gateway.do", t.alipayGateway)
	mux.HandleFunc("GET "+alipayPath+"/gateway.do", t.alipayGateway)
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
	p := t.world.personByLogin(r.PostFormValue("login"), r.PostFormValue("password"))
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

// alipayFault is one row of the gateway's table of 公共错误码
// (opendocs.alipay.com/common/02km9f).
type alipayFault struct{ code, msg, sub, words string }

func missing(what string) *alipayFault {
	return &alipayFault{"40001", "Missing Required Arguments", "isv.missing-" + what, "缺少参数"}
}

func invalid(what, words string) *alipayFault {
	return &alipayFault{"40002", "Invalid Arguments", "isv." + what, words}
}

var (
	alipayNoToken  = &alipayFault{"20001", "Insufficient Token Permissions", "aop.invalid-auth-token", "无效的访问令牌"}
	alipayOldToken = &alipayFault{"20001", "Insufficient Token Permissions", "aop.auth-token-time-out", "访问令牌已过期"}
	alipayDown     = &alipayFault{"20000", "Service Currently Unavailable", "aop.unknow-error", "系统繁忙"}
	alipayBusy     = &alipayFault{"40005", "Call Limited", "isv.app-call-limited", "应用调用次数超限"}
)

// member is one member of an answer; answers keep their members in order.
type member struct {
	name  string
	value any
}

// alipayMethod answers one method of the gateway.
type alipayMethod func(t *Town, q map[string]string, now time.Time) ([]member, *alipayFault)

var alipayMethods = map[string]alipayMethod{
	"alipay.system.oauth.token":         (*Town).alipayToken,
	"alipay.data.bill.balance.query":    (*Town).alipayBalance,
	"alipay.data.bill.accountlog.query": (*Town).alipayAccountLog,
}

func (t *Town) alipayGateway(w http.ResponseWriter, r *http.Request) {
	x, here := t.ails(w, r, Alipay)
	if !here {
		return
	}
	q, broken := alipayParams(r)
	answer, f := []member(nil), broken
	switch {
	case f != nil:
	case x.Down:
		f = alipayDown
	case x.Busy:
		f = alipayBusy
	default:
		if f = t.alipayCheck(q); f == nil {
			answer, f = alipayMethods[q["method"]](t, q, t.cfg.Now())
		}
	}
	key := strings.ReplaceAll(q["method"], ".", "_") + "_response"
	if _, known := alipayMethods[q["method"]]; f != nil && (!known || q["method"] == "alipay.system.oauth.token") {
		key = "error_response"
	}
	if f != nil {
		answer = []member{{"code", f.code}, {"msg", f.msg}, {"sub_code", f.sub}, {"sub_msg", f.words}}
	}
	object := alipayObject(answer)
	var b bytes.Buffer
	b.WriteString(`{"` + key + `":`)
	b.Write(object)
	b.WriteString(`,"sign":"` + signPKCS1(t.keys.get(keyAlipay), object, x.Forged) + `"}`)
	w.Header().Set("Content-Type", "text/html;charset=utf-8") // as the gateway does, JSON or not
	_, _ = w.Write(b.Bytes())
}

// alipayParams joins query and form, as the SDKs spread them over both. A
// parameter may stand once.
func alipayParams(r *http.Request) (map[string]string, *alipayFault) {
	q := map[string]string{}
	if err := r.ParseForm(); err != nil {
		return q, invalid("invalid-format", "无效数据格式")
	}
	for name, values := range r.Form {
		if len(values) > 1 {
			return q, invalid("invalid-parameter", "参数重复")
		}
		q[name] = values[0]
	}
	return q, nil
}

// alipayCheck is what the gateway holds against every request before its method.
func (t *Town) alipayCheck(q map[string]string) *alipayFault {
	for _, must := range []struct{ name, sub string }{
		{"method", "method"}, {"app_id", "app-id"}, {"sign_type", "signature-type"}, {"sign", "signature"},
		{"timestamp", "timestamp"}, {"version", "version"},
	} {
		if q[must.name] == "" {
			return missing(must.sub)
		}
	}
	switch {
	case q["app_id"] != alipayAppID:
		return invalid("invalid-app-id", "无效的AppID参数")
	case q["sign_type"] != "RSA2":
		return invalid("invalid-signature-type", "无效签名类型")
	case !strings.EqualFold(q["charset"], "utf-8"):
		return invalid("invalid-charset", "字符集错误")
	case q["format"] != "" && !strings.EqualFold(q["format"], "json"):
		return invalid("invalid-format", "无效数据格式")
	case q["version"] != "1.0":
		return invalid("invalid-version", "无效的版本参数")
	}
	if _, err := time.ParseInLocation(alipayTime, q["timestamp"], beijing); err != nil {
		return invalid("invalid-timestamp", "非法的时间戳参数")
	}
	if !verifiesPKCS1(&t.keys.get(keyAlipayApp).PublicKey, alipaySignText(q), q["sign"]) {
		return invalid("invalid-signature", "验签出错")
	}
	if alipayMethods[q["method"]] == nil {
		return invalid("invalid-method", "不存在的方法名")
	}
	return nil
}

const alipayTime = "2006-01-02 15:04:05"

// alipaySignText is opendocs.alipay.com/common/02mse7: all parameters but sign
// and empty ones, by name, as name=value joined by &.
func alipaySignText(q map[string]string) []byte {
	names := make([]string, 0, len(q))
	for name, value := range q {
		if name != "sign" && value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(name + "=" + q[name])
	}
	return []byte(b.String())
}

// alipayObject writes an answer as the gateway does: slashes are escaped, so
// that only the very bytes verify and no re-written JSON.
func alipayObject(members []member) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + m.name + `":`)
		switch v := m.value.(type) {
		case [][]member:
			b.WriteByte('[')
			for j, row := range v {
				if j > 0 {
					b.WriteByte(',')
				}
				b.Write(alipayObject(row))
			}
			b.WriteByte(']')
		default:
			text, err := json.Marshal(v)
			if err != nil {
				text = []byte("null")
			}
			b.Write(bytes.ReplaceAll(text, []byte("/"), []byte(`\/`)))
		}
	}
	b.WriteByte('}')
	return b.Bytes()
}

// alipayBearer answers the person whose auth_token a request carries.
func (t *Town) alipayBearer(q map[string]string, now time.Time) (*person, *alipayFault) {
	held, ok := t.state.holds(Alipay, accessPass, q["auth_token"], now)
	switch {
	case !ok && held.Kind == accessPass && !held.Spent:
		return nil, alipayOldToken
	case !ok:
		return nil, alipayNoToken
	}
	return t.world.personByID(held.Person), nil
}
