package fdx

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/money"
)

func jsonNumber(s string) json.Number { return json.Number(s) }

func TestBillsGolden(t *testing.T) {
	l := &lender{files: map[string]string{"/accounts/loc-1/transactions": file(t, "transactions-v6.json")}}
	from := time.Date(2026, 10, 3, 0, 0, 0, 0, beijing)
	page, err := connect(t, l).Bills(t.Context(), linked, line, from, now, "")
	if err != nil || page.Next != `{"by":"pageKey","value":"B47D80MVP23T","page":1}` || page.Covers != (connectors.Span{}) {
		t.Fatalf("%v, next %q, covers %v", err, page.Next, page.Covers)
	}
	cny := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "CNY"} }
	utc := func(d, h int) time.Time { return time.Date(2026, 10, d, h, 0, 0, 0, time.UTC) }
	want := []connectors.Bill{
		{ID: "A9", At: time.Date(2026, 10, 19, 20, 46, 41, 375e6, beijing), Amount: cny(3890), Direction: "out", Flow: "out", State: "pending", Kind: "payment", RawKind: "PURCHASE", Description: "面馆"},
		{ID: "P8", Was: "A8", At: utc(17, 1), Amount: cny(23600), Direction: "out", Flow: "out", State: "booked", Kind: "payment", RawKind: "PURCHASE", Category: "mcc:5311",
			Counterparty: "蓝鲸网购", Description: "支付宝-蓝鲸网购", Order: "2026101722001400008", Refs: []string{"2026101722001400008"}},
		{ID: "P7", RefundOf: "P8", At: utc(18, 10), Amount: cny(3600), Direction: "in", Flow: "in", State: "booked", Kind: "refund", RawKind: "PURCHASE", Description: "退货"},
		{ID: "P6", At: utc(10, 1), Amount: cny(89032), Direction: "in", Flow: "internal", State: "booked", Kind: "repayment", RawKind: "PAYMENT", Description: "花呗还款", Order: "T6", Refs: []string{"T6"}},
		{ID: "P5", At: utc(5, 1), Amount: cny(1500), Direction: "out", Flow: "out", State: "booked", Kind: "interest", RawKind: "INTEREST", Description: "利息"},
		{ID: "P4", At: utc(4, 1), Amount: cny(50000), Direction: "out", Flow: "internal", State: "booked", Kind: "withdrawal", RawKind: "WITHDRAWAL", Description: "提现"},
		{ID: "P3", At: utc(3, 1), Amount: cny(999), Direction: "out", Flow: "out", State: "pending", Kind: "payment", RawKind: "MEMO", Description: "夜间记账"},
	}
	if d := cmp.Diff(want, page.Bills, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); d != "" {
		t.Error(d)
	}
	// A week more is asked for, since what happened is posted later, but no day
	// that is still to come.
	if got := l.calls[0]; got != "GET /fdx/v6/accounts/loc-1/transactions?endTime=2026-10-20&limit=500&startTime=2026-10-03" {
		t.Errorf("asked by %s", got)
	}
}

// A loan's principal is neither income nor spending, nor is its repayment; its
// interest is spent.
func TestBillsOfALoan(t *testing.T) {
	l := &lender{files: map[string]string{"/accounts/20001/transactions": file(t, "transactions-v5.json")}}
	page, err := connect(t, l).Bills(t.Context(), linked, lent, now.AddDate(0, -1, 0), now, "")
	if err != nil || len(page.Bills) != 3 {
		t.Fatalf("%+v, %v", page, err)
	}
	for i, want := range []struct {
		kind connectors.Kind
		way  connectors.Direction
		flow connectors.Flow
		fen  int64
	}{
		{connectors.Repayment, connectors.In, connectors.FlowInternal, 163883},
		{connectors.Interest, connectors.Out, connectors.FlowOut, 25000},
		{connectors.LoanKind, connectors.Out, connectors.FlowInternal, 2000000},
	} {
		if b := page.Bills[i]; b.Kind != want.kind || b.Direction != want.way || b.Flow != want.flow || b.Amount.Minor != want.fen || b.State != connectors.Done || b.RawKind == "" {
			t.Errorf("row %d is %+v", i, b)
		}
	}
}

func TestHowFarBack(t *testing.T) {
	l := &lender{files: map[string]string{"/accounts/loc-1/transactions": `{"transactions":[]}`}}
	c := connect(t, l)
	k, err := tokens{Access: "A-canary"}.seal(credential{Consent: "x", Lookback: 60})
	if err != nil {
		t.Fatal(err)
	}
	// The lookback is counted in the lender's days: of 20 October the 21st of
	// August is the sixtieth before, and it is asked for whole.
	page, err := c.Bills(t.Context(), k, line, now.AddDate(-1, 0, 0), now, "")
	first := time.Date(2026, 8, 21, 0, 0, 0, 0, beijing)
	if err != nil || !page.Covers.From.Equal(first) || !page.Covers.To.Equal(now) {
		t.Errorf("it covers %v, %v", page.Covers, err)
	}
	if !strings.Contains(l.calls[0], "startTime=2026-08-21") {
		t.Errorf("asked by %s", l.calls[0])
	}
	page, err = c.Bills(t.Context(), k, line, now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0), "")
	if err != nil || page.Covers.From.Before(page.Covers.To) || len(l.calls) != 1 {
		t.Errorf("of what is out of reach it covers %v, %v, after %d calls", page.Covers, err, len(l.calls))
	}
	// A part of the rows says nothing for certain of the window.
	l.status = map[string]int{"/accounts/loc-1/transactions": 206}
	page, err = c.Bills(t.Context(), k, line, now.AddDate(0, 0, -5), now, "")
	if err != nil || page.Covers == (connectors.Span{}) || page.Covers.From.Before(page.Covers.To) {
		t.Errorf("in parts it covers %v, %v", page.Covers, err)
	}
}

func TestBillsThatCannotBe(t *testing.T) {
	row := `{"accountCategory":"LOC_ACCOUNT","accountId":"loc-1","transactionId":"1","transactionTimestamp":"2026-10-19T01:00:00Z","debitCreditMemo":"DEBIT","status":"POSTED","amount":10.50,"description":"x"}`
	for why, r := range map[string][2]string{
		"another account":    {`"loc-1"`, `"loc-2"`},
		"another category":   {"LOC_ACCOUNT", "LOAN_ACCOUNT"},
		"no id":              {`"1"`, `""`},
		"no time":            {"2026-10-19T01:00:00Z", ""},
		"a local time":       {"00Z", "00"},
		"below zero":         {"10.50", "-10.50"},
		"a part of a fen":    {"10.50", "10.505"},
		"eleven decimals":    {"10.50", "0.12345678901"},
		"beyond any sum":     {"10.50", "1e400"},
		"no sum":             {`,"amount":10.50`, ""},
		"neither way":        {"DEBIT", "BOTH"},
		"not even a way":     {`"debitCreditMemo":"DEBIT",`, ""},
		"wrapped for a loan": {row, `{"loanTransaction":` + strings.Replace(row, "loc-1", "20001", 1) + `}`},
	} {
		body := `{"transactions":[` + strings.Replace(row, r[0], r[1], 1) + `]}`
		c := connect(t, &lender{files: map[string]string{"/accounts/loc-1/transactions": body}})
		if _, err := c.Bills(t.Context(), linked, line, now.AddDate(0, 0, -5), now, ""); !is(err, connectors.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", why, err)
		}
	}
}

func TestKinds(t *testing.T) {
	for _, tt := range []struct {
		category, kind, way, reference, mcc string
		want                                connectors.Kind
		flow                                connectors.Flow
	}{
		{loc, "PURCHASE", "CREDIT", "", "", connectors.Refund, connectors.FlowIn},
		{loc, "", "DEBIT", "", "", connectors.Payment, connectors.FlowOut}, // version 5 has no word for a purchase
		{loc, "", "CREDIT", "R", "", connectors.Refund, connectors.FlowIn},
		{loc, "", "CREDIT", "", "", connectors.Other, connectors.FlowIn},
		{loc, "PAYMENT", "DEBIT", "", "", connectors.Repayment, connectors.FlowInternal}, // a repayment that came back
		{loc, "CHECK", "DEBIT", "", "", connectors.Payment, connectors.FlowOut},
		{loc, "ADJUSTMENT", "CREDIT", "", "", connectors.Adjustment, connectors.FlowIn},
		{bnpl, "", "DEBIT", "", "", connectors.Payment, connectors.FlowOut},
		{loan, "PAYOFF", "CREDIT", "", "", connectors.Repayment, connectors.FlowInternal},
		{loan, "LUMP_SUM_PAYMENT", "CREDIT", "", "", connectors.Repayment, connectors.FlowInternal},
		{loan, "FEE", "DEBIT", "", "", connectors.Fee, connectors.FlowOut},
		{loan, "", "CREDIT", "", "", connectors.Other, connectors.FlowIn},
		{deposit, "DIRECTDEPOSIT", "CREDIT", "", "", connectors.Income, connectors.FlowIn},
		{deposit, "DEPOSIT", "DEBIT", "", "", connectors.Adjustment, connectors.FlowOut},
		{deposit, "ATMWITHDRAWAL", "DEBIT", "", "", connectors.Withdrawal, connectors.FlowInternal},
		{deposit, "TRANSFER", "DEBIT", "", "", connectors.Transfer, connectors.FlowOut},
		{deposit, "PAYMENT", "DEBIT", "", "", connectors.Payment, connectors.FlowOut}, // of somebody's bill: no debt is in sight
		{deposit, "", "DEBIT", "", "5411", connectors.Payment, connectors.FlowOut},
		{deposit, "YETTOCOME", "DEBIT", "", "", connectors.Other, connectors.FlowOut},
	} {
		b, err := transaction{ID: "1", At: "2026-10-19T01:00:00Z", Type: tt.kind, Way: tt.way, Reference: tt.reference, Category: tt.mcc, Amount: "1", Status: "POSTED"}.
			bill(ref{tt.category, "CNY", "x"})
		if err != nil || b.Kind != tt.want || b.Flow != tt.flow {
			t.Errorf("%s %s %s: %s %s, %v; want %s %s", tt.category, tt.kind, tt.way, b.Kind, b.Flow, err, tt.want, tt.flow)
		}
	}
}

// BenchmarkBills reads 10,000 transactions, a page at a time.
func BenchmarkBills(b *testing.B) {
	var rows []string
	for i := range 500 {
		rows = append(rows, fmt.Sprintf(`{"accountCategory":"LOC_ACCOUNT","accountId":"loc-1","transactionId":"P%d","referenceTransactionId":"A%d","postedTimestamp":"2026-10-19T01:00:00Z","transactionTimestamp":"2026-10-18T01:00:00Z","description":"支付宝-蓝鲸网购","debitCreditMemo":"DEBIT","category":"5311","subCategory":"MCC","reference":"20261017220014%08d","status":"POSTED","amount":%d.50,"transactionType":"PURCHASE","transactionPayee":{"merchantName":"蓝鲸网购"}}`, i, i, i, i))
	}
	body := `{"page":{"nextPageKey":"k%d"},"transactions":[` + strings.Join(rows, ",") + `]}`
	n := 0
	c, err := New(config("https://lender.example", answering(func() string { n++; return fmt.Sprintf(body, n) })))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		next := connectors.Cursor("")
		for range 20 {
			page, err := c.Bills(b.Context(), linked, line, now.AddDate(0, 0, -5), now, next)
			if err != nil || len(page.Bills) != 500 {
				b.Fatal(len(page.Bills), err)
			}
			next = page.Next
		}
	}
}
