package mock

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // #nosec G505 -- what the platform signs its answers with
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DonglingAccess is what an operator holds who has registered an application
// with Dongling Bank's platform.
type DonglingAccess struct {
	GatewayURL string // /api/… and /ui/… stand under it
	AppID      string
	CorpNo     string          // 一级合作方编号
	AppKey     *rsa.PrivateKey // signs requests; the operator's key of the other banks
	PublicKey  *rsa.PublicKey  // the gateway's: verifies answers
}

const (
	keyDongling     = "dongling_bank"
	donglingPath    = "/bank/" + DonglingBank
	donglingService = "/mybank/account/accountdetailservice/"
	donglingAppID   = "10000000000000093001"
	donglingCorpNo  = "100093"
	donglingSkew    = 10 * time.Minute
	donglingPage    = 10 // few, so that pages are turned
)

// Dongling answers the operator's registration. It waits for two keys.
func (t *Town) Dongling() DonglingAccess {
	return DonglingAccess{GatewayURL: t.cfg.BaseURL + donglingPath, AppID: donglingAppID, CorpNo: donglingCorpNo,
		AppKey: t.keys.get(keyBankClient), PublicKey: &t.keys.get(keyDongling).PublicKey}
}

func (t *Town) serveDongling(mux *http.ServeMux) {
	page := donglingPath + "/ui" + donglingService + "adsagrsignui/V1"
	mux.HandleFunc("GET "+page, t.donglingSigning)
	mux.HandleFunc("POST "+page, t.donglingSigning)
	mux.HandleFunc("POST "+donglingPath+"/api"+donglingService+"{name}/V1", t.donglingGateway)
}

// donglingBooth is one request to the gateway.
type donglingBooth struct {
	t   *Town
	x   Trouble
	w   http.ResponseWriter
	now time.Time
	biz []byte
}

// say answers business content, signed as it stands.
func (b donglingBooth) say(content any) {
	text, err := json.Marshal(content)
	if err != nil {
		http.Error(b.w, "town", http.StatusInternalServerError)
		return
	}
	text = b.x.spoil(text)
	digest := sha1.Sum(text) // #nosec G401
	if b.x.Forged {
		digest[0] ^= 1
	}
	sig, err := rsa.SignPKCS1v15(rand.Reader, b.t.keys.get(keyDongling), crypto.SHA1, digest[:])
	if err != nil {
		http.Error(b.w, "town", http.StatusInternalServerError)
		return
	}
	b.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = b.w.Write([]byte(`{"response_biz_content":` + string(text) + `,"sign":"` + base64.StdEncoding.EncodeToString(sig) + `"}`))
}

// deny is the gateway's own answer, in place of the service's.
func (b donglingBooth) deny(code int, words string) {
	b.say(struct {
		Code int    `json:"return_code"`
		Msg  string `json:"return_msg"`
	}{code, words})
}

// fail is the service's.
func (b donglingBooth) fail(code, words string) {
	b.say(struct {
		Code    int    `json:"return_code"`
		Msg     string `json:"return_msg"`
		RetCode string `json:"retcode"`
		RetMsg  string `json:"retmsg"`
	}{0, "success", code, words})
}

// donglingProof is why the gateway refuses a request: 0 if it does not.
func (t *Town) donglingProof(path string, q url.Values, now time.Time) (int, string) {
	var pairs []string
	for name, values := range q {
		if len(values) != 1 {
			return 400011, "参数重复"
		}
		if name != "sign" && values[0] != "" {
			pairs = append(pairs, name+"="+values[0])
		}
	}
	slices.Sort(pairs)
	if q.Get("app_id") != donglingAppID {
		return 400016, "app公钥未维护"
	}
	if q.Get("format") != "json" || !strings.EqualFold(q.Get("charset"), "utf-8") || q.Get("msg_id") == "" || len(q.Get("msg_id")) > 40 || q.Get("encrypt_type") != "" {
		return 400011, "参数非法"
	}
	at, err := time.ParseInLocation("2006-01-02 15:04:05", q.Get("timestamp"), beijing)
	if err != nil || now.Sub(at).Abs() > donglingSkew {
		return 400011, "时间戳与网关时间相差过大"
	}
	text := []byte(path + "?" + strings.Join(pairs, "&"))
	key := &t.keys.get(keyBankClient).PublicKey
	sig, err := base64.StdEncoding.DecodeString(q.Get("sign"))
	if err == nil {
		switch q.Get("sign_type") {
		case "RSA2":
			digest := sha256.Sum256(text)
			err = rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], sig)
		case "RSA":
			digest := sha1.Sum(text) // #nosec G401
			err = rsa.VerifyPKCS1v15(key, crypto.SHA1, digest[:], sig)
		default:
			return 400011, "sign_type非法"
		}
	}
	if err != nil {
		return 400017, "签名验证失败"
	}
	return 0, ""
}

// donglingSigning is the page on which a person signs an agreement
// (协议签订页面). It is asked for by signed parameters and comes back to the one
// that is named redirect_uri with the agreement's number.
func (t *Town) donglingSigning(w http.ResponseWriter, r *http.Request) {
	const title = "东岭银行 Dongling Bank"
	q, now := r.URL.Query(), t.cfg.Now()
	q.Del("who") // a choice on the page, by showLogin, and signed by nobody
	var biz struct {
		CorpNo  string `json:"corpNo"`
		Mode    string `json:"coMode"`
		APIName string `json:"api_name"`
		Remark  string `json:"remark"`
	}
	code, _ := t.donglingProof(r.URL.EscapedPath(), q, now)
	back := q.Get("redirect_uri")
	switch {
	case code != 0, !t.mayRedirect(back), json.Unmarshal([]byte(q.Get("biz_content")), &biz) != nil,
		biz.CorpNo != donglingCorpNo, biz.APIName != "ADSSIGN", biz.Mode != "1" && biz.Mode != "2", len(biz.Remark) > 100:
		showMistake(w, title, "请求的签名、参数或回跳地址不对。", "The request's signature, its parameters or its redirect URI are wrong.")
		return
	}
	page := loginPage{Title: title, Colour: "#a3242b", Asker: "花窗 Jali",
		Wants: "想与你签订账户明细查询协议 would like to sign an agreement to read your account's movements"}
	if r.Method == http.MethodGet {
		t.showLogin(w, r, page, http.StatusOK)
		return
	}
	state := q.Get("state")
	if r.PostFormValue("decision") == "refuse" {
		sendBack(w, r, back, url.Values{"error": {"access_denied"}, "state": {state}})
		return
	}
	p := t.personByLogin(r.PostFormValue("login"), r.PostFormValue("password"))
	if p == nil {
		page.Wrong, page.Login = true, r.PostFormValue("login")
		t.showLogin(w, r, page, http.StatusUnauthorized)
		return
	}
	if p.at(DonglingBank, debitCard) == nil {
		showMistake(w, title, "你在这家银行没有账户，请返回换一位居民。", "You have no account at this bank: go back and choose somebody else.")
		return
	}
	n, err := rand.Int(rand.Reader, big.NewInt(9e14))
	if err != nil {
		http.Error(w, "town", http.StatusInternalServerError)
		return
	}
	number := strconv.FormatInt(1e14+n.Int64(), 10)
	err = t.state.change(func() error {
		t.state.Passes[number] = &pass{Institution: DonglingBank, Kind: accessPass, Person: p.id, Nonce: biz.Remark, Scope: biz.Mode,
			Until: now.In(beijing).AddDate(1, 0, 0)}
		t.state.Issued = append(t.state.Issued, number)
		return nil
	})
	if err != nil {
		http.Error(w, "town", http.StatusInternalServerError)
		return
	}
	sendBack(w, r, back, url.Values{"agreeno": {number}, "state": {state}})
}

func (t *Town) donglingGateway(w http.ResponseWriter, r *http.Request) {
	x, here := t.ails(w, r, DonglingBank)
	if !here {
		return
	}
	b := donglingBooth{t: t, x: x, w: w, now: t.cfg.Now()}
	switch {
	case x.Down:
		b.deny(-500042, "后台服务异常")
		return
	case x.Busy:
		if !x.NoWait {
			w.Header().Set("Retry-After", "2")
		}
		b.deny(500031, "速率超限")
		return
	}
	if r.ParseForm() != nil || len(r.URL.RawQuery) > 0 {
		b.deny(400011, "参数非法")
		return
	}
	if code, words := t.donglingProof(r.URL.EscapedPath(), r.PostForm, b.now); code != 0 {
		b.deny(code, words)
		return
	}
	if !t.once(t.nonces, "dongling "+r.PostForm.Get("msg_id"), 2*donglingSkew) {
		b.deny(400011, "msg_id重复")
		return
	}
	b.biz = []byte(r.PostForm.Get("biz_content"))
	switch r.PathValue("name") {
	case "adsagreementqry":
		b.agreements()
	case "adsaccountdtlqry":
		b.movements()
	default:
		b.deny(500018, "访问的API不存在")
	}
}

// held answers the agreement with a number, while it stands.
func (b donglingBooth) held(number string) (pass, *account) {
	k, ok := b.t.bearer(b.x, DonglingBank, number, b.now)
	if !ok {
		return k, nil
	}
	return k, b.t.personByID(k.Person).at(DonglingBank, debitCard)
}

type donglingAccount struct {
	Account   string `json:"account"`
	CurrType  int    `json:"currtype"`
	AccFlag   int    `json:"accflag"`
	CnTioFlag int    `json:"cntioflag"`
	IsMain    int    `json:"ismainacc"`
	Receipt   int    `json:"receiptflag"`
	Statement int    `json:"statementflag"`
}

type donglingAgreement struct {
	AgreeNo  int64             `json:"agreeno"`
	CorpNo   string            `json:"corpno"`
	Mode     string            `json:"comode"`
	Status   string            `json:"status"`
	ActDate  string            `json:"actdate"`
	MatDate  string            `json:"matdate"`
	EpType   int               `json:"eptype"`
	Remark   string            `json:"remark"`
	Accounts []donglingAccount `json:"accountinfolist"`
}

// agreements is adsagreementqry (协议查询), by the list alone.
func (b donglingBooth) agreements() {
	var in struct {
		Page struct {
			From  string `json:"begnum"`
			Count string `json:"fetnum"`
		} `json:"inqwork"`
		CorpNo string `json:"corpno"`
		Cond   struct {
			By   string `json:"qrytype"`
			List []struct {
				AgreeNo string `json:"agreeno"`
			} `json:"agrlist"`
		} `json:"cond"`
	}
	count := 0
	err := json.Unmarshal(b.biz, &in)
	if err == nil {
		count, err = strconv.Atoi(in.Page.Count)
	}
	if err != nil || in.CorpNo != donglingCorpNo || in.Cond.By != "2" || len(in.Cond.List) == 0 || len(in.Cond.List) > 10 || count < 1 || count > 10 {
		b.fail("9008200", "参数错误")
		return
	}
	out := struct {
		Code    int                 `json:"return_code"`
		Msg     string              `json:"return_msg"`
		RetCode string              `json:"retcode"`
		RetMsg  string              `json:"retmsg"`
		List    []donglingAgreement `json:"agrlist"`
	}{0, "success", "9008100", "交易成功", []donglingAgreement{}}
	for _, one := range in.Cond.List {
		k, a := b.held(one.AgreeNo)
		if a == nil {
			continue
		}
		number, err := strconv.ParseInt(one.AgreeNo, 10, 64)
		if err != nil {
			continue
		}
		shown := b.t.instead(b.x, a)
		out.List = append(out.List, donglingAgreement{number, donglingCorpNo, k.Scope, "1",
			k.Until.AddDate(-1, 0, 0).In(beijing).Format(time.DateOnly), k.Until.In(beijing).Format(time.DateOnly), 0, k.Nonce,
			listed(b.x, []donglingAccount{{shown.number, 1, 1, 1, 1, 0, 1}})})
	}
	b.say(out)
}

type donglingMovement struct {
	Serial   int    `json:"serialno"`
	Date     string `json:"busidate"`
	Time     string `json:"busitime"`
	Way      int    `json:"drcrf"`
	Summary  string `json:"summary"`
	Amount   int64  `json:"amount"`
	Currency int    `json:"currtype"`
	Balance  int64  `json:"balance"`
	WorkDate string `json:"workdate"`
	Other    string `json:"recipacc"`
	OtherOf  string `json:"recipnam"`
	Ref      string `json:"vagen_ref"`
	Notes    string `json:"notes"`
	Purpose  string `json:"purpose"`
	Seq      string `json:"eventseq"`
}

// movements is adsaccountdtlqry (账户明细查询): the days asked for, oldest first,
// after the row whose serialno is given.
func (b donglingBooth) movements() {
	var in struct {
		FSeqNo    string `json:"fseqno"`
		Account   string `json:"account"`
		CurrType  string `json:"currtype"`
		StartDate string `json:"startdate"`
		EndDate   string `json:"enddate"`
		Serial    string `json:"serialno"`
		CorpNo    string `json:"corpno"`
		AgreeNo   string `json:"agreeno"`
	}
	if json.Unmarshal(b.biz, &in) != nil || in.CorpNo != donglingCorpNo || in.CurrType != "1" || in.FSeqNo == "" || len(in.FSeqNo) > 40 {
		b.fail("9008200", "参数错误")
		return
	}
	from, err1 := time.ParseInLocation(time.DateOnly, in.StartDate, beijing)
	last, err2 := time.ParseInLocation(time.DateOnly, in.EndDate, beijing)
	after := 0
	var err3 error
	if in.Serial != "" {
		after, err3 = strconv.Atoi(in.Serial)
	}
	if err1 != nil || err2 != nil || err3 != nil || last.Before(from) || !b.t.once(b.t.nonces, "dongling seq "+in.FSeqNo, 2*donglingSkew) {
		b.fail("9008200", "参数错误")
		return
	}
	_, a := b.held(in.AgreeNo)
	if a == nil || a.number != in.Account {
		b.fail("9008101", "处理失败")
		return
	}
	a = b.t.instead(b.x, a)
	until := last.AddDate(0, 0, 1)
	var rows []donglingMovement
	more := false
	b.t.read(b.now, func() {
		for i, row := range a.bankRows(b.now) {
			if i+1 <= after || row.at.Before(from) || !row.at.Before(until) {
				continue
			}
			if more = len(rows) == donglingPage; more {
				break
			}
			rows = append(rows, a.donglingRow(i+1, row))
		}
	})
	out := struct {
		Code    int                `json:"return_code"`
		Msg     string             `json:"return_msg"`
		RetCode string             `json:"retcode"`
		RetMsg  string             `json:"retmsg"`
		Next    string             `json:"nextpage"`
		Serial  string             `json:"serialno"`
		Account string             `json:"accno"`
		Rows    []donglingMovement `json:"dtllist"`
	}{0, "success", "0", "查询成功", "0", in.Serial, a.number, []donglingMovement{}}
	if len(rows) > 0 {
		out.Serial, out.Rows = strconv.Itoa(rows[len(rows)-1].Serial), listed(b.x, rows)
	}
	if more {
		out.Next = "1"
	}
	b.say(out)
}

func (a *account) donglingRow(serial int, row bankRow) donglingMovement {
	at := row.at.In(beijing)
	m := donglingMovement{Serial: serial, Date: at.Format(time.DateOnly), Time: at.Format("15.04.05"), Way: 2, Summary: row.own, Amount: row.amount,
		Currency: 1, Balance: row.balance, WorkDate: at.Format(time.DateOnly), OtherOf: row.merchant, Ref: row.ref, Notes: row.info,
		Seq: "E" + strconv.Itoa(serial)}
	if row.amount < 0 {
		m.Way, m.Amount = 1, -row.amount
	}
	if row.other != nil {
		m.Other, m.OtherOf = row.other.number, row.other.holder
	}
	return m
}
