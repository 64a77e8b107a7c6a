package billfile

import (
	"archive/zip"
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/secret"
)

func isFault(err, want error) bool { return errors.Is(err, want) }

func yuan(s string) money.Amount {
	a, err := money.Parse(s, "CNY")
	if err != nil {
		panic(err)
	}
	return a
}

func at(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", s, zone)
	if err != nil {
		panic(err)
	}
	return t
}

// checkSound holds of every file that is read at all.
func checkSound(t *testing.T, f *File) {
	t.Helper()
	refs := map[string]bool{}
	for _, a := range f.Accounts {
		if ref := a.Ref.ID.RevealString(); refs[ref] {
			t.Errorf("two accounts of the ref %q", ref)
		} else {
			refs[ref] = true
		}
		seen := map[string]bool{}
		for i, b := range a.Bills {
			switch {
			case b.ID == "" || seen[b.ID]:
				t.Errorf("bill %d: id %q is empty or not unique", i, b.ID)
			case b.At.IsZero(), b.Amount.Minor < 0, len(b.Amount.Currency) != 3, a.Currency != "" && b.Amount.Currency != a.Currency:
				t.Errorf("bill %d: %v %v", i, b.At, b.Amount)
			case b.Direction != connectors.In && b.Direction != connectors.Out, b.Flow == "", b.Kind == "", b.State == "":
				t.Errorf("bill %d: direction %q, flow %q, kind %q, state %q", i, b.Direction, b.Flow, b.Kind, b.State)
			}
			seen[b.ID] = true
		}
	}
}

func TestAlipayWeb(t *testing.T) {
	for name, encode := range encodings {
		t.Run(name, func(t *testing.T) {
			f, err := Read(bytes.NewReader(encode(alipayWebFile)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			checkSound(t, f)
			if f.Format != "alipay_web" || f.Source.ID != "alipay" || f.Holder.RevealString() != "mei@example.org" ||
				f.Accounts[0].Number.RevealString() != "mei@example.org" || f.Accounts[0].Kind != connectors.WalletBalance {
				t.Errorf("file = %+v", f)
			}
			if len(f.Problems) != 0 {
				t.Errorf("problems = %v, want none: the footer agrees with the rows", f.Problems)
			}
			if !f.Accounts[0].Covers.From.Equal(at("2021-03-01 00:00:00")) || !f.Accounts[0].Covers.To.Equal(at("2021-04-01 00:00:00")) {
				t.Errorf("covers %v", f.Accounts[0].Covers)
			}
			want := []connectors.Bill{
				{At: at("2021-03-20 09:00:00"), Amount: yuan("12.50"), Direction: "in", Flow: "in", State: "booked", Kind: "refund",
					RawKind: "支付宝担保交易", Counterparty: "绿茵书店", Description: "退款-旧书一本", Order: "20210319001_88", Merchant: "B-7001", RefundOf: "20210319001"},
				{At: at("2021-03-19 20:00:05"), Amount: yuan("40.00"), Direction: "out", Flow: "out", State: "booked", Kind: "payment",
					RawKind: "支付宝担保交易", Counterparty: "绿茵书店", Description: "旧书一本 · 礼物", Order: "20210319001", Merchant: "B-7001", Note: "refunded_part"},
				{At: at("2021-03-18 08:00:01"), Amount: yuan("83.00"), Direction: "out", Flow: "out", State: "reversed", Kind: "payment",
					RawKind: "支付宝担保交易", Counterparty: "绿茵书店", Description: "地图", Order: "20210318001", Merchant: "B-7000"},
				{At: at("2021-03-17 08:00:00"), Amount: yuan("9.90"), Direction: "out", Flow: "out", State: "failed", Kind: "payment",
					RawKind: "支付宝担保交易", Counterparty: "绿茵书店", Description: "没付款", Order: "20210317001", Merchant: "B-6999"},
				{At: at("2021-03-16 05:00:00"), Amount: yuan("0.02"), Direction: "in", Flow: "in", State: "booked", Kind: "interest",
					RawKind: "即时到账交易", Counterparty: "某基金管理有限公司", Description: "余额宝-2021.03.15-收益发放", Order: "20210316001"},
				{At: at("2021-03-15 12:00:00"), Amount: yuan("500.00"), Direction: "out", Flow: "internal", State: "booked", Kind: "withdrawal",
					RawKind: "提现", Counterparty: "江南银行", Description: "提现-实时提现", Order: "20210315001"},
				{At: at("2021-03-14 12:00:00"), Amount: yuan("3.00"), Direction: "out", Flow: "out", State: "booked", Kind: "other",
					RawKind: "星际转运", Counterparty: "某店", Description: "谁也不认识的类型", Order: "20210314001"},
			}
			if diff := cmp.Diff(want, withoutIDs(f.Accounts[0].Bills)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAlipayApp2021(t *testing.T) {
	f, err := Read(bytes.NewReader(gb18030(alipayApp2021File)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkSound(t, f)
	if f.Format != "alipay_app_2021" || !f.Accounts[0].Number.Empty() || f.Holder.RevealString() != "m***@example.org" {
		t.Errorf("format %s; a masked login is a holder and no number", f.Format)
	}
	if len(f.Problems) != 0 {
		t.Errorf("problems = %v", f.Problems)
	}
	// The day had not ended when the file was made.
	if !f.Exported.Equal(at("2021-06-19 03:10:16")) || !f.Accounts[0].Covers.To.Equal(f.Exported) {
		t.Errorf("exported %v, covers %v", f.Exported, f.Accounts[0].Covers)
	}
	kinds := []connectors.Kind{connectors.Payment, connectors.Refund, connectors.Payment, connectors.Investment}
	for i, b := range f.Accounts[0].Bills {
		if b.Kind != kinds[i] {
			t.Errorf("bill %d is %s, want %s", i, b.Kind, kinds[i])
		}
	}
	if a, b := f.Accounts[0].Bills[1], f.Accounts[0].Bills[2]; a.Order != b.Order || a.ID == b.ID || b.State != connectors.Reversed {
		t.Errorf("a refund under its payment's number: ids %q %q, state %q", a.ID, b.ID, b.State)
	}
}

func TestAlipayAppMeaning(t *testing.T) {
	for _, tt := range []struct {
		why, row  string // 交易分类,交易对方,商品说明,收/支,金额,收/付款方式,交易状态
		kind      connectors.Kind
		flow      connectors.Flow
		direction connectors.Direction
		state     connectors.BillState
		note      string
	}{
		{"a purchase", "餐饮美食,小馆,午饭,支出,18.00,江南银行(1234),交易成功", "payment", "out", "out", "booked", ""},
		{"paid out of two pots, the parts are not told", "餐饮美食,小馆,午饭,支出,18.00,余额宝&花呗金,交易成功", "payment", "out", "out", "booked", "split_funding"},
		{"held until the parcel arrives", "日用百货,小店,杯子,支出,9.00,余额,等待确认收货", "payment", "out", "out", "pending", ""},
		{"closed before it was paid", "日用百货,小店,杯子,不计收支,9.00,,交易关闭", "payment", "internal", "out", "failed", ""},
		{"paid, then given back in full", "日用百货,小店,杯子,支出,9.00,余额,交易关闭", "payment", "out", "out", "reversed", ""},
		{"the same as later exports write it", "日用百货,小店,杯子,不计收支,9.00,余额,交易关闭", "payment", "out", "out", "reversed", ""},
		{"a sale that was called off brought nothing in", "收入,某人,旧键盘,收入,150.00,,交易关闭", "income", "in", "in", "failed", ""},
		{"closed before it was paid, as older exports write it", "日用百货,小店,杯子,支出,9.00,,交易关闭", "payment", "out", "out", "failed", ""},
		{"a refund may keep the purchase's category", "餐饮美食,小馆,退款-午饭,不计收支,18.00,余额,退款成功", "refund", "in", "in", "booked", ""},
		{"a refund that the person gives as a shop", "退款,某人,退款-杯子,支出,9.00,余额,退款成功", "refund", "out", "out", "booked", ""},
		{"a refund is money in, though 不计收支", "退款,小店,退款-杯子,不计收支,9.00,余额,退款成功", "refund", "in", "in", "booked", ""},
		{"interest likewise", "投资理财,某基金,余额宝-2024.01.01-收益发放,不计收支,0.01,余额宝,交易成功", "interest", "in", "in", "booked", ""},
		{"into 余额宝", "投资理财,余额宝,余额宝-单次转入,不计收支,5.00,余额,交易成功", "investment", "internal", "out", "booked", ""},
		{"out of 余额宝 into the balance", "投资理财,我,余额宝-转出到余额,不计收支,5.00,余额,交易成功", "redemption", "internal", "in", "booked", ""},
		{"out of 余额宝 to a card: it leaves the wallet", "投资理财,江南银行,余额宝-转出到银行卡,不计收支,5.00,江南银行储蓄卡(1234),交易成功", "redemption", "internal", "out", "booked", ""},
		{"a fund sold", "投资理财,蚂蚁财富,某指数-卖出至余额宝,不计收支,5.00,余额宝,交易成功", "redemption", "internal", "in", "booked", ""},
		{"a card's debt paid", "信用借还,江南银行,信用卡还款,不计收支,300.00,余额宝,还款成功", "repayment", "internal", "out", "booked", ""},
		{"花呗 was counted when it was spent", "信用借还,花呗,花呗主动还款-2024年01月账单,不计收支,30.00,余额宝,还款成功", "repayment", "internal", "out", "booked", ""},
		{"a repayment that did not happen", "信用借还,花呗,花呗主动还款,不计收支,30.00,,还款失败", "repayment", "internal", "out", "failed", ""},
		{"borrowed money is no income", "信用借还,蚂蚁借呗,蚂蚁借呗放款至银行卡,不计收支,1500.00,江南银行储蓄卡(1234),放款成功", "loan", "internal", "in", "booked", ""},
		{"a deposit let go, of nothing", "信用借还,充电站,自动解冻-充电预授权,不计收支,0.00,,解冻成功", "adjustment", "internal", "in", "booked", ""},
		{"a deposit held, of nothing", "信用借还,充电站,充电预授权冻结,不计收支,0.00,,芝麻免押下单成功", "adjustment", "internal", "out", "booked", ""},
		{"an order on 花呗 in parts counts now", "数码电器,小店,硬盘,支出,849.00,花呗分期(3期),交易成功", "payment", "out", "out", "booked", ""},
		{"and its repayment never, whatever the side says", "信用借还,花呗,花呗自动还款-2019年10月账单,支出,30.00,余额宝,交易成功", "repayment", "internal", "out", "booked", ""},
		{"a family's purchase on the person's card", "亲友代付,某人,亲情卡,支出,49.74,江南银行信用卡(1234),交易成功", "payment", "out", "out", "booked", ""},
		{"into a pot of savings", "账户存取,支付宝小荷包,支付宝小荷包-转入,不计收支,5.00,余额,交易成功", "transfer", "internal", "out", "booked", ""},
		{"by itself", "账户存取,支付宝小荷包,支付宝小荷包-自动攒,不计收支,5.00,余额宝,交易成功", "transfer", "internal", "out", "booked", ""},
		{"and out of it", "账户存取,支付宝小荷包,支付宝小荷包-转出,不计收支,5.00,余额,交易成功", "transfer", "internal", "in", "booked", ""},
		{"small change saved", "投资理财,余额宝,余额宝-笔笔攒-单笔攒入,不计收支,1.88,余额,交易成功", "investment", "internal", "out", "booked", ""},
		{"what a fund pays out is income", "投资理财,蚂蚁财富,蚂蚁财富-某混合-分红至余额宝,不计收支,2.00,余额宝,交易成功", "interest", "in", "in", "booked", ""},
		{"and one that is named for it is bought", "投资理财,蚂蚁财富,蚂蚁财富-红利分红混合-买入,不计收支,2.00,余额宝,交易成功", "investment", "internal", "out", "booked", ""},
		{"into digital yuan", "账户存取,数字人民币,数字人民币-转入,不计收支,17.00,,交易成功", "topup", "internal", "in", "booked", ""},
		{"digital yuan sent", "转账红包,数字人民币(0275),数字人民币转账,支出,17.00,,交易成功", "transfer", "out", "out", "booked", ""},
		{"topped up", "账户存取,我,充值-普通充值,不计收支,1.00,余额,交易成功", "topup", "internal", "in", "booked", ""},
		{"taken to a bank", "账户存取,江南银行,提现-实时提现,不计收支,0.90,余额,交易成功", "withdrawal", "internal", "out", "booked", ""},
		{"another platform's 提现 is money in", "转账红包,某平台,抖音提现,收入,10.00,,交易成功", "transfer", "in", "in", "booked", ""},
		{"a red packet", "转账红包,支付宝红包,发普通红包,支出,0.02,余额宝,交易成功", "red_packet", "out", "out", "booked", ""},
		{"a fee of Alipay's", "商业服务,支付宝(中国)网络技术有限公司,花呗收钱服务费,支出,1.60,,交易成功", "fee", "out", "out", "booked", ""},
		{"a housekeeper's service fee is a purchase", "住房物业,某物业,物业服务费,支出,100.00,余额,交易成功", "payment", "out", "out", "booked", ""},
		{"bought by someone else through this login", "日用百货,小店,洗发水,不计收支,33.36,亲情卡(某人),交易成功", "payment", "internal", "out", "booked", ""},
		{"a category nobody has seen", "星际转运,小店,票,支出,1.00,余额,交易成功", "other", "out", "out", "booked", ""},
		{"and neither in nor out", "星际转运,小店,票,不计收支,1.00,余额,交易成功", "other", "internal", "out", "booked", ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			c := strings.Split(tt.row, ",")
			row := strings.Join([]string{"2024-01-02 10:00:00", c[0], c[1], "/", c[2], c[3], c[4], c[5], c[6], "9001\t", "\t", "", ""}, ",")
			f, err := Read(strings.NewReader(appHeader+row+"\n"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			b := f.Accounts[0].Bills[0]
			if b.Kind != tt.kind || b.Flow != tt.flow || b.Direction != tt.direction || b.State != tt.state || b.Note != tt.note || b.RawKind != c[0] {
				t.Errorf("= %s %s %s %s %q; want %s %s %s %s %q", b.Kind, b.Flow, b.Direction, b.State, b.Note,
					tt.kind, tt.flow, tt.direction, tt.state, tt.note)
			}
		})
	}
}

// An export without categories says less, and what it says is read alike.
func TestAlipayAppPlain(t *testing.T) {
	f, err := Read(strings.NewReader("支付宝交易记录明细查询\n共3笔记录\n支付宝账户：m***@example.org\n收入：0笔 0.00元\n支出：1笔 105.79元\n不计收支：2笔 3.25元\n"+
		"------------------------支付宝------------------------\n交易时间,交易对方,对方账号,商品说明,收/支,金额,收/付款方式,交易状态,交易订单号,商家订单号,备注\n"+
		"2026-08-01 12:00:00,绿茵面馆,gr@x,外卖订单,支出,105.79,花呗,交易成功,8101,,\n"+
		"2026-08-02 06:00:00,余额宝,,余额宝-收益,不计收支,0.25,余额宝,交易成功,8102,,\n"+
		"2026-08-03 06:00:00,绿茵面馆,gr@x,退款-外卖订单,不计收支,3.00,花呗,退款成功,8101_1,,\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkSound(t, f)
	if f.Format != "alipay_app_plain" || len(f.Problems) != 0 {
		t.Errorf("format %s, problems %v", f.Format, f.Problems)
	}
	want := []string{"payment out out booked  ", "interest in in booked  ", "refund in in booked  8101"}
	if diff := cmp.Diff(want, meanings(f.Accounts[0].Bills)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWechatCSV(t *testing.T) {
	for name, encode := range encodings {
		t.Run(name, func(t *testing.T) {
			f, err := Read(bytes.NewReader(encode(wechatFile)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			checkSound(t, f)
			if f.Format != "wechat_csv" || f.Holder.RevealString() != "小美" || !f.Accounts[0].Number.Empty() || f.Accounts[0].Name != "零钱" {
				t.Errorf("file = %+v; a nickname is no account number", f)
			}
			if len(f.Problems) != 0 {
				t.Errorf("problems = %v", f.Problems)
			}
			if diff := cmp.Diff(wechatBills, withoutIDs(f.Accounts[0].Bills)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestWechatWorkbooks(t *testing.T) {
	for _, tt := range []struct {
		why    string
		format string
		make   func(*testing.T) []byte
	}{
		{"amounts as text", "wechat_xlsx_text", func(t *testing.T) []byte { return workbook(t, wechatFile, asText, 0) }},
		{"amounts as numbers and a note more", "wechat_xlsx_number", func(t *testing.T) []byte { return workbook(t, wechatFile, asNumber, 1) }},
		{"times as Excel serials", "wechat_xlsx_number", func(t *testing.T) []byte { return workbook(t, wechatFile, asSerial, 1) }},
		{"inline strings", "wechat_xlsx_text", func(t *testing.T) []byte { return inlined(t, wechatFile) }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			f, err := Read(bytes.NewReader(tt.make(t)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			checkSound(t, f)
			if f.Format != tt.format || len(f.Problems) != 0 {
				t.Errorf("format %s, problems %v", f.Format, f.Problems)
			}
			if diff := cmp.Diff(wechatBills, withoutIDs(f.Accounts[0].Bills)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestClaims(t *testing.T) {
	for _, tt := range []struct {
		why, old, new string
		want          []string
	}{
		{"as it is", "", "", nil},
		{"one row claimed too many", "共8笔记录", "共9笔记录", []string{"count_differs total 9 8"}},
		{"a count that is no number", "支出：3笔", "支出：x笔", []string{"claim_unreadable out"}},
		{"and a sum that is none", "收入：2笔 12.40元", "收入：2笔 ??元", []string{"claim_unreadable in"}},
		{"a sum that differs by a fen", "收入：2笔 12.40元", "收入：2笔 12.41元", []string{"sum_differs in 12.41 CNY 12.40 CNY"}},
		{"a line gone", "中性交易：3笔 2600.10元\n", "", []string{"claim_missing other 3"}},
		{"a period before its rows", "终止时间：[2024-05-31 23:59:59]", "终止时间：[2024-05-03 23:59:59]", []string{"outside_period period 6"}},
		{"a period that is none", "起始时间：[2024-05-01 00:00:00]", "起始时间：[?]", []string{"claim_unreadable period"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			text := strings.Replace(wechatFile, tt.old, tt.new, 1)
			if tt.old != "" && text == wechatFile {
				t.Fatal("the fixture has no such text")
			}
			f, err := Read(strings.NewReader(text), Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range f.Problems {
				got = append(got, told(p))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A row has the same id in every file it stands in, alone or among others;
// and keeps it when the source changes what became of it.
func TestIDsAreTheRowsOwn(t *testing.T) {
	whole, err := Read(strings.NewReader(wechatFile), Options{})
	if err != nil {
		t.Fatal(err)
	}
	head, rows, _ := strings.Cut(wechatFile, wechatColumns)
	for i, row := range strings.SplitAfter(strings.TrimSuffix(rows, "\n"), "\n")[:5] {
		row = strings.NewReplacer("支付成功", "已全额退款").Replace(row)
		f, err := Read(strings.NewReader(head+wechatColumns+row+"\n"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := f.Accounts[0].Bills[0].ID, whole.Accounts[0].Bills[i].ID; got != want {
			t.Errorf("row %d alone is %q, in the file %q", i, got, want)
		}
	}
}

// Equal rows of one day are numbered by their time, whatever their order.
func TestEqualRows(t *testing.T) {
	row := func(clock string) string {
		return "2024-05-09 " + clock + ",商户消费,小店,/,支出,¥1.00,零钱,支付成功,77,88,/\n"
	}
	a, err := Read(strings.NewReader(wechatColumns+row("10:00:00")+row("11:00:00")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Read(strings.NewReader(wechatColumns+row("11:00:00")+row("10:00:00")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Accounts[0].Bills[0].ID != b.Accounts[0].Bills[1].ID || a.Accounts[0].Bills[1].ID != b.Accounts[0].Bills[0].ID || a.Accounts[0].Bills[0].ID == a.Accounts[0].Bills[1].ID {
		t.Errorf("ids %q %q and %q %q", a.Accounts[0].Bills[0].ID, a.Accounts[0].Bills[1].ID, b.Accounts[0].Bills[0].ID, b.Accounts[0].Bills[1].ID)
	}
}

func TestDamage(t *testing.T) {
	lines := strings.Count(wechatFile, "\n")
	for _, tt := range []struct {
		why    string
		text   string
		line   int
		column string
		reason string
	}{
		{"cut in the middle of the last row", wechatFile[:len(wechatFile)-40], lines, "", "cut_short"},
		{"cut before the last cell", strings.TrimSuffix(wechatFile, "/\n"), lines, "", "cut_short"},
		{"cut inside an open quote", strings.TrimSuffix(wechatFile, "/\n") + `"服务`, lines, "", "cut_short"},
		{"an app row cut before its last comma", appHeader + "2024-01-02 10:00:00,餐饮美食,小馆,/,饭,支出,1.00,余额,交易成功,9001\t,77\t,备", 3, "", "cut_short"},
		{"an amount that is none", wechatColumns + "2024-05-09 10:00:00,商户消费,小店,/,支出,¥1.005,零钱,支付成功,77,88,/\n", 2, "金额(元)", "not_an_amount"},
		{"an amount below nothing", wechatColumns + "2024-05-09 10:00:00,商户消费,小店,/,支出,¥-1.00,零钱,支付成功,77,88,/\n", 2, "金额(元)", "negative"},
		{"a day that is none", wechatColumns + "2024-02-30 10:00:00,商户消费,小店,/,支出,¥1.00,零钱,支付成功,77,88,/\n", 2, "交易时间", "not_a_time"},
		{"an order number rounded by a spreadsheet", wechatColumns + "2024-05-09 10:00:00,商户消费,小店,/,支出,¥1.00,零钱,支付成功,4.2E+27,88,/\n", 2, "交易单号", "id_rounded"},
		{"a cell too many in the middle", wechatColumns + "2024-05-09 10:00:00,商户消费,小店,/,支出,¥1.00,零,钱,支付成功,77,88,/\n2024-05-09 10:00:00,商户消费,小店,/,支出,¥1.00,零钱,支付成功,77,88,/\n", 2, "", "cells"},
		{"bytes that are no text", wechatColumns + "2024-05-09 10:00:00,商户消费,小\xff店,/,支出,¥1.00,零钱,支付成功,77,88,/\n", 2, "", "encoding"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			f, err := Read(strings.NewReader(tt.text), Options{})
			var p *Place
			if f != nil || !isFault(err, ErrDamaged) || !errors.As(err, &p) {
				t.Fatalf("Read = %v, %v; want damaged_file with a place", f, err)
			}
			if *p != (Place{tt.line, tt.column, tt.reason}) {
				t.Errorf("place = %+v, want line %d column %q %s", *p, tt.line, tt.column, tt.reason)
			}
			if strings.Contains(err.Error(), "小") || strings.Contains(err.Error(), "1.0") {
				t.Errorf("the error quotes the file: %v", err)
			}
		})
	}
}

func TestOtherFiles(t *testing.T) {
	xlsx := workbook(t, wechatFile, asText, 0)
	for _, tt := range []struct {
		why  string
		data []byte
		want error
	}{
		{"nothing", nil, ErrUnknown},
		{"blanks", []byte(" \r\n\ufeff\n"), ErrUnknown},
		{"a saved login page", []byte("\n<!DOCTYPE html><html><body>登录"), ErrUnknown},
		{"a picture", []byte("\x89PNG\r\n\x1a\n00000"), ErrUnknown},
		{"a PDF", []byte("%PDF-1.7 …"), ErrUnknown},
		{"an old workbook's first bytes", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), ErrDamaged},
		{"bytes", []byte{1, 0, 2, 0, 3}, ErrUnknown},
		{"somebody else's CSV", []byte("date,amount\n2024-01-01,1.00\n"), ErrUnmapped},
		{"an archive", zipped(t, "alipay_record.csv", 0), ErrUnknown},
		{"an archive with a password", zipped(t, "alipay_record.csv", 1), ErrPassword},
		{"half an archive", zipped(t, "alipay_record.csv", 0)[:60], ErrDamaged},
		{"half a workbook", xlsx[:len(xlsx)/2], ErrDamaged},
		{"a workbook of something else", workbook(t, "姓名,分数\n小美,5\n", asText, 0), ErrUnknown},
		{"more than 20 MiB", bytes.Repeat([]byte("a,b\n"), MaxSize/4+1), ErrTooLarge},
		{"lines and nothing else", bytes.Repeat([]byte("x\n"), 1<<20), ErrUnknown},
		{"more bills than are held", append([]byte(wechatColumns), bytes.Repeat([]byte("2024-05-01 0:00,,,,,0,,,,,1\n"), maxHeld+1)...), ErrTooLarge},
		{"a workbook that unpacks to more", bomb(t), ErrTooLarge},
	} {
		t.Run(tt.why, func(t *testing.T) {
			f, err := Read(bytes.NewReader(tt.data), Options{})
			if f != nil || !isFault(err, tt.want) {
				t.Errorf("Read = %v, %v; want %v", f, err, tt.want)
			}
		})
	}
}

// A shop may write line breaks and quotes into its goods.
func TestQuotes(t *testing.T) {
	for _, tt := range []struct{ why, cell, want string }{
		{"bare quotes inside", `点击底部"多多视频"领取`, `点击底部"多多视频"领取`},
		{"doubled quotes", `"一份""大""饭"`, `一份"大"饭`},
		{"a comma inside quotes", `"饭,汤"`, "饭,汤"},
		{"a TAB after the quote", "\"饭\"\t", "饭"},
		{"a line break inside quotes", "\"饭\n汤\"", "饭\n汤"},
		{"a cell that begins with a bare quote", `"大"饭`, `"大"饭`},
		{"a quote that is never closed", `"大饭`, `"大饭`},
	} {
		t.Run(tt.why, func(t *testing.T) {
			next := "2024-05-08 10:00:00,商户消费,小店,/,支出,¥1.00,零钱,支付成功,78,89,/\n"
			f, err := Read(strings.NewReader(wechatColumns+"2024-05-09 10:00:00,商户消费,小店,"+tt.cell+",支出,¥1.00,零钱,支付成功,77,88,/\n"+next), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(f.Accounts[0].Bills) != 2 || f.Accounts[0].Bills[0].Description != tt.want {
				t.Errorf("%d bills, the first %q; want 2, %q", len(f.Accounts[0].Bills), f.Accounts[0].Bills[0].Description, tt.want)
			}
		})
	}
}

// WeChat leaves a shop's comma without quotes.
func TestCommaInAName(t *testing.T) {
	f, err := Read(strings.NewReader(wechatColumns+"2024-05-09 10:00:00,商户消费,RIVER NOODLES CO.,LIMITED,\"面\",支出,¥1.00,零钱,支付成功,77,88,\"/\"\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if b := f.Accounts[0].Bills[0]; b.Counterparty != "RIVER NOODLES CO.,LIMITED" || b.Description != "面" || b.Amount != yuan("1.00") {
		t.Errorf("= %q %q %v", b.Counterparty, b.Description, b.Amount)
	}
}

// Radicals out of PDFs become the characters that they look like; a shop's
// full-width letters and brackets are part of its name.
func TestWhatTextsAreMadeOf(t *testing.T) {
	for _, tt := range []struct{ why, cell, want string }{
		{"Kangxi radicals", "⽀付宝⼩店", "支付宝小店"},
		{"a CJK radical", "⻓江面馆", "长江面馆"},
		{"a Kangxi radical as the mainland writes it", "农⼾小店", "农户小店"},
		{"full width", "ＡＢＣ（河边）面馆①", "ＡＢＣ（河边）面馆①"},
		{"nothing", "/", ""},
		{"nothing, in another hand", " -- ", ""},
		{"a dash that says something", "小店-河边", "小店-河边"},
		{"no-break blanks around", "\u00a0小店\u3000\ufeff", "小店"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			f, err := Read(strings.NewReader(wechatColumns+"2024-05-09 10:00:01,商户消费,"+tt.cell+",面,支出,¥1.00,零钱,支付成功,77,88,/\n"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Accounts[0].Bills[0].Counterparty; got != tt.want {
				t.Errorf("%q is %q, want %q", tt.cell, got, tt.want)
			}
		})
	}
}

// Out of a PDF the header, the title and what stands below the table have
// radicals as well.
func TestATableOfRadicals(t *testing.T) {
	radicals := strings.NewReplacer("金", "⾦", "日", "⽇", "方", "⽅", "支", "⽀", "行", "⾏", "用", "⽤", "户", "⼾", "月", "⽉", "长", "⻓")
	for _, name := range []string{"WeChat", "BOC"} {
		text := map[string]string{
			"WeChat": wechatColumns + "2024-05-09 10:00:01,商户消费,小店,面,支出,¥1.00,零钱,支付成功,77,88,/\n",
			"BOC": "中国银行交易流水明细单\n记账日期,记账时间,币别,金额,余额,交易名称,渠道,网点名称,附言,对方账户名,对方卡号/账号,对方开户行,借记卡号\n" +
				"2025-08-01,08:57:00,人民币,-10.00,90.00,网上快捷支付,银企对接,,,支付宝-小店,,,3167\n",
		}[name]
		want, err := Read(strings.NewReader(text), Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(strings.NewReader(radicals.Replace(text)), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b secret.Value) bool { return a.Equal(b) })); diff != "" {
			t.Errorf("%s: -characters +radicals:\n%s", name, diff)
		}
	}
}

func withoutIDs(bills []connectors.Bill) []connectors.Bill {
	out := append([]connectors.Bill(nil), bills...)
	for i := range out {
		out[i].ID = ""
	}
	return out
}

func gb18030(s string) []byte {
	b, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(s))
	if err != nil {
		panic(err)
	}
	return b
}

var encodings = map[string]func(string) []byte{
	"UTF-8":               func(s string) []byte { return []byte(s) },
	"UTF-8, BOM, CRLF":    func(s string) []byte { return []byte(bom + crlf(s)) },
	"UTF-8, two BOMs":     func(s string) []byte { return []byte(bom + bom + s) },
	"GB18030, CRLF":       func(s string) []byte { return gb18030(crlf(s)) },
	"GB18030, BOM and LF": func(s string) []byte { return gb18030(bom + s) },
}

func splitLines(s string) []string { return strings.Split(strings.TrimSuffix(s, "\n"), "\n") }

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func zipped(t testing.TB, name string, flags uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{Name: name, Flags: flags, Method: zip.Store, CRC32: 0x352441c2, CompressedSize64: 3, UncompressedSize64: 3})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bomb is a small workbook with a sheet of 24 MiB of blanks.
func bomb(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bytes.Repeat([]byte(" "), 12<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	asText = iota
	asNumber
	asSerial
)

// workbook writes a CSV fixture as WeChat's workbooks have it.
func workbook(t testing.TB, text string, style, notes int) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	n := 0
	for _, line := range splitLines(text) {
		if strings.HasPrefix(line, "----") {
			n += notes
		}
		n++
		cells, _ := quoted(line, ',')
		for i, c := range cells {
			name, err := excelize.CoordinatesToCellName(i+1, n)
			if err != nil {
				t.Fatal(err)
			}
			var value any = c
			amount, err := money.Parse(strings.TrimPrefix(c, "¥"), "CNY")
			switch {
			case i == 5 && style != asText && err == nil:
				value = float64(amount.Minor) / 100
			case i == 0 && style == asSerial && strings.HasPrefix(c, "2024-"):
				value = at(c).Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, zone)).Seconds() / 86400
			}
			if err := f.SetCellValue("Sheet1", name, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// inlined is the same with strings in the sheet itself, as excelize's stream
// writer and several banks write them.
func inlined(t testing.TB, text string) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	w, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range splitLines(text) {
		cells, _ := quoted(line, ',')
		row := make([]any, len(cells))
		for i, c := range cells {
			row[i] = c
		}
		name, err := excelize.CoordinatesToCellName(1, n+1)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.SetRow(name, row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
