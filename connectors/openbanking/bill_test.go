package openbanking

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/money"
)

func TestBillsGolden(t *testing.T) {
	c := connect(t, &bank{files: map[string]string{"/accounts/22289/transactions": file(t, "transactions.json")}})
	from := time.Date(2026, 10, 1, 0, 0, 0, 0, beijing)
	page, err := c.Bills(context.Background(), linked, debit, from, now, "")
	if err != nil || page.Next != "" || page.Covers != (connectors.Span{}) {
		t.Fatalf("%v, next %q, covers %v", err, page.Next, page.Covers)
	}
	at := func(d, h, m, s int) time.Time { return time.Date(2026, 10, d, h, m, s, 0, beijing) }
	cny := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "CNY"} }
	refs := func(b connectors.Bill, ref string) connectors.Bill {
		b.Order, b.Refs = ref, []string{ref}
		return b
	}
	want := []connectors.Bill{
		// The shop is called 充值便利店, which makes it no top-up.
		refs(connectors.Bill{ID: "T9", At: at(9, 23, 59, 59), Amount: cny(3550), Direction: "out", Flow: "out", State: "pending", Kind: "payment", RawKind: "快捷支付",
			Category: "mcc:5411", Counterparty: "充值便利店", Description: "支付宝-充值便利店"}, "2026100922001400009"),
		refs(connectors.Bill{ID: "T8", At: at(8, 10, 0, 0), Amount: cny(3550), Direction: "in", Flow: "in", State: "booked", Kind: "refund", RawKind: "CCRD/RIMB",
			Counterparty: "毛巾店", Description: "支付宝退款-毛巾店", RefundOf: "2026100722001400007"}, "2026100722001400007"),
		refs(connectors.Bill{ID: "T7", At: at(7, 10, 0, 0), Amount: cny(50000), Direction: "out", Flow: "internal", State: "booked", Kind: "topup", RawKind: "快捷支付", Description: "支付宝-充值"}, "TOP-7"),
		refs(connectors.Bill{ID: "T6", At: at(6, 10, 0, 0), Amount: cny(2000), Direction: "in", Flow: "internal", State: "booked", Kind: "withdrawal", RawKind: "RCDT/DMCT", Description: "支付宝-提现"}, "OUT-6"),
		{ID: "T5", At: at(5, 10, 0, 0), Amount: cny(1200000), Direction: "in", Flow: "in", State: "booked", Kind: "income", RawKind: "RCDT/SALA", Counterparty: "南风公司", Description: "代发工资"},
		{ID: "derived-1", At: at(4, 8, 0, 0), DateOnly: true, Amount: cny(300), Direction: "out", Flow: "out", State: "booked", Kind: "other", Description: "地铁"},
		{ID: "derived-2", At: at(4, 8, 0, 0), DateOnly: true, Amount: cny(300), Direction: "out", Flow: "out", State: "booked", Kind: "other", Description: "地铁"},
		{ID: "T3", At: at(3, 10, 0, 0), Amount: cny(8800), Direction: "out", Flow: "internal", State: "booked", Kind: "repayment", Counterparty: "林小舟", Description: "信用卡还款"},
		{ID: "T2", At: at(2, 10, 0, 0).Add(123 * time.Millisecond), Amount: cny(100), Direction: "out", Flow: "out", State: "failed", Kind: "transfer", RawKind: "ICDT/ESCT"},
	}
	for i, b := range page.Bills {
		if strings.HasPrefix(b.ID, "derived-") { // a hash, and a place among equal rows
			page.Bills[i].ID = "derived-" + b.ID[len(b.ID)-1:]
		}
	}
	if d := cmp.Diff(want, page.Bills); d != "" {
		t.Error(d)
	}
}

func TestBillsArePagedInsideTheAPI(t *testing.T) {
	row := func(id string) string {
		return fmt.Sprintf(`{"AccountId":"22289",%s"CreditDebitIndicator":"Debit","Status":"BOOK","BookingDateTime":"2026-10-04T00:00:00Z","Amount":{"Amount":"3.00","Currency":"CNY"}}`, id)
	}
	page := func(next string, rows ...string) string {
		return fmt.Sprintf(`{"Data":{"Transaction":[%s]},"Links":{"Next":%q}}`, strings.Join(rows, ","), next)
	}
	const path = "/accounts/22289/transactions"
	walk := func(files map[string]string) (ids []string, err error) {
		c := connect(t, &bank{files: files})
		for next := connectors.Cursor(""); ; {
			p, err := c.Bills(context.Background(), linked, debit, now.AddDate(0, 0, -30), now, next)
			if err != nil {
				return ids, err
			}
			for _, b := range p.Bills {
				ids = append(ids, b.ID)
			}
			if next = p.Next; next == "" {
				return ids, nil
			}
		}
	}
	anonymous := map[string]string{path: page("BASE"+path+"?page=2", row(""), row("")), path + "?page=2": page("", row(""), row(`"TransactionId":"T",`))}
	first, err := walk(anonymous)
	if err != nil || len(first) != 4 {
		t.Fatalf("%v, %v", first, err)
	}
	seen := map[string]bool{}
	for _, id := range first {
		if seen[id] {
			t.Errorf("equal rows on two pages have one id: %v", first)
		}
		seen[id] = true
	}
	if again, _ := walk(anonymous); cmp.Diff(first, again) != "" {
		t.Errorf("read again the ids are others: %v, %v", first, again)
	}
	for why, files := range map[string]map[string]string{
		"another host":       {path: page("https://evil.example" + api + path)},
		"a user":             {path: page(strings.Replace("http://x@127.0.0.1", "x", "u", 1))},
		"itself for ever":    {path: page("BASE" + path + "?page=2"), path + "?page=2": page("BASE" + path + "?page=2")},
		"another account":    {path: strings.ReplaceAll(page("", row("")), "22289", "22290")},
		"no status":          {path: page("", strings.Replace(row(""), "BOOK", "", 1))},
		"no side":            {path: page("", strings.Replace(row(""), "Debit", "Both", 2))},
		"a sum that is none": {path: page("", strings.Replace(row(""), "3.00", "NaN", 1))},
		"no list":            {path: `{"Data":{"Transactions":[]}}`},
		"a part of a fen":    {path: page("", strings.Replace(row(""), "3.00", "3.005", 1))},
		"no booking time":    {path: page("", strings.Replace(row(""), "2026-10-04T00:00:00Z", "", 1))},
		"a local time":       {path: page("", strings.Replace(row(""), "00Z", "00", 1))}, // the zone is required
		"Data that is not":   {path: `{"Data":[]}`},
	} {
		if _, err := walk(files); !errors.Is(err, connectors.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", why, err)
		}
	}
	c := connect(t, &bank{})
	for _, cur := range []connectors.Cursor{"x", `{"next":"https://evil.example/","page":2}`, `{"next":"` + api + path + `","page":1}`} {
		if _, err := c.Bills(context.Background(), linked, debit, now.AddDate(0, 0, -1), now, cur); !errors.Is(err, connectors.ErrRefused) {
			t.Errorf("cursor %s: %v, want ErrRefused", cur, err)
		}
	}
}

// A bank that writes signs all the same means a debit, whatever stands beside it.
func TestASignIsADebit(t *testing.T) {
	for _, side := range []string{"Debit", "Credit", "DBIT"} {
		x := obTransaction{AccountId: "22289", Indicator: side, Status: "BOOK", BookingDateTime: "2026-10-04T00:00:01Z", Amount: obAmount{"-3.00", "CNY"}}
		b, err := x.bill()
		if err != nil || b.Direction != connectors.Out || b.Amount.Minor != 300 {
			t.Errorf("-3.00 %s became %v %v, %v", side, b.Direction, b.Amount, err)
		}
	}
}

func TestEqualRowsKeepTheirIDsInAnyOrder(t *testing.T) {
	row := func(info string) obTransaction {
		return obTransaction{BookingDateTime: "2026-10-04T00:00:00Z", Indicator: "Debit", Amount: obAmount{"3.00", "CNY"}, TransactionInformation: info}
	}
	all := func(rows ...obTransaction) (ids []string) {
		var n names
		for _, r := range rows {
			ids = append(ids, n.name(r))
		}
		slices.Sort(ids)
		return ids
	}
	if d := cmp.Diff(all(row("a"), row("a"), row("b")), all(row("a"), row("b"), row("a"))); d != "" {
		t.Errorf("in another order other ids:\n%s", d)
	}
}

func TestCoversSaysHowFarBackTheBankGoes(t *testing.T) {
	body := `{"Data":{"Transaction":[]},"Links":{},"Meta":{"FirstAvailableDateTime":"2026-10-10T00:00:00+08:00"}}`
	c := connect(t, &bank{files: map[string]string{"/accounts/22289/transactions": body}})
	page, err := c.Bills(context.Background(), linked, debit, now.AddDate(0, -1, 0), now, "")
	if err != nil || !page.Covers.From.Equal(time.Date(2026, 10, 10, 0, 0, 0, 0, beijing)) || !page.Covers.To.Equal(now) {
		t.Errorf("covers %v, %v", page.Covers, err)
	}
}

func FuzzPage(f *testing.F) {
	seed(f, "transactions")
	f.Add([]byte(file(f, "transactions.json")))
	f.Add([]byte(`{"Data":{"Transaction":[]},"Links":{"Next":"/x"}}`))
	c, err := New(config("https://bank.example", http.DefaultClient))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a transactionPage
		if decode(b, &a) != nil {
			return
		}
		at := cursor{Page: 1}
		page, err := c.page(a, "22289", now.AddDate(-10, 0, 0), now.AddDate(10, 0, 0), connectors.Span{From: now.AddDate(-10, 0, 0), To: now.AddDate(10, 0, 0)}, &at, c.api)
		if err != nil {
			return
		}
		for _, b := range page.Bills {
			if b.Amount.Minor < 0 || b.ID == "" || b.Kind == "" || b.Direction == "" || b.State == "" {
				t.Fatalf("a row became %+v", b)
			}
		}
		if at.Next != "" {
			if u, err := url.Parse(at.Next); err != nil || u.Host != "bank.example" {
				t.Fatalf("the next page is at %q", at.Next)
			}
		}
	})
}
