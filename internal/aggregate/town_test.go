package aggregate_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/alipay"
	"jali/connectors/berlingroup"
	"jali/connectors/cmb"
	"jali/connectors/fdx"
	"jali/connectors/icbc"
	"jali/connectors/mock"
	"jali/connectors/money"
	"jali/connectors/openbanking"
	"jali/connectors/unionpay"
	"jali/connectors/wechatpay"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/dial"
	"jali/internal/jose"
	"jali/internal/secret"
)

// inTown is a house whose sources are the mock town's, all by their own
// dialects, and whose clock the town shares.
func inTown(t *testing.T) (*house, *mock.Town) {
	t.Helper()
	h := newHouse(t)
	h.Deadline = time.Minute // it is about what is told, on whatever machine
	var handler atomic.Value
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.Load().(http.Handler).ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	town, err := mock.New(mock.Config{Seed: 7, Now: h.clock, BaseURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	handler.Store(town.Handler())
	client := dial.New(dial.Config{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	add := func(c connectors.Connector, err error) {
		t.Helper()
		if err == nil {
			err = h.reg.Register(c)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	a := town.Alipay()
	add(alipay.New(alipay.Config{Gateway: a.GatewayURL, Authorize: a.AuthorizeURL, AppID: a.AppID, Key: privateKey(t, a.AppKey),
		AlipayKey: publicKey(t, a.PublicKey), HTTP: client, Now: h.clock}))
	w := town.WeChatPay()
	// The town bears more in a real second than the platform, whose clock goes on.
	add(wechatpay.New(wechatpay.Config{Source: connectors.Source{PerSecond: 1e6}, API: w.BaseURL, SNS: w.BaseURL, Login: w.BaseURL, AppID: w.AppID, AppSecret: w.AppSecret, MchID: w.MchID,
		Serial: w.SerialNo, Key: privateKey(t, w.MerchantKey), PlatformKeys: map[string]string{w.PublicKeyID: publicKey(t, w.PublicKey)}, HTTP: client, Now: h.clock}))
	for _, b := range town.Banks() {
		key, err := jose.ParsePKCS8(secret.New(der(t, b.ClientKey)))
		if err != nil {
			t.Fatal(err)
		}
		add(openbanking.New(openbanking.Config{Source: connectors.Source{ID: b.ID, Name: connectors.Name{ZH: b.ZH, EN: b.EN}, Kind: connectors.Bank},
			API: b.APIBase, Issuer: b.Issuer, ClientID: b.ClientID, Key: key, KeyID: b.KeyID, HTTP: client, Now: h.clock}))
	}
	l := town.Qingshi()
	key, err := jose.ParsePKCS8(secret.New(der(t, l.ClientKey)))
	if err != nil {
		t.Fatal(err)
	}
	add(fdx.New(fdx.Config{Source: connectors.Source{ID: l.ID, Name: connectors.Name{ZH: l.ZH, EN: l.EN}, Kind: connectors.Bank},
		API: l.API, Issuer: l.Issuer, PAR: l.PAR, Authorize: l.Authorize, Token: l.Token, ClientID: l.ClientID, Key: key, KeyID: l.KeyID,
		Zone: consent.Shanghai, HTTP: client, Now: h.clock}))
	x := town.Xihe()
	town.XiheAgrees(1000) // it counts by the machine's looks, not by days of the person's
	add(berlingroup.New(berlingroup.Config{Source: connectors.Source{ID: x.ID, Name: connectors.Name{ZH: x.ZH, EN: x.EN}, Kind: connectors.Bank, Unattended: 1000},
		API: x.APIBase, Metadata: x.Metadata, ClientID: x.ClientID, Certificate: x.Certificate, Key: privateKey(t, x.Key),
		CardAccounts: true, Delta: berlingroup.ByEntryReference, Address: netip.MustParseAddr("198.51.100.1"), HTTP: client, Now: h.clock}))
	d := town.Dongling()
	add(icbc.New(icbc.Config{Gateway: d.GatewayURL, AppID: d.AppID, CorpNo: d.CorpNo, Key: privateKey(t, d.AppKey), BankKey: publicKey(t, d.PublicKey), HTTP: client, Now: h.clock}))
	z := town.Zhaolu()
	add(cmb.New(cmb.Config{API: z.APIURL, Authorize: z.AuthorizeURL, Token: z.TokenURL, UID: z.UID, Key: secret.Of(z.Key), SM4Key: secret.Of(z.SM4Key), BankKey: z.BankKey,
		HTTP: client, Now: h.clock}))
	u := town.UnionPay()
	add(unionpay.New(unionpay.Config{Files: u.FilesURL, Login: u.LoginURL, Open: u.OpenURL, AppID: u.AppID, AppSecret: u.AppSecret, Acquirer: u.Acquirer,
		Certificate: u.Certificate, Key: privateKey(t, u.Key), Roots: u.Roots, Intermediates: u.Intermediates, HTTP: client, Now: h.clock}))
	return h, town
}

func der(t *testing.T, k *rsa.PrivateKey) []byte {
	t.Helper()
	b, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func privateKey(t *testing.T, k *rsa.PrivateKey) secret.Value {
	return secret.New(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der(t, k)}))
}

func publicKey(t *testing.T, k *rsa.PublicKey) string {
	t.Helper()
	b, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b}))
}

// moveIn links a townsperson's every source by its login page.
func (h *house) moveIn(town *mock.Town, who mock.Person) consent.Session {
	h.t.Helper()
	p := h.person(who.ID)
	for _, c := range h.reg.All() {
		if source := c.Source().ID; town.Serves(source, who.ID) {
			h.relink(who, p, source)
		}
	}
	return p
}

// relink links one source of a townsperson's, for the first time or again.
func (h *house) relink(who mock.Person, p consent.Session, source string) {
	h.t.Helper()
	browser := &http.Client{Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	page, err := h.BeginLink(h.t.Context(), p, source, "http://127.0.0.1/linked")
	if err != nil {
		h.t.Fatal(err)
	}
	page, _, _ = strings.Cut(page, "#")
	resp, err := browser.PostForm(page, url.Values{"login": {who.Login}, "password": {who.Password}, "decision": {"agree"}})
	if err != nil {
		h.t.Fatal(err)
	}
	_ = resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.FinishLink(h.t.Context(), p, back.Query()); err != nil {
		h.t.Fatalf("linking %s: %v", source, err)
	}
}

// fresh is a look of which every source has told everything.
func (h *house) fresh(p consent.Session, from, to time.Time) aggregate.Look {
	h.t.Helper()
	l, err := h.OwnAfresh(h.t.Context(), p, from, to)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range l.Sources {
		if r.Status != aggregate.Fresh {
			h.t.Fatalf("%s is %s: %s", r.Source.ID, r.Status, r.Code)
		}
	}
	if len(l.Totals) != 1 || l.Totals[0].Net.Currency != "CNY" {
		h.t.Fatalf("totals are %+v", l.Totals)
	}
	return l
}

// In a town where money comes from somewhere and goes somewhere, what a person
// owns changes by what came in less what went out. A payment that is counted
// twice, a transfer that is not seen as one, a repayment taken for spending, a
// balance counted wrongly: each breaks it by its own sum.
func TestMoneyIsConserved(t *testing.T) {
	h, town := inTown(t)
	// At ten o'clock in the morning no shop has opened, and WeChat Pay's
	// statements reach to that midnight.
	start := h.clock()
	before := map[string]int64{}
	for _, i := range []int{6, 1, 3, 0} { // without debts, with 花呗, with 借呗 too, with an account everywhere
		who := town.People()[i]
		p := h.moveIn(town, who)
		before[who.ID] = owned(h.fresh(p, start.AddDate(0, 0, -5), start))
	}
	h.pass(40 * 24 * time.Hour)
	for _, who := range town.People() {
		was, ok := before[who.ID]
		if !ok {
			continue
		}
		t.Run(who.ID, func(t *testing.T) {
			h.t = t
			p := h.moveIn(town, who) // by now the sources want to see them again
			look := h.fresh(p, start, h.clock())
			total := look.Totals[0]
			if grown, flow := owned(look)-was, total.In.Minor-total.Out.Minor-unheld(look); grown != flow {
				t.Errorf("in %d bills %v came in and %v went out, %d fen in all; but what is owned has grown by %d", len(look.Bills), total.In, total.Out, flow, grown)
			}
			paidByCardAreCountedOnce(t, look)
			refundsAreLinked(t, look)
			debtsAreToldWithWhatIsDue(t, look)
			for _, g := range look.Gaps {
				t.Errorf("between %v and %v %v is missing, in a town where every movement is told", g.From, g.To, g.Missing)
			}
		})
	}
}

// debtsAreToldWithWhatIsDue: every credit line and loan has what is owed among
// the debts and a statement with a day, and a repayment that stands at the bank
// and at the lender is one movement.
func debtsAreToldWithWhatIsDue(t *testing.T, look aggregate.Look) {
	t.Helper()
	owed := money.Amount{Currency: "CNY"}
	if who := strings.TrimPrefix(t.Name(), "TestMoneyIsConserved/"); who != "jiang_yumian" &&
		!slices.ContainsFunc(look.Accounts, func(a aggregate.OwnAccount) bool { return a.Kind == connectors.CreditLine }) {
		t.Errorf("%s has no 花呗: this looks at the wrong thing", who)
	}
	for _, a := range look.Accounts {
		if a.Kind != connectors.CreditLine && a.Kind != connectors.Loan {
			continue
		}
		of := func(s aggregate.OwnStatement) bool {
			return s.Account == a.ID && s.Due.Minor > 0 && !s.DueDate.IsZero() && !s.Period.To.After(s.DueDate)
		}
		if a.Side != connectors.Debt || !slices.ContainsFunc(look.Statements, of) {
			t.Errorf("%s is told as %s, with %d statements in all", a.Name, a.Side, len(look.Statements))
		}
		repaid := 0
		for _, b := range look.Bills {
			switch {
			case b.Account != a.ID:
			case b.Kind == connectors.Repayment:
				if repaid++; b.Flow != connectors.FlowInternal || len(b.Mirrors) != 1 || b.Direction != connectors.In {
					t.Errorf("a repayment of %s is %s, with %d mirrors", a.Name, b.Flow, len(b.Mirrors))
				}
			case b.Kind == connectors.Interest && b.Flow != connectors.FlowOut:
				t.Errorf("interest of %s is %s", a.Name, b.Flow)
			}
		}
		if repaid == 0 {
			t.Errorf("nothing of %s was repaid: this looks at the wrong thing", a.Name)
		}
		for _, b := range look.Balances {
			if b.Account == a.ID && b.Kind == connectors.Outstanding {
				owed, _ = owed.Add(b.Amount)
			}
		}
	}
	if owed.Minor > look.Totals[0].Debts.Minor {
		t.Errorf("%v is owed, and %v among the debts", owed, look.Totals[0].Debts)
	}
}

// A purchase by 花呗 that is pending keeps its id when the lender books it under
// another.
func TestAPendingPurchaseKeepsItsID(t *testing.T) {
	h, town := inTown(t)
	p := h.moveIn(town, town.People()[1])
	var pending aggregate.OwnBill
	find := func(want func(aggregate.OwnBill) bool) (b aggregate.OwnBill, n int) {
		look := h.fresh(p, h.clock().AddDate(0, 0, -5), h.clock())
		for _, a := range look.Accounts {
			for _, x := range look.Bills {
				if a.Kind == connectors.CreditLine && x.Account == a.ID && want(x) {
					b, n = x, n+1
				}
			}
		}
		return b, n
	}
	for range 12 {
		if b, n := find(func(b aggregate.OwnBill) bool { return b.State == connectors.Pending }); n > 0 {
			pending = b
			break
		}
		h.pass(9 * time.Hour)
	}
	if pending.ID == "" {
		t.Fatal("nothing was ever pending: this looks at the wrong thing")
	}
	h.pass(25 * time.Hour)
	booked, n := find(func(b aggregate.OwnBill) bool { return b.Order == pending.Order && b.Kind == pending.Kind })
	if n != 1 || booked.State != connectors.Done || booked.ID != pending.ID || booked.Bill.ID == pending.Bill.ID {
		t.Errorf("what was pending as %s stands %d times, %s as %s", pending.ID, n, booked.State, booked.ID)
	}
}

// owned is the net total in fen, less what is spent and in no booked balance
// yet: pending bills are counted.
func owned(l aggregate.Look) int64 {
	fen := l.Totals[0].Net.Minor
	for _, b := range l.Bills {
		switch {
		case b.State != connectors.Pending:
		case b.Direction == connectors.Out:
			fen -= b.Amount.Minor
		default:
			fen += b.Amount.Minor
		}
	}
	return fen
}

// unheld is what came into accounts of which no balance is told, less what went
// out of them: no sum of balances grows by it.
func unheld(l aggregate.Look) (fen int64) {
	told := map[consent.AccountID]bool{}
	for _, b := range l.Balances {
		told[b.Account] = true
	}
	for _, b := range l.Bills {
		switch {
		case told[b.Account] || !b.Counted || b.Flow == connectors.FlowInternal:
		case b.Direction == connectors.Out:
			fen -= b.Amount.Minor
		default:
			fen += b.Amount.Minor
		}
	}
	return fen
}

// paidByCardAreCountedOnce: who pays by Alipay from a card that is connected
// finds it in both bills, linked, and counted in the wallet's.
func paidByCardAreCountedOnce(t *testing.T, look aggregate.Look) {
	t.Helper()
	accounts, bills := map[consent.AccountID]aggregate.OwnAccount{}, map[string]aggregate.OwnBill{}
	for _, a := range look.Accounts {
		accounts[a.ID] = a
	}
	for _, b := range look.Bills {
		bills[b.ID] = b
	}
	seen := 0
	for _, b := range look.Bills {
		if accounts[b.Account].Source.ID != "alipay" || !strings.HasSuffix(b.Method, ")") || b.Kind != connectors.Payment && b.Kind != connectors.Refund {
			continue
		}
		seen++
		if !b.Counted || len(b.Mirrors) != 1 {
			t.Errorf("a %s of %v from a card: counted %v, %d mirrors", b.Kind, b.Amount, b.Counted, len(b.Mirrors))
			continue
		}
		m := bills[b.Mirrors[0]]
		tail := accounts[m.Account].Tail
		if m.Counted || m.Amount != b.Amount || m.Order != b.Order || m.Direction != b.Direction || !slices.Equal(m.Mirrors, []string{b.ID}) ||
			tail != "" && !strings.Contains(b.Method, tail) {
			t.Errorf("a %s of %v from a card is mirrored by a %s of %v (counted %v)", b.Kind, b.Amount, m.Kind, m.Amount, m.Counted)
		}
	}
	if seen < 20 {
		t.Errorf("only %d payments from cards were seen: this looks at the wrong thing", seen)
	}
}

// refundsAreLinked: of a payment and its refund in one look the latter says
// which it gives back, and never that it is itself, though Alipay and the
// banks book both under one order.
func refundsAreLinked(t *testing.T, look aggregate.Look) {
	t.Helper()
	payments, bills := map[string]bool{}, map[string]aggregate.OwnBill{}
	for _, b := range look.Bills {
		bills[b.ID] = b
		if b.Kind == connectors.Payment || b.Kind == connectors.Income {
			payments[string(b.Account)+b.Order] = true
		}
	}
	seen := 0
	for _, b := range look.Bills {
		if b.Kind != connectors.Refund {
			if b.Refunds != "" {
				t.Errorf("a %s gives something back", b.Kind)
			}
			continue
		}
		of, ok := bills[b.Refunds]
		if !ok {
			if b.Refunds != "" || payments[string(b.Account)+b.RefundOf] {
				t.Errorf("a refund of %v is of %q, which is not here", b.Amount, b.Refunds)
			}
			continue // its payment was before the look
		}
		seen++
		if of.ID == b.ID || of.Kind == connectors.Refund || of.Order != b.RefundOf && of.Bill.ID != b.RefundOf || of.Direction == b.Direction || of.Account != b.Account || of.Amount.Minor < b.Amount.Minor {
			t.Errorf("a refund of %v is of a %s of %v", b.Amount, of.Kind, of.Amount)
		}
	}
	if seen == 0 {
		t.Error("no refund was seen: this looks at the wrong thing")
	}
}

// A client that may see the wallet alone is told what the wallet's own bills
// add up to, and one that may see everything what the person sees.
func TestTotalsAreOverGrantedAccounts(t *testing.T) {
	h, town := inTown(t)
	p := h.moveIn(town, town.People()[0])
	terms := h.everything(once)
	today := consent.DateOf(h.clock(), consent.Shanghai).Start()
	look := h.fresh(p, today.AddDate(0, 0, 1-terms.Period.Days), today.AddDate(0, 0, 1))

	all := h.open("bank", h.grant(p, "bank", terms), "key-0000000000000001")
	if len(all.Totals) != 1 || all.Totals[0] != look.Totals[0] {
		t.Errorf("the client is told %+v, the person %+v", all.Totals, look.Totals)
	}

	var wallet consent.AccountID
	var in, out int64
	for _, a := range look.Accounts {
		if a.Source.ID == "alipay" {
			wallet = a.ID
		}
	}
	bills := 0
	for _, b := range look.Bills {
		if b.Account != wallet {
			continue
		}
		bills++
		switch b.Kind {
		case connectors.Topup, connectors.Withdrawal: // from and to the person's own card
		default:
			if b.Direction == connectors.In {
				in += b.Amount.Minor
			} else {
				out += b.Amount.Minor
			}
		}
	}
	alone := h.open("shop", h.grant(p, "shop", terms, wallet), "key-0000000000000001")
	if len(alone.Totals) != 1 || alone.Totals[0].In != yuan(in) || alone.Totals[0].Out != yuan(out) {
		t.Errorf("the wallet alone comes to %+v, its %d bills add up to in %d, out %d", alone.Totals, bills, in, out)
	}
	if len(alone.Sources) != 1 || len(alone.Accounts) != 1 || alone.Totals[0].Net != look.Totals[0].Assets && alone.Totals[0].Debts != yuan(0) {
		t.Errorf("the wallet alone is told with %+v", alone.Accounts)
	}
	page, err := h.Page(t.Context(), "shop", alone.Grant, alone.ID, "", 500)
	if err != nil || len(page.Items) != bills {
		t.Fatalf("%d bills of %d, %v", len(page.Items), bills, err)
	}
	for _, b := range page.Items {
		if len(b.Mirrors) != 0 || !b.Counted {
			t.Errorf("a bill of the wallet alone tells of another account: %+v", b)
		}
	}
}

// Whatever the town's institutions write into bills, a client that may read
// all of it is told nobody's name and nobody's numbers.
func TestNobodyIsNamed(t *testing.T) {
	h, town := inTown(t)
	people := town.People()[:3]
	for _, persona := range []string{"family", "student", "shop_owner"} {
		who, err := town.Settle(persona)
		if err != nil {
			t.Fatal(err)
		}
		people = append(people, who...)
	}
	for _, who := range people {
		p := h.moveIn(town, who)
		terms := h.everything(once)
		terms.Period = consent.Period{Days: 45}
		v := h.open("bank", h.grant(p, "bank", terms), "key-0000000000000001")
		texts, bills := 0, 0
		for next := ""; ; {
			page, err := h.Page(t.Context(), "bank", v.Grant, v.ID, next, 500)
			if err != nil {
				t.Fatal(err)
			}
			told, err := json.Marshal(page.Items)
			if err != nil {
				t.Fatal(err)
			}
			bills += len(page.Items)
			for _, b := range page.Items {
				if b.Description != "" && b.Counterparty != "" {
					texts++
				}
			}
			for _, other := range town.People() {
				if strings.Contains(string(told), other.Name) {
					t.Errorf("%s's bills name %s", who.ID, other.ID)
				}
			}
			for _, canary := range town.Canaries() {
				if strings.Contains(string(told), canary) {
					t.Errorf("%s's bills tell a real number", who.ID)
				}
			}
			if next = page.Next; next == "" {
				break
			}
		}
		if texts < 50 {
			t.Errorf("only %d of %d bills of %s have texts: this looks at the wrong thing", texts, bills, who.ID)
		}
	}
}
