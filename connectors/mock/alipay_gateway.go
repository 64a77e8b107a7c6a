package mock

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// alipayFault is one row of the gateway's table of 公共错误码
// (opendocs.alipay.com/common/02km9f), or of a method's own.
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
	alipayForeign  = &alipayFault{"40006", "Insufficient Permissions", "isv.insufficient-user-permissions", "用户权限不足"}
)

func alipayRefuses(words string) *alipayFault {
	return &alipayFault{"40004", "Business Failed", "INVALID_PARAMETER", words}
}

// member is one member of an answer; answers keep their members in order.
type member struct {
	name  string
	value any
}

// alipayAsk is a request of either protocol whose signature was right.
type alipayAsk struct {
	x      Trouble
	now    time.Time
	token  string            // auth_token
	params map[string]string // the method's own
}

// alipayMethod answers one method.
type alipayMethod func(t *Town, a alipayAsk) ([]member, *alipayFault)

const (
	alipayTokenMethod = "alipay.system.oauth.token"
	alipayCertMethod  = "alipay.open.app.alipaycert.download"
)

var alipayMethods = map[string]alipayMethod{
	alipayTokenMethod:                                (*Town).alipayToken,
	alipayCertMethod:                                 (*Town).alipayCert,
	"alipay.data.bill.balance.query":                 (*Town).alipayBalance,
	"alipay.data.bill.balancehis.query":              (*Town).alipayClosing,
	"alipay.data.bill.accountlog.query":              (*Town).alipayAccountLog,
	"alipay.data.bill.buy.query":                     (*Town).alipayBought,
	"alipay.data.bill.sell.query":                    (*Town).alipaySold,
	"alipay.data.bill.transfer.query":                (*Town).alipayTransfers,
	"alipay.data.dataservice.bill.downloadurl.query": (*Town).alipayBillURL,
}

// run answers a method that has been checked, or what ails the platform.
func (t *Town) alipayRun(method string, a alipayAsk, f *alipayFault) ([]member, *alipayFault) {
	switch {
	case a.x.Down:
		return nil, alipayDown
	case a.x.Busy:
		return nil, alipayBusy
	case f != nil:
		return nil, f
	}
	return alipayMethods[method](t, a)
}

func (t *Town) alipayGateway(w http.ResponseWriter, r *http.Request) {
	x, here := t.ails(w, r, Alipay)
	if !here {
		return
	}
	q, f := alipayParams(r)
	if f == nil {
		f = t.alipayCheck(q)
	}
	method := q["method"]
	a := alipayAsk{x: x, now: t.cfg.Now(), token: q["auth_token"], params: q}
	if f == nil && method != alipayTokenMethod {
		a.params, f = t.alipayContent(q)
	}
	answer, f := t.alipayRun(method, a, f)
	key := strings.ReplaceAll(method, ".", "_") + "_response"
	if _, known := alipayMethods[method]; f != nil && (!known || method == alipayTokenMethod) {
		key = "error_response"
	}
	if f != nil {
		answer = []member{{"code", f.code}, {"msg", f.msg}, {"sub_code", f.sub}, {"sub_msg", f.words}}
	} else if method != alipayTokenMethod {
		answer = append([]member{{"code", "10000"}, {"msg", "Success"}}, answer...)
	}
	value := x.spoil(alipayObject(answer))
	if f == nil && q["encrypt_type"] != "" {
		value = []byte(`"` + t.alipaySeal(value) + `"`)
	}
	var b bytes.Buffer
	b.WriteString(`{"` + key + `":`)
	b.Write(value)
	if q["app_cert_sn"] != "" {
		b.WriteString(`,"alipay_cert_sn":"` + t.alipayCerts().platform.serial + `"`)
	}
	if method != alipayCertMethod || f != nil { // the download is not signed: whoever asks lacks the key
		b.WriteString(`,"sign":"` + signPKCS1(t.keys.get(keyAlipay), value, x.Forged) + `"`)
	}
	b.WriteString(`}`)
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
	if f := t.alipayCertMode(q["app_cert_sn"], q["alipay_root_cert_sn"]); f != nil {
		return f
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

// alipayContent reads biz_content, which may be left out, and may be encrypted.
func (t *Town) alipayContent(q map[string]string) (map[string]string, *alipayFault) {
	biz := []byte(q["biz_content"])
	switch kind := q["encrypt_type"]; {
	case kind == "":
	case kind != "AES":
		return nil, invalid("invalid-encrypt-type", "无效的加密类型")
	case len(biz) > 0:
		var ok bool
		if biz, ok = t.alipayUnseal(string(biz)); !ok {
			return nil, invalid("decryption-error-unknown", "解密出错, 未知错误")
		}
	}
	if len(biz) == 0 {
		return map[string]string{}, nil
	}
	params, ok := alipayFlat(biz)
	if !ok {
		return nil, invalid("invalid-parameter", "biz_content不是合法的JSON")
	}
	return params, nil
}

// alipayFlat reads an object whose members are texts or numbers, which clients
// send either way.
func alipayFlat(object []byte) (map[string]string, bool) {
	var members map[string]any
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	if d.Decode(&members) != nil || members == nil {
		return nil, false
	}
	params := map[string]string{}
	for name, value := range members {
		switch v := value.(type) {
		case string:
			params[name] = v
		case json.Number:
			params[name] = v.String()
		}
	}
	return params, true
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

// alipayBearer answers the person of whom a request may be told.
func (t *Town) alipayBearer(a alipayAsk) (*person, *alipayFault) {
	held, ok := t.bearer(a.x, Alipay, a.token, a.now)
	switch {
	case !ok && held.Kind == accessPass && !held.Spent:
		return nil, alipayOldToken
	case !ok:
		return nil, alipayNoToken
	}
	p := t.personByID(held.Person)
	if id := a.params["bill_user_id"]; id != "" && id != p.wallet.userID {
		return nil, alipayForeign
	}
	return t.wallets(a.x, p), nil
}
