package alipay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
)

// methods answers by method, and counts who was asked for what.
type methods struct {
	gatewayStub
	answers map[string]string
	asked   map[string][]map[string]string
}

func (m *methods) serve(t *testing.T) *Connector {
	m.t, m.asked = t, map[string][]map[string]string{}
	m.answer = func(form url.Values) (string, string) {
		method := form.Get("method")
		var biz map[string]string
		if err := json.Unmarshal([]byte(form.Get("biz_content")), &biz); err != nil {
			t.Errorf("%s: biz_content %q: %v", method, form.Get("biz_content"), err)
		}
		m.asked[method] = append(m.asked[method], biz)
		if a, ok := m.answers[method]; ok {
			return responseOf(method), strings.TrimSpace(a)
		}
		return responseOf(method), `{"code":"40006","sub_code":"isv.insufficient-isv-permissions"}`
	}
	return connect(t, m)
}

const (
	logMethod, buyMethod           = "alipay.data.bill.accountlog.query", "alipay.data.bill.buy.query"
	sellMethod, transferMethod     = "alipay.data.bill.sell.query", "alipay.data.bill.transfer.query"
	balanceMethod, closedMethod    = "alipay.data.bill.balance.query", "alipay.data.bill.balancehis.query"
	isvRefuses, platformIsDown     = `{"code":"40006","sub_code":"isv.insufficient-isv-permissions"}`, `{"code":"20000","sub_code":"isp.unknow-error"}`
	userRefuses, emptyPage, noRows = `{"code":"20001","sub_code":"aop.invalid-auth-token"}`, `{"code":"10000","total_size":"0"}`, `{"code":"10000","total_size":"x"}`
)

func logEntry(id int, day, kind, way, order, other, memo string) string {
	amount := "8.00"
	if way == "支出" {
		amount = "-8.00"
	}
	return fmt.Sprintf(`{"account_log_id":"%d","trans_dt":"2026-10-%s","trans_amount":"%s","direction":"%s","type":"%s","alipay_order_no":"%s","other_account":"%s","trans_memo":"%s"}`,
		id, day, amount, way, kind, order, other, memo)
}

func logOfEntries(entries ...string) string {
	return fmt.Sprintf(`{"code":"10000","total_size":"%d","detail_list":[%s]}`, len(entries), strings.Join(entries, ","))
}

func TestWhatTheLogLeavesOutIsAskedFor(t *testing.T) {
	m := &methods{answers: map[string]string{
		logMethod: logOfEntries(
			logEntry(6, "09 10:00:00", "在线支付", "支出", "2026100922001400009", "便利店", "纸巾 余额"), // tells all
			logEntry(5, "07 10:00:00", "交易付款", "支出", "2026100722001400007", "", "花呗"),
			logEntry(4, "07 09:00:00", "转账", "支出", "20261007X1", "", ""),
			logEntry(3, "06 09:00:00", "提现", "支出", "20261006W1", "", "提现"),
			logEntry(2, "05 09:00:00", "充值", "收入", "20261005T1", "", ""),
			logEntry(1, "04 09:00:00", "收款", "收入", "S1", "", ""),
		),
		buyMethod: testdata(t, "buy.json"), transferMethod: testdata(t, "transfer.json"),
		sellMethod: `{"code":"10000","total_size":"1","detail_list":[{"alipay_order_no":"S1","goods_title":"旧书","other_account":"王*(w*@example.com)","total_amount":"8.00"}]}`,
	}}
	page, err := m.serve(t).Bills(context.Background(), linked, own, now.AddDate(0, 0, -20), now, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range page.Bills {
		got = append(got, fmt.Sprintf("%s %s %s/%s/%s/%s", b.ID, b.Kind, b.Flow, b.Counterparty, b.Description, b.Method))
	}
	want := []string{
		"1 income in/王*(w*@example.com)/旧书/",
		"2 topup internal//普通充值/招商银行(2456)",
		"3 withdrawal internal//提现/江南银行(1234)",
		"4 transfer out/张*(a*@alipay.com)/饭钱/",
		"5 payment out/毛巾铺/毛巾两条/花呗",
		"6 payment out/便利店/纸巾/余额",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if b := m.asked[buyMethod][0]; b["start_time"] != "2026-10-06 10:00:00" || b["end_time"] != "2026-10-07 10:00:01" {
		t.Errorf("orders of another time were asked for: %v", b) // made up to a day before they were paid
	}
	if len(m.asked[buyMethod]) != 1 || len(m.asked[sellMethod]) != 1 || len(m.asked[transferMethod]) != 1 {
		t.Errorf("asked %v", m.asked)
	}

	m = &methods{answers: map[string]string{logMethod: logOfEntries(logEntry(6, "09 10:00:00", "在线支付", "支出", "2026100922001400009", "便利店", "纸巾 余额"))}}
	if _, err := m.serve(t).Bills(context.Background(), linked, own, now.AddDate(0, 0, -20), now, ""); err != nil || len(m.asked) != 1 {
		t.Errorf("of a log that tells all, %d methods were asked; %v", len(m.asked), err)
	}
}

// A bill is told alike each time: what the application may ask for is asked for
// with success, and what it may not is left out always.
func TestWhatCannotBeAskedFor(t *testing.T) {
	log := logOfEntries(logEntry(5, "07 10:00:00", "交易付款", "支出", "2026100722001400007", "", ""))
	for answer, want := range map[string]error{
		isvRefuses: nil, platformIsDown: connectors.ErrDown, userRefuses: connectors.ErrUnauthorized, noRows: connectors.ErrMalformed, emptyPage: nil,
	} {
		m := &methods{answers: map[string]string{logMethod: log, buyMethod: answer}}
		page, err := m.serve(t).Bills(context.Background(), linked, own, now.AddDate(0, 0, -20), now, "")
		if !errors.Is(err, want) || (want == nil && len(page.Bills) != 1) {
			t.Errorf("%s: %d bills, %v; want %v", answer, len(page.Bills), err, want)
		}
	}
	// An order that is another's is not asked for again and again.
	endless := fmt.Sprintf(`{"code":"10000","page_size":"1","total_size":"500","detail_list":[%s]}`, `{"alipay_order_no":"other","goods_title":"别的"}`)
	m := &methods{answers: map[string]string{logMethod: log, buyMethod: endless}}
	if page, err := m.serve(t).Bills(context.Background(), linked, own, now.AddDate(0, 0, -20), now, ""); err != nil || len(m.asked[buyMethod]) != tradePages || page.Bills[0].Description != "" {
		t.Errorf("%d pages of orders were asked for; %v", len(m.asked[buyMethod]), err)
	}
}

func TestTheClosingBalanceStandsInForTheOneOfNow(t *testing.T) {
	closed := `{"code":"10000","beginning_balance":"10000.00","ending_balance":"11000.00"}`
	for _, tt := range []struct {
		why, now, closed string
		want             error
	}{
		{"not admitted to the balance of now", isvRefuses, closed, nil},
		{"admitted to neither", isvRefuses, isvRefuses, connectors.ErrRefused},
		{"not closed yet", isvRefuses, `{"code":"40004","sub_code":"PROCESSING"}`, connectors.ErrRefused},
		{"no sum", isvRefuses, `{"code":"10000","ending_balance":"1e5"}`, connectors.ErrRefused},
		{"down: an old balance is not passed off as one of now", platformIsDown, closed, connectors.ErrDown},
		{"the person's token", userRefuses, closed, connectors.ErrUnauthorized},
	} {
		m := &methods{answers: map[string]string{balanceMethod: tt.now, closedMethod: tt.closed}}
		got, err := m.serve(t).Balances(context.Background(), linked, []connectors.AccountRef{own})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
			continue
		}
		if tt.want != nil {
			continue
		}
		if day := m.asked[closedMethod][0]["biz_date"]; day != "2026-10-19" || len(got) != 1 || got[0].Kind != connectors.Booked ||
			got[0].Amount.Minor != 1_100_000 || !got[0].AsOf.Equal(time.Date(2026, 10, 20, 0, 0, 0, 0, wire.Beijing)) || !got[0].Account.ID.Equal(own.ID) {
			t.Errorf("%s: of %s, %+v", tt.why, day, got)
		}
	}
}

func FuzzTrades(f *testing.F) {
	f.Add([]byte(testdata(f, "buy.json")))
	f.Add([]byte(testdata(f, "transfer.json")))
	f.Fuzz(func(t *testing.T, b []byte) {
		bill := connectors.Bill{Kind: connectors.Topup, Order: "1"}
		var trades listing[trade]
		var moves listing[moved]
		if json.Unmarshal(b, &trades) != nil || json.Unmarshal(b, &moves) != nil {
			return
		}
		for _, row := range trades.Rows {
			row.into(&bill)
		}
		for _, row := range moves.Rows {
			row.into(&bill)
		}
		if bill.Order != "1" || bill.Amount.Minor != 0 || bill.ID != "" {
			t.Errorf("an order changed more than words: %+v", bill)
		}
		_, _ = trades.more(1, len(trades.Rows))
	})
}
