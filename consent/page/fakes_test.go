package page

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/connectors/money"
	"jali/consent"
	"jali/consent/passkey"
	"jali/internal/aggregate"
	"jali/internal/audit"
	"jali/internal/deletion"
	"jali/internal/fault"
	"jali/internal/kv"
	"jali/internal/kv/boltkv"
	"jali/server"
	"jali/vault"
)

const (
	origin  = "http://localhost:8080"
	hostile = `<img src=x onerror="alert(1)">'"&{{.}}`
)

var (
	now  = time.Date(2026, 11, 21, 15, 4, 0, 0, consent.Shanghai)
	lin  = consent.Session{ID: "ses_1", Person: "per_lin", At: now.Add(-time.Hour)}
	bank = consent.Client{ID: "cli_riverbank", Name: consent.Name{ZH: "江畔银行", EN: "Riverside Bank"},
		RedirectURIs: []string{"http://127.0.0.1:8090/callback"}, AliasShape: "card"}
	evil = consent.Client{ID: "cli_evil", Name: consent.Name{ZH: hostile, EN: hostile}, AliasShape: "opaque"}

	alipay   = connectors.Source{ID: "alipay", Name: connectors.Name{ZH: "支付宝", EN: "Alipay"}, Kind: connectors.Wallet}
	wechat   = connectors.Source{ID: "wechatpay", Name: connectors.Name{ZH: "微信支付", EN: "WeChat Pay"}, Kind: connectors.Wallet}
	jiangnan = connectors.Source{ID: "jiangnan_bank", Name: connectors.Name{ZH: "江南银行", EN: "Jiangnan Bank"}, Kind: connectors.Bank}
	harbour  = connectors.Source{ID: "harbour_bank", Name: connectors.Name{ZH: "海港银行", EN: "Harbour Bank"}, Kind: connectors.Bank}
)

var errOut = &fault.Error{Kind: fault.Unauthenticated, Code: "signed_out", Owner: fault.Person, Action: "sign_in", Detail: "sign in"}

func cny(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "CNY"} }

// fakePasskeys signs in whoever's cookie says so; answers are "yes" or wrong.
type fakePasskeys struct{ one, stale bool }

func (fakePasskeys) begin() (string, []byte, error) {
	return "flow_1", []byte(`{"challenge":"AAAA","rpId":"localhost","userVerification":"required"}`), nil
}
func (f fakePasskeys) BeginSignUp(context.Context, string) (string, []byte, error) { return f.begin() }
func (f fakePasskeys) BeginSignIn(context.Context) (string, []byte, error)         { return f.begin() }
func (f fakePasskeys) BeginAdd(context.Context, consent.Session) (string, []byte, error) {
	return f.begin()
}

var errWrongKey = &fault.Error{Kind: fault.Denied, Code: "passkey_wrong", Owner: fault.Person, Detail: "x"}

func signedIn() passkey.SignedIn {
	return passkey.SignedIn{Session: lin, Cookie: &http.Cookie{Name: "session", Value: "in", Path: "/", HttpOnly: true}}
}
func yes(response []byte) error {
	if string(response) != `"yes"` {
		return errWrongKey
	}
	return nil
}
func (fakePasskeys) FinishSignUp(_ context.Context, _ string, r []byte, _ string) (passkey.SignedIn, []string, error) {
	return signedIn(), codes, yes(r)
}
func (fakePasskeys) FinishSignIn(_ context.Context, _ string, r []byte, _ string) (passkey.SignedIn, error) {
	return signedIn(), yes(r)
}
func (fakePasskeys) Recover(_ context.Context, code, _ string) (passkey.SignedIn, error) {
	if code != codes[0] {
		return passkey.SignedIn{}, (&fault.Error{Kind: fault.Limited, Code: "recovery_limited", Detail: "x"}).After(90 * time.Second)
	}
	s := signedIn()
	s.Cookie.Value = "recovering"
	return s, nil
}
func (fakePasskeys) FinishAdd(_ context.Context, _ consent.Session, _ string, r []byte, _ string) error {
	return yes(r)
}

var codes = []string{"7KQ2-M4XD-9PTA", "H3VN-W8CE-2RJY", "Q6ZB-5LGF-T7SK", "D9AM-XE3U-4WHP", "N2YC-8RVT-K5QJ", "F7GS-3BLX-M9DZ", "U4PW-J6HN-E8AC", "T5KR-Y2QV-7GML"}

func (f fakePasskeys) NewCodes(context.Context, consent.Session) ([]string, error) {
	if f.stale {
		return nil, passkey.ErrStale
	}
	return codes, nil
}
func (f fakePasskeys) Passkeys(context.Context, consent.Session) ([]passkey.Passkey, error) {
	keys := []passkey.Passkey{{ID: "pk_1", Label: "iPhone 小林", AddedAt: now.AddDate(0, -3, 0), LastUsed: now.Add(-time.Hour)},
		{ID: "pk_2", Label: hostile, AddedAt: now.AddDate(0, -1, 0)}}
	if f.one {
		return keys[:1], nil
	}
	return keys, nil
}
func (fakePasskeys) Remove(context.Context, consent.Session, string) error { return nil }
func (fakePasskeys) Options(context.Context, consent.Session, []byte) ([]byte, error) {
	return []byte(`{"challenge":"c2lnbmVk","rpId":"localhost","userVerification":"required"}`), nil
}
func (fakePasskeys) Session(r *http.Request) (consent.Session, bool, error) {
	c, err := r.Cookie("session")
	switch {
	case err != nil:
		return consent.Session{}, false, errOut
	case c.Value == "recovering":
		return lin, true, nil
	case c.Value == "new":
		return consent.Session{ID: "ses_9", Person: "per_new", At: now}, false, nil
	case c.Value == "in":
		return lin, false, nil
	}
	return consent.Session{}, false, errOut
}
func (fakePasskeys) CSRF(p consent.Session) string { return "token-" + p.ID }
func (f fakePasskeys) CheckCSRF(p consent.Session, token string) bool {
	return token != "" && token == f.CSRF(p)
}
func (fakePasskeys) Sessions(context.Context, consent.Session) ([]passkey.SessionInfo, error) {
	return []passkey.SessionInfo{{ID: "ses_1", Agent: "Safari, iOS", OpenedAt: now.Add(-time.Hour), SeenAt: now, Current: true},
		{ID: "ses_2", Agent: "Chrome, Windows", OpenedAt: now.AddDate(0, 0, -4), SeenAt: now.AddDate(0, 0, -1)}}, nil
}
func (fakePasskeys) End(context.Context, consent.Session, string) error      { return nil }
func (fakePasskeys) CodesLeft(context.Context, consent.Session) (int, error) { return 7, nil }
func (fakePasskeys) NoCookie() *http.Cookie {
	return &http.Cookie{Name: "session", Path: "/", MaxAge: -1}
}
func (fakePasskeys) EndAll(context.Context, consent.Session) error { return nil }
func (fakePasskeys) Name(_ context.Context, p consent.Session) (string, error) {
	if p.Person == "per_new" {
		return hostile, nil
	}
	return "小林", nil
}

// fakeAccounts is a person with five accounts and some ninety days of bills.
type fakeAccounts struct {
	staged   int
	waits    map[string]*waits
	present  connectors.Presence
	deeds    []string
	asked    [2]time.Time
	afresh   int
	answered chan struct{} // a look waits for it, unless it is nil
	down     error
	said     []aggregate.Decided
	filed    map[string]string
	gaps     []aggregate.Gap   // beside the one there always is
	totals   []aggregate.Total // likewise
	mute     error             // why the sources cannot be told that somebody leaves
}

func (*fakeAccounts) Sources() []connectors.Source {
	return []connectors.Source{alipay, harbour, jiangnan, wechat}
}

func (*fakeAccounts) Offers() []aggregate.Offer {
	strict := harbour
	strict.History, strict.MaxWindow, strict.Unattended = 90*24*time.Hour, 31*24*time.Hour, 4
	return []aggregate.Offer{{Source: alipay, Tells: []string{"balances", "bills"}}, {Source: strict, Tells: []string{"balances", "bills", "statements"}},
		{Source: jiangnan, Tells: []string{"balances"}}, {Source: wechat, Tells: []string{"balances", "bills"}}}
}

func (*fakeAccounts) Connections(_ context.Context, p consent.Session) ([]aggregate.Connection, error) {
	if p.Person == "per_new" {
		return nil, nil
	}
	return []aggregate.Connection{
		{ID: "con_1", Source: alipay, State: "healthy", LinkedAt: now.AddDate(0, -2, 0)},
		{ID: "con_2", Source: jiangnan, State: "needs_person", LinkedAt: now.AddDate(0, -2, 0)},
		{ID: "con_3", Source: wechat, Imported: true, State: "healthy", LinkedAt: now.AddDate(0, 0, -9),
			Covers: connectors.Span{From: now.AddDate(0, -30, 0), To: now.AddDate(0, 0, -9)}},
	}, nil
}

func (f *fakeAccounts) BeginLink(_ context.Context, _ consent.Session, source, returnURL string) (string, error) {
	if source != "alipay" && source != "harbour_bank" {
		return "", &fault.Error{Kind: fault.NotFound, Code: "source_unknown", Detail: "x"}
	}
	return "http://127.0.0.1:8070/" + source + "/authorize?state=abc&redirect_uri=" + url.QueryEscape(returnURL), nil
}
func (f *fakeAccounts) FinishLink(_ context.Context, _ consent.Session, q url.Values) (aggregate.Connection, error) {
	if q.Get("error") != "" {
		return aggregate.Connection{}, connectors.ErrLinkRefused
	}
	return aggregate.Connection{}, nil
}
func (f *fakeAccounts) Disconnect(_ context.Context, _ consent.Session, id string) error {
	f.deeds = append(f.deeds, "disconnect "+id)
	return nil
}
func own() []aggregate.OwnAccount {
	return []aggregate.OwnAccount{
		{ID: "ac_1", Source: alipay, Kind: connectors.WalletBalance, Side: connectors.Asset, Name: "余额", Tail: "8c2f"},
		{ID: "ac_2", Source: alipay, Kind: connectors.Fund, Side: connectors.Asset, Name: "余额宝"},
		{ID: "ac_3", Source: alipay, Kind: connectors.CreditLine, Side: connectors.Debt, Name: "花呗"},
		{ID: "ac_4", Source: jiangnan, Kind: connectors.Deposit, Side: connectors.Asset, Name: "储蓄卡", Tail: "1234"},
		{ID: "ac_5", Source: wechat, Kind: connectors.WalletBalance, Side: connectors.Asset, Name: "零钱"},
	}
}
func (*fakeAccounts) Accounts(_ context.Context, p consent.Session) ([]aggregate.OwnAccount, error) {
	if p.Person == "per_new" {
		return nil, nil
	}
	return own(), nil
}

func report() aggregate.ImportReport {
	return aggregate.ImportReport{Format: "alipay_app_2023", Source: alipay, Rows: 1204, Known: 12,
		Covers: connectors.Span{From: now.AddDate(-1, 0, 0), To: now},
		Sums:   []aggregate.FlowSum{{Flow: connectors.FlowIn, Count: 41, Sum: cny(1843277)}, {Flow: connectors.FlowOut, Count: 1080, Sum: cny(6120050)}, {Flow: connectors.FlowInternal, Count: 83, Sum: cny(3300000)}},
		Problems: []billfile.Problem{
			{Code: "sum_differs", Of: "out", Claimed: cny(6220050), Rows: cny(6120050)},
			{Code: "count_differs", Of: "total", ClaimedCount: 1210, RowCount: 1204},
			{Code: "claim_unreadable", Of: "in", Rows: cny(1843277)},
			{Code: "something_new", Of: "elsewhere"}},
		Kinds:    kindsOf1204,
		Accounts: accountsOf1204}
}

var shops = []struct {
	who, what, category string
	minor               int64
}{
	{"全家便利店", "早餐", "groceries.supermarket", 1850}, {"滴滴出行", "快车", "transport.taxi", 2660}, {"老陈面馆", "牛肉面", "food.restaurant", 3200},
	{"国家电网", "电费", "utilities", 18640}, {"盒马", "生鲜", "groceries", 15230}, {"中国移动", "话费充值", "telecom", 10000},
	{"京东", "耳机", "shopping.electronics", 69900}, {"猫眼电影", "电影票 2 张", "leisure", 9980}, {"Manner Coffee", "拿铁", "food.drinks", 2000},
	{"房东", "十一月房租", "housing.rent", 420000}, {"优衣库", "外套", "shopping.clothing", 39900},
}

func (f *fakeAccounts) OwnAfresh(ctx context.Context, p consent.Session, from, to time.Time) (aggregate.Look, error) {
	f.afresh++
	return f.Own(ctx, p, from, to)
}
func (f *fakeAccounts) Behind(ctx context.Context, p consent.Session, alias string) (aggregate.Behind, error) {
	own, _ := f.Accounts(ctx, p)
	for _, a := range own {
		if alias == "acct_of_"+string(a.ID) {
			return aggregate.Behind{Client: bank.ID, Account: a}, nil
		}
	}
	return aggregate.Behind{}, vault.ErrNoAlias
}

func (f *fakeAccounts) Own(ctx context.Context, p consent.Session, from, to time.Time) (aggregate.Look, error) {
	f.present, _ = connectors.PresenceOf(ctx)
	f.asked = [2]time.Time{from, to}
	if f.answered != nil {
		<-f.answered
	}
	if f.down != nil {
		return aggregate.Look{}, f.down
	}
	l := aggregate.Look{At: now, Accounts: own(), Sources: []aggregate.SourceReport{
		{Source: alipay, Status: aggregate.Fresh, AsOf: now, Covers: connectors.Span{From: from, To: now.AddDate(0, 0, -1)}},
		{Source: jiangnan, Status: aggregate.Failed, Owner: "person", Code: "source_unauthorized", Action: "reconnect"},
		{Source: wechat, Status: aggregate.FromFile, AsOf: now.AddDate(0, 0, -9)}},
		Balances: []aggregate.OwnBalance{
			{Account: "ac_1", Kind: connectors.Available, Amount: cny(238850), AsOf: now}, {Account: "ac_1", Kind: connectors.Frozen, Amount: cny(5000), AsOf: now},
			{Account: "ac_2", Kind: connectors.Current, Amount: cny(4812033), AsOf: now}, {Account: "ac_3", Kind: connectors.Outstanding, Amount: cny(132050), AsOf: now},
			{Account: "ac_3", Kind: connectors.CreditLimit, Amount: cny(2000000), AsOf: now}, {Account: "ac_4", Kind: connectors.Booked, Amount: cny(10240000), AsOf: now}},
		Totals: []aggregate.Total{{Assets: cny(15290883), Debts: cny(132050), Net: cny(15158833), In: cny(2250000), Out: cny(1893450)}}}
	l.Filed = []aggregate.OwnBalance{{Account: "ac_1", Kind: connectors.Booked, Amount: cny(77701), AsOf: now}, // its source says another
		{Account: "ac_5", Kind: connectors.Booked, Amount: cny(88802), AsOf: time.Date(2026, 6, 1, 0, 0, 0, 0, shanghai)}}
	l.Statements = []aggregate.OwnStatement{{Account: "ac_3", Statement: connectors.Statement{Period: connectors.Span{From: now.AddDate(0, -1, -21), To: now.AddDate(0, 0, -21)},
		Due: cny(132050), Minimum: cny(13205), Paid: cny(50000), DueDate: time.Date(2026, 11, 25, 0, 0, 0, 0, consent.Shanghai)}}}
	for i := range 120 {
		s := shops[(i*7)%len(shops)]
		at := now.Add(-time.Duration(i) * 17 * time.Hour)
		l.Bills = append(l.Bills, aggregate.OwnBill{ID: fmt.Sprint("b", i), Account: own()[i%3].ID, Category: s.category, Counted: true,
			Bill: connectors.Bill{At: at, Amount: cny(s.minor + int64(i)), Direction: connectors.Out, Flow: connectors.FlowOut,
				State: connectors.Done, Kind: connectors.Payment, Counterparty: s.who, Description: s.what}})
	}
	l.Bills[1].Flow, l.Bills[1].Direction, l.Bills[1].Amount, l.Bills[1].Kind = connectors.FlowIn, connectors.In, cny(2250000), connectors.Income
	l.Bills[1].Counterparty, l.Bills[1].Description, l.Bills[1].Category = "临江科技", "工资", "income.salary"
	l.Bills[2].Mirrors = []string{"m2"}
	mirror := l.Bills[2]
	mirror.ID, mirror.Account, mirror.Counted, mirror.Mirrors, mirror.Counterparty = "m2", "ac_4", false, []string{"b2"}, "支付宝-老陈面馆"
	l.Bills = slices.Insert(l.Bills, 3, mirror)
	l.Bills[4].State = connectors.Pending
	l.Bills[5].State = connectors.Reversed
	l.Bills[6].Counterparty, l.Bills[6].Description = hostile, hostile
	f.tell(&l)
	l.Bills[7].Flow, l.Bills[7].Kind, l.Bills[7].Refunds, l.Bills[7].Direction = connectors.FlowIn, connectors.Refund, "b9", connectors.In
	return l, nil
}
func (*fakeAccounts) ExportJSON(_ context.Context, _ consent.Session, about aggregate.About, w io.Writer) error {
	return json.NewEncoder(w).Encode(map[string]any{"person": about})
}
func (*fakeAccounts) Held(kv.Tx, consent.PersonID) (aggregate.Holding, error) {
	return aggregate.Holding{Connections: 3, Accounts: 4, Bills: 1204}, nil
}
func (f *fakeAccounts) Parting(_ context.Context, p consent.Session) (func(context.Context), error) {
	if f.mute != nil {
		return nil, f.mute
	}
	return func(ctx context.Context) {
		if _, bounded := ctx.Deadline(); bounded && ctx.Err() == nil {
			f.deeds = append(f.deeds, "tell the sources of "+string(p.Person))
		}
	}, nil
}
func (*fakeAccounts) ExportCSV(_ context.Context, _ consent.Session, w io.Writer) error {
	_, _ = io.WriteString(w, "half a li")
	return errors.New("the disk broke")
}

type house struct {
	*Page
	grants   *fakeGrants
	accounts *fakeAccounts
	passkeys *fakePasskeys
	db       kv.DB
	shredded int

	deletions *deletion.Register
	later     time.Duration // what the register's clock is ahead
}

func (h *house) shred(ctx context.Context) error {
	h.shredded++
	return h.db.Update(ctx, func(tx kv.Tx) error {
		for _, part := range []string{"", "con_gone"} {
			if err := h.deletions.Destroyed(tx, string(lin.Person), part, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// unsealed seals nothing: what is sealed is the vault's to show.
type unsealed struct{}

func (unsealed) SealView(_ string, plain []byte) ([]byte, error)  { return plain, nil }
func (unsealed) OpenView(_ string, sealed []byte) ([]byte, error) { return sealed, nil }
func (unsealed) ViewHash(id string) string                        { return fmt.Sprintf("%x", sha256.Sum256([]byte(id))) }

func newHouse(t testing.TB, change ...func(*Config)) *house {
	t.Helper()
	db, err := boltkv.Open(filepath.Join(t.TempDir(), "jali.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	h := &house{grants: &fakeGrants{db: db, paused: map[consent.ClientID]bool{}}, accounts: &fakeAccounts{}, passkeys: &fakePasskeys{}, db: db}
	h.deletions = &deletion.Register{DB: db, Vault: unsealed{}, Now: func() time.Time { return now.Add(h.later) }, Rotation: func(_ kv.Tx, at time.Time) (time.Time, error) { return at.AddDate(0, 0, 30), nil }}
	c := Config{Consent: h.grants, Passkeys: h.passkeys, Aggregate: h.accounts, Deletions: h.deletions, DB: db, Issuer: origin, Now: func() time.Time { return now }, Status: server.Status, Shred: h.shred,
		Receipts: func(kind string, claims any) (string, error) {
			b, err := json.Marshal(claims)
			return kind + "." + fmt.Sprintf("%x", sha256.Sum256(b)), err
		}}
	for _, f := range change {
		f(&c)
	}
	if h.Page, err = New(c); err != nil {
		t.Fatal(err)
	}
	return h
}

// remember writes a life into the timeline.
func (h *house) remember(t testing.TB) {
	t.Helper()
	err := h.db.Update(t.Context(), func(tx kv.Tx) error {
		at := now.AddDate(0, 0, -3)
		for i, e := range []audit.Event{
			{Verb: audit.PersonJoined}, {Verb: audit.PasskeyAdded}, {Verb: audit.CodesMade}, {Verb: audit.SignedIn},
			{Verb: audit.SourceLinked, On: "con_1", Facts: map[string]string{"source": "alipay", "accounts": "3"}},
			{Verb: audit.FileImported, Facts: map[string]string{"source": "wechatpay", "rows": "1204", "new": "1192"}},
			{Verb: audit.DataSeen}, {Verb: audit.DataSeen}, {Verb: audit.DataSeen},
			{Verb: audit.GrantShown, On: "gr_live", Client: string(bank.ID)}, {Verb: audit.GrantGiven, On: "gr_live", Client: string(bank.ID), Facts: map[string]string{"accounts": "3"}},
			{Verb: audit.GrantUsed, On: "gr_live", Client: string(bank.ID), Facts: map[string]string{"uses_left": "3"}},
			{Verb: audit.GrantUsed, On: "gr_revoked", Client: string(evil.ID)}, {Verb: audit.GrantRevoked, On: "gr_revoked", Client: string(evil.ID), Facts: map[string]string{"by": "client"}},
			{Verb: audit.GrantRefused, On: "gr_x", Client: "cli_gone"}, {Verb: audit.ClientPaused, Client: string(bank.ID)}, {Verb: audit.ClientResumed, Client: string(bank.ID)},
			{Verb: audit.GrantExpired, On: "gr_y", Client: string(bank.ID)}, {Verb: audit.SessionEnded}, {Verb: audit.PasskeyRemoved}, {Verb: audit.CodeUsed},
			{Verb: audit.SourceUnlinked, Facts: map[string]string{"source": "nowhere"}}, {Verb: audit.DataExported}, {Verb: "house.painted"},
			{Verb: audit.GrantChanged, On: "gr_live", Client: string(bank.ID), Facts: map[string]string{"revision": "2", "accounts": "3"}},
			{Verb: audit.GrantExpiring, On: "gr_live", Client: string(bank.ID)}, {Verb: audit.AllPaused}, {Verb: audit.AllResumed}, {Verb: audit.ClientRemoved, Client: "cli_gone"},
			{Verb: audit.RetentionEnded, On: "gr_revoked", Client: string(evil.ID), Facts: map[string]string{"by": "revoked"}},
			{Verb: audit.RetentionEnded, On: "gr_live", Client: string(bank.ID), Facts: map[string]string{"by": "period"}},
			{Verb: audit.SourceRefuses, On: "con_1", Facts: map[string]string{"source": "alipay"}},
			{Verb: audit.SourceRefuses, On: "gr_live", Client: string(bank.ID), Facts: map[string]string{"source": "alipay", "by": "told"}},
			{Verb: audit.GrantUsed, On: "gr_live", Client: string(bank.ID), Facts: map[string]string{"uses_left": "2"}},
		} {
			e.ID, e.At, e.Person = fmt.Sprintf("ev%03d", i), at.Add(time.Duration(i)*2*time.Hour), string(lin.Person)
			if err := audit.Append(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
