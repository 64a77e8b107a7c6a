package openbanking

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/dial"
	"jali/internal/jose"
)

var versions = []string{"v3.1", "v4.0"}

// seed gives a fuzz target the published forms of both versions.
func seed(f *testing.F, name string) {
	for _, v := range versions {
		f.Add([]byte(file(f, v+"/"+name+".json")))
	}
}

func gbp(pence int64) money.Amount { return money.Amount{Minor: pence, Currency: "GBP"} }

// alphabank answers in the form of the standard's usage examples.
func alphabank(t *testing.T, version string) *Connector {
	of := func(name string) string { return file(t, version+"/"+name+".json") }
	return connect(t, &bank{api: "/open-banking/" + version + "/aisp", files: map[string]string{
		"/accounts": of("accounts"), "/accounts/22289/balances": of("balances"), "/accounts/22289/transactions": of("transactions"),
		"/accounts/31820/statements": of("statements"), "/accounts/31820/transactions": of("since"),
	}})
}

// TestBothVersionsReadAlike: what the standard says in two languages is one
// thing in Jali's.
func TestBothVersionsReadAlike(t *testing.T) {
	ctx := context.Background()
	utc := func(y, m, d, h, min, s int) time.Time { return time.Date(y, time.Month(m), d, h, min, s, 0, time.UTC) }
	for _, v := range versions {
		t.Run(v, func(t *testing.T) {
			c := alphabank(t, v)
			accounts, err := c.Accounts(ctx, linked)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range accounts {
				got = append(got, fmt.Sprint(a.Ref.ID.RevealString(), " ", a.Number.RevealString(), " ", a.Kind, " ", a.Side, " ", a.Name, " ", a.Currency))
			}
			want := []string{"asset:22289 80200110203345 deposit asset 活期账户 GBP", "card:31820 ************3348 credit_card debt Everyday card GBP",
				"asset:42117 GB29NWBK60161331926819 deposit asset 储蓄账户 GBP", "asset:53001 0032117700412265 e_cny asset 数字人民币钱包 GBP",
				"debt:60002 80200110203399 loan debt 贷款 GBP"}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}

			balances, err := c.Balances(ctx, linked, []connectors.AccountRef{debit})
			if err != nil {
				t.Fatal(err)
			}
			// 300.00 of 800.00 are the person's; the rest is an overdraft.
			if d := cmp.Diff([]connectors.Balance{
				{Account: debit, Kind: connectors.Available, Amount: gbp(300_00), AsOf: utc(2017, 4, 5, 10, 43, 7)},
				{Account: debit, Kind: connectors.CreditLimit, Amount: gbp(500_00), AsOf: utc(2017, 4, 5, 10, 43, 7)},
				{Account: debit, Kind: connectors.Booked, Amount: gbp(-57_36), AsOf: utc(2017, 5, 2, 14, 22, 9)},
			}, balances, sameRef); d != "" {
				t.Error(d)
			}

			page, err := c.Bills(ctx, linked, debit, utc(2017, 1, 1, 0, 0, 0), utc(2018, 1, 1, 0, 0, 0), "")
			if err != nil || !page.Covers.From.Equal(utc(2017, 3, 3, 0, 0, 0)) {
				t.Fatalf("%v, covers %v", err, page.Covers)
			}
			bill := func(n int, at time.Time, pence int64, way connectors.Direction, state connectors.BillState, kind connectors.Kind, raw, who, what string) connectors.Bill {
				ref := fmt.Sprintf("Ref %d", n)
				return connectors.Bill{ID: fmt.Sprint(n), At: at, Amount: gbp(pence), Direction: way, Flow: connectors.Flow(way), State: state, Kind: kind, RawKind: raw,
					Counterparty: who, Description: what, Order: ref, Refs: []string{ref}}
			}
			bills := []connectors.Bill{
				bill(126, utc(2017, 4, 8, 19, 1, 0), 8_40, connectors.Out, connectors.Pending, connectors.Payment, "CardPayment", "Corner Cafe", "Corner Cafe"),
				bill(125, utc(2017, 4, 7, 0, 0, 0), 3_10, connectors.In, connectors.Done, connectors.Interest, "Interest", "", "Interest"),
				bill(124, utc(2017, 4, 6, 14, 22, 9), 100_00, connectors.Out, connectors.Failed, connectors.Transfer, "DirectDebit", "", "Paid the gas bill"),
				bill(123, utc(2017, 4, 5, 10, 43, 7), 10_00, connectors.In, connectors.Done, connectors.Transfer, "Transfer", "Aubrey", "Cash from Aubrey"),
			}
			bills[0].Category = "mcc:5812"
			bills[1].DateOnly = true // the bank keeps no times of day
			if d := cmp.Diff(bills, page.Bills); d != "" {
				t.Error(d)
			}

			statements, err := c.Statements(ctx, linked, credit, utc(2017, 8, 15, 0, 0, 0), utc(2017, 12, 1, 0, 0, 0))
			if err != nil {
				t.Fatal(err)
			}
			// What September's statement received went towards August's; what
			// came in since it closed, less a refund and what is on its way,
			// towards its own.
			if d := cmp.Diff([]connectors.Statement{
				{ID: "8sfhke-sifhkeu", Account: credit, Period: connectors.Span{From: utc(2017, 8, 1, 0, 0, 0), To: utc(2017, 9, 1, 0, 0, 0)},
					Due: gbp(400_00), Minimum: gbp(40_00), DueDate: utc(2017, 9, 20, 0, 0, 0), Paid: gbp(400_00), Settled: true},
				{ID: "34hj24u-324h33", Account: credit, Period: connectors.Span{From: utc(2017, 9, 1, 0, 0, 0), To: utc(2017, 10, 1, 0, 0, 0)},
					Due: gbp(200_00), Minimum: gbp(25_00), DueDate: utc(2017, 10, 20, 0, 0, 0), Paid: gbp(150_00)},
			}, statements, sameRef); d != "" {
				t.Error(d)
			}
			if all, err := c.Statements(ctx, linked, debit, utc(2017, 1, 1, 0, 0, 0), now); err != nil || len(all) > 0 {
				t.Errorf("of an account that is no debt: %d statements, %v", len(all), err)
			}

			refused := connect(t, &bank{api: "/open-banking/" + v + "/aisp", fail: map[string]int{"/accounts": 403}, body: file(t, v+"/error.json")})
			if _, err := refused.Accounts(ctx, linked); !errors.Is(err, connectors.ErrUnauthorized) || strings.Contains(err.Error(), "22289") {
				t.Errorf("asked to log in again: %v", err)
			}
		})
	}
}

var sameRef = cmp.Comparer(func(a, b connectors.AccountRef) bool { return a.ID.Equal(b.ID) })

func TestStatementsThatCannotBe(t *testing.T) {
	one := func(change string) string {
		b := file(t, "v4.0/statements.json")
		old, new, _ := strings.Cut(change, "→")
		if !strings.Contains(b, old) {
			t.Fatalf("no %s in the statements", old)
		}
		return strings.Replace(b, old, new, 1)
	}
	for why, body := range map[string]string{
		"another account's":         one(`"AccountId": "31820"→"AccountId": "31821"`),
		"no type":                   one(`"Type": "RegularPeriodic"→"Type": ""`),
		"no closing balance":        one(`UK.OBIE.ClosingBalance→UK.OBIE.TotalDebits`),
		"a sum that is none":        one(`200.00→NaN`),
		"a part of a penny":         one(`200.00→200.001`),
		"a side that is none":       one(`"CreditDebitIndicator": "Debit"→"CreditDebitIndicator": "Both"`),
		"a period that ends before": one(`2017-09-30T23:59:59→2017-08-30T23:59:59`),
		"an end that is none":       one(`2017-09-30T23:59:59+00:00→soon`),
		"a due date that is none":   one(`2017-10-20T00:00:00+00:00→soon`),
		"no list":                   one(`"Statement": [→"Statements": [`),
		"no Data":                   `{}`,
	} {
		c := connect(t, &bank{files: map[string]string{"/accounts/31820/statements": body, "/accounts/31820/transactions": file(t, "v4.0/since.json")}})
		if got, err := c.Statements(context.Background(), linked, credit, now.AddDate(-12, 0, 0), now); !errors.Is(err, connectors.ErrMalformed) {
			t.Errorf("%s: %d statements, %v, want ErrMalformed", why, len(got), err)
		}
	}
	// A card that the bank owes on asks for nothing.
	owed := strings.Replace(one(`"Amount": "200.00"→"Amount": "200.00","x":1`), `"CreditDebitIndicator": "Debit"`, `"CreditDebitIndicator": "Credit"`, 1)
	c := connect(t, &bank{files: map[string]string{"/accounts/31820/statements": owed}})
	got, err := c.Statements(context.Background(), linked, credit, time.Date(2017, 9, 15, 0, 0, 0, 0, time.UTC), now)
	if err != nil || len(got) != 1 || got[0].Due != gbp(0) || !got[0].Settled {
		t.Errorf("%+v, %v", got, err)
	}
	// Where transactions are not told, nothing is known to be paid.
	c = connect(t, &bank{files: map[string]string{"/accounts/31820/statements": file(t, "v4.0/statements.json")}})
	got, err = c.Statements(context.Background(), linked, credit, time.Date(2017, 9, 15, 0, 0, 0, 0, time.UTC), now)
	if err != nil || len(got) != 1 || got[0].Paid != gbp(0) || got[0].Settled {
		t.Errorf("without transactions: %+v, %v", got, err)
	}
}

// Of a loan the instalment is due, not all that is owed.
func TestALoansStatementAsksForItsInstalment(t *testing.T) {
	body := strings.NewReplacer("31820", "60002").Replace(file(t, "v4.0/statements.json"))
	loan := refOf("60002", connectors.Loan, connectors.Debt)
	read := func(body string) connectors.Statement {
		t.Helper()
		c := connect(t, &bank{files: map[string]string{"/accounts/60002/statements": body}})
		got, err := c.Statements(context.Background(), linked, loan, time.Date(2017, 9, 15, 0, 0, 0, 0, time.UTC), now)
		if err != nil || len(got) > 1 {
			t.Fatalf("%d statements, %v", len(got), err)
		}
		if len(got) == 0 {
			return connectors.Statement{}
		}
		return got[0]
	}
	if s := read(body); s.Due != gbp(25_00) || s.Minimum != gbp(25_00) {
		t.Errorf("with a minimum alone: %v, at least %v", s.Due, s.Minimum)
	}
	if s := read(strings.ReplaceAll(body, "UK.OBIE.CurrentPayment", "UK.OBIE.DirectDebitPaymentDue")); s.Due != gbp(400_00) {
		t.Errorf("with a direct debit: %v", s.Due)
	}
	if s := read(strings.ReplaceAll(body, "UK.OBIE.MinimumPaymentDue", "UK.OBIE.TotalCharges")); s.ID != "" {
		t.Errorf("of which nothing is told: %+v", s)
	}
}

func TestABareRefusalIsLookedInto(t *testing.T) {
	for state, want := range map[string]error{
		"AUTH": connectors.ErrRefused, "Authorised": connectors.ErrRefused, "a word of tomorrow": connectors.ErrRefused,
		"RJCT": connectors.ErrUnauthorized, "Rejected": connectors.ErrUnauthorized, "CANC": connectors.ErrUnauthorized, "Revoked": connectors.ErrUnauthorized,
		"EXPD": connectors.ErrUnauthorized, "Expired": connectors.ErrUnauthorized, "COND": connectors.ErrUnauthorized, "Consumed": connectors.ErrUnauthorized,
		"AWAU": connectors.ErrUnauthorized, "AwaitingAuthorisation": connectors.ErrUnauthorized,
	} {
		c := connect(t, &bank{fail: map[string]int{"/accounts": 403}, state: state})
		if _, err := c.Accounts(context.Background(), linked); !errors.Is(err, want) || errors.Is(err, connectors.ErrUnauthorized) != (want == connectors.ErrUnauthorized) {
			t.Errorf("403 and the consent is %s: %v, want %v", state, err, want)
		}
	}
	c := connect(t, &bank{fail: map[string]int{"/accounts": 403, "/account-access-consents/urn:consent:1": 503}})
	if _, err := c.Accounts(context.Background(), linked); !errors.Is(err, connectors.ErrRefused) {
		t.Errorf("403, and the consent cannot be read: %v, want the refusal", err)
	}
}

func TestAConsentsTimes(t *testing.T) {
	ctx := context.Background()
	b := &bank{body: strings.NewReplacer("urn-alphabank-intent-88379", "urn:consent:1", "2017-08-02T00:00:00+00:00", "2026-10-21T12:00:00+08:00",
		"2017-05-03T00:00:00+00:00", "2026-10-10T00:00:00+08:00", "2017-12-03T00:00:00+00:00", "2026-10-15T00:00:00+08:00").Replace(file(t, "v4.0/consent.json")),
		files: map[string]string{"/accounts/22289/transactions": `{"Data":{"Transaction":[]}}`},
		id: func(claims map[string]any) {
			claims["http://openbanking.org.uk/refresh_token_expires_at"] = now.AddDate(0, 0, 90).Unix()
		}}
	at := now
	c := connectAs(t, b, func(cfg *Config) { cfg.Now = func() time.Time { return at } })
	k, err := c.Finish(ctx, begin(t, c, b), url.Values{"code": {"good"}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := c.Bills(ctx, k, debit, now.AddDate(0, -1, 0), now, "")
	if err != nil || !page.Covers.From.Equal(time.Date(2026, 10, 10, 0, 0, 0, 0, beijing)) || !page.Covers.To.Equal(time.Date(2026, 10, 15, 0, 0, 0, 0, beijing)) {
		t.Errorf("the consent opens the 10th to the 15th: covers %v, %v", page.Covers, err)
	}
	if page, err = c.Bills(ctx, k, debit, now.AddDate(0, -3, 0), now.AddDate(0, -2, 0), ""); err != nil || page.Covers.From.Before(page.Covers.To) || page.Covers == (connectors.Span{}) {
		t.Errorf("of a time that it does not open: covers %v, %v", page.Covers, err)
	}
	asked := len(b.calls)
	at = now.Add(24 * time.Hour)
	if _, err := c.Accounts(ctx, k); !errors.Is(err, connectors.ErrUnauthorized) {
		t.Errorf("after the consent's end: %v", err)
	}
	if _, err := c.Refresh(ctx, k); !errors.Is(err, connectors.ErrUnauthorized) {
		t.Errorf("refreshed after the consent's end: %v", err)
	}
	if len(b.calls) != asked {
		t.Errorf("the bank is asked %v for a consent that is over", b.calls[asked:])
	}
	b.body = strings.Replace(b.body, "2026-10-21T12:00:00+08:00", "soon", 1)
	if _, err := c.Begin(ctx, "state-of-128-bits", "https://jali.example/link"); !errors.Is(err, connectors.ErrMalformed) {
		t.Errorf("an end that is no time: %v", err)
	}
}

func TestABankWithoutStatementsIsLinkedAllTheSame(t *testing.T) {
	b := &bank{few: true}
	c := connect(t, b)
	k, err := c.Finish(context.Background(), begin(t, c, b), url.Values{"code": {"good"}})
	if err != nil {
		t.Fatal(err)
	}
	asked := len(b.calls)
	if got, err := c.Statements(context.Background(), k, credit, now.AddDate(-1, 0, 0), now); err != nil || len(got) > 0 || len(b.calls) != asked {
		t.Errorf("%d statements, %v, asked %v", len(got), err, b.calls[asked:])
	}
}

func TestHybridBelievesNoCodeThatIsNotSigned(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct {
		why  string
		bend func(claims map[string]any, answer url.Values)
		want error
	}{
		{"as it is", nil, nil},
		{"a code that was put in its place", func(claims map[string]any, _ url.Values) { claims["c_hash"] = half("other") }, connectors.ErrMalformed},
		{"no c_hash", func(claims map[string]any, _ url.Values) { delete(claims, "c_hash") }, connectors.ErrMalformed},
		{"another state", func(claims map[string]any, _ url.Values) { claims["s_hash"] = half("other") }, connectors.ErrMalformed},
		{"no s_hash", func(claims map[string]any, _ url.Values) { delete(claims, "s_hash") }, connectors.ErrMalformed},
		{"another nonce", func(claims map[string]any, _ url.Values) { claims["nonce"] = "x" }, connectors.ErrMalformed},
		{"another consent", func(claims map[string]any, _ url.Values) { claims["openbanking_intent_id"] = "urn:consent:2" }, connectors.ErrMalformed},
		{"another subject than the code's", func(claims map[string]any, _ url.Values) { claims["sub"] = "urn:consent:2" }, connectors.ErrMalformed},
		{"no ID token", func(_ map[string]any, q url.Values) { q.Set("drop", "1") }, connectors.ErrLinkRefused},
		{"a stranger's signature", func(_ map[string]any, q url.Values) { q.Set("forge", "1") }, connectors.ErrUnsigned},
	} {
		b := &bank{}
		c := connectAs(t, b, func(cfg *Config) { cfg.Hybrid = true })
		l := begin(t, c, b)
		claims := map[string]any{"iss": b.base, "sub": "urn:consent:1", "aud": "jali", "iat": now.Unix(), "exp": now.Unix() + 600, "nonce": b.nonce,
			"openbanking_intent_id": "urn:consent:1", "c_hash": half("good"), "s_hash": half("state-of-128-bits")}
		q := url.Values{"code": {"good"}, "state": {"state-of-128-bits"}}
		if tt.bend != nil {
			tt.bend(claims, q)
		}
		q.Set("id_token", sign(t, claims))
		if q.Has("forge") {
			parts := strings.Split(q.Get("id_token"), ".")
			q.Set("id_token", parts[0]+"."+parts[1]+"."+strings.Repeat("A", len(parts[2])))
		}
		if q.Has("drop") {
			q.Del("id_token")
		}
		if _, err := c.Finish(ctx, l, q); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
		if redeemed := strings.Count(strings.Join(b.calls, " "), "/token"); tt.want != nil && redeemed > 1 && tt.why != "another subject than the code's" {
			t.Errorf("%s: the code was sent on all the same", tt.why)
		}
	}
}

func FuzzAccounts(f *testing.F) {
	seed(f, "accounts")
	f.Add([]byte(file(f, "accounts.json")))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a struct{ Data accountPage }
		if decode(b, &a) != nil {
			return
		}
		for _, one := range a.Data.Account {
			for _, v := range []version{v3, v4} {
				got := v.account(one)
				if got.Kind == "" || got.Name == "" || strings.ContainsAny(got.Name, "0123456789") || (got.Side != connectors.Asset && got.Side != connectors.Debt) {
					t.Fatalf("%+v", got)
				}
				if r, err := readRef(got.Ref); one.AccountId != "" && (err != nil || r.id != one.AccountId || r.debt != (got.Side == connectors.Debt) || r.card != (got.Kind == connectors.CreditCard)) {
					t.Fatalf("a ref that is read as %+v, %v", r, err)
				}
			}
		}
	})
}

func FuzzStatements(f *testing.F) {
	seed(f, "statements")
	f.Fuzz(func(t *testing.T, b []byte) {
		var a struct{ Data statementPage }
		if decode(b, &a) != nil {
			return
		}
		all, err := readStatementsOf(a.Data.Statement, credit)
		if err != nil {
			return
		}
		for i, s := range all {
			if s.Due.Minor < 0 || s.Minimum.Minor < 0 || s.received.Minor < 0 || !s.Period.From.Before(s.Period.To) || s.Due.Currency == "" ||
				(i > 0 && s.Period.To.Before(all[i-1].Period.To)) {
				t.Fatalf("%+v", s)
			}
		}
	})
}

func FuzzErrors(f *testing.F) {
	seed(f, "error")
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, status := range []int{302, 400, 401, 403, 404, 429, 500} {
			if err := refusal(dial.Answer{Status: status, Body: b}, now); err == nil || errors.Is(err, connectors.ErrUnauthorized) && status > 404 {
				t.Fatalf("%d %q is %v", status, b, err)
			}
		}
	})
}

func FuzzDiscovery(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://bank.example","authorization_endpoint":"https://bank.example/a","token_endpoint":"https://bank.example/t","jwks_uri":"https://bank.example/j"}`))
	f.Add([]byte(`{"issuer":"https://bank.example","authorization_endpoint":"http://bank.example/a"}`))
	c, err := New(config("https://bank.example", nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := c.readDiscovery(b)
		if err != nil {
			return
		}
		for _, text := range []string{e.authorize, e.token, e.jwks} {
			if u, err := url.Parse(text); err != nil || u.Host == "" || u.User != nil {
				t.Fatalf("an endpoint is %q", text)
			}
		}
	})
}

func FuzzIDToken(f *testing.F) {
	f.Add([]byte(`{"iss":"https://bank.example","aud":"jali","nonce":"n","iat":1792468800,"exp":1792469400,"openbanking_intent_id":"c"}`))
	f.Add([]byte(`{"aud":["jali","x"],"exp":1e400}`))
	c, err := New(config("https://bank.example", nil))
	if err != nil {
		f.Fatal(err)
	}
	k := kept{Consent: "c", Nonce: "n"}
	f.Fuzz(func(t *testing.T, b []byte) {
		var claims jose.Claims
		if dial.JSON(b, &claims) != nil || c.ofThisLink(claims, k) != nil {
			return
		}
		if claim(claims, "iss") != "https://bank.example" || claim(claims, "nonce") != "n" || claim(claims, "openbanking_intent_id") != "c" {
			t.Fatalf("believed %q", b)
		}
	})
}
