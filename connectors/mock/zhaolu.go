package mock

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"
	"github.com/emmansun/gmsm/smx509"
)

// ZhaoluAccess is what an operator holds whose company has the direct link of
// Zhaolu Bank.
type ZhaoluAccess struct {
	APIURL       string // "…/cdcserver/api/v2"
	AuthorizeURL string
	TokenURL     string
	UID          string
	Key          string // the user's SM2 key, PKCS #8 PEM
	SM4Key       string // 16 characters
	BankKey      string // the bank's SM2 key, PKIX PEM
}

const (
	zhaoluPath    = "/bank/" + ZhaoluBank
	zhaoluUID     = "U009309501"
	zhaoluCodeFor = 10 * time.Minute
	zhaoluSkew    = time.Hour
	zhaoluPage    = 5 // where the bank has 200, so that pages are turned
	zhaoluUserKey = "zhaolu_user"
	zhaoluBankKey = "zhaolu_bank"
	zhaoluBlank   = "__signature_sigdat__"
)

// zhaoluKeys are what both sides sign with.
type zhaoluKeys struct{ user, bank *sm2.PrivateKey }

// openZhaolu reads the keys that st has, or makes and keeps them.
func openZhaolu(st *state) (zhaoluKeys, error) {
	var out zhaoluKeys
	err := st.change(func() error {
		for name, to := range map[string]**sm2.PrivateKey{zhaoluUserKey: &out.user, zhaoluBankKey: &out.bank} {
			if block, _ := pem.Decode([]byte(st.Keys[name])); block != nil {
				key, err := smx509.ParsePKCS8PrivateKey(block.Bytes)
				own, ok := key.(*sm2.PrivateKey)
				if err != nil || !ok {
					return errors.New("a key of the town is not SM2")
				}
				*to = own
				continue
			}
			key, err := sm2.GenerateKey(rand.Reader)
			if err != nil {
				return err
			}
			der, err := smx509.MarshalPKCS8PrivateKey(key)
			if err != nil {
				return err
			}
			*to, st.Keys[name] = key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		}
		return nil
	})
	return out, err
}

// Zhaolu answers the operator's registration.
func (t *Town) Zhaolu() ZhaoluAccess {
	at := t.cfg.BaseURL + zhaoluPath
	user, err := smx509.MarshalPKCS8PrivateKey(t.zhaolu.user)
	bank, err2 := smx509.MarshalPKIXPublicKey(&t.zhaolu.bank.PublicKey)
	if err != nil || err2 != nil {
		return ZhaoluAccess{} // keys that were just made are keys
	}
	return ZhaoluAccess{APIURL: at + "/cdcserver/api/v2", AuthorizeURL: at + "/oauth2/authorize", TokenURL: at + "/oauth2/token", UID: zhaoluUID,
		Key:     string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: user})),
		SM4Key:  t.zhaoluSM4(),
		BankKey: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: bank}))}
}

func (t *Town) zhaoluSM4() string { return letters(seeded(t.cfg.Seed, "sm4 of zhaolu"), 16) }

func (t *Town) serveZhaolu(mux *http.ServeMux) {
	mux.HandleFunc("GET "+zhaoluPath+"/oauth2/authorize", t.zhaoluAuthorize)
	mux.HandleFunc("POST "+zhaoluPath+"/oauth2/authorize", t.zhaoluAuthorize)
	mux.HandleFunc("POST "+zhaoluPath+"/oauth2/token", t.zhaoluToken)
	mux.HandleFunc("POST "+zhaoluPath+"/cdcserver/api/v2", t.zhaoluServer)
}

// zhaoluAuthorize is RFC 6749 4.1.1 with PKCE, in place of the papers by which
// the real bank opens accounts to a company's user.
func (t *Town) zhaoluAuthorize(w http.ResponseWriter, r *http.Request) {
	const title = "招鹿银行 Zhaolu Bank"
	q, now := r.URL.Query(), t.cfg.Now()
	back := q.Get("redirect_uri")
	if q.Get("client_id") != zhaoluUID || !t.mayRedirect(back) {
		showMistake(w, title, "client_id 或 redirect_uri 未登记。", "This client_id or redirect_uri is not registered.")
		return
	}
	no := func(code string) { sendBack(w, r, back, url.Values{"error": {code}, "state": {q.Get("state")}}) }
	switch {
	case q.Get("response_type") != "code":
		no("unsupported_response_type")
		return
	case q.Get("scope") != "accounts":
		no("invalid_scope")
		return
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		no("invalid_request")
		return
	}
	page := loginPage{Title: title, Colour: "#8c1d40", Asker: "花窗 Jali",
		Wants: "想查看你的账户、余额和交易 would like to see your accounts, balances and transactions"}
	if r.Method == http.MethodGet {
		t.showLogin(w, r, page, http.StatusOK)
		return
	}
	if r.PostFormValue("decision") == "refuse" {
		no("access_denied")
		return
	}
	p := t.world.personByLogin(r.PostFormValue("login"), r.PostFormValue("password"))
	if p == nil {
		page.Wrong, page.Login = true, r.PostFormValue("login")
		t.showLogin(w, r, page, http.StatusUnauthorized)
		return
	}
	if p.at(ZhaoluBank, savings) == nil {
		showMistake(w, title, "你在这家银行没有账户，请返回换一位居民。", "You have no account at this bank: go back and choose somebody else.")
		return
	}
	var code string
	err := t.state.change(func() error {
		code = t.state.issue("", now, pass{Institution: ZhaoluBank, Kind: codePass, Person: p.id, Until: now.Add(zhaoluCodeFor),
			Redirect: back, Challenge: q.Get("code_challenge")})
		return nil
	})
	if err != nil {
		no("server_error")
		return
	}
	sendBack(w, r, back, url.Values{"code": {code}, "state": {q.Get("state")}})
}

// zhaoluWell answers for the institution's troubles that no function is asked for.
func (t *Town) zhaoluWell(w http.ResponseWriter, r *http.Request) (Trouble, bool) {
	x, here := t.ails(w, r, ZhaoluBank)
	switch {
	case !here:
		return x, false
	case x.Down:
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte("CDCServer:系统异常，请稍后再试"))
		return x, false
	case x.Busy:
		if !x.NoWait {
			w.Header().Set("Retry-After", "2")
		}
		w.WriteHeader(http.StatusTooManyRequests)
		return x, false
	}
	return x, true
}

// zhaoluToken trades a code for a customer number. Each link has one of its own.
func (t *Town) zhaoluToken(w http.ResponseWriter, r *http.Request) {
	if _, well := t.zhaoluWell(w, r); !well {
		return
	}
	now := t.cfg.Now()
	say := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	err := r.ParseForm()
	for _, values := range r.PostForm {
		if len(values) > 1 {
			err = errors.New("twice")
		}
	}
	f := r.PostForm
	switch {
	case err != nil || kind != "application/x-www-form-urlencoded":
		say(http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return
	case f.Get("client_id") != zhaoluUID:
		say(http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	case f.Get("grant_type") != "authorization_code":
		say(http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
		return
	}
	n, err := rand.Int(rand.Reader, big.NewInt(9e9))
	if err != nil {
		say(http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	client, token := strconv.FormatInt(1e9+n.Int64(), 10), ""
	sum := sha256.Sum256([]byte(f.Get("code_verifier")))
	err = t.state.change(func() error {
		code, ok := t.state.Passes[f.Get("code")]
		if !ok || code.Institution != ZhaoluBank || code.Kind != codePass || !now.Before(code.Until) || code.Redirect != f.Get("redirect_uri") ||
			subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(code.Challenge)) != 1 {
			return nil
		}
		if code.Spent { // RFC 6749 4.1.2: what came of it ends
			if twin := t.state.Passes[code.Twin]; twin != nil {
				twin.Spent = true
			}
			return nil
		}
		code.Spent, code.Twin = true, client
		t.state.Passes[client] = &pass{Institution: ZhaoluBank, Kind: accessPass, Person: code.Person, Until: now.AddDate(1, 0, 0)}
		t.state.Issued = append(t.state.Issued, client)
		token = t.state.issue("", now, pass{Institution: ZhaoluBank, Kind: refreshPass, Person: code.Person, Until: now.Add(zhaoluCodeFor)}) // opens nothing
		return nil
	})
	switch {
	case err != nil:
		say(http.StatusInternalServerError, map[string]string{"error": "server_error"})
	case token == "":
		say(http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
	default:
		say(http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 600, "client_nbr": client})
	}
}

// zhaoluCounter is one request to the direct link.
type zhaoluCounter struct {
	t    *Town
	x    Trouble
	w    http.ResponseWriter
	now  time.Time
	head zhaoluHead
	body json.RawMessage
}

type zhaoluHead struct {
	Funcode string `json:"funcode"`
	UserID  string `json:"userid"`
	ReqID   string `json:"reqid"`
}

// refuse is the gateway's own word, neither sealed nor signed.
func (c zhaoluCounter) refuse(words string) {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = c.w.Write([]byte("CDCServer:" + words))
}

// zhaoluSorted writes JSON anew with its members sorted and without spaces.
func zhaoluSorted(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("more than one value")
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func zhaoluID() []byte { return []byte((zhaoluUID + "0000000000000000")[:16]) }

func (t *Town) zhaoluCipher() cipher.Block {
	block, err := sm4.NewCipher([]byte(t.zhaoluSM4()))
	if err != nil { // 16 letters are a key
		panic(err)
	}
	return block
}

// zhaoluOpen unseals DATA.
func (t *Town) zhaoluOpen(data string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(data)
	if err != nil || len(b) == 0 || len(b)%16 != 0 {
		return nil, errors.New("not sealed")
	}
	out := make([]byte, len(b))
	cipher.NewCBCDecrypter(t.zhaoluCipher(), zhaoluID()).CryptBlocks(out, b)
	n := int(out[len(out)-1])
	if n < 1 || n > 16 {
		return nil, errors.New("not filled")
	}
	return out[:len(out)-n], nil
}

type zhaoluPair struct{ R, S *big.Int }

// zhaoluSigns makes 64 bytes of r and s, in base64.
func zhaoluSigns(key *sm2.PrivateKey, text []byte) (string, error) {
	der, err := key.SignWithSM2(rand.Reader, zhaoluID(), text)
	if err != nil {
		return "", err
	}
	var pair zhaoluPair
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(append(pair.R.FillBytes(make([]byte, 32)), pair.S.FillBytes(make([]byte, 32))...)), nil
}

func zhaoluSigned(key *ecdsa.PublicKey, text []byte, signature string) bool {
	b, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || len(b) != 64 {
		return false
	}
	der, err := asn1.Marshal(zhaoluPair{new(big.Int).SetBytes(b[:32]), new(big.Int).SetBytes(b[32:])})
	return err == nil && sm2.VerifyASN1WithSM2(key, zhaoluID(), text, der)
}

func (t *Town) zhaoluServer(w http.ResponseWriter, r *http.Request) {
	x, well := t.zhaoluWell(w, r)
	if !well {
		return
	}
	c := zhaoluCounter{t: t, x: x, w: w, now: t.cfg.Now()}
	if r.ParseForm() != nil || r.PostForm.Get("UID") != zhaoluUID || r.PostForm.Get("ALG") != "SM" {
		c.refuse("参数错误")
		return
	}
	text, err := t.zhaoluOpen(r.PostForm.Get("DATA"))
	if err != nil {
		c.refuse("报文解密失败")
		return
	}
	var whole struct {
		Request struct {
			Head zhaoluHead      `json:"head"`
			Body json.RawMessage `json:"body"`
		} `json:"request"`
		Signature struct {
			Sigdat string `json:"sigdat"`
			Sigtim string `json:"sigtim"`
		} `json:"signature"`
	}
	sorted, err := zhaoluSorted(text)
	if err != nil || json.Unmarshal(sorted, &whole) != nil {
		c.refuse("报文格式错误")
		return
	}
	blank := bytes.Replace(sorted, []byte(`"sigdat":"`+whole.Signature.Sigdat+`"`), []byte(`"sigdat":"`+zhaoluBlank+`"`), 1)
	at, err := time.ParseInLocation("20060102150405", whole.Signature.Sigtim, beijing)
	h := whole.Request.Head
	switch {
	case err != nil || c.now.Sub(at).Abs() > zhaoluSkew:
		c.refuse("签名时间超出范围")
	case !zhaoluSigned(&t.zhaolu.user.PublicKey, blank, whole.Signature.Sigdat):
		c.refuse("验签失败")
	case h.UserID != zhaoluUID || h.Funcode != r.PostForm.Get("FUNCODE"):
		c.refuse("请求头与参数不一致")
	case len(h.ReqID) < 18 || len(h.ReqID) > 51 || strings.Trim(h.ReqID[:17], "0123456789") != "":
		c.refuse("reqid格式错误")
	case !t.once(t.nonces, "zhaolu "+h.ReqID, 2*zhaoluSkew):
		c.refuse("reqid重复")
	default:
		c.head, c.body = h, whole.Request.Body
		switch h.Funcode {
		case "TotalAccountDirect":
			c.totalAccounts()
		case "NTQADINF":
			c.balances()
		case "trsQryByBreakPoint":
			c.transactions()
		default:
			c.say("FABZ002", "业务条件检查失败", struct{}{})
		}
	}
}

var zhaoluSums = regexp.MustCompile(`(blv)":`)

// say seals and signs an answer.
func (c zhaoluCounter) say(code, words string, body any) {
	type head struct {
		zhaoluHead
		Rspid string `json:"rspid"`
		Code  string `json:"resultcode"`
		Msg   string `json:"resultmsg"`
		Biz   string `json:"bizcode"`
	}
	var whole struct {
		Response struct {
			Head head `json:"head"`
			Body any  `json:"body"`
		} `json:"response"`
		Signature struct {
			Sigtim string `json:"sigtim"`
			Sigdat string `json:"sigdat"`
		} `json:"signature"`
	}
	whole.Response.Head, whole.Response.Body = head{zhaoluHead: c.head, Rspid: rand.Text(), Code: code, Msg: words}, body
	whole.Signature.Sigtim, whole.Signature.Sigdat = c.now.In(beijing).Format("20060102150405"), zhaoluBlank
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ") // what is signed is another text than what is sent
	if e.Encode(whole) != nil {
		http.Error(c.w, "town", http.StatusInternalServerError)
		return
	}
	text := c.x.spoil(b.Bytes())
	if c.x.Drift {
		text = zhaoluSums.ReplaceAll(text, []byte(`${1}_v2":`))
	}
	sorted, err := zhaoluSorted(text)
	if c.x.Forged {
		sorted = append(sorted, ' ')
	}
	if err != nil {
		http.Error(c.w, "town", http.StatusInternalServerError)
		return
	}
	signature, err := zhaoluSigns(c.t.zhaolu.bank, sorted)
	if err != nil {
		http.Error(c.w, "town", http.StatusInternalServerError)
		return
	}
	text = bytes.Replace(text, []byte(zhaoluBlank), []byte(signature), 1)
	fill := 16 - len(text)%16
	text = append(text, bytes.Repeat([]byte{byte(fill)}, fill)...)
	cipher.NewCBCEncrypter(c.t.zhaoluCipher(), zhaoluID()).CryptBlocks(text, text)
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = c.w.Write([]byte(base64.StdEncoding.EncodeToString(text)))
}

// opened answers the account with a number, if a customer number that stands
// opens it: the direct link itself asks for none.
func (c zhaoluCounter) opened(number string) *account {
	for _, p := range c.t.world.people {
		a := p.at(ZhaoluBank, savings)
		if a == nil || a.number != number {
			continue
		}
		var clients []string
		c.t.state.mu.Lock()
		for text, k := range c.t.state.Passes {
			if k.Institution == ZhaoluBank && k.Kind == accessPass && k.Person == p.id {
				clients = append(clients, text)
			}
		}
		c.t.state.mu.Unlock()
		for _, client := range clients {
			if _, ok := c.t.bearer(c.x, ZhaoluBank, client, c.now); ok {
				return a
			}
		}
	}
	return nil
}

// totalAccounts is TotalAccountDirect (总账户查询) by a customer number.
func (c zhaoluCounter) totalAccounts() {
	var in struct {
		Req []struct {
			ClientNbr string `json:"clientNbr"`
			QueryType string `json:"queryType"`
		} `json:"TotalAccountDirectReq"`
	}
	if json.Unmarshal(c.body, &in) != nil || len(in.Req) != 1 || in.Req[0].ClientNbr == "" || !strings.Contains("ABC", in.Req[0].QueryType) || in.Req[0].QueryType == "" {
		c.say("FABZ002", "业务条件检查失败", struct{}{})
		return
	}
	rows := []any{}
	if k, ok := c.t.bearer(c.x, ZhaoluBank, in.Req[0].ClientNbr, c.now); ok {
		a := c.t.instead(c.x, c.t.world.personByID(k.Person).at(ZhaoluBank, savings))
		_, _, now := c.sums(a)
		rows = append(rows, map[string]string{"cardNbr": a.number, "cardName": a.holder, "cardType": "LI", "currencyNbr": "10", "status": "A",
			"onlineBalance": yuan(now), "availableBalance": yuan(now), "freezeBalance": yuan(0), "overDraftLimit": yuan(0), "branchNbr": "93", "openDate": "20240101"})
	}
	c.say("SUC0000", "", map[string]any{"TotalAccountDirectRsp": listed(c.x, rows)})
}

// sums answers an account's rows of now, what it held at midnight and now.
func (c zhaoluCounter) sums(a *account) (rows []bankRow, closed, current int64) {
	y, m, d := c.now.In(beijing).Date()
	midnight := time.Date(y, m, d, 0, 0, 0, 0, beijing)
	closed, current = a.opening, a.opening
	c.t.world.read(c.now, func() {
		rows = a.bankRows(c.now)
		for _, row := range rows {
			current += row.amount
			if row.at.Before(midnight) {
				closed += row.amount
			}
		}
	})
	return rows, closed, current
}

// balances is NTQADINF (账户详细信息查询) of up to 30 accounts.
func (c zhaoluCounter) balances() {
	var in struct {
		Rows []struct {
			Accnbr string `json:"accnbr"`
		} `json:"ntqadinfx"`
	}
	if json.Unmarshal(c.body, &in) != nil || len(in.Rows) == 0 || len(in.Rows) > 30 {
		c.say("FABZ002", "业务条件检查失败", struct{}{})
		return
	}
	out := []any{}
	for _, one := range in.Rows {
		a := c.opened(one.Accnbr)
		if a == nil {
			out = append(out, map[string]string{"accnbr": one.Accnbr, "errcod": "FAAQ086", "errtxt": "户口不存在"})
			continue
		}
		a = c.t.instead(c.x, a)
		_, closed, now := c.sums(a)
		out = append(out, map[string]string{"accnbr": a.number, "accnam": a.holder, "bbknbr": "93", "ccynbr": "10", "stscod": "A", "opndat": "20240101",
			"accblv": yuan(closed), "onlblv": yuan(now), "avlblv": yuan(now), "hldblv": yuan(0), "lmtovr": yuan(0), "errcod": "SUC0000", "errtxt": ""})
	}
	c.say("SUC0000", "", map[string]any{"ntqadinfz": listed(c.x, out)})
}

type zhaoluBreak struct {
	Acct string `json:"acctNbr"`
	Date string `json:"transDate"`
	Next string `json:"expectNextSequence"`
}

// transactions is trsQryByBreakPoint (账户交易信息断点查询): the days asked for,
// oldest first, from the break-point on if there is one.
func (c zhaoluCounter) transactions() {
	var in struct {
		X1 []struct {
			Card  string `json:"cardNbr"`
			Begin string `json:"beginDate"`
			End   string `json:"endDate"`
			Seq   string `json:"transactionSequence"`
			Going string `json:"queryAcctNbr"`
		} `json:"TRANSQUERYBYBREAKPOINT_X1"`
		Y1 []zhaoluBreak `json:"TRANSQUERYBYBREAKPOINT_Y1"`
	}
	bad := json.Unmarshal(c.body, &in) != nil || len(in.X1) != 1 || len(in.Y1) > 1
	var from, last time.Time
	first := 1
	if !bad {
		var err1, err2, err3 error
		from, err1 = time.ParseInLocation("20060102", in.X1[0].Begin, beijing)
		last, err2 = time.ParseInLocation("20060102", in.X1[0].End, beijing)
		if len(in.Y1) == 1 {
			first, err3 = strconv.Atoi(in.Y1[0].Next)
		}
		bad = err1 != nil || err2 != nil || err3 != nil || last.Before(from) || from.Before(c.now.AddDate(0, -13, -1)) || in.X1[0].Seq != "1" || first < 1
	}
	if bad {
		c.say("FABZ002", "业务条件检查失败", struct{}{})
		return
	}
	a := c.opened(in.X1[0].Card)
	if a == nil || (len(in.Y1) == 1 && in.Y1[0].Acct != in.X1[0].Card) || (in.X1[0].Going != "" && in.X1[0].Going != in.X1[0].Card) {
		c.say("FAAQ086", "户口不存在", struct{}{})
		return
	}
	told := c.t.instead(c.x, a)
	rows, _, _ := c.sums(told)
	here, more, next := []map[string]string{}, "N", first
	debits, credits, out, in2 := 0, 0, int64(0), int64(0)
	for i, row := range rows {
		if !row.at.Before(last.AddDate(0, 0, 1)) {
			break
		}
		if i+1 < first || row.at.Before(from) {
			next = max(next, i+2)
			continue
		}
		if len(here) == zhaoluPage {
			more = "Y"
			break
		}
		next = i + 2
		here = append(here, told.zhaoluRow(i+1, row, in.X1[0].Card))
		if row.amount < 0 {
			debits, out = debits+1, out+row.amount
		} else {
			credits, in2 = credits+1, in2+row.amount
		}
	}
	total := map[string]string{"ctnFlag": more, "queryAcctNbr": "", "debitNums": strconv.Itoa(debits), "debitAmount": yuan(out),
		"creditNums": strconv.Itoa(credits), "creditAmount": yuan(in2)}
	if more == "Y" {
		total["queryAcctNbr"] = a.number
	}
	c.say("SUC0000", "", map[string]any{
		"TRANSQUERYBYBREAKPOINT_Y1": []zhaoluBreak{{a.number, last.Format("20060102"), strconv.Itoa(next)}},
		"TRANSQUERYBYBREAKPOINT_Z1": []any{total},
		"TRANSQUERYBYBREAKPOINT_Z2": listed(c.x, here),
	})
}

func (a *account) zhaoluRow(serial int, row bankRow, card string) map[string]string {
	at := row.at.In(beijing)
	way := "C"
	if row.amount < 0 {
		way = "D"
	}
	m := map[string]string{"transDate": at.Format("20060102"), "transTime": at.Format("150405"), "valueDate": at.Format("20060102"),
		"transSequenceIdn": "C" + strconv.Itoa(1e13 + serial)[1:] + "Z", "loanCode": way, "transAmount": yuan(row.amount), "currencyNbr": "10",
		"textCode": row.sub, "remarkTextClt": row.info, "businessName": row.own, "reversalFlag": "N", "acctOnlineBal": yuan(row.balance),
		"yurRef": row.ref, "ctpAcctName": row.merchant + "  "} // the bank fills up with spaces
	if row.other != nil {
		m["ctpAcctNbr"], m["ctpAcctName"] = row.other.number, row.other.holder+"  "
	}
	if a.number != card {
		m["transCardNbr"] = a.number
	}
	return m
}
