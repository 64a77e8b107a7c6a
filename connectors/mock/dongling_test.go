package mock

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// donglingAsk signs what is asked, after change has been at it.
func (tt *testTown) donglingAsk(t *testing.T, path string, biz any, change func(url.Values)) url.Values {
	t.Helper()
	text, err := json.Marshal(biz)
	if err != nil {
		t.Fatal(err)
	}
	q := url.Values{"app_id": {donglingAppID}, "msg_id": {rand.Text()}, "format": {"json"}, "charset": {"UTF-8"}, "sign_type": {"RSA2"},
		"timestamp": {tt.now().In(beijing).Format(time.DateTime)}, "biz_content": {string(text)}}
	if change != nil {
		change(q)
	}
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(q)) {
		pairs = append(pairs, k+"="+q.Get(k))
	}
	text = []byte(path + "?" + strings.Join(pairs, "&"))
	hash, digest := crypto.SHA256, sha256.Sum256(text)
	sum := digest[:]
	if q.Get("sign_type") == "RSA" {
		old := sha1.Sum(text)
		hash, sum = crypto.SHA1, old[:]
	}
	sig, err := rsa.SignPKCS1v15(rand.Reader, tt.keys.get(keyBankClient), hash, sum)
	if err != nil {
		t.Fatal(err)
	}
	q.Set("sign", base64.StdEncoding.EncodeToString(sig))
	return q
}

type donglingSaid struct {
	Return_code                              int
	Retcode, Nextpage, Serialno, Accno, Sign string
	Agrlist                                  []donglingAgreement
	Dtllist                                  []donglingMovement
}

// donglingCall answers what an interface said, and whether it is truly signed.
func (tt *testTown) donglingCall(t *testing.T, name string, biz any, change func(url.Values)) (donglingSaid, bool) {
	t.Helper()
	path := donglingPath + "/api" + donglingService + name + "/V1"
	_, body := tt.do(t, post(t, tt.URL+path, tt.donglingAsk(t, path, biz, change)))
	content, ok := bytes.CutPrefix(body, []byte(`{"response_biz_content":`))
	content, tail, ok2 := bytes.Cut(content, []byte(`,"sign":"`))
	if !ok || !ok2 {
		t.Fatalf("%s", body)
	}
	said := read[donglingSaid](t, content)
	sig, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(string(tail), `"}`))
	if err != nil {
		t.Fatal(err)
	}
	digest := sha1.Sum(content)
	return said, rsa.VerifyPKCS1v15(tt.Dongling().PublicKey, crypto.SHA1, digest[:], sig) == nil
}

func (tt *testTown) donglingPageAt(t *testing.T, biz map[string]any, change func(url.Values)) string {
	t.Helper()
	whole := map[string]any{"api_name": "ADSSIGN", "corpNo": donglingCorpNo, "coMode": "2", "remark": "R1"}
	maps.Copy(whole, biz)
	path := donglingPath + "/ui" + donglingService + "adsagrsignui/V1"
	q := tt.donglingAsk(t, path, whole, func(q url.Values) {
		q.Set("redirect_uri", callback)
		q.Set("state", "s-9")
		if change != nil {
			change(q)
		}
	})
	return tt.URL + path + "?" + q.Encode()
}

func donglingList(number string) map[string]any {
	return map[string]any{"inqwork": map[string]string{"begnum": "0", "fetnum": "10"}, "corpno": donglingCorpNo,
		"cond": map[string]any{"qrytype": "2", "agrlist": []map[string]string{{"agreeno": number}}}}
}

func donglingDays(number, account, from, to, serial string) map[string]any {
	return map[string]any{"fseqno": rand.Text(), "account": account, "currtype": "1", "startdate": from, "enddate": to, "serialno": serial,
		"corpno": donglingCorpNo, "agreeno": number}
}

func TestDonglingTellsWhatHappened(t *testing.T) {
	tt := startTown(t, 1)
	p := tt.world.people[0]
	back := tt.login(t, tt.donglingPageAt(t, nil, nil), tt.People()[0], "agree", nil)
	number := back.Get("agreeno")
	if back.Get("state") != "s-9" || !slices.Contains(tt.Canaries(), number) {
		t.Fatalf("back with %v", back)
	}
	said, true1 := tt.donglingCall(t, "adsagreementqry", donglingList(number), nil)
	if !true1 || len(said.Agrlist) != 1 || said.Agrlist[0].Remark != "R1" || said.Agrlist[0].Status != "1" || said.Agrlist[0].MatDate != "2027-11-18" ||
		len(said.Agrlist[0].Accounts) != 1 || strconv.FormatInt(said.Agrlist[0].AgreeNo, 10) != number {
		t.Fatalf("the agreement: %+v", said)
	}
	account := said.Agrlist[0].Accounts[0].Account
	var all []donglingMovement
	for serial, more := "", true; more; {
		page, ok := tt.donglingCall(t, "adsaccountdtlqry", donglingDays(number, account, "2026-08-01", "2026-11-18", serial), func(q url.Values) { q.Set("sign_type", "RSA") })
		if !ok || page.Retcode != "0" || page.Accno != account || len(page.Dtllist) > donglingPage {
			t.Fatalf("%+v", page)
		}
		all = append(all, page.Dtllist...)
		serial, more = page.Serialno, page.Nextpage == "1"
	}
	a := p.at(DonglingBank, debitCard)
	var want []bankRow
	tt.world.read(tt.now(), func() {
		for _, row := range a.bankRows(tt.now()) {
			if !row.at.Before(time.Date(2026, 8, 1, 0, 0, 0, 0, beijing)) {
				want = append(want, row)
			}
		}
	})
	if len(all) != len(want) || len(all) <= donglingPage {
		t.Fatalf("%d movements, want %d and more than a page", len(all), len(want))
	}
	for i, m := range all {
		fen := m.Amount
		if m.Way == 1 {
			fen = -fen
		}
		if fen != want[i].amount || m.Balance != want[i].balance || m.Ref != want[i].ref || m.Date+" "+m.Time != want[i].at.In(beijing).Format("2006-01-02 15.04.05") {
			t.Errorf("movement %d: %+v, want %+v", i, m, want[i])
		}
	}
	for why, biz := range map[string]map[string]any{
		"another's account":  donglingDays(number, tt.world.people[2].at(DonglingBank, debitCard).number, "2026-11-01", "2026-11-18", ""),
		"no agreement":       donglingDays("1", account, "2026-11-01", "2026-11-18", ""),
		"days backwards":     donglingDays(number, account, "2026-11-18", "2026-11-01", ""),
		"no days":            donglingDays(number, account, "", "2026-11-01", ""),
		"a serial of words":  donglingDays(number, account, "2026-11-01", "2026-11-18", "x"),
		"another currency":   {"fseqno": "1", "account": account, "currtype": "14", "startdate": "2026-11-01", "enddate": "2026-11-18", "corpno": donglingCorpNo, "agreeno": number},
		"no sequence number": {"account": account, "currtype": "1", "startdate": "2026-11-01", "enddate": "2026-11-18", "corpno": donglingCorpNo, "agreeno": number},
	} {
		if said, _ := tt.donglingCall(t, "adsaccountdtlqry", biz, nil); len(said.Dtllist) != 0 || said.Retcode == "0" {
			t.Errorf("%s: %+v", why, said)
		}
	}
	tt.pass(366 * 24 * time.Hour)
	if said, _ := tt.donglingCall(t, "adsagreementqry", donglingList(number), nil); said.Retcode != "9008100" || len(said.Agrlist) != 0 {
		t.Errorf("an agreement that has run out: %+v", said)
	}
}

func TestDonglingRefusesClients(t *testing.T) {
	tt := startTown(t, 1)
	once := rand.Text()
	for _, c := range []struct {
		why    string
		change func(url.Values)
		want   int
	}{
		{"good", func(q url.Values) { q.Set("msg_id", once) }, 0},
		{"nine minutes late", func(q url.Values) {
			q.Set("timestamp", tt.now().Add(-9*time.Minute).In(beijing).Format(time.DateTime))
		}, 0},
		{"a replay", func(q url.Values) { q.Set("msg_id", once) }, 400011},
		{"an old one", func(q url.Values) {
			q.Set("timestamp", tt.now().Add(-11*time.Minute).In(beijing).Format(time.DateTime))
		}, 400011},
		{"in UTC", func(q url.Values) { q.Set("timestamp", tt.now().UTC().Format(time.DateTime)) }, 400011},
		{"another app", func(q url.Values) { q.Set("app_id", "x") }, 400016},
		{"no msg_id", func(q url.Values) { q.Del("msg_id") }, 400011},
		{"another sign_type", func(q url.Values) { q.Set("sign_type", "CA") }, 400011},
		{"xml", func(q url.Values) { q.Set("format", "xml") }, 400011},
	} {
		if said, ok := tt.donglingCall(t, "adsagreementqry", donglingList("1"), c.change); said.Return_code != c.want || !ok {
			t.Errorf("%s: %+v", c.why, said)
		}
	}
	path := donglingPath + "/api" + donglingService + "adsagreementqry/V1"
	for why, spoil := range map[string]func(url.Values){
		"another path": func(q url.Values) {
			for k, v := range tt.donglingAsk(t, "/elsewhere", donglingList("1"), nil) {
				q[k] = v
			}
		},
		"a word changed":     func(q url.Values) { q.Set("biz_content", "{}") },
		"a word added":       func(q url.Values) { q.Set("more", "x") },
		"a word twice":       func(q url.Values) { q.Add("format", "json") },
		"no signature":       func(q url.Values) { q.Del("sign") },
		"a signature of air": func(q url.Values) { q.Set("sign", "AAAA") },
	} {
		q := tt.donglingAsk(t, path, donglingList("1"), nil)
		spoil(q)
		_, body := tt.do(t, post(t, tt.URL+path, q))
		if !bytes.Contains(body, []byte(`"return_code":40001`)) {
			t.Errorf("%s: %s", why, body)
		}
	}
	if said, _ := tt.donglingCall(t, "elsewhere", nil, nil); said.Return_code != 500018 {
		t.Errorf("an interface that is none: %+v", said)
	}
}

func TestDonglingsPage(t *testing.T) {
	tt := startTown(t, 1)
	p := tt.People()[0]
	page := tt.donglingPageAt(t, nil, nil)
	if res, body := tt.do(t, get(t, page)); res.StatusCode != 200 || !bytes.Contains(body, []byte(`name="login"`)) {
		t.Errorf("%d", res.StatusCode)
	}
	if res, body := tt.do(t, get(t, page+"&who=lin_xiaozhou")); res.StatusCode != 200 || !bytes.Contains(body, []byte(p.Password)) {
		t.Errorf("who is chosen on the page is not filled in: %d", res.StatusCode)
	}
	if back := tt.login(t, page, p, "refuse", nil); back.Get("error") != "access_denied" || back.Has("agreeno") {
		t.Errorf("who refuses comes back with %v", back)
	}
	if res, _ := tt.do(t, post(t, page, url.Values{"login": {p.Login}, "password": {"x"}, "decision": {"agree"}})); res.StatusCode != 401 {
		t.Errorf("a wrong password: %d", res.StatusCode)
	}
	stranger := tt.People()[1]
	if res, _ := tt.do(t, post(t, page, url.Values{"login": {stranger.Login}, "password": {stranger.Password}, "decision": {"agree"}})); res.StatusCode != 400 {
		t.Errorf("somebody without an account: %d", res.StatusCode)
	}
	for why, at := range map[string]string{
		"unsigned":             page + "&x=1",
		"a foreign redirect":   tt.donglingPageAt(t, nil, func(q url.Values) { q.Set("redirect_uri", "https://evil.example/") }),
		"another cooperator":   tt.donglingPageAt(t, map[string]any{"corpNo": "1"}, nil),
		"another mode":         tt.donglingPageAt(t, map[string]any{"coMode": "3"}, nil),
		"a page of yesterday":  tt.donglingPageAt(t, nil, func(q url.Values) { q.Set("timestamp", "2026-11-17 12:00:00") }),
		"a remark of a letter": tt.donglingPageAt(t, map[string]any{"remark": strings.Repeat("x", 101)}, nil),
	} {
		if res, _ := tt.do(t, get(t, at)); res.StatusCode != 400 || res.Header.Get("Location") != "" {
			t.Errorf("%s: %d", why, res.StatusCode)
		}
	}
}

func TestDonglingAils(t *testing.T) {
	tt := startTown(t, 1)
	number := tt.login(t, tt.donglingPageAt(t, nil, nil), tt.People()[0], "agree", nil).Get("agreeno")
	account := tt.world.people[0].at(DonglingBank, debitCard).number
	ask := func() (donglingSaid, bool) {
		return tt.donglingCall(t, "adsaccountdtlqry", donglingDays(number, account, "2026-09-01", "2026-11-18", ""), nil)
	}
	well, _ := ask()
	for why, c := range map[string]struct {
		x    Trouble
		want func(donglingSaid, bool) bool
	}{
		"down":      {Trouble{Down: true}, func(s donglingSaid, ok bool) bool { return ok && s.Return_code == -500042 }},
		"busy":      {Trouble{Busy: true}, func(s donglingSaid, ok bool) bool { return ok && s.Return_code == 500031 }},
		"forged":    {Trouble{Forged: true}, func(_ donglingSaid, ok bool) bool { return !ok }},
		"strangers": {Trouble{Strangers: true}, func(s donglingSaid, ok bool) bool { return ok && s.Accno != account }},
		"doubled":   {Trouble{Doubled: true}, func(s donglingSaid, ok bool) bool { return ok && len(s.Dtllist) == 2*len(well.Dtllist) }},
		"drift":     {Trouble{Drift: true}, func(s donglingSaid, ok bool) bool { return ok && s.Dtllist[0].Amount == 0 && s.Dtllist[0].Date == "" }},
		"amount": {Trouble{Amount: "77"}, func(s donglingSaid, ok bool) bool {
			return ok && s.Dtllist[0].Amount == 77 && s.Dtllist[0].Balance == 77
		}},
	} {
		tt.Ail(DonglingBank, c.x)
		if said, ok := ask(); !c.want(said, ok) {
			t.Errorf("%s: %+v", why, said)
		}
	}
	tt.Ail(DonglingBank, Trouble{Shuffled: true})
	orders := map[string]bool{}
	for range 20 {
		said, _ := ask()
		orders[fmt.Sprint(said.Dtllist)] = true
	}
	tt.Ail(DonglingBank, Trouble{TokensLast: 1})
	ask()
	if said, _ := ask(); said.Retcode == "0" || len(orders) < 2 {
		t.Errorf("shuffled %d ways; an agreement that ended still tells: %+v", len(orders), said)
	}
}
