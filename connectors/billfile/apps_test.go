package billfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/internal/fault"
)

const jdColumns = "交易时间,商户名称,交易说明,金额,收/付款方式,交易状态,收/支,交易分类,交易订单号,商家订单号,备注\n"

const jdFile = bom + `导出信息：
京东账号名：jd_lantern
申请时间：2025-04-01 08:00:00
日期区间：2025-03-01 至 2025-03-31
导出交易类型：全部
导出交易场景：全部
共：15笔记录
收入：2笔，1.25元
支出：3笔(含1笔部分退款)，170.00元
不计收支：11笔，880.00元

特别提示
1.本明细为每笔订单支付的明细。

` + jdColumns +
	"2025-03-31 12:00:00\t,京东平台商户,红茶 500g,120.00(已退款20.00),京东白条,交易成功,支出,食品酒饮,310001\t,9001\t, ,\n" +
	"2025-03-30 12:00:00\t,京东平台商户,退款-红茶 500g,20.00,京东白条,退款成功,不计收支,网购,310001\t,9001\t, ,\n" +
	"2025-03-29 12:00:00\t,京东平台商户,价保退款,3.00,京东白条,交易成功,不计收支,其他,310009\t,9009\t, ,\n" +
	"2025-03-28 12:00:00\t,京东平台商户,茶杯,60.00(已全额退款),微信-江南银行信用卡,交易成功,不计收支,家居,310002\t,9002\t, ,\n" +
	"2025-03-28 13:00:00\t,京东平台商户,退款-茶杯,60.00,微信-江南银行信用卡,退款成功,不计收支,网购,310002\t,9002\t, ,\n" +
	"2025-03-27 12:00:00\t,京东平台商户,茶壶,88.00,先享后付,交易成功,不计收支,先享后付,310003\t,9003\t, ,\n" +
	"2025-03-27 13:00:00\t,京东平台商户,退款-茶壶,88.00,先享后付,退款成功,不计收支,网购,310003\t,9003\t, ,\n" +
	"2025-03-26 12:00:00\t,京东金融,白条主动还款,500.00,江南银行储蓄卡(1234),交易成功,不计收支,白条,310004\t,9004\t, ,\n" +
	"2025-03-25 12:00:00\t,京东金融,京东小金库-转入,200.00,江南银行储蓄卡(1234),交易成功,不计收支,小金库,310005\t,9005\t, ,\n" +
	"2025-03-24 12:00:00\t,京东金融,京东小金库-转出,50.00,小金库,交易成功,不计收支,小金库,310006\t,9006\t, ,\n" +
	"2025-03-23 12:00:00\t,京东金融,京东小金库收益,0.25,小金库,交易成功,收入,小金库,310007\t,9007\t, ,\n" +
	"2025-03-22 12:00:00\t,京东金融,京东钱包余额充值,40.00,江南银行储蓄卡(1234),交易成功,不计收支,余额,310008\t,9008\t, ,\n" +
	"2025-03-21 12:00:00\t,京东金融,京东余额提现,7.00,钱包余额,交易成功,不计收支,余额,310010\t,9010\t, ,\n" +
	"2025-03-20 12:00:00\t,京东平台商户,豆腐,70.00,数字人民币-江南银行钱包(0637),交易成功,支出,食品酒饮,310011\t,9011\t,送礼,\n" +
	"2025-03-19 12:00:00\t,京东平台商户,红包,1.00,钱包余额,交易成功,收入,其他,310012\t,9012\t, ,\n"

func TestJD(t *testing.T) {
	// One row of the claimed three that went out is missing on purpose: the
	// claims are read, and not only skipped.
	f, err := Read(strings.NewReader(jdFile), Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkSound(t, f)
	a := f.Accounts[0]
	if f.Format != "jd" || f.Source.ID != "jd" || f.Holder.RevealString() != "jd_lantern" || a.Name != "钱包余额" || a.Kind != connectors.WalletBalance {
		t.Errorf("file = %+v", f)
	}
	if !f.Exported.Equal(at("2025-04-01 08:00:00")) || !a.Covers.From.Equal(at("2025-03-01 00:00:00")) || !a.Covers.To.Equal(at("2025-04-01 00:00:00")) {
		t.Errorf("exported %v, covers %v; the last day belongs to it", f.Exported, a.Covers)
	}
	if got := problemsOf(f); !cmp.Equal(got, []string{"count_differs out 3 2"}) {
		t.Errorf("problems = %v", got)
	}
	want := []string{ // kind, flow, direction, state, note, refund of
		"payment out out booked refunded_part ", // on credit: spent now
		"refund in in booked  310001",
		"refund in in booked  310009", // of a price that fell later
		"payment out out reversed  ",
		"refund in in booked  310002",
		"adjustment internal out booked  ", // a promise to pay: no money moves
		"adjustment internal in booked  ",
		"repayment internal out booked  ", // and not again
		"investment internal out booked  ",
		"redemption internal in booked  ",
		"interest in in booked  ",
		"topup internal in booked  ",
		"withdrawal internal out booked  ",
		"payment out out booked  ",
		"income in in booked  ",
	}
	if diff := cmp.Diff(want, meanings(a.Bills)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if b := a.Bills[0]; b.Amount != yuan("120.00") || b.Order != "310001" || b.Merchant != "9001" || b.Method != "京东白条" || b.Category != "食品酒饮" {
		t.Errorf("bill = %+v; what came back is a row of its own", b)
	}
}

// An export that a person has cut down to eight columns has no order numbers.
func TestJDWithoutOrders(t *testing.T) {
	f, err := Read(strings.NewReader("导出信息：\n京东账号名：jd_lantern\n日期区间：2025-01-01 至 2025-09-01\n\n"+
		"交易时间,商户名称,交易说明,金额,收/付款方式,交易状态,收/支,交易分类\n"+
		"2025-09-01 12:34:56,某店,扇子,123.45,江南银行储蓄卡(1234),交易成功,支出,其他网购\n"+
		"2025-08-31 12:34:56,某店,扇子,5,江南银行储蓄卡(1234),处理中,支出,其他网购\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkSound(t, f)
	if diff := cmp.Diff([]string{"payment out out booked  ", "payment out out pending  "}, meanings(f.Accounts[0].Bills)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestJDAmounts(t *testing.T) {
	row := func(amount string) string {
		return jdColumns + "2025-03-31 12:00:00\t,店,茶," + amount + ",钱包余额,交易成功,支出,食品,1\t,2\t, ,\n"
	}
	for _, tt := range []struct{ amount, want, why string }{
		{"100.00（已退款50.00）", "100.00 booked refunded_part", "brackets of either width"},
		{"100.00(已退款100.00)", "100.00 reversed ", "all of it in parts"},
		{`"1,100.00(已退款1,000.00)"`, "1100.00 booked refunded_part", "thousands in both"},
		{"100.00(已退款100.01)", "out_of_range", "more than was paid"},
		{"100.00(已退款-1)", "out_of_range", "less than nothing"},
		{"100.00(已退款多少)", "not_an_amount", ""},
		{"100.00(已退款)", "100.00 reversed ", "without a sum it is all"},
		{"100.00(退货中)", "not_an_amount", "no words are guessed at"},
		{"-1.00", "negative", ""},
	} {
		t.Run(tt.amount, func(t *testing.T) {
			f, err := Read(strings.NewReader(row(tt.amount)), Options{})
			got := placed(err)
			if err == nil {
				b := f.Accounts[0].Bills[0]
				got = strings.Join([]string{b.Amount.Value(), string(b.State), b.Note}, " ")
			}
			if got != tt.want {
				t.Errorf("%s: %s; want %s (%s)", tt.amount, got, tt.want, tt.why)
			}
		})
	}
}

const meituanFile = bom + "美团交易账单明细\r\n美团用户名：[月下]\r\n起始时间：[2025-05-01] 终止时间：[2025-05-31]\r\n导出交易类型：[全部]\r\n" +
	"导出时间：[2025-06-02 09:00:00]\r\n\"\"\r\n共：7笔记录\r\n支出：4笔 63.40元\r\n收入：1笔 9.50元\r\n不计收支：2笔 30.00元\r\n\"\"\r\n特别提示：\r\n" +
	"1. 本明细仅供用户个人对账使用\r\n\"\"\r\n【美团交易账单明细列表】\r\n" +
	"交易创建时间,交易成功时间,交易类型,订单标题,收/支,支付方式,订单金额,实付金额,交易单号,商家单号,备注\r\n" +
	"2025-05-20 12:00:00,2025-05-20 12:00:05,支付,绿茵面馆（江南店） 订单详情,支出,微信支付,¥22.00,¥20.40,\"2505201\t\",\"0_11\t\",/\r\n" +
	"2025-05-19 12:00:00,2025-05-19 12:00:05,支付,双人茶点代金券,支出,美团月付,¥45.00,¥43.00,\"2505191\t\",\"A1\t\",少冰\r\n" +
	"2025-05-18 12:00:00,2025-05-18 12:00:05,退款,双人茶点代金券,收入,美团月付,¥10.00,¥9.50,\"2505181\t\",\"B1\t\",/\r\n" +
	"2025-05-17 12:00:00,2025-05-17 12:00:05,还款,【美团月付】主动还款,支出,江南银行储蓄卡(1234),¥43.10,¥43.00,\"2505171\t\",\"C1\t\",/\r\n" +
	"2025-05-16 12:00:00,2025-05-16 12:00:05,充值,余额充值,不计收支,江南银行储蓄卡(1234),¥20.00,¥20.00,\"2505161\t\",\"D1\t\",/\r\n" +
	"2025-05-15 12:00:00,2025-05-15 12:00:05,提现,余额提现,不计收支,美团余额,¥10.00,¥10.00,\"2505151\t\",\"E1\t\",/\r\n" +
	"2025-05-14 12:00:00,,飞行,没听说过,支出,美团余额,¥0.00,¥0.00,\"2505141\t\",\"F1\t\",/\r\n\"\"\r\n"

func TestMeituan(t *testing.T) {
	f, err := Read(strings.NewReader(meituanFile), Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkSound(t, f)
	a := f.Accounts[0]
	if f.Format != "meituan" || f.Source.ID != "meituan" || f.Holder.RevealString() != "月下" || !a.Number.Empty() || a.Kind != connectors.WalletBalance {
		t.Errorf("file = %+v; a nickname is no number", f)
	}
	if !a.Covers.From.Equal(at("2025-05-01 00:00:00")) || !a.Covers.To.Equal(at("2025-06-01 00:00:00")) {
		t.Errorf("covers %v; the last day belongs to it", a.Covers)
	}
	if len(f.Problems) != 0 {
		t.Errorf("problems = %v, want none: what was repaid is counted and not summed", f.Problems)
	}
	want := []string{
		"payment out out booked  ",
		"payment out out booked  ", // on credit: spent now
		"refund in in booked  ",
		"repayment internal out booked  ", // and not again
		"topup internal in booked  ",
		"withdrawal internal out booked  ",
		"other out out pending  ",
	}
	if diff := cmp.Diff(want, meanings(a.Bills)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	b := a.Bills[0]
	if b.Amount != yuan("20.40") || !b.At.Equal(at("2025-05-20 12:00:05")) || b.Counterparty != "绿茵面馆（江南店）" || b.Order != "2505201" || b.Merchant != "0_11" {
		t.Errorf("bill = %+v; what was paid, when it was paid, to the shop", b)
	}
	if b := a.Bills[1]; b.Counterparty != "" || b.Description != "双人茶点代金券 · 少冰" {
		t.Errorf("bill = %+v; a voucher's title is no shop", b)
	}
}

// meanings is what the rows were taken for, a line each.
func meanings(bills []connectors.Bill) (lines []string) {
	for _, b := range bills {
		lines = append(lines, strings.Join([]string{string(b.Kind), string(b.Flow), string(b.Direction), string(b.State), b.Note, b.RefundOf}, " "))
	}
	return lines
}

func problemsOf(f *File) (lines []string) {
	for _, p := range f.Problems {
		lines = append(lines, told(p))
	}
	return lines
}

// placed is why a row could not be read.
func placed(err error) string {
	var p *Place
	if errors.As(err, &p) {
		return p.Why
	}
	return fmt.Sprint(err)
}

func codeOf(err error) string {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
