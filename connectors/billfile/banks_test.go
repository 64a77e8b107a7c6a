package billfile

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
)

// spelled is a file as a person would go through it: its accounts, and of each
// bill what matters.
func spelled(f *File) (lines []string) {
	for _, a := range f.Accounts {
		lines = append(lines, strings.TrimSpace(fmt.Sprint("= ", a.Ref.ID.RevealString(), " | ", a.Number.RevealString(), " | ", a.Currency)))
		for _, b := range a.Bills {
			at := b.At.Format("2006-01-02 15:04:05")
			if b.DateOnly {
				at = at[:10]
			}
			texts := strings.Join([]string{b.RawKind, b.Counterparty, b.Description, b.Method, b.Order}, "|")
			lines = append(lines, fmt.Sprint(at, " ", b.Direction, " ", b.Amount, " ", b.Flow, " ", b.Kind, " |", strings.TrimRight(texts, "|")))
		}
	}
	for _, p := range f.Problems {
		lines = append(lines, "! "+told(p))
	}
	return lines
}

var bankFixtures = []struct {
	format string
	data   []byte
	want   string
}{
	{"boc_debit", []byte(bocDebitFile), `
= deposit ****4321 | ****4321 | CNY
2026-03-05 18:01:02 out 20.00 CNY out payment |网上快捷支付|支付宝-河边面馆
2026-03-04 09:00:00 out 1000.00 CNY out transfer |跨行转账|林小满|三月房租 · 尾号7788
2026-03-02 07:00:00 in 2150.00 CNY in income |工资|河边面馆
= deposit ****4321 USD | ****4321 | USD
2026-03-03 08:00:00 in 50.00 USD in transfer |境外汇入汇款|Mei`},
	{"boc_online", []byte(bocOnlineFile), `
= deposit |  | CNY
2026-06-20 23:59:59 in 1.23 CNY in interest |结息
2026-06-16 14:00:00 in 3000.00 CNY internal withdrawal |网上快捷提现|林小满|林小满支付宝余额提现-0001
2026-06-15 10:30:00 out 2500.00 CNY out payment |网上快捷支付|支付宝-河边面馆
= deposit HKD |  | HKD
2026-06-15 09:30:00 in 0.88 HKD in interest |结息`},
	{"boc_credit", []byte(bocCreditFile), `
= credit_card |  |
2026-02-13 out 50.00 CNY out payment ||云闪付-河边面馆||信用卡(4260)
2026-02-14 in 12.00 CNY in refund ||网银在线||信用卡(2875)
2026-02-15 in 0.01 CNY in interest ||存款利息
2026-02-16 in 361.19 CNY internal repayment ||林小满||信用卡(2875)
2026-02-17 out 3.70 USD out payment ||MAPLE SYRUP SHOP|CAN|信用卡(2875)
2026-02-18 out 200.00 CNY out fee ||年费`},
	{"cmb_debit", []byte(cmbDebitFile), `
= deposit |  | CNY
2026-01-03 out 10.00 CNY out payment |快捷支付|抖音小店商家|抖音支付-小店
2026-01-02 out 1000.00 CNY out transfer |转账汇款|林小满|转账 · 尾号7788
2026-01-01 in 5.00 CNY in interest |账户结息`},
	{"cmb_online", []byte(cmbOnlineFile), `
= deposit 6214********5555 | 6214********5555 | CNY
2026-01-15 10:30:00 in 2.50 CNY in interest |账户结息|结息：2.50扣税：0
2026-01-08 09:15:30 out 200.00 CNY out payment |网联协议支付|财付通-微信支付-河边面馆
2026-01-03 14:20:00 out 500.00 CNY out transfer |转账汇款|转账 林小满`},
	{"cmb_credit", []byte(cmbCreditFile), `
= credit_card |  | CNY
2025-12-29 in 100.00 CNY internal repayment ||掌上生活还款||信用卡(1234)
2025-12-30 out 1000.00 CNY out payment ||支付宝-河边面馆||信用卡(1234)
2026-01-02 out 72.10 CNY out payment ||MAPLE SYRUP SHOP|10.00(CA)|信用卡(5678)
2026-01-03 in 3.90 CNY in refund ||手机银行饭票||信用卡(1234)`},
	{"icbc_debit", []byte(icbcDebitFile), `
= deposit 1234****9876 2 | 1234****9876 | CNY
2026-05-02 out 13.40 CNY out payment |消费|财付通-河边面馆|某支付公司
2026-05-01 out 50.00 CNY out payment |消费|MAPLE SYRUP SHOP|10.00 加拿大元
2026-04-30 out 500.00 CNY out transfer |网转|林小满|手机银行 · 尾号7788
2026-04-29 in 490.00 CNY internal transfer |结汇
= deposit 1234****9876 2 USD | 1234****9876 | USD
2026-04-29 out 70.00 USD internal transfer |结汇`},
	{"icbc_debit", []byte(icbcDebitOldFile), `
= deposit 1234****9876 | 1234****9876 | CNY
2026-05-02 out 13.40 CNY out payment |消费|财付通-河边面馆|某支付公司`},
	{"icbc_credit", []byte(icbcCreditFile), `
= credit_card 1234****5678 | 1234****5678 | CNY
2026-05-05 out 18.00 CNY out payment |消费|支付宝-河边面馆
2026-05-04 in 20.00 CNY in refund |退货|支付宝-河边面馆
2026-05-01 in 380.00 CNY internal repayment |人民币自动转帐还款|江南分行`},
	{"bocom_credit", []byte(bocomCreditFile), `
= credit_card |  |
2026-01-10 in 23.18 CNY in refund |退货|支付宝-河边面馆
2026-01-29 in 666.60 CNY internal repayment |信用卡还款|转账还款-林小满 7788
2026-01-11 out 2.99 CNY out payment |消费|美团
2026-01-18 out 50.10 CNY out payment |消费|Maple Syrup|CAD 10.00
2026-01-20 out 1.00 CNY out other |穿越|时空`},
	{"bocom_debit", []byte(bocomDebitFile), `
= deposit |  | CNY
2026-01-01 in 1.23 CNY in interest |存款利息|应付个人活期储蓄存款利息|批处理
2026-02-02 13:15:12 out 3.23 CNY internal repayment |信用卡转账还款|林小满|其他 · 尾号6666
2026-04-04 11:46:44 in 10.00 CNY in transfer |其他交易|林小满|网络支付 · 银联入账(林小满/其它)转账 · 尾号7788
2026-05-05 12:48:15 out 8.00 CNY out payment |异地跨行消费|河边面馆`},
	{"abc_debit", []byte(abcDebitFile), `
= deposit |  | CNY
2026-01-01 12:34:56 in 10000.00 CNY in transfer |转存|林小满|转账||369396693
2026-01-02 09:23:24 out 10.00 CNY out payment |财付通|微信支付河边面馆|微信支付-河边面馆||369333999
2026-01-03 out 990.00 CNY internal repayment |正常还款||尾号2341||111222333
2026-01-04 in 0.01 CNY in interest |结息||个人活期结息`},
	{"abc_online", []byte(abcOnlineFile), `
= deposit 622848****8888 | 622848****8888 | CNY
2026-03-29 12:17:04 out 4.00 CNY out payment |支付宝|支付宝-消费河边面馆|UA0329支付宝-消费-河边面馆
2026-03-21 in 0.07 CNY in interest |结息||个人活期结息
2026-02-10 16:31:46 in 1000.00 CNY in transfer |银联入账|林小满|尾号5555`},
	{"bocom_online", excel97(bocomOnlineRows), `
= deposit 6222888888888888888 | 6222888888888888888 | CNY
2026-03-21 05:14:01 in 0.04 CNY in interest |存款利息|应付个人活期储蓄存款利息|批处理
2026-02-26 19:12:49 out 19.15 CNY out payment |网上支付|河边面馆|支付宝-消费 · 生活服务消费
2026-01-10 16:00:25 in 540.00 CNY internal withdrawal |网上银行卡转入|林小满|微信支付 · 微信零钱提现 交易流水号20260110651659460265643S0100302`},
	{"pingan_debit", []byte(pinganText), `
= deposit 6230****6666 | 6230****6666 | CNY
2026-12-30 09:15:30 out 45.50 CNY out payment |消费|河边面馆|午饭||PA0001
2026-12-31 10:00:00 in 5000.00 CNY in transfer |转账|林小满|尾号1111||PA0002`},
	{"spdb_credit", excel97(spdbRows), `
= credit_card |  |
2026-01-02 out 314.15 CNY out payment ||支付宝-河边面馆||信用卡(8888)
2026-01-17 in 1618.03 CNY internal repayment ||银联在线还款||信用卡(1234)
2026-01-31 out 73.19 CNY out payment ||MAPLE SYRUP|10.00(CAD)|信用卡(0321)`},
	{"ccb_debit", excel97(ccbRows), `
= deposit 62170*********0019 | 62170*********0019 | CNY
2026-01-01 18:53:19 out 67.00 CNY out payment |消费|支付宝-河边面馆|河***馆
2026-01-02 19:12:59 in 18.06 CNY in refund |消费|支付宝-河边面馆|**馆
2026-01-03 09:12:59 out 40.00 CNY out transfer |转账支取|林小满|尾号7788`},
	{"ccb_statement", []byte(ccbStatementFile), `
= deposit 6217000000000000019 | 6217000000000000019 | CNY
2026-01-05 in 1100.00 CNY in transfer |银联入账|林小满|转账 · 尾号7788
2026-01-06 out 98.00 CNY out payment |消费|某支付公司|财付通-河边面馆
2026-01-21 in 0.40 CNY in interest |利息存入`},
	{"citic_credit", excel97(citicRows), `
= credit_card |  |
2026-01-09 out 5.90 CNY out payment ||支付宝－河边面馆||信用卡(0688)
2026-01-09 in 0.20 CNY in income ||现金奖励-笔笔返||信用卡(0688)
2026-01-08 out 51.20 CNY out payment ||MAPLE SYRUP|10.00 加元|信用卡(6688)
2025-12-20 in 1.21 CNY internal repayment ||财付通还款||信用卡(6688)`},
	{"cgb_credit", []byte(cgbCreditFile), `
= credit_card |  |
2026-01-05 out 15.90 CNY out payment |消费|支付宝-河边面馆
2026-01-04 in 97.20 CNY in refund |退款|河边面馆
2026-01-03 out 387.42 CNY out other |分期|银联分期/10/12期
2025-12-25 in 1130.68 CNY internal repayment |还款|云闪付 银联入账-林小满`},
	{"cib_debit", []byte(cibText), `
= deposit 622908000000000019 003 USD | 622908000000000019 | USD
2026-01-06 in 30.00 USD internal transfer |购汇|林小满|兴业银行 · 尾号0019
2026-01-08 10:20:30 out 20.00 USD out transfer |转账转出|MEI LAM|学费 · RIVER BANK · 尾号7788`},
	{"hsbc_hk_debit", []byte(hsbcDebitFile), `
= deposit HKD |  | HKD
2026-03-24 out 1.00 HKD out other ||TRIPLE Z|HC1234567890123456 22MAR
2026-03-23 out 100.00 HKD internal withdrawal |MOBILE WITHDRAWAL|(22MAR26)
2026-03-12 in 4500.00 HKD in income |SALARY PAYMENT|RIVER NOODLES LTD
2026-03-01 in 5.45 HKD in interest |INTEREST CREDIT
= deposit |  | CNY
2026-03-12 in 500.00 CNY in transfer |FUND TRANSFER FROM|12-345678-9 MEI LAM`},
	{"hsbc_hk_credit", []byte(hsbcCreditFile), `
= credit_card |  |
2026-04-09 out 18.00 CNY out payment ||RIVER NOODLES CO.,LTD.|QR RIVER NOODLES CO.,LTD. CHN CN
2026-04-07 out 27.90 HKD out payment ||BAKERY|SALES: BAKERY (HKD) CHN CN
2026-03-31 in 25.00 CNY in refund ||PLATFORM|RETURN: PLATFORM CHN CN
2026-03-24 in 3266.16 CNY internal repayment |||PAYMENT - THANK YOU`},
}

// Every form reads its statement, in the encodings that banks write, and its
// own sums and balances agree with its rows: there are no problems.
func TestBankStatements(t *testing.T) {
	for i, tt := range bankFixtures {
		for name, data := range map[string][]byte{"": tt.data, " in GB18030, with CRLF": gb18030(strings.ReplaceAll(string(tt.data), "\n", "\r\n"))} {
			if bytes.HasPrefix(tt.data, []byte("\xd0\xcf")) && name != "" {
				continue
			}
			t.Run(fmt.Sprint(tt.format, " ", i, name), func(t *testing.T) {
				f, err := Read(bytes.NewReader(data), Options{})
				if err != nil {
					t.Fatal(err)
				}
				checkSound(t, f)
				if f.Format != tt.format || f.Source.Kind != connectors.Bank || f.Source.ID == "" || f.Source.Name.ZH == "" || f.Source.Name.EN == "" {
					t.Errorf("format %q of %v, want %q", f.Format, f.Source, tt.format)
				}
				if diff := cmp.Diff(strings.Split(tt.want, "\n")[1:], spelled(f)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	}
}

// The bank's own file of that is a workbook.
func TestBankWorkbook(t *testing.T) {
	as := func(data []byte) []string {
		f, err := Read(bytes.NewReader(data), Options{})
		if err != nil {
			t.Fatal(err)
		}
		return spelled(f)
	}
	if diff := cmp.Diff(as([]byte(cibText)), as(workbook(t, cibText, asText, 0))); diff != "" {
		t.Errorf("-text +workbook:\n%s", diff)
	}
}

// A header belongs to one form alone. Two forms of one source may share
// columns, if the one with more of them is tried first.
func TestNoFileFitsTwoForms(t *testing.T) {
	within := func(a, b form) bool {
		for _, n := range a.needs {
			found := false
			for _, m := range b.needs {
				found = found || n == m
			}
			if !found {
				return false
			}
		}
		return true
	}
	for i, a := range forms {
		for j, b := range forms {
			if i != j && within(a, b) && (a.source.ID != b.source.ID || i < j) {
				t.Errorf("a file of %s may be taken for one of %s", b.name, a.name)
			}
		}
	}
	for _, tt := range bankFixtures {
		f, err := Read(bytes.NewReader(tt.data), Options{})
		if err != nil {
			t.Fatal(err)
		}
		fitting := 0
		for _, fm := range forms {
			if fm.name == f.Format {
				fitting++
			}
		}
		if fitting != 1 {
			t.Errorf("%d forms are called %s", fitting, f.Format)
		}
	}
}

// What a bank says of its own file is held against the rows.
func TestBankClaims(t *testing.T) {
	for _, tt := range []struct {
		why      string
		file     string
		old, new string
		want     []string
	}{
		{"a sum that is not that of the rows", icbcDebitFile, `"563.40 `, `"563.41 `, []string{"sum_differs out 563.41 CNY 563.40 CNY"}},
		{"a sum in another currency", icbcDebitFile, "美元合计,,,,,,,,,\"0.00   \t\",\"70.00 ", "美元合计,,,,,,,,,\"0.00   \t\",\"71.00 ", []string{"sum_differs out 71.00 USD 70.00 USD"}},
		{"sums that cannot be read", icbcDebitFile, "\"490.00   \t\",\"563.40   \t\"", `"x","y"`, []string{"claim_unreadable total"}},
		{"a file cut off above its sums", icbcCreditFile, "合计金额,,,,,\"400.00    \t\",\"18.00    \t\",\t,\"400.00    \t\",\"18.00    \t\",\n", "", []string{"claim_missing total 0"}},
		{"a count that is not that of the rows", cmbOnlineFile, "支出合计: 2 笔", "支出合计: 3 笔", []string{"count_differs out 3 2"}},
		{"a row out of the period", cmbOnlineFile, "[20260131]", "[20260114]", []string{"outside_period period 1"}},
		{"a balance that does not follow", bocDebitFile, `-20.00,"1,130.00"`, `-21.00,"1,130.00"`, []string{"balance_breaks balance 1"}},
		{"a balance that is no number", bocDebitFile, `-20.00,"1,130.00"`, `-20.00,"x,xxx.xx"`, []string{"claim_unreadable balance"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			changed := strings.Replace(tt.file, tt.old, tt.new, 1)
			if changed == tt.file {
				t.Fatal("the fixture has no such words")
			}
			f, err := Read(strings.NewReader(changed), Options{})
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

// A row that cannot be read names its line, and nothing is taken.
func TestDamagedBankRows(t *testing.T) {
	for _, tt := range []struct {
		why, file, old, new, want string
	}{
		{"a month that is none", cmbCreditFile, "01/02,01/03", "13/02,01/03", "line 5, column 交易日: not_a_time"},
		{"days without a year, and no title", cmbCreditFile, "2026年01月", "一月", "line 3, column 记账日: no_year"},
		{"a day of another writing", abcDebitFile, "20260104", "4.1.26", "line 5, column 交易日期: not_a_time"},
		{"a time that is none", bocDebitFile, "18:01:02", "25:01:02", "line 3, column 记账时间: not_a_time"},
		{"both ways at once", bocCreditFile, "12.00,,CNY", "12.00,12.00,CNY", "line 4, column 支出: two_amounts"},
		{"neither way", bocCreditFile, "12.00,,CNY", ",,CNY", "line 4, column 支出: not_an_amount"},
		{"a currency that nobody knows", bocDebitFile, "美元", "贝壳", "line 5, column 币别: not_a_currency"},
		{"a code that is no currency's", bocCreditFile, "3.70,USD", "3.70,QQQ", "line 7, column 币种: not_a_currency"},
		{"no currency in the cell", bocomCreditFile, "CNY 2.99\n", "2.99\n", "line 4, column 入账币种/金额: not_an_amount"},
		{"half a cent", cgbCreditFile, "15.90,人民币\n", "15.905,人民币\n", "line 2, column 入账金额: not_an_amount"},
		{"a side that is none", bocomDebitFile, "贷 Cr,1.23", "左,1.23", "line 2, column 借贷: not_a_word"},
		{"a number that a spreadsheet rounded", abcDebitFile, "369396693", "3.7E+08", "line 2, column 日志号: id_rounded"},
		{"the month first", hsbcDebitFile, "24/03/2026", "03/24/2026", "line 2, column Date: not_a_time"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			changed := strings.Replace(tt.file, tt.old, tt.new, 1)
			if changed == tt.file {
				t.Fatal("the fixture has no such words")
			}
			f, err := Read(strings.NewReader(changed), Options{})
			if f != nil || !isFault(err, ErrDamaged) || !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("Read = %v, %v; want %s", f, err, tt.want)
			}
		})
	}
}

// Bills of a day keep their ids whatever else is in the file, in whichever
// order it runs, and equal ones stay as many as they are.
func TestBankIDsStay(t *testing.T) {
	rows := strings.SplitAfter(strings.TrimPrefix(bocCreditFile, strings.Join(strings.SplitAfter(bocCreditFile, "\n")[:2], "")), "\n")
	rows = append(rows[:len(rows)-1], rows[1], strings.Replace(rows[1], "12.00,", ",12.00", 1)) // an equal refund, and the payment of as much
	head := strings.Join(strings.SplitAfter(bocCreditFile, "\n")[:2], "")
	ids := func(rows ...string) map[string]string {
		f, err := Read(strings.NewReader(head+strings.Join(rows, "")), Options{})
		if err != nil {
			t.Fatal(err)
		}
		checkSound(t, f)
		got := map[string]string{}
		for _, b := range f.Accounts[0].Bills {
			got[b.ID] = fmt.Sprint(b.At, b.Direction, b.Amount, b.Counterparty)
		}
		return got
	}
	all := ids(rows...)
	if len(all) != len(rows) {
		t.Fatalf("%d ids of %d rows", len(all), len(rows))
	}
	backwards := make([]string, len(rows))
	for i, r := range rows {
		backwards[len(rows)-1-i] = r
	}
	if diff := cmp.Diff(all, ids(backwards...)); diff != "" {
		t.Errorf("backwards: %s", diff)
	}
	for id, what := range ids(rows[1:]...) {
		if all[id] != what {
			t.Errorf("without the first row %s is %q, and was %q", id, what, all[id])
		}
	}
}

func FuzzBankRows(f *testing.F) {
	for _, tt := range bankFixtures {
		f.Add(tt.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkRead(t, data) })
}
