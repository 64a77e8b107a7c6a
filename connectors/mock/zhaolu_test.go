package mock

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"
	"github.com/emmansun/gmsm/smx509"
)

type zhaoluSaid struct {
	Response struct {
		Head struct{ Funcode, Reqid, Userid, Resultcode string }
		Body struct {
			TotalAccountDirectRsp []map[string]string
			Ntqadinfz             []map[string]string
			Y1                    []zhaoluBreak       `json:"TRANSQUERYBYBREAKPOINT_Y1"`
			Z1                    []map[string]string `json:"TRANSQUERYBYBREAKPOINT_Z1"`
			Z2                    []map[string]string `json:"TRANSQUERYBYBREAKPOINT_Z2"`
		}
	}
	Signature struct{ Sigdat, Sigtim string }
}

// zhaoluForm seals and signs a document that change has been at before, and
// after which spoil has.
func (tt *testTown) zhaoluForm(t *testing.T, function string, body any, change func(map[string]any), spoil func([]byte) []byte) url.Values {
	t.Helper()
	h := map[string]any{"funcode": function, "userid": zhaoluUID,
		"reqid": strings.Replace(tt.now().In(beijing).Format("20060102150405.000"), ".", "", 1) + rand.Text()}
	whole := map[string]any{"request": map[string]any{"head": h, "body": body},
		"signature": map[string]any{"sigtim": tt.now().In(beijing).Format("20060102150405"), "sigdat": zhaoluBlank}}
	if change != nil {
		change(whole)
	}
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if text, err = json.Marshal(v); err != nil { // maps alone, which it sorts
		t.Fatal(err)
	}
	id := []byte((zhaoluUID + strings.Repeat("0", 16))[:16])
	r, s, err := sm2.SignWithSM2(rand.Reader, &tt.zhaolu.user.PrivateKey, id, text)
	if err != nil {
		t.Fatal(err)
	}
	signature := base64.StdEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	text = bytes.Replace(text, []byte(zhaoluBlank), []byte(signature), 1)
	if spoil != nil {
		text = spoil(text)
	}
	n := 16 - len(text)%16
	text = append(text, bytes.Repeat([]byte{byte(n)}, n)...)
	block, err := sm4.NewCipher([]byte(tt.Zhaolu().SM4Key))
	if err != nil {
		t.Fatal(err)
	}
	cipher.NewCBCEncrypter(block, id).CryptBlocks(text, text)
	return url.Values{"UID": {zhaoluUID}, "FUNCODE": {function}, "ALG": {"SM"}, "DATA": {base64.StdEncoding.EncodeToString(text)}}
}

// zhaoluHear opens an answer, and says whether the bank has signed it.
func (tt *testTown) zhaoluHear(t *testing.T, sealed []byte) (zhaoluSaid, bool) {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(string(sealed))
	if err != nil {
		t.Fatalf("%s", sealed)
	}
	id := []byte((zhaoluUID + strings.Repeat("0", 16))[:16])
	block, err := sm4.NewCipher([]byte(tt.Zhaolu().SM4Key))
	if err != nil {
		t.Fatal(err)
	}
	cipher.NewCBCDecrypter(block, id).CryptBlocks(b, b)
	b = b[:len(b)-int(b[len(b)-1])]
	said := read[zhaoluSaid](t, b)
	var v any
	if err := json.Unmarshal(bytes.Replace(b, []byte(said.Signature.Sigdat), []byte(zhaoluBlank), 1), &v); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	pemBlock, _ := pem.Decode([]byte(tt.Zhaolu().BankKey))
	key, err := smx509.ParsePKIXPublicKey(pemBlock.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := base64.StdEncoding.DecodeString(said.Signature.Sigdat)
	if err != nil || len(sig) != 64 {
		t.Fatal("the signature is not 64 bytes")
	}
	public := &tt.zhaolu.bank.PublicKey
	if !public.Equal(key) {
		t.Error("the bank's key is another than it says")
	}
	return said, sm2.VerifyWithSM2(public, id, text, new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
}

func (tt *testTown) zhaoluCall(t *testing.T, function string, body any) (zhaoluSaid, bool) {
	t.Helper()
	form := tt.zhaoluForm(t, function, body, nil, nil)
	_, sealed := tt.do(t, post(t, tt.Zhaolu().APIURL, form))
	return tt.zhaoluHear(t, sealed)
}

const zhaoluVerifier = "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"

func (tt *testTown) zhaoluPageAt(change func(url.Values)) string {
	sum := sha256.Sum256([]byte(zhaoluVerifier))
	q := url.Values{"response_type": {"code"}, "client_id": {zhaoluUID}, "redirect_uri": {callback}, "scope": {"accounts"}, "state": {"s-8"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	if change != nil {
		change(q)
	}
	return tt.Zhaolu().AuthorizeURL + "?" + q.Encode()
}

type zhaoluTokens struct{ Access_token, Token_type, Client_nbr, Error string }

func (tt *testTown) zhaoluRedeem(t *testing.T, code string, change func(url.Values)) (int, zhaoluTokens) {
	t.Helper()
	f := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "client_id": {zhaoluUID}, "code_verifier": {zhaoluVerifier}}
	if change != nil {
		change(f)
	}
	res, body := tt.do(t, post(t, tt.Zhaolu().TokenURL, f))
	return res.StatusCode, read[zhaoluTokens](t, body)
}

func (tt *testTown) zhaoluLink(t *testing.T, p Person) string {
	t.Helper()
	status, got := tt.zhaoluRedeem(t, tt.login(t, tt.zhaoluPageAt(nil), p, "agree", nil).Get("code"), nil)
	if status != 200 || got.Client_nbr == "" || got.Token_type != "Bearer" {
		t.Fatalf("%d %+v", status, got)
	}
	return got.Client_nbr
}

func zhaoluCustomer(client string) any {
	return map[string]any{"TotalAccountDirectReq": []any{map[string]string{"clientNbr": client, "queryType": "C"}}}
}

func zhaoluAsked(cards ...string) any {
	rows := []any{}
	for _, c := range cards {
		rows = append(rows, map[string]string{"accnbr": c})
	}
	return map[string]any{"ntqadinfx": rows}
}

func zhaoluDays(card, from, to string, y1 []zhaoluBreak) any {
	body := map[string]any{"TRANSQUERYBYBREAKPOINT_X1": []any{map[string]string{"cardNbr": card, "beginDate": from, "endDate": to, "transactionSequence": "1"}}}
	if y1 != nil {
		body["TRANSQUERYBYBREAKPOINT_Y1"] = y1
	}
	return body
}

func TestZhaoluTellsWhatHappened(t *testing.T) {
	tt := startTown(t, 1)
	a := tt.world.people[0].at(ZhaoluBank, savings)
	if said, _ := tt.zhaoluCall(t, "NTQADINF", zhaoluAsked(a.number)); said.Response.Body.Ntqadinfz[0]["errcod"] != "FAAQ086" {
		t.Errorf("an account that nobody opened: %+v", said)
	}
	client := tt.zhaoluLink(t, tt.People()[0])
	if !slices.Contains(tt.Canaries(), client) {
		t.Error("a customer number is not among the canaries")
	}
	said, ok := tt.zhaoluCall(t, "TotalAccountDirect", zhaoluCustomer(client))
	if got := said.Response.Body.TotalAccountDirectRsp; !ok || said.Response.Head.Resultcode != "SUC0000" || len(got) != 1 || got[0]["cardNbr"] != a.number || got[0]["status"] != "A" {
		t.Fatalf("%+v", said)
	}
	if said, _ := tt.zhaoluCall(t, "TotalAccountDirect", zhaoluCustomer("1000000001")); len(said.Response.Body.TotalAccountDirectRsp) != 0 || said.Response.Head.Resultcode != "SUC0000" {
		t.Errorf("a stranger's number: %+v", said)
	}
	var rows []bankRow
	var sum int64
	tt.world.read(tt.now(), func() {
		rows, sum = a.bankRows(tt.now()), a.opening
		for _, row := range rows {
			sum += row.amount
		}
	})
	said, ok = tt.zhaoluCall(t, "NTQADINF", zhaoluAsked(a.number, tt.world.people[1].at(ZhaoluBank, savings).number))
	if got := said.Response.Body.Ntqadinfz; !ok || got[0]["onlblv"] != yuan(sum) || got[0]["avlblv"] != yuan(sum) || got[0]["errcod"] != "SUC0000" || got[1]["errcod"] != "FAAQ086" {
		t.Errorf("balances %+v, want %s", got, yuan(sum))
	}
	var all []map[string]string
	var y1 []zhaoluBreak
	pages := 0
	for more := "Y"; more == "Y"; pages++ {
		said, ok := tt.zhaoluCall(t, "trsQryByBreakPoint", zhaoluDays(a.number, "20251101", "20261118", y1))
		b := said.Response.Body
		if !ok || said.Response.Head.Resultcode != "SUC0000" || len(b.Z1) != 1 || len(b.Z2) > zhaoluPage {
			t.Fatalf("%+v", said)
		}
		all, y1, more = append(all, b.Z2...), b.Y1, b.Z1[0]["ctnFlag"]
	}
	var want []bankRow
	for _, row := range rows {
		if !row.at.Before(time.Date(2025, 11, 1, 0, 0, 0, 0, beijing)) {
			want = append(want, row)
		}
	}
	if len(all) != len(want) || pages < 2 {
		t.Fatalf("%d rows on %d pages, want %d", len(all), pages, len(want))
	}
	seen := map[string]bool{}
	for i, m := range all {
		if m["transAmount"] != yuan(want[i].amount) || m["acctOnlineBal"] != yuan(want[i].balance) || m["yurRef"] != want[i].ref ||
			m["transDate"]+m["transTime"] != want[i].at.In(beijing).Format("20060102150405") || m["transCardNbr"] != "" || seen[m["transSequenceIdn"]] || len(m["transSequenceIdn"]) != 15 {
			t.Errorf("row %d: %v, want %+v", i, m, want[i])
		}
		seen[m["transSequenceIdn"]] = true
	}
	// From the break-point of the last page on, only what is new is told.
	tt.pass(40 * 24 * time.Hour)
	said, _ = tt.zhaoluCall(t, "trsQryByBreakPoint", zhaoluDays(a.number, "20261118", "20261228", y1))
	if got := said.Response.Body.Z2; len(got) == 0 || got[0]["transDate"] <= "20261118" {
		t.Errorf("after the break-point: %+v", got)
	}
	for why, body := range map[string]any{
		"another's account": zhaoluDays(tt.world.people[1].at(ZhaoluBank, savings).number, "20261101", "20261118", nil),
		"days backwards":    zhaoluDays(a.number, "20261118", "20261101", nil),
		"no days":           zhaoluDays(a.number, "", "20261101", nil),
		"14 months ago":     zhaoluDays(a.number, "20250901", "20261101", nil),
		"another's break":   zhaoluDays(a.number, "20261101", "20261118", []zhaoluBreak{{"1", "20261101", "1"}}),
		"a break of words":  zhaoluDays(a.number, "20261101", "20261118", []zhaoluBreak{{a.number, "20261101", "x"}}),
		"nothing":           nil,
	} {
		if said, ok := tt.zhaoluCall(t, "trsQryByBreakPoint", body); said.Response.Head.Resultcode == "SUC0000" || !ok {
			t.Errorf("%s: %+v", why, said)
		}
	}
	for _, f := range []string{"NTQADINF", "TotalAccountDirect", "DCPAYOPR"} {
		if said, _ := tt.zhaoluCall(t, f, nil); said.Response.Head.Resultcode != "FABZ002" {
			t.Errorf("%s of nothing: %+v", f, said)
		}
	}
	tt.pass(366 * 24 * time.Hour)
	if said, _ := tt.zhaoluCall(t, "TotalAccountDirect", zhaoluCustomer(client)); len(said.Response.Body.TotalAccountDirectRsp) != 0 {
		t.Errorf("a customer number of last year: %+v", said)
	}
}

func TestZhaoluRefusesRequests(t *testing.T) {
	tt := startTown(t, 1)
	head := func(name, value string) func(map[string]any) {
		return func(m map[string]any) { m["request"].(map[string]any)["head"].(map[string]any)[name] = value }
	}
	clock := func(d time.Duration) func(map[string]any) {
		return func(m map[string]any) {
			m["signature"].(map[string]any)["sigtim"] = tt.now().Add(d).In(beijing).Format("20060102150405")
		}
	}
	once := "20261118120000000" + rand.Text()
	body := zhaoluCustomer("1")
	for _, c := range []struct {
		why    string
		change func(map[string]any)
		spoil  func([]byte) []byte
		ok     bool
	}{
		{"good", head("reqid", once), nil, true},
		{"59 minutes late", clock(-59 * time.Minute), nil, true},
		{"members in another order", nil, func(b []byte) []byte {
			first, rest, _ := bytes.Cut(b[1:len(b)-1], []byte(`,"signature":`))
			return []byte(`{"signature":` + string(rest) + `, ` + string(first) + `}`)
		}, true},
		{"a replay", head("reqid", once), nil, false},
		{"an hour late", clock(-61 * time.Minute), nil, false},
		{"of tomorrow", clock(24 * time.Hour), nil, false},
		{"another function", head("funcode", "NTQADINF"), nil, false},
		{"another user", head("userid", "U1"), nil, false},
		{"a short reqid", head("reqid", "20261118120000000"), nil, false},
		{"a long reqid", head("reqid", once+once), nil, false},
		{"a reqid of letters", head("reqid", rand.Text()), nil, false},
		{"a word changed", nil, func(b []byte) []byte { return bytes.Replace(b, []byte(`"C"`), []byte(`"A"`), 1) }, false},
		{"not JSON", nil, func([]byte) []byte { return []byte("x") }, false},
		{"two documents", nil, func(b []byte) []byte { return append(b, "{}"...) }, false},
	} {
		_, sealed := tt.do(t, post(t, tt.Zhaolu().APIURL, tt.zhaoluForm(t, "TotalAccountDirect", body, c.change, c.spoil)))
		if refused := bytes.HasPrefix(sealed, []byte("CDCServer:")); refused == c.ok {
			t.Errorf("%s: refused %v: %s", c.why, refused, sealed)
		}
	}
	for why, spoil := range map[string]func(url.Values){
		"another UID":      func(f url.Values) { f.Set("UID", "x") },
		"another ALG":      func(f url.Values) { f.Set("ALG", "RSA") },
		"another function": func(f url.Values) { f.Set("FUNCODE", "NTQADINF") },
		"no data":          func(f url.Values) { f.Del("DATA") },
		"half the data":    func(f url.Values) { f.Set("DATA", f.Get("DATA")[:len(f.Get("DATA"))/2]) },
		"data of air":      func(f url.Values) { f.Set("DATA", base64.StdEncoding.EncodeToString(make([]byte, 32))) },
	} {
		form := tt.zhaoluForm(t, "TotalAccountDirect", body, nil, nil)
		spoil(form)
		if _, sealed := tt.do(t, post(t, tt.Zhaolu().APIURL, form)); !bytes.HasPrefix(sealed, []byte("CDCServer:")) {
			t.Errorf("%s: %s", why, sealed)
		}
	}
}

func TestZhaolusLogin(t *testing.T) {
	tt := startTown(t, 1)
	p := tt.People()[0]
	page := tt.zhaoluPageAt(nil)
	if res, body := tt.do(t, get(t, page)); res.StatusCode != 200 || !bytes.Contains(body, []byte(`name="login"`)) {
		t.Errorf("%d", res.StatusCode)
	}
	if res, _ := tt.do(t, post(t, page, url.Values{"login": {p.Login}, "password": {"x"}, "decision": {"agree"}})); res.StatusCode != 401 {
		t.Errorf("a wrong password: %d", res.StatusCode)
	}
	stranger := tt.People()[2]
	if res, _ := tt.do(t, post(t, page, url.Values{"login": {stranger.Login}, "password": {stranger.Password}, "decision": {"agree"}})); res.StatusCode != 400 {
		t.Errorf("somebody without an account: %d", res.StatusCode)
	}
	if back := tt.login(t, page, p, "refuse", nil); back.Get("error") != "access_denied" || back.Get("state") != "s-8" {
		t.Errorf("who refuses comes back with %v", back)
	}
	for name, c := range map[string]struct{ value, want string }{
		"response_type": {"token", "unsupported_response_type"}, "scope": {"payments", "invalid_scope"},
		"code_challenge": {"x", "invalid_request"}, "code_challenge_method": {"plain", "invalid_request"},
	} {
		res, _ := tt.do(t, get(t, tt.zhaoluPageAt(func(q url.Values) { q.Set(name, c.value) })))
		if u, err := url.Parse(res.Header.Get("Location")); err != nil || u.Query().Get("error") != c.want {
			t.Errorf("%s: %v", name, u)
		}
	}
	for name, value := range map[string]string{"client_id": "x", "redirect_uri": "https://evil.example/"} {
		if res, _ := tt.do(t, get(t, tt.zhaoluPageAt(func(q url.Values) { q.Set(name, value) }))); res.StatusCode != 400 || res.Header.Get("Location") != "" {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
	code := func() string { return tt.login(t, page, p, "agree", nil).Get("code") }
	for name, c := range map[string]struct {
		value  string
		status int
		want   string
	}{
		"client_id": {"x", 401, "invalid_client"}, "grant_type": {"password", 400, "unsupported_grant_type"}, "code": {"x", 400, "invalid_grant"},
		"redirect_uri": {"http://localhost:8080/other", 400, "invalid_grant"}, "code_verifier": {"x", 400, "invalid_grant"},
	} {
		if status, got := tt.zhaoluRedeem(t, code(), func(f url.Values) { f.Set(name, c.value) }); status != c.status || got.Error != c.want {
			t.Errorf("%s: %d %+v", name, status, got)
		}
	}
	old := code()
	tt.pass(10 * time.Minute)
	if status, _ := tt.zhaoluRedeem(t, old, nil); status != 400 {
		t.Errorf("an old code: %d", status)
	}
	once := code()
	_, first := tt.zhaoluRedeem(t, once, nil)
	if status, got := tt.zhaoluRedeem(t, once, nil); status != 400 || got.Error != "invalid_grant" {
		t.Errorf("a code twice: %d %+v", status, got)
	}
	if said, _ := tt.zhaoluCall(t, "TotalAccountDirect", zhaoluCustomer(first.Client_nbr)); len(said.Response.Body.TotalAccountDirectRsp) != 0 {
		t.Error("a customer number whose code came twice still opens")
	}
}

func TestZhaoluAils(t *testing.T) {
	tt := startTown(t, 1)
	client := tt.zhaoluLink(t, tt.People()[0])
	number := tt.world.people[0].at(ZhaoluBank, savings).number
	ask := func() (zhaoluSaid, bool) {
		return tt.zhaoluCall(t, "trsQryByBreakPoint", zhaoluDays(number, "20251101", "20261118", nil))
	}
	for why, c := range map[string]struct {
		x    Trouble
		want func([]map[string]string, bool) bool
	}{
		"forged": {Trouble{Forged: true}, func(_ []map[string]string, ok bool) bool { return !ok }},
		"strangers": {Trouble{Strangers: true}, func(rows []map[string]string, ok bool) bool {
			return ok && rows[0]["transCardNbr"] != "" && rows[0]["transCardNbr"] != number
		}},
		"doubled": {Trouble{Doubled: true}, func(rows []map[string]string, ok bool) bool { return ok && len(rows) == 2*zhaoluPage }},
		"drift": {Trouble{Drift: true}, func(rows []map[string]string, ok bool) bool {
			return ok && rows[0]["transAmount"] == "" && rows[0]["transDate"] == ""
		}},
		"amount": {Trouble{Amount: "NaN"}, func(rows []map[string]string, ok bool) bool {
			return ok && rows[0]["transAmount"] == "NaN" || rows[0]["transAmount"] == "-NaN"
		}},
	} {
		tt.Ail(ZhaoluBank, c.x)
		if said, ok := ask(); !c.want(said.Response.Body.Z2, ok) {
			t.Errorf("%s: %+v", why, said.Response.Body.Z2)
		}
	}
	tt.Ail(ZhaoluBank, Trouble{Drift: true})
	if said, ok := tt.zhaoluCall(t, "NTQADINF", zhaoluAsked(number)); !ok || said.Response.Body.Ntqadinfz[0]["onlblv"] != "" {
		t.Errorf("balances do not drift: %+v", said)
	}
	tt.Ail(ZhaoluBank, Trouble{Shuffled: true})
	orders := map[string]bool{}
	for range 20 {
		said, _ := ask()
		orders[fmt.Sprint(said.Response.Body.Z2)] = true
	}
	tt.Ail(ZhaoluBank, Trouble{TokensLast: 1})
	tt.zhaoluCall(t, "TotalAccountDirect", zhaoluCustomer(client))
	if said, _ := tt.zhaoluCall(t, "TotalAccountDirect", zhaoluCustomer(client)); len(said.Response.Body.TotalAccountDirectRsp) != 0 || len(orders) < 2 {
		t.Errorf("shuffled %d ways; a customer number that ended still opens: %+v", len(orders), said)
	}
	for _, c := range []struct {
		x          Trouble
		status     int
		wait, text string
	}{
		{Trouble{Down: true}, http.StatusInternalServerError, "", "CDCServer:"}, {Trouble{Busy: true}, 429, "2", ""}, {Trouble{Busy: true, NoWait: true}, 429, "", ""},
	} {
		tt.Ail(ZhaoluBank, c.x)
		res, body := tt.do(t, post(t, tt.Zhaolu().APIURL, url.Values{}))
		if res.StatusCode != c.status || res.Header.Get("Retry-After") != c.wait || !strings.HasPrefix(string(body), c.text) {
			t.Errorf("%+v: %d %v %s", c.x, res.StatusCode, res.Header, body)
		}
	}
}

// A town that is opened again has the keys that it had.
func TestZhaoluKeepsItsKeys(t *testing.T) {
	dir := t.TempDir()
	open := func() ZhaoluAccess {
		town, err := found(Config{Seed: 1, Dir: dir, Now: func() time.Time { return noon }}, sharedKeys())
		if err != nil {
			t.Fatal(err)
		}
		return town.Zhaolu()
	}
	first := open()
	if again := open(); first != again {
		t.Error("the keys are others")
	}
}
