package alipay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/wire"
	"jali/internal/fault"
	"jali/internal/secret"
)

func TestBillsGolden(t *testing.T) {
	response, err := os.ReadFile("testdata/accountlog.json")
	if err != nil {
		t.Fatal(err)
	}
	g := &gatewayStub{t: t, answer: onlyTheLog(string(response))}
	c := connect(t, g)
	page, err := c.Bills(context.Background(), linked, own, now.AddDate(0, 0, -19).Add(-12*time.Hour), now, "")
	if err != nil || page.Next != "" {
		t.Fatalf("%v, next %q", err, page.Next)
	}
	at := func(day, hour, min, sec int) time.Time {
		return time.Date(2026, 10, day, hour, min, sec, 0, wire.Beijing)
	}
	cny := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "CNY"} }
	bill := func(n string, when time.Time, minor int64, d connectors.Direction, f connectors.Flow, k connectors.Kind, raw string) connectors.Bill {
		return connectors.Bill{ID: "61000000000000000" + n, At: when, Amount: cny(minor), Direction: d, Flow: f, Kind: k, RawKind: raw, State: connectors.Done}
	}
	in, out := connectors.In, connectors.Out
	want := []connectors.Bill{
		bill("1", at(1, 0, 0, 0), 800, out, connectors.FlowOut, connectors.Other, "芝麻免押下单"),
		bill("2", at(3, 8, 0, 0), 6600, out, connectors.FlowOut, connectors.Transfer, "转账"),
		bill("3", at(4, 8, 0, 0), 50000, in, connectors.FlowInternal, connectors.Topup, "充值"),
		bill("4", at(5, 8, 0, 0), 137, in, connectors.FlowIn, connectors.Interest, "其它"),
		bill("6", at(6, 9, 30, 0), 100000, out, connectors.FlowInternal, connectors.Withdrawal, "提现"),
		bill("5", at(6, 9, 30, 0), 10, out, connectors.FlowOut, connectors.Fee, "提现手续费"),
		bill("7", at(7, 10, 0, 0), 3550, out, connectors.FlowOut, connectors.Payment, "交易"),
		bill("8", at(8, 10, 0, 0), 3550, in, connectors.FlowIn, connectors.Refund, "交易退款"),
		bill("9", at(9, 23, 59, 59), 3550, out, connectors.FlowOut, connectors.Payment, "在线支付"),
	}
	want[1].Counterparty, want[1].Description = "林*(l*@example.com)", "饭钱"
	want[2].Method = "江南银行储蓄卡(1234)"
	want[3].Description = "余额宝-2026.10.05-收益发放"
	want[4].Description, want[4].Method = "提现", "江南银行储蓄卡（1234）"
	want[6].Description, want[6].Method = "毛巾", "余额"
	want[7].Description = "退货"
	want[8].Counterparty, want[8].Description, want[8].Method = "桂花/便利店", "日用百货", "江南银行储蓄卡(1234)"
	for i, orders := range map[int][]string{6: {"2026100722001400007", "SHOP-7"}, 7: {"2026100722001400007", "SHOP-7", "BACK-7"}, 8: {"2026100922001400009", "SHOP-9"}} {
		want[i].Order, want[i].Merchant, want[i].Refs = orders[0], orders[1], orders
	}
	want[7].RefundOf = "2026100722001400007"
	if d := cmp.Diff(want, page.Bills); d != "" {
		t.Error(d)
	}
	var biz map[string]string
	if err := json.Unmarshal([]byte(g.calls[0].Get("biz_content")), &biz); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"start_time": "2026-10-01 00:00:00", "end_time": "2026-10-20 12:00:00", "page_no": "1", "page_size": "2000"}, biz); d != "" {
		t.Error(d)
	}
	if got := g.calls[0].Get("timestamp"); got != "2026-10-20 12:00:00" {
		t.Errorf("timestamp %q, want Beijing's", got)
	}
}

// onlyTheLog admits the application to the log alone.
func onlyTheLog(response string) func(url.Values) (string, string) {
	return func(form url.Values) (string, string) {
		if method := form.Get("method"); method != "alipay.data.bill.accountlog.query" {
			return responseOf(method), `{"code":"40006","msg":"Insufficient Permissions","sub_code":"isv.insufficient-isv-permissions","sub_msg":"ISV权限不足"}`
		}
		return "alipay_data_bill_accountlog_query_response", strings.TrimSpace(response)
	}
}

// logOf answers pages of an account log that has an entry each hour.
func logOf(t *testing.T, size int, entries []string) *gatewayStub {
	return &gatewayStub{t: t, answer: func(form url.Values) (string, string) {
		if form.Get("method") != "alipay.data.bill.accountlog.query" {
			return onlyTheLog("")(form)
		}
		var biz struct {
			Start string `json:"start_time"`
			End   string `json:"end_time"`
			Page  int    `json:"page_no,string"`
		}
		if err := json.Unmarshal([]byte(form.Get("biz_content")), &biz); err != nil {
			t.Error(err)
		}
		var hits []string
		for _, at := range entries {
			if at >= biz.Start && at < biz.End {
				hits = append(hits, fmt.Sprintf(`{"account_log_id":"log %s","trans_dt":%q,"trans_amount":"-1","direction":"支出","type":"转账"}`, at, at))
			}
		}
		page := hits[min(len(hits), (biz.Page-1)*size):min(len(hits), biz.Page*size)]
		return "alipay_data_bill_accountlog_query_response", fmt.Sprintf(`{"code":"10000","page_no":"%d","page_size":"%d","total_size":"%d","detail_list":[%s]}`,
			biz.Page, size, len(hits), strings.Join(page, ","))
	}}
}

func walk(t *testing.T, c *Connector, from, to time.Time) ([]connectors.Bill, connectors.Span) {
	t.Helper()
	var all []connectors.Bill
	var covers connectors.Span
	for next := connectors.Cursor(""); ; {
		page, err := c.Bills(context.Background(), linked, own, from, to, next)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Bills...)
		if next == "" {
			covers = page.Covers
		}
		if next = page.Next; next == "" {
			return all, covers
		}
	}
}

func TestPagesAndWindowsAreWalkedToTheEnd(t *testing.T) {
	var entries []string
	for d := now.AddDate(-2, 0, 0); d.Before(now); d = d.AddDate(0, 0, 1) {
		entries = append(entries, d.Format(clock))
	}
	g := logOf(t, 7, entries)
	c := connectWith(t, g, func(c *Config) { c.Source.History = 365 * 24 * time.Hour }) // no files
	for _, tt := range []struct {
		why      string
		from, to time.Time
		want     int
		covers   connectors.Span
	}{
		{"three windows of pages", now.AddDate(0, 0, -80), now, 80, connectors.Span{}},
		{"the end is not in it", now.AddDate(0, 0, -1), now, 1, connectors.Span{}},
		{"parts of seconds", now.AddDate(0, 0, -2).Add(time.Millisecond), now.AddDate(0, 0, -1).Add(time.Millisecond), 1, connectors.Span{}},
		{"nothing asked", now, now, 0, connectors.Span{From: now, To: now}},
		{"older than the log", now.AddDate(-2, 0, 0), now, 365, connectors.Span{From: now.AddDate(0, 0, -365), To: now}},
		{"only older", now.AddDate(-2, 0, 0), now.AddDate(-1, -1, 0), 0, connectors.Span{From: now.AddDate(-1, -1, 0), To: now.AddDate(-1, -1, 0)}},
	} {
		got, covers := walk(t, c, tt.from, tt.to)
		ids := map[string]bool{}
		for _, b := range got {
			ids[b.ID] = true
			if b.At.Before(tt.from) || !b.At.Before(tt.to) {
				t.Errorf("%s: a bill of %v", tt.why, b.At)
			}
		}
		if len(got) != tt.want || len(ids) != tt.want {
			t.Errorf("%s: %d bills, %d ids; want %d", tt.why, len(got), len(ids), tt.want)
		}
		if !covers.From.Equal(tt.covers.From) || !covers.To.Equal(tt.covers.To) {
			t.Errorf("%s: covers %v, want %v", tt.why, covers, tt.covers)
		}
	}
	for _, form := range g.calls {
		if form.Get("method") != "alipay.data.bill.accountlog.query" {
			continue
		}
		var biz map[string]string
		_ = json.Unmarshal([]byte(form.Get("biz_content")), &biz)
		from, _ := time.ParseInLocation(clock, biz["start_time"], wire.Beijing)
		to, _ := time.ParseInLocation(clock, biz["end_time"], wire.Beijing)
		if to.Sub(from) > maxWindow {
			t.Errorf("asked for %v at once", to.Sub(from))
		}
	}
}

func TestBillsRefuseWhatCannotBe(t *testing.T) {
	entry := func(change string) string {
		answer := `{"code":"10000","total_size":"1","detail_list":[` +
			`{"account_log_id":"1","trans_dt":"2026-10-10 10:00:00","trans_amount":"-1.00","direction":"支出","type":"转账"}]}`
		old, new, _ := strings.Cut(change, "→")
		if !strings.Contains(answer, old) {
			t.Fatalf("no %s in the answer", old)
		}
		return strings.Replace(answer, old, new, 1)
	}
	for _, tt := range []struct {
		response string
		want     error
	}{
		{entry(`→`), nil},
		{`{"code":"10000","page_no":"1","page_size":"2000","total_size":"0"}`, nil}, // an empty list may be left out
		{entry(`"account_log_id":"1",→`), connectors.ErrMalformed},
		{entry(`2026-10-10→2026-13-10`), connectors.ErrMalformed},
		{entry(`"-1.00"→-1.00`), connectors.ErrMalformed},
		{entry(`-1.00→1e9`), connectors.ErrMalformed},
		{entry(`-1.00→-1.005`), connectors.ErrMalformed},
		{entry(`-1.00→-99999999999999999999`), connectors.ErrMalformed},
		{entry(`支出→收入`), connectors.ErrMalformed}, // an income below zero
		{entry(`支出→`), connectors.ErrMalformed},
		{entry(`"total_size":"1",→`), connectors.ErrMalformed},
		{`{"code":"10000","total_size":"3","detail_list":[]}`, connectors.ErrMalformed},               // three promised, none there
		{`{"code":"10000","page_no":"2","total_size":"0","detail_list":[]}`, connectors.ErrMalformed}, // another page
		{`{"code":"10000","page_size":"0","total_size":"0","detail_list":[]}`, connectors.ErrMalformed},
		{`{"code":"10000","total_size":"-1","detail_list":[]}`, connectors.ErrMalformed},
		{`{"code":"10000","total_size":"1e400","detail_list":[]}`, connectors.ErrMalformed},
		{`{"code":"10000","total_size":"999999999","detail_list":[]}`, connectors.ErrMalformed}, // would be walked for ever
		{`{"code":"10000","total_size":"0","detail_list":{}}`, connectors.ErrMalformed},
	} {
		c := connect(t, &gatewayStub{t: t, answer: onlyTheLog(tt.response)})
		_, err := c.Bills(context.Background(), linked, own, now.AddDate(0, 0, -20), now, "")
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.response, err, tt.want)
		}
	}
	c := connect(t, &gatewayStub{t: t})
	for why, ask := range map[string]func() error{
		"a foreign account": func() error {
			_, err := c.Bills(context.Background(), linked, connectors.AccountRef{ID: secret.Of("x")}, now.AddDate(0, 0, -1), now, "")
			return err
		},
		"a foreign cursor": func() error {
			_, err := c.Bills(context.Background(), linked, own, now.AddDate(0, 0, -1), now, "0.1")
			return err
		},
	} {
		if err := ask(); !errors.Is(err, connectors.ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused before any call", why, err)
		}
	}
}

func TestKindOf(t *testing.T) {
	for _, tt := range []struct {
		typ, desc, memo string
		way             connectors.Direction
		want            connectors.Kind
	}{
		{"在线支付", "", "", connectors.Out, connectors.Payment},
		{"交易付款", "", "", connectors.Out, connectors.Payment},
		{"交易付款", "", "", connectors.In, connectors.Income}, // somebody paid us
		{"交易退款", "", "", connectors.In, connectors.Refund},
		{"退款（交易退款）", "", "", connectors.In, connectors.Refund},
		{"交易", "0020011|交易退款", "", connectors.In, connectors.Refund}, // the type alone does not tell
		{"其它", "002|转账", "", connectors.Out, connectors.Transfer},
		{"充值", "", "", connectors.In, connectors.Topup},
		{"话费充值", "", "", connectors.Out, connectors.Payment}, // a phone's, not the wallet's
		{"提现", "", "", connectors.Out, connectors.Withdrawal},
		{"提现手续费", "", "", connectors.Out, connectors.Fee},
		{"收费", "", "", connectors.Out, connectors.Fee},
		{"转账", "", "", connectors.In, connectors.Transfer},
		{"转账红包", "", "", connectors.In, connectors.RedPacket},
		{"信用卡还款", "", "", connectors.Out, connectors.Repayment},
		{"余额宝", "", "", connectors.Out, connectors.Investment},
		{"余额宝", "", "", connectors.In, connectors.Redemption},
		{"余额宝收益", "", "", connectors.In, connectors.Interest},
		{"其它", "", "余额宝-2026.10.05-收益发放", connectors.In, connectors.Interest},
		{"其它", "", "退款收益提现", connectors.In, connectors.Other}, // a memo is anybody's text
		{"", "", "", connectors.In, connectors.Other},
		{"花呗还款", "", "", connectors.Out, connectors.Repayment},
		{"交易付款", "", "花呗主动还款-2026年10月账单", connectors.Out, connectors.Repayment},
		{"其它", "", "借呗还款", connectors.Out, connectors.Repayment},
		{"转账", "", "花呗还款", connectors.Out, connectors.Transfer}, // to a friend, whatever they call it
		{"交易付款", "", "还款", connectors.Out, connectors.Payment},
		{"交易付款", "", "纸巾 花呗", connectors.Out, connectors.Payment},
		{"DEPOSIT", "", "", connectors.In, connectors.Topup},
	} {
		if got := kindOf(entry{Type: tt.typ, BizDesc: tt.desc, Memo: tt.memo}, tt.way); got != tt.want {
			t.Errorf("kindOf(%q, %q, %q, %s) = %s, want %s", tt.typ, tt.desc, tt.memo, tt.way, got, tt.want)
		}
	}
}

// What is bought by 花呗 is spent when it is bought; repaying it moves the
// person's own money.
func TestBoughtByCreditLine(t *testing.T) {
	for _, tt := range []struct {
		typ, way, amount, memo string
		method                 string
		kind                   connectors.Kind
		flow                   connectors.Flow
	}{
		{"交易付款", "支出", "-8.00", "纸巾 花呗", "花呗", connectors.Payment, connectors.FlowOut},
		{"交易退款", "收入", "8.00", "退款-纸巾 花呗", "花呗", connectors.Refund, connectors.FlowIn},
		{"花呗还款", "支出", "-8.00", "花呗主动还款-2026年10月账单 余额", "余额", connectors.Repayment, connectors.FlowInternal},
	} {
		b, err := entry{ID: "1", At: "2026-10-10 10:00:00", Type: tt.typ, Way: tt.way, Amount: tt.amount, Memo: tt.memo}.bill()
		if err != nil || b.Method != tt.method || b.Kind != tt.kind || b.Flow != tt.flow {
			t.Errorf("%s %q: %s %s by %q, %v; want %s %s by %q", tt.typ, tt.memo, b.Kind, b.Flow, b.Method, err, tt.kind, tt.flow, tt.method)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("1792468800.1")
	f.Add("f1727712000.2000.1760976000")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := readCursor(connectors.Cursor(text))
		if err == nil && string(at.text()) != text {
			t.Errorf("%q is read as %q", text, at.text())
		}
	})
}

func FuzzBill(f *testing.F) {
	f.Add([]byte(`{"account_log_id":"1","trans_dt":"2026-10-10 10:00:00","trans_amount":"-1.00","direction":"支出","type":"转账","trans_memo":"a 江南银行储蓄卡(1234)"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e entry
		if json.Unmarshal(b, &e) != nil {
			return
		}
		bill, err := e.bill()
		if err != nil {
			if fault.Of(err).Kind != fault.Internal {
				t.Errorf("a decoder chose a fault: %v", err)
			}
			return
		}
		if bill.Amount.Minor < 0 || bill.ID == "" || bill.Kind == "" || bill.Flow == "" || bill.Direction == "" {
			t.Errorf("%q became %+v", b, bill)
		}
	})
}
