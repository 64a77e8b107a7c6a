package mock

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func (tt *testTown) unionAsk(t *testing.T, spoil func(map[string]string)) map[string]string {
	t.Helper()
	a := tt.UnionPay()
	m := map[string]string{"version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "certId": "68759663125", "txnType": "76", "txnSubType": "01", "bizType": "000000",
		"accessType": "1", "acqInsCode": a.Acquirer, "merId": tt.world.people[2].shop.qr.merID, "settleDate": "1115", "fileType": "00", "txnTime": tt.now().In(beijing).Format("20060102150405")}
	spoilLater := func(map[string]string) {}
	if spoil != nil {
		if spoil(m); m["later"] != "" {
			name, value, _ := strings.Cut(m["later"], "=")
			delete(m, "later")
			spoilLater = func(m map[string]string) { m[name] = value }
		}
	}
	m["signature"] = rs256(t, a.Key)([]byte(digestOf(m)))
	spoilLater(m)
	form := url.Values{}
	for k, v := range m {
		form.Set(k, v)
	}
	res, err := http.PostForm(a.FilesURL, form)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer := map[string]string{}
	for part := range strings.SplitSeq(string(body), "&") {
		k, v, _ := strings.Cut(part, "=")
		answer[k] = v
	}
	block, _ := pem.Decode([]byte(answer["signPubKeyCert"]))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots, middle := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(a.Roots))
	middle.AppendCertsFromPEM([]byte(a.Intermediates))
	if _, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: middle, CurrentTime: tt.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil || !strings.Contains(c.Subject.CommonName, "@中国银联股份有限公司@") {
		t.Fatalf("the certificate of %s: %v", c.Subject.CommonName, err)
	}
	sum := sha256.Sum256([]byte(digestOf(answer)))
	sig, _ := base64.StdEncoding.DecodeString(answer["signature"])
	answer["signed"] = fmt.Sprint(rsa.VerifyPKCS1v15(c.PublicKey.(*rsa.PublicKey), crypto.SHA256, sum[:], sig) == nil)
	return answer
}

func digestOf(m map[string]string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k != "signature" && m[k] != "" {
			all = append(all, k+"="+m[k])
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(all, "&")))
	return hex.EncodeToString(sum[:])
}

func records(t *testing.T, content string) map[string]string {
	t.Helper()
	z, err := zlib.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(content)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	files, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range files.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name] = string(text)
	}
	return all
}

// What the files say was taken in is what the bank was paid, day by day, one
// day later.
func TestUnionPaysFilesAddUpToWhatTheBankWasPaid(t *testing.T) {
	tt := startTown(t, 1)
	p := tt.world.people[2]
	const from = 40
	rows, refunds := 0, 0
	var net int64
	paid := map[string]int64{}
	tt.world.read(tt.now(), func() {
		for _, x := range p.debit().rows {
			if strings.HasPrefix(x.info, "银联商户清算-") && !x.at.After(tt.now()) {
				paid[x.at.Format(time.DateOnly)] += x.amount
			}
		}
	})
	for ago := from; ago > 0; ago-- {
		date := noon.In(beijing).AddDate(0, 0, -ago)
		a := tt.unionAsk(t, func(m map[string]string) { m["settleDate"] = date.Format("0102") })
		if a["signed"] != "true" || a["merId"] != p.shop.qr.merID {
			t.Fatalf("%v", a)
		}
		var day int64
		if a["respCode"] == "00" {
			zm := records(t, a["fileContent"])["INN"+date.Format("060102")+"88ZM_"+p.shop.qr.merID]
			for line := range strings.SplitSeq(strings.TrimRight(zm, "\r\n"), "\r\n") {
				if len(line) != 607 {
					t.Fatalf("a record of %d bytes: %q", len(line), line)
				}
				rows++
				if line[:3] == "S30" {
					refunds++
				}
				sum, err := strconv.ParseInt(line[181:193], 10, 64)
				if err != nil {
					t.Fatalf("no sum in %q", line[180:193])
				}
				if line[180] == 'D' {
					sum = -sum
				}
				day += sum
			}
		} else if a["respCode"] != "98" {
			t.Fatalf("%s: %s", date, a["respCode"])
		}
		next := date.AddDate(0, 0, 1).Format(time.DateOnly)
		if net += day; net > 0 {
			if paid[next] != net {
				t.Errorf("%s: %d were taken in, %d were paid on %s", date.Format(time.DateOnly), net, paid[next], next)
			}
			net = 0
		}
	}
	if rows < 20 || refunds == 0 {
		t.Errorf("%d records, %d of them refunds: too few to prove anything", rows, refunds)
	}
}

func TestUnionPayRefuses(t *testing.T) {
	tt := startTown(t, 1)
	for _, c := range []struct {
		why   string
		spoil func(map[string]string)
		code  string
	}{
		{"as it is", nil, "00"},
		{"a member changed after signing", func(m map[string]string) { m["later"] = "settleDate=1114" }, "11"},
		{"another certificate", func(m map[string]string) { m["certId"] = "1" }, "11"},
		{"an older version", func(m map[string]string) { m["version"] = "5.0.0" }, "11"},
		{"another method", func(m map[string]string) { m["signMethod"] = "11" }, "11"},
		{"a member missing", func(m map[string]string) { delete(m, "bizType") }, "13"},
		{"another transaction", func(m map[string]string) { m["txnType"] = "01" }, "10"},
		{"a date that is none", func(m map[string]string) { m["settleDate"] = "1332" }, "10"},
		{"as a merchant", func(m map[string]string) { m["accessType"] = "0" }, "32"},
		{"another acquirer", func(m map[string]string) { m["acqInsCode"] = "48029999" }, "32"},
		{"somebody else's merchant", func(m map[string]string) { m["merId"] = "898310100000000" }, "31"},
		{"today", func(m map[string]string) { m["settleDate"] = "1118" }, "98"},
	} {
		a := tt.unionAsk(t, c.spoil)
		if a["respCode"] != c.code || a["signed"] != "true" {
			t.Errorf("%s: %s, signed %s; want %s", c.why, a["respCode"], a["signed"], c.code)
		}
	}
	tt.Ail(UnionPay, Trouble{Forged: true})
	if a := tt.unionAsk(t, nil); a["signed"] == "true" {
		t.Error("a forged signature fits")
	}
}

func (tt *testTown) unionCall(t *testing.T, name string, params map[string]string) (string, map[string]any) {
	t.Helper()
	b, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(tt.UnionPay().OpenURL+"/open/access/1.0/"+name, "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var a struct {
		Resp   string
		Params map[string]any
	}
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a.Resp, a.Params
}

func TestUnionLogin(t *testing.T) {
	tt := startTown(t, 1)
	a, p := tt.UnionPay(), tt.People()[0]
	page := func(more ...string) string {
		q := url.Values{"appId": {a.AppID}, "redirectUri": {callback}, "responseType": {"code"}, "scope": {"upapi_base"}, "state": {"s2"}}
		for i := 0; i < len(more); i += 2 {
			q.Set(more[i], more[i+1])
		}
		return a.LoginURL + "?" + q.Encode()
	}
	for why, u := range map[string]string{"a foreign app": page("appId", "x"), "a foreign redirect": page("redirectUri", "https://evil.example/"),
		"more than who it is": page("scope", "upapi_auth"), "a state with a dash": page("state", "s-2")} {
		if res, _ := tt.do(t, get(t, u)); res.StatusCode != 400 {
			t.Errorf("%s: %d", why, res.StatusCode)
		}
	}
	if back := tt.login(t, page(), Person{}, "refuse", nil); back.Has("code") || back.Get("errorcode") == "" || back.Get("state") != "s2" {
		t.Errorf("who refuses comes back with %v", back)
	}
	sign := func(stamp string) string {
		sum := sha256.Sum256([]byte("appId=" + a.AppID + "&nonceStr=n&secret=" + a.AppSecret.RevealString() + "&timestamp=" + stamp))
		return hex.EncodeToString(sum[:])
	}
	stamp, old := strconv.FormatInt(tt.now().Unix(), 10), strconv.FormatInt(tt.now().Add(-time.Hour).Unix(), 10)
	for why, m := range map[string]map[string]string{
		"a wrong signature": {"appId": a.AppID, "nonceStr": "n", "timestamp": stamp, "signature": sign(old)},
		"an old clock":      {"appId": a.AppID, "nonceStr": "n", "timestamp": old, "signature": sign(old)},
		"a foreign app":     {"appId": "x", "nonceStr": "n", "timestamp": stamp, "signature": sign(stamp)},
	} {
		if resp, _ := tt.unionCall(t, "backendToken", m); resp == "00" {
			t.Errorf("%s gets a backendToken", why)
		}
	}
	resp, params := tt.unionCall(t, "backendToken", map[string]string{"appId": a.AppID, "nonceStr": "n", "timestamp": stamp, "signature": sign(stamp)})
	if resp != "00" || params["expiresIn"] != 7200.0 {
		t.Fatalf("%s %v", resp, params)
	}
	backend := params["backendToken"].(string)
	token := func(code, backend string) (string, map[string]any) {
		return tt.unionCall(t, "token", map[string]string{"appId": a.AppID, "backendToken": backend, "code": code, "grantType": "authorization_code"})
	}
	code := tt.login(t, page(), p, "agree", nil).Get("code")
	if resp, _ := token(code, "ub"); resp == "00" {
		t.Error("a code is traded without a backendToken")
	}
	if resp, params := token(code, backend); resp != "00" || params["openId"] == "" || params["merId"] != tt.world.people[0].shop.qr.merID {
		t.Errorf("%s %v", resp, params)
	}
	if resp, _ := token(code, backend); resp == "00" {
		t.Error("a code is traded twice")
	}
	aged := tt.login(t, page(), p, "agree", nil).Get("code")
	tt.pass(unionCodeFor)
	if resp, _ := token(aged, backend); resp == "00" {
		t.Error("an old code is traded")
	}
	canaries := strings.Join(tt.Canaries(), " ")
	for _, secret := range []string{tt.world.people[0].shop.qr.merID, tt.world.people[0].shop.qr.openID, code, backend} {
		if !strings.Contains(canaries, secret) {
			t.Error("a number or a token of UnionPay is no canary")
		}
	}
}
