package wechatpay

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"jali/connectors/wire"
)

// BenchmarkTenThousandBills is a day's bills from the signed answers on: both
// files fetched, decrypted, unpacked, hashed, read and joined. The platform's
// own work is in it.
func BenchmarkTenThousandBills(b *testing.B) {
	trades, book := bytes.NewBuffer(nil), bytes.NewBuffer(nil)
	trades.WriteString("交易时间,特约商户号,微信订单号,商户订单号,交易类型,交易状态,货币种类,应结订单金额,微信退款单号,商户退款单号,退款金额,商品名称,手续费,订单金额\r\n")
	book.WriteString("记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号\r\n")
	for i := range 10_000 {
		at := time.Date(2026, 10, 9, 0, 0, i*8, 0, wire.Beijing).Format(time.DateTime)
		fmt.Fprintf(trades, "`%s,`%s,`42%026d,`S%d,`JSAPI,`SUCCESS,`CNY,`10.00,`0,`0,`0.00,`豆浆,`0.00000,`10.00\r\n", at, merchant, i, i)
		fmt.Fprintf(book, "`%s,`42%026d,`19%d,`交易,`交易,`收入,`10.00,`%d.00,`system,`,`S%d\r\n", at, i, i, 10*(i+1), i)
	}
	trades.WriteString("总交易单数\r\n`10000\r\n")
	book.WriteString("资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n`10000,`10000,`100000.00,`0,`0.00\r\n")
	s := &statements{files: map[string][]byte{"2026-10-09": trades.Bytes()}, books: map[string][]byte{"2026-10-09": book.Bytes()}}
	c := connect(b, &platform{t: b, answer: s.answer})
	from, to := theDay()
	b.ReportAllocs()
	for b.Loop() {
		page, err := c.Bills(context.Background(), linked, own, from, to, "")
		if err != nil || len(page.Bills) != 10_000 {
			b.Fatalf("%d bills, %v", len(page.Bills), err)
		}
	}
}

// BenchmarkReadTenThousandRows is our own part alone.
func BenchmarkReadTenThousandRows(b *testing.B) {
	var file bytes.Buffer
	file.WriteString("记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号\r\n")
	for i := range 10_000 {
		fmt.Fprintf(&file, "`2026-10-09 08:00:00,`42%026d,`19%d,`交易,`交易,`收入,`10.00,`%d.00,`system,`,`S%d\r\n", i, i, 10*(i+1), i)
	}
	file.WriteString("资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n`10000,`10000,`100000.00,`0,`0.00\r\n")
	b.ReportAllocs()
	for b.Loop() {
		if f, err := readFlow(bytes.NewReader(file.Bytes())); err != nil || len(f.bills) != 10_000 {
			b.Fatalf("%d bills, %v", len(f.bills), err)
		}
	}
}
