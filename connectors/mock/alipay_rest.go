package mock

import (
	"crypto/rand"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const alipayScheme = "ALIPAY-SHA256withRSA "

// alipayREST is protocol v3 (opendocs.alipay.com/open-v3/054kaq): queries by
// GET, the rest by POST, errors by HTTP status.
func (t *Town) alipayREST(w http.ResponseWriter, r *http.Request) {
	x, here := t.ails(w, r, Alipay)
	if !here {
		return
	}
	body, err := io.ReadAll(r.Body)
	method := strings.ReplaceAll(strings.TrimPrefix(r.URL.Path, "/v3/"), "/", ".")
	f := t.alipaySigned(r, body)
	sealed := r.Header.Get("alipay-encrypt-type")
	a := alipayAsk{x: x, now: t.cfg.Now(), params: map[string]string{}}
	switch {
	case err != nil:
		f = invalid("invalid-request-data", "请求数据无法读取")
	case f != nil:
	case alipayMethods[method] == nil, method == alipayCertMethod, (r.Method == http.MethodPost) != (method == alipayTokenMethod):
		f = invalid("invalid-method", "不存在的方法名")
	case sealed != "" && sealed != "AES":
		f = invalid("invalid-encrypt-type", "无效的加密类型")
	default:
		for name, values := range r.URL.Query() {
			a.params[name] = values[0]
		}
		if r.Method == http.MethodPost {
			f = t.alipayBody(body, sealed, a.params)
		}
		a.token = a.params["auth_token"]
	}
	answer, f := t.alipayRun(method, a, f)
	status := http.StatusOK
	if f != nil {
		code := f.sub
		if !alipayPrefixed[code] {
			code = strings.TrimPrefix(strings.TrimPrefix(code, "isv."), "aop.")
		}
		status = alipayStatus[f.code]
		answer = []member{{"code", code}, {"message", f.words},
			{"links", [][]member{{{"link", "https://open.alipay.com/api/errCheck?traceId=0"}, {"desc", "解决方案"}}}}}
	}
	text := x.spoil(alipayObject(answer))
	if f == nil && sealed != "" {
		text = []byte(t.alipaySeal(text))
	}
	stamp, nonce := strconv.FormatInt(a.now.UnixMilli(), 10), rand.Text()
	h := w.Header()
	h.Set("Content-Type", "application/json;charset=UTF-8")
	h.Set("alipay-timestamp", stamp)
	h.Set("alipay-nonce", nonce)
	h.Set("alipay-trace-id", strings.ToLower(nonce))
	if strings.Contains(r.Header.Get("Authorization"), "app_cert_sn=") {
		h.Set("alipay-sn", t.alipayCerts().platform.serial)
	}
	h.Set("alipay-signature", signPKCS1(t.keys.get(keyAlipay), []byte(stamp+"\n"+nonce+"\n"+string(text)+"\n"), x.Forged))
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// alipayStatus are the statuses of v3 by the families of v2.
var alipayStatus = map[string]int{"20000": 500, "20001": 401, "40001": 400, "40002": 400, "40003": 400, "40004": 400, "40005": 429, "40006": 403}

// alipayPrefixed are the codes that v3 publishes with their prefix: those of the
// method for tokens.
var alipayPrefixed = map[string]bool{"isv.grant-type-invalid": true, "isv.code-invalid": true, "isv.refresh-token-invalid": true}

// alipaySigned is opendocs.alipay.com/open-v3/054q58.
func (t *Town) alipaySigned(r *http.Request, body []byte) *alipayFault {
	header, ok := strings.CutPrefix(r.Header.Get("Authorization"), alipayScheme)
	auth, sign, signed := strings.Cut(header, ",sign=")
	if !ok || !signed {
		return missing("signature")
	}
	said := map[string]string{}
	for _, pair := range strings.Split(auth, ",") {
		name, value, _ := strings.Cut(pair, "=")
		if _, twice := said[name]; twice {
			return invalid("invalid-parameter", "参数重复")
		}
		said[name] = value
	}
	switch {
	case said["app_id"] == "":
		return missing("app-id")
	case said["app_id"] != alipayAppID:
		return invalid("invalid-app-id", "无效的AppID参数")
	case said["timestamp"] == "":
		return missing("timestamp")
	case len(said["nonce"]) < 8:
		return invalid("suspected-attack", "nonce过短")
	}
	if _, err := strconv.ParseUint(said["timestamp"], 10, 63); err != nil || len(said["timestamp"]) != 13 {
		return invalid("invalid-timestamp", "非法的时间戳参数")
	}
	if f := t.alipayCertMode(said["app_cert_sn"], r.Header.Get("alipay-root-cert-sn")); f != nil {
		return f
	}
	text := auth + "\n" + r.Method + "\n" + r.URL.RequestURI() + "\n" + string(body) + "\n"
	if token := r.Header.Get("alipay-app-auth-token"); token != "" {
		text += token + "\n"
	}
	if !verifiesPKCS1(&t.keys.get(keyAlipayApp).PublicKey, []byte(text), sign) {
		return invalid("invalid-signature", "验签出错")
	}
	if !t.once(t.nonces, "alipay "+said["nonce"], alipayNonces) {
		return invalid("suspected-attack", "nonce重复")
	}
	return nil
}

func (t *Town) alipayBody(body []byte, sealed string, into map[string]string) *alipayFault {
	if sealed != "" {
		var ok bool
		if body, ok = t.alipayUnseal(string(body)); !ok {
			return invalid("decryption-error-unknown", "解密出错, 未知错误")
		}
	}
	params, ok := alipayFlat(body)
	if !ok {
		return invalid("illegal-json", "请求不是合法的JSON")
	}
	for name, value := range params {
		into[name] = value
	}
	return nil
}
