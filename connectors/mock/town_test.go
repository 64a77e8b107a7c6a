package mock

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a town's clock that a test may turn.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

var noon = time.Date(2026, 11, 18, 12, 0, 0, 0, beijing)

// Keys are slow to make and no test is about their bits: all towns share them.
var sharedKeys = sync.OnceValue(func() *keyring {
	ring, err := openKeys(&state{Keys: map[string]string{}})
	if err != nil {
		panic(err)
	}
	return ring
})

type testTown struct {
	*Town
	*clock
	URL string
	// seen is every byte that the town has answered with.
	seen *bytes.Buffer
	http *http.Client
}

func startTown(t *testing.T, seed uint64) *testTown {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	tt := &testTown{clock: &clock{at: noon}, URL: "http://" + srv.Listener.Addr().String(), seen: &bytes.Buffer{}}
	var err error
	tt.Town, err = found(Config{Seed: seed, Now: tt.now, BaseURL: tt.URL}, sharedKeys())
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = tt.Handler()
	srv.Start()
	t.Cleanup(srv.Close)
	tt.http = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return tt
}

// do sends a request and answers the response with its body read.
func (tt *testTown) do(t *testing.T, req *http.Request) (*http.Response, []byte) {
	t.Helper()
	res, err := tt.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range res.Header {
		fmt.Fprintln(tt.seen, k, v)
	}
	tt.seen.Write(body)
	return res, body
}

func get(t *testing.T, u string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func post(t *testing.T, u string, form url.Values) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, u, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

// login does what a person does on a login page, and answers what the redirect
// carries.
func (tt *testTown) login(t *testing.T, page string, p Person, decision string, more url.Values) url.Values {
	t.Helper()
	form := url.Values{"login": {p.Login}, "password": {p.Password}, "decision": {decision}}
	for k, v := range more {
		form[k] = v
	}
	res, body := tt.do(t, post(t, page, form))
	if res.StatusCode != http.StatusFound {
		t.Fatalf("login answered %d, want 302: %s", res.StatusCode, body)
	}
	u, err := url.Parse(res.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

const callback = "http://localhost:8080/sources/callback"

func TestOneSeedIsOneTown(t *testing.T) {
	show := func(seed uint64) string {
		w := newWorld(seed, founding(noon))
		w.until(noon)
		var b strings.Builder
		for _, p := range w.people {
			fmt.Fprintln(&b, p.name, p.password, p.wallet.rows, p.shop.trades, p.shop.paid)
		}
		for _, a := range w.accounts {
			fmt.Fprintln(&b, a.number, a.rows)
		}
		return regexp.MustCompile(`0x[0-9a-f]+`).ReplaceAllString(b.String(), "ptr")
	}
	a := show(1)
	if a != show(1) {
		t.Error("the same seed gave two towns")
	}
	if a == show(2) {
		t.Error("two seeds gave the same town")
	}
}

func TestThePastDoesNotChangeAsTheClockGoesOn(t *testing.T) {
	short, long := newWorld(1, founding(noon)), newWorld(1, founding(noon))
	short.until(noon)
	for at := founding(noon); at.Before(noon.AddDate(0, 0, 40)); at = at.AddDate(0, 0, 7) {
		long.until(at)
	}
	for i, p := range short.people {
		q := long.people[i]
		if n := len(p.wallet.rows); !slices.Equal(p.wallet.rows, q.wallet.rows[:n]) || len(q.wallet.rows) == n {
			t.Errorf("person %d: the log of the first %d rows changed, or did not grow", i, n)
		}
	}
}

func TestEveryoneHasThreeSourcesAndThirteenMonths(t *testing.T) {
	w := newWorld(3, founding(noon))
	w.until(noon)
	limit := noon.AddDate(0, -13, 0)
	for _, p := range w.people {
		banks := map[string]bool{}
		kinds := map[string]int{}
		for _, a := range p.cards {
			banks[a.bank] = true
			if a.rows[0].at.After(limit.AddDate(0, 1, 0)) && a.kind != savings {
				t.Errorf("%s: an account's history begins %s", p.id, a.rows[0].at)
			}
			for i := 1; i < len(a.rows); i++ {
				if a.rows[i].at.Before(a.rows[i-1].at) || a.rows[i].balance != a.rows[i-1].balance+a.rows[i].amount {
					t.Fatalf("%s: bank row %d is out of order or does not add up", p.id, i)
				}
			}
		}
		if len(banks) == 0 || p.wallet.rows[0].at.After(limit) || p.shop.trades[0].at.After(limit) {
			t.Errorf("%s lacks a bank or 13 months of a wallet or shop", p.id)
		}
		for _, x := range p.wallet.rows {
			kinds[x.kind]++
			if x.balance < 0 {
				t.Fatalf("%s: the wallet is overdrawn", p.id)
			}
		}
		for _, kind := range []string{"交易付款", "交易退款", "转账", "充值", "其它"} {
			if kinds[kind] == 0 {
				t.Errorf("%s never had a row of type %s", p.id, kind)
			}
		}
	}
	if x := w.people[0].debit().number; len(x) != 19 || !luhnValid(x) {
		t.Errorf("a debit card has number %s", x)
	}
	if x := w.people[0].credit().number; len(x) != 16 || !luhnValid(x) {
		t.Errorf("a credit card has number %s", x)
	}
}

func luhnValid(number string) bool {
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

func TestACardFundedPaymentStandsInBothBooks(t *testing.T) {
	w := newWorld(4, founding(noon))
	w.until(noon)
	checked := 0
	for _, p := range w.people {
		orders := map[string][]bankRow{}
		for _, a := range slices.Concat(p.cards, p.further) {
			for _, x := range a.rows {
				orders[a.card()+x.ref+fmt.Sprint(x.amount)] = append(orders[a.card()+x.ref+fmt.Sprint(x.amount)], x)
			}
		}
		for _, x := range p.wallet.rows {
			if x.kind != "交易付款" && x.kind != "交易退款" && x.kind != "充值" && x.kind != "提现" {
				continue
			}
			card := x.memo[strings.LastIndex(x.memo, " ")+1:]
			if card == "余额" {
				continue
			}
			amount := x.amount
			if x.kind == "充值" || x.kind == "提现" {
				amount = -amount // it moves between the two
			}
			if rows := orders[card+x.order+fmt.Sprint(amount)]; len(rows) != 1 || !rows[0].at.Equal(x.at) {
				t.Fatalf("%s: %s %s of %s stands %d times in the bank", p.id, x.kind, x.order, card, len(rows))
			}
			checked++
		}
	}
	trades := map[string]bool{}
	for _, p := range w.people {
		for _, x := range p.shop.trades {
			trades[fmt.Sprint(x.order, x.amount, x.refund != "")] = true
		}
	}
	for _, p := range w.people {
		for _, x := range p.debit().rows {
			if !strings.HasPrefix(x.info, "财付通-") || strings.Contains(x.info, "商户提现") {
				continue
			}
			if !trades[fmt.Sprint(x.ref, -x.amount, false)] {
				t.Fatalf("%s: payment %s stands in no shop's book", p.id, x.ref)
			}
			checked++
		}
	}
	if checked < 1000 {
		t.Errorf("only %d payments were checked", checked)
	}
}

func TestNumbersOfOrdersAreUnique(t *testing.T) {
	w := newWorld(5, founding(noon))
	w.until(noon)
	seen := map[string]int{}
	for _, p := range w.people {
		for _, x := range p.wallet.rows {
			if x.kind == "交易付款" {
				seen[x.order]++
			}
			if len(x.order) != 28 {
				t.Fatalf("order number %s", x.order)
			}
		}
		for _, x := range p.shop.trades {
			if x.refund == "" {
				seen[x.order]++
			}
			if len(x.order) != 28 {
				t.Fatalf("order number %s", x.order)
			}
		}
	}
	for order, n := range seen {
		if n > 1 {
			t.Fatalf("order %s was given %d times", order, n)
		}
	}
}

func TestRedirects(t *testing.T) {
	tt := startTown(t, 1)
	tt.AllowRedirect("https://jali.example/sources/callback")
	for uri, want := range map[string]bool{
		callback:                                true,
		"http://127.0.0.1:1/x":                  true,
		"http://[::1]:8080/x":                   true,
		"https://jali.example/sources/callback": true,
		"https://jali.example/sources":          false, // registered URIs match whole
		"https://evil.example/":                 false,
		"http://localhost.evil.example/":        false,
		"http://localhost@evil.example/":        false,
		"javascript://localhost/%0aalert(1)":    false,
		"":                                      false,
	} {
		if got := tt.mayRedirect(uri); got != want {
			t.Errorf("mayRedirect(%q) = %v, want %v", uri, got, want)
		}
	}
}

func TestIndexNamesEveryone(t *testing.T) {
	tt := startTown(t, 1)
	_, body := tt.do(t, get(t, tt.URL+"/"))
	for _, p := range tt.People() {
		for _, want := range []string{p.Name, p.Login, p.Password} {
			if !strings.Contains(string(body), want) {
				t.Errorf("the index page does not tell %s", want)
			}
		}
	}
	for _, want := range []string{"模拟小镇", "mock town", "江南银行", "Beishan Bank"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the index page lacks %q", want)
		}
	}
}

func TestATownInFilesIsTheSameTownAgain(t *testing.T) {
	dir := t.TempDir()
	open := func(seed uint64, now time.Time) (*Town, error) {
		return found(Config{Seed: seed, Now: func() time.Time { return now }, Dir: dir}, sharedKeys())
	}
	first, err := open(6, noon)
	if err != nil {
		t.Fatal(err)
	}
	var token string
	err = first.state.change(func() error {
		token = first.state.issue("", noon, pass{Institution: Alipay, Kind: accessPass, Person: "tang_tang", Until: noon.AddDate(1, 0, 0)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	again, err := open(6, noon.AddDate(0, 2, 0))
	if err != nil {
		t.Fatal(err)
	}
	if !again.state.Founded.Equal(first.state.Founded) {
		t.Error("the town was founded a second time, so its balances have changed")
	}
	if held, ok := again.state.holds(Alipay, accessPass, token, noon); !ok || held.Person != "tang_tang" {
		t.Error("a token was forgotten")
	}
	if !slices.Contains(again.Canaries(), token) {
		t.Error("a token is no canary any more")
	}
	if _, err := open(7, noon); err == nil {
		t.Error("a town with another seed was opened over this one")
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || !strings.HasPrefix(f.Name(), "town") || info.Mode().Perm() != 0o600 {
			t.Errorf("file %s has mode %v", f.Name(), info.Mode())
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "town.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(6, noon); err == nil {
		t.Error("half a file was opened")
	}
}

func TestKeysAreKeptInFiles(t *testing.T) {
	st, err := openState(t.TempDir(), 1, founding(noon))
	if err != nil {
		t.Fatal(err)
	}
	key := sharedKeys().get(keyAlipay)
	for _, name := range []string{keyAlipayApp, keyMerchant, keyBankClient, keyAlipay, keyWeChatPay, keyBankPrefix + bankNames[0].id, keyBankPrefix + bankNames[1].id} {
		st.keepKey(name, key)
	}
	again, err := openState(filepath.Dir(st.path), 1, noon)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := openKeys(again)
	if err != nil {
		t.Fatal(err)
	}
	if !ring.get(keyMerchant).Equal(key) {
		t.Error("the key came back as another")
	}
}

var hashes = regexp.MustCompile(`"hash_value":"[0-9a-f]{40}"`)

var longDigits = regexp.MustCompile(`[0-9]{15,}`)

// TestCanariesCoverTheWire walks everyone through every institution and looks
// for real numbers and tokens that Canaries does not know.
func TestCanariesCoverTheWire(t *testing.T) {
	tt := startTown(t, 8)
	people := tt.People()[:4]
	for _, persona := range []string{"shop_owner", "office_worker"} {
		who, err := tt.Settle(persona)
		if err != nil {
			t.Fatal(err)
		}
		people = append(people, who...)
	}
	for _, p := range people {
		walkAlipay(t, tt, p)
		if tt.Serves(WeChatPay, p.ID) {
			walkWeChatPay(t, tt, p)
		}
		for _, b := range tt.Banks() {
			if tt.Serves(b.ID, p.ID) {
				walkBank(t, tt, b, p)
			}
		}
	}
	canaries := tt.Canaries()
	known := map[string]bool{}
	for _, c := range canaries {
		if len(c) < 10 {
			t.Errorf("canary %q is too short to be told from chance", c)
		}
		known[c] = true
	}
	text := strings.ReplaceAll(tt.seen.String(), `\/`, "/")
	text = hashes.ReplaceAllLiteralString(text, "") // which have long runs of digits by chance
	for _, c := range []string{tt.world.people[0].wallet.userID, tt.world.people[0].debit().number, tt.world.people[0].openid, tt.world.people[0].shop.subMchID} {
		if !strings.Contains(text, c) {
			t.Errorf("the walk never saw %s: it proves nothing", c)
		}
	}
	orders := map[string]bool{ // and the operator's own registrations
		tt.Alipay().AppID: true, strings.TrimPrefix(tt.WeChatPay().PublicKeyID, "PUB_KEY_ID_"): true,
	}
	for _, p := range tt.people() {
		for i, x := range p.wallet.rows {
			orders[x.order], orders[strings.TrimLeft(x.merchant, "M")], orders[strings.TrimLeft(x.refund, "R")] = true, true, true
			orders[fmt.Sprintf("%s%02d%08d", x.at.Format("20060102"), p.index, i)] = true
		}
		for _, x := range p.shop.trades {
			orders[x.order], orders[x.refund], orders[strings.TrimLeft(x.merchant, "S")], orders[strings.TrimLeft(x.refundNo, "R")] = true, true, true, true
		}
	}
	for _, a := range tt.accounts() {
		for _, x := range a.rows {
			orders[strings.TrimLeft(x.ref, "EPTIOSFX")] = true
		}
	}
	for _, found := range longDigits.FindAllString(text, -1) {
		if !known[found] && !orders[found] {
			t.Errorf("%s stands on the wire and is neither a canary nor an order", found)
		}
	}
	for _, found := range regexp.MustCompile(`"(?:access_token|refresh_token|auth_code|openid|open_id|AccountId|sub_mchid)":"([^"]+)"`).FindAllStringSubmatch(text, -1) {
		if !known[found[1]] {
			t.Errorf("%s is no canary", found[0])
		}
	}
}

func TestTroubleIsInTheInstitutionsOwnManner(t *testing.T) {
	tt := startTown(t, 1)
	p := tt.People()[0]
	token := walkAlipay(t, tt, p)
	shop := walkWeChatPay(t, tt, p)
	bank := tt.Banks()[0]
	access := walkBank(t, tt, bank, p)

	tt.SetDown(Alipay, true)
	if got := alipayCode(t, tt.alipayCall(t, "alipay.data.bill.balance.query", url.Values{"auth_token": {token}}, true)); got != "20000 aop.unknow-error" {
		t.Errorf("Alipay out of order answers %s", got)
	}
	tt.SetDown(Alipay, false)
	tt.SetBusy(Alipay, true)
	if got := alipayCode(t, tt.alipayCall(t, "alipay.data.bill.balance.query", url.Values{"auth_token": {token}}, true)); got != "40005 isv.app-call-limited" {
		t.Errorf("a busy Alipay answers %s", got)
	}
	tt.SetBusy(Alipay, false)
	tt.BadSignature(Alipay, true)
	if answer := tt.alipayCall(t, "alipay.data.bill.balance.query", url.Values{"auth_token": {token}}, false); answer.signed {
		t.Error("Alipay signed well when it should not")
	}

	balance := "/wechatpay/v3/ecommerce/fund/balance/" + shop
	tt.SetDown(WeChatPay, true)
	if got := tt.wechatCall(t, balance, nil); got.status != 500 || got.code != "SYSTEM_ERROR" {
		t.Errorf("WeChat Pay out of order answers %d %s", got.status, got.code)
	}
	tt.SetDown(WeChatPay, false)
	tt.SetBusy(WeChatPay, true)
	if got := tt.wechatCall(t, balance, nil); got.status != 429 || got.code != "RATELIMIT_EXCEEDED" {
		t.Errorf("a busy WeChat Pay answers %d %s", got.status, got.code)
	}
	tt.SetBusy(WeChatPay, false)
	tt.BadSignature(WeChatPay, true)
	if got := tt.wechatCall(t, balance, nil); got.signed {
		t.Error("WeChat Pay signed well when it should not")
	}

	tt.SetDown(bank.ID, true)
	if res, _ := tt.bankGet(t, bank.APIBase+"/accounts", access); res.StatusCode != 503 {
		t.Errorf("a bank out of order answers %d", res.StatusCode)
	}
	tt.SetDown(bank.ID, false)
	tt.SetBusy(bank.ID, true)
	if res, _ := tt.bankGet(t, bank.APIBase+"/accounts", access); res.StatusCode != 429 || res.Header.Get("Retry-After") == "" {
		t.Errorf("a busy bank answers %d", res.StatusCode)
	}
	tt.SetBusy(bank.ID, false)
	tt.SetLatency(bank.ID, 30*time.Millisecond)
	began := time.Now()
	tt.bankGet(t, bank.APIBase+"/accounts", access)
	if took := time.Since(began); took < 30*time.Millisecond {
		t.Errorf("a slow bank answered in %v", took)
	}
}

// A town whose clock was moved is the town in which somebody waited.
func TestTheClockMovesAheadAlone(t *testing.T) {
	const wait = 40 * 24 * time.Hour
	at := noon
	found := func(now func() time.Time) (*Town, func() []bankRow) {
		town, err := New(Config{Seed: 5, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return town, func() (rows []bankRow) {
			now := town.cfg.Now()
			town.world.read(now, func() { rows = town.world.people[0].debit().bankRows(now) })
			return rows
		}
	}
	moved, rows := found(func() time.Time { return noon })
	_, waited := found(func() time.Time { return at })
	today := len(rows())
	moved.Move(-time.Hour)
	if len(rows()) != today || len(waited()) != today {
		t.Error("the clock went back")
	}
	moved.Move(wait)
	at = at.Add(wait)
	if len(rows()) <= today || !slices.EqualFunc(rows(), waited(), func(a, b bankRow) bool { return a.at.Equal(b.at) && a.ref == b.ref && a.balance == b.balance }) {
		t.Errorf("after 40 days there are %d rows, %d where somebody waited, and %d before", len(rows()), len(waited()), today)
	}
}
