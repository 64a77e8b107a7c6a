package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"jali/consent"
	"jali/internal/aggregate"
)

// filer is which of the sample people has brought files, too.
const filer = 2

// movement is one of theirs, as Alipay and their bank write it. Money out is
// below zero, in fen.
type movement struct {
	ago    int // days
	clock  string
	fen    int64
	sort   string // Alipay's 交易分类; empty: the bank's alone
	with   string
	goods  string
	method string
	state  string
	bank   int64 // what the bank books; 0: nothing
	word   string
	party  string // as the bank writes it
}

const (
	card    = "招商银行储蓄卡(6021)"
	success = "交易成功"
)

// movements are a quarter's: a purchase of which the card paid a part, and
// nobody tells which; borrowed money that bought a fund; a refund; and some
// days of the card that are in neither of its files ([months]).
var movements = []movement{
	{3, "08:12:40", -1800, "餐饮美食", "巷口面馆", "牛肉面", card, success, -1800, "快捷支付", "支付宝-巷口面馆"},
	{4, "19:55:02", -7980, "文化休闲", "江畔影城", "电影票 2 张", card + "&红包", success, -7480, "快捷支付", "支付宝-江畔影城"},
	{6, "10:31:17", -480000, "投资理财", "蚂蚁基金销售", "蚂蚁财富-沪深300指数-买入", "余额", success, 0, "", ""},
	{7, "21:04:55", 500000, "信用借还", "重庆蚂蚁小微小额贷款", "借呗-放款至余额", "余额", "放款成功", 0, "", ""},
	{9, "12:20:08", 12900, "退款", "蓝鲸网购", "退款-台灯", card, "退款成功", 12900, "快捷支付退款", "支付宝-蓝鲸网购"},
	{11, "20:15:33", -12900, "家居家装", "蓝鲸网购", "台灯", card, success, -12900, "快捷支付", "支付宝-蓝鲸网购"},
	{13, "09:00:00", 1650000, "", "", "", "", "", 1650000, "代发工资", "临江科技有限公司"},
	{16, "18:42:11", -23680, "日用百货", "邻里超市", "生鲜、纸巾", card, success, -23680, "快捷支付", "支付宝-邻里超市"},
	{21, "07:58:30", -400, "交通出行", "城市地铁", "地铁乘车", card, success, -400, "快捷支付", "支付宝-城市地铁"},
	{33, "13:30:00", -38640, "", "", "", "", "", -38640, "快捷支付", "财付通-远山户外"},
	{44, "09:00:00", 1650000, "", "", "", "", "", 1650000, "代发工资", "临江科技有限公司"},
	{48, "11:11:11", -320000, "转账红包", "房东老周", "转账", card, success, -320000, "转账汇款", "周某"},
	{52, "19:20:45", -8650, "餐饮美食", "海棠火锅", "堂食", "花呗", success, 0, "", ""},
	{58, "22:01:09", -2500, "文化休闲", "听雨音乐", "会员包月", card, success, -2500, "快捷支付", "支付宝-听雨音乐"},
	{63, "08:40:26", -1600, "餐饮美食", "巷口面馆", "阳春面", card, success, -1600, "快捷支付", "支付宝-巷口面馆"},
	{70, "17:05:50", 20000, "转账红包", "沈知夏", "收钱码收款", "余额", success, 0, "", ""},
}

// lost are the days, from and to so many ago, that no file of the card holds.
const lostFrom, lostTo = 40, 26

// bring has a person take in the files that they brought: a wallet's, and two
// of a bank card with some days between them missing.
func (s *sandbox) bring(ctx context.Context, person string) error {
	today := midnight(s.now())
	wallet, err := alipayExport(today)
	if err != nil {
		return err
	}
	earlier, later := cardStatements(today)
	for _, file := range [][]byte{wallet, earlier, later} {
		if _, err := s.house.Aggregate.Import(ctx, consent.PersonID(person), bytes.NewReader(file), aggregate.Taking{}); err != nil {
			return fmt.Errorf("a sample person's file: %w", err)
		}
	}
	return nil
}

func midnight(t time.Time) time.Time {
	t = t.In(consent.Shanghai)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, consent.Shanghai)
}

// at is when a movement was.
func (m movement) at(today time.Time) string {
	return today.AddDate(0, 0, -m.ago).Format(time.DateOnly) + " " + m.clock
}

func yuan(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	return fmt.Sprintf("%s%d.%02d", sign, fen/100, fen%100)
}

// alipayExport is what Alipay's app sends of the movements: newest first,
// GB18030, with its own counts and sums.
func alipayExport(today time.Time) ([]byte, error) {
	var rows []string
	sums := map[string]struct {
		n   int
		fen int64
	}{}
	for i, m := range movements {
		if m.sort == "" {
			continue
		}
		side, fen := "支出", max(m.fen, -m.fen)
		switch {
		case m.sort == "投资理财" || m.sort == "信用借还" || m.sort == "退款":
			side = "不计收支"
		case m.fen > 0:
			side = "收入"
		}
		sum := sums[side]
		sum.n, sum.fen = sum.n+1, sum.fen+fen
		sums[side] = sum
		order := fmt.Sprintf("%s22001%015d", today.AddDate(0, 0, -m.ago).Format("20060102"), 700000+i)
		rows = append(rows, fmt.Sprintf("%s,%s,%s,/,%s,%s,%s,%s,%s,%s\t,S%012d\t,,", m.at(today), m.sort, m.with, m.goods, side, yuan(fen), m.method, m.state, order, i))
	}
	first := today.AddDate(0, 0, -movements[len(movements)-1].ago)
	lines := []string{
		"------------------------------------------------------------------------------------", "导出信息：", "姓名：陆青禾", "支付宝账户：qing***@example.test",
		fmt.Sprintf("起始时间：[%s 00:00:00]    终止时间：[%s 23:59:59]", first.Format(time.DateOnly), today.AddDate(0, 0, -1).Format(time.DateOnly)),
		"导出交易类型：[全部]", fmt.Sprintf("导出时间：[%s 00:00:01]", today.Format(time.DateOnly)), fmt.Sprintf("共%d笔记录", len(rows)),
	}
	for _, side := range []string{"收入", "支出", "不计收支"} {
		lines = append(lines, fmt.Sprintf("%s：%d笔 %s元", side, sums[side].n, yuan(sums[side].fen)))
	}
	lines = append(lines, "", "特别提示：", "1.本明细仅供个人对账使用。", "", "------------------------支付宝支付科技有限公司  电子客户回单------------------------",
		"交易时间,交易分类,交易对方,对方账号,商品说明,收/支,金额,收/付款方式,交易状态,交易订单号,商家订单号,备注,")
	return simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(strings.Join(append(lines, rows...), "\r\n") + "\r\n"))
}

// cardStatements are the bank's of the same movements, oldest first, with the
// balance after each: all but those of the lost days, in two files.
func cardStatements(today time.Time) (earlier, later []byte) {
	const header = "记账日期,货币,交易金额,联机余额,交易摘要,对手信息,客户摘要\r\n"
	before, after := bytes.NewBufferString(header), bytes.NewBufferString(header)
	balance := int64(486213)
	for _, m := range slices.Backward(movements) {
		if m.bank == 0 {
			continue
		}
		balance += m.bank
		file := after
		switch {
		case m.ago >= lostFrom:
			file = before
		case m.ago > lostTo:
			continue
		}
		fmt.Fprintf(file, "%s,CNY,%s,%s,%s,%s,\r\n", today.AddDate(0, 0, -m.ago).Format(time.DateOnly), yuan(m.bank), yuan(balance), m.word, m.party)
	}
	return before.Bytes(), after.Bytes()
}
