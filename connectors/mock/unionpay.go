package mock

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"jali/internal/secret"
)

// UnionPayAccess is what an operator holds who is an acquirer (收单机构) of
// UnionPay's, with an application at 云闪付's open platform for the people's login.
type UnionPayAccess struct {
	FilesURL      string // of 对账文件下载
	LoginURL      string // oauth.html
	OpenURL       string // "/open/access/1.0/…" follows
	AppID         string
	AppSecret     secret.Value
	Acquirer      string // 收单机构代码
	Certificate   string // PEM: the acquirer's
	Key           *rsa.PrivateKey
	Roots         string // PEM: whom answers lead to
	Intermediates string // PEM
}

const (
	unionAppID    = "a5949221470c4059b9b0b45a90c81527"
	unionAcquirer = "48020000"
	unionCertID   = 68759663125

	unionCodeFor    = 5 * time.Minute
	unionBackendFor = 2 * time.Hour
	unionAccessFor  = time.Hour
)

// unionAuthority is the chain of certificates that UnionPay and its members
// are vouched for by.
type unionAuthority struct{ root, middle, union, member string }

// UnionPay answers the operator's registration. It waits for two keys.
func (t *Town) UnionPay() UnionPayAccess {
	ca, base := t.unionCA(), t.cfg.BaseURL+"/unionpay"
	return UnionPayAccess{FilesURL: base + "/files/", LoginURL: base + "/s/open/html/oauth.html", OpenURL: base, AppID: unionAppID,
		AppSecret: secret.Of(t.unionSecret()), Acquirer: unionAcquirer, Certificate: ca.member, Key: t.keys.get(keyMerchant), Roots: ca.root, Intermediates: ca.middle}
}

func (t *Town) unionSecret() string { return letters(seeded(t.cfg.Seed, "unionpay secret"), 32) }

func (t *Town) certifyUnionPay() unionAuthority {
	now := t.cfg.Now()
	issue := func(name string, serial int64, ca bool, key any, by *x509.Certificate, with *ecdsa.PrivateKey) (*x509.Certificate, string) {
		c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name, Country: []string{"CN"}}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(10, 0, 0),
			IsCA: ca, BasicConstraintsValid: true}
		if ca {
			c.KeyUsage = x509.KeyUsageCertSign
		}
		if by == nil {
			by = c
		}
		der, err := x509.CreateCertificate(rand.Reader, c, by, key, with)
		if err == nil {
			c, err = x509.ParseCertificate(der)
		}
		if err != nil { // of templates of our own
			panic(fmt.Sprintf("mock: %v", err))
		}
		return c, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Sprintf("mock: %v", err))
	}
	middleKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Sprintf("mock: %v", err))
	}
	var a unionAuthority
	var root, middle *x509.Certificate
	root, a.root = issue("CFCA TOWN CA", 1, true, rootKey.Public(), nil, rootKey)
	middle, a.middle = issue("CFCA TOWN OCA1", 2, true, middleKey.Public(), root, rootKey)
	_, a.union = issue("041@83100000000083040@中国银联股份有限公司@00016494", 79737242145, false, &t.keys.get(keyUnionPay).PublicKey, middle, middleKey)
	_, a.member = issue("041@Z"+unionAcquirer+"@花窗收单@00000001", unionCertID, false, &t.keys.get(keyMerchant).PublicKey, middle, middleKey)
	return a
}

func (t *Town) serveUnionPay(mux *http.ServeMux) {
	mux.HandleFunc("GET /unionpay/s/open/html/oauth.html", t.unionAuthorize)
	mux.HandleFunc("POST /unionpay/s/open/html/oauth.html", t.unionAuthorize)
	mux.HandleFunc("POST /unionpay/open/access/1.0/backendToken", func(w http.ResponseWriter, r *http.Request) { t.unionOpen(w, r, t.unionBackend) })
	mux.HandleFunc("POST /unionpay/open/access/1.0/token", func(w http.ResponseWriter, r *http.Request) { t.unionOpen(w, r, t.unionToken) })
	mux.HandleFunc("POST /unionpay/files/", t.unionFiles)
}

var unionState = regexp.MustCompile(`^[a-zA-Z0-9]{0,128}$`)

// unionAuthorize is "OAUTH2用户联登": who refuses comes back with an errorcode.
func (t *Town) unionAuthorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back := q.Get("redirectUri")
	if q.Get("appId") != unionAppID || !t.mayRedirect(back) {
		showMistake(w, "云闪付 UnionPay", "appId 或 redirectUri 未登记。", "This appId or redirectUri is not registered.")
		return
	}
	if q.Get("responseType") != "code" || q.Get("scope") != "upapi_base" || !unionState.MatchString(q.Get("state")) {
		showMistake(w, "云闪付 UnionPay", "responseType 须为 code，scope 须为 upapi_base，state 只含字母和数字。", "responseType must be code, scope upapi_base, and state of letters and digits.")
		return
	}
	page := loginPage{Title: "云闪付 UnionPay", Colour: "#b3122b", Asker: "花窗 Jali",
		Wants: "想查看你的小店的银联收款 would like to see what your shop takes by UnionPay"}
	if r.Method == http.MethodGet {
		t.showLogin(w, r, page, http.StatusOK)
		return
	}
	answer := url.Values{"state": {q.Get("state")}}
	if r.PostFormValue("decision") == "refuse" {
		answer.Set("errorcode", "c0001")
		answer.Set("errmsg", "用户取消授权")
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
		showMistake(w, page.Title, "你没有用银联收款的小店，请返回换一位居民。", "You have no shop that takes UnionPay: go back and choose somebody else.")
		return
	}
	now := t.cfg.Now()
	err := t.state.change(func() error {
		t.state.join(UnionPay, p.id)
		answer.Set("code", t.state.issue("u", now, pass{Institution: UnionPay, Kind: codePass, Person: p.id, Until: now.Add(unionCodeFor)}))
		return nil
	})
	if err != nil {
		http.Error(w, "town", http.StatusInternalServerError)
		return
	}
	sendBack(w, r, back, answer)
}

// unionOpen serves a method of 云闪付's open platform: JSON in, resp, msg and
// params out.
func (t *Town) unionOpen(w http.ResponseWriter, r *http.Request, serve func(map[string]string) (resp, msg string, params map[string]any)) {
	x, here := t.ails(w, r, UnionPay)
	switch {
	case !here:
		return
	case x.Down:
		http.Error(w, "system error", http.StatusInternalServerError)
		return
	case x.Busy:
		if !x.NoWait {
			w.Header().Set("Retry-After", "3")
		}
		http.Error(w, "too many requests", http.StatusTooManyRequests)
		return
	}
	var asked map[string]string
	resp, msg, params := "a01", "参数错误", map[string]any{}
	if json.NewDecoder(r.Body).Decode(&asked) == nil {
		resp, msg, params = serve(asked)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"resp": resp, "msg": msg, "params": params})
}

// unionBackend is "获取应用访问令牌backendToken".
func (t *Town) unionBackend(a map[string]string) (string, string, map[string]any) {
	now := t.cfg.Now()
	stamp, err := strconv.ParseInt(a["timestamp"], 10, 64)
	sum := sha256.Sum256([]byte(fmt.Sprintf("appId=%s&nonceStr=%s&secret=%s&timestamp=%s", a["appId"], a["nonceStr"], t.unionSecret(), a["timestamp"])))
	switch {
	case a["appId"] != unionAppID || a["nonceStr"] == "":
		return "a01", "应用不存在", nil
	case !secret.Of(a["signature"]).Equal(secret.Of(hex.EncodeToString(sum[:]))):
		return "a02", "签名错误", nil
	case err != nil || now.Sub(time.Unix(stamp, 0)).Abs() > 10*time.Minute:
		return "a03", "timestamp失效", nil
	}
	var token string
	if t.state.change(func() error {
		token = t.state.issue("ub", now, pass{Institution: UnionPay, Kind: accessPass, Until: now.Add(unionBackendFor)})
		return nil
	}) != nil {
		return "a99", "系统异常", nil
	}
	return "00", "", map[string]any{"backendToken": token, "expiresIn": int(unionBackendFor / time.Second)}
}

// unionToken is "获取授权访问令牌accessToken".
func (t *Town) unionToken(a map[string]string) (string, string, map[string]any) {
	now := t.cfg.Now()
	if b, ok := t.state.holds(UnionPay, accessPass, a["backendToken"], now); !ok || b.Person != "" || a["appId"] != unionAppID || a["grantType"] != "authorization_code" {
		return "a10", "backendToken无效", nil
	}
	var p *person
	var access string
	err := t.state.change(func() error {
		held, ok := t.state.Passes[a["code"]]
		if !ok || held.Institution != UnionPay || held.Kind != codePass || held.Spent || !now.Before(held.Until) {
			return nil
		}
		held.Spent = true
		p = t.personByID(held.Person)
		access = t.state.issue("ua", now, pass{Institution: UnionPay, Kind: accessPass, Person: p.id, Until: now.Add(unionAccessFor)})
		return nil
	})
	if err != nil || p == nil {
		return "a11", "code无效", nil
	}
	return "00", "", map[string]any{"accessToken": access, "expiresIn": int(unionAccessFor / time.Second), "refreshToken": "", "openId": p.shop.qr.openID, "scope": "upapi_base",
		"merId": p.shop.qr.merID, // the town's own: see the package comment
	}
}

// unionSealed is what a signature of ACP 5.1.0 is over: the hex of the SHA-256
// of the members in their order.
func unionSealed(members map[string]string) []byte {
	names := make([]string, 0, len(members))
	for name, value := range members {
		if value != "" && name != "signature" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var text strings.Builder
	for i, name := range names {
		if i > 0 {
			text.WriteByte('&')
		}
		fmt.Fprintf(&text, "%s=%s", name, members[name])
	}
	return []byte(fmt.Sprintf("%x", sha256.Sum256([]byte(text.String()))))
}
