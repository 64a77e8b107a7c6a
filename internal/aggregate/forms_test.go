package aggregate_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"jali/internal/aggregate"
)

// One month of one account, as the bank's site exports it and as its statement
// does, whose days have no time and whose texts differ.
const (
	ccbSiteFile = `China Construction Bank
账　　号：,6217000000000000019
记账日,交易日期,交易时间,支出,收入,账户余额,币种,摘要,对方账号,对方户名,交易地点
20261105,20261105,08:00:00,0,1100.00,1200.00,人民币,转账存入,6222000000007788,林小满,
20261106,20261106,12:10:00,49.00,0,1151.00,人民币,消费,2088*****0156,河***馆,财付通-河边面馆
20261106,20261106,18:20:00,49.00,0,1102.00,人民币,消费,2088*****0156,河***馆,财付通-河边面馆
`
	ccbFullFile = `中国建设银行个人活期账户全部交易明细
卡号/账号:6217000000000000019 客户名称:林小满 币别:人民币元 起始日期:20261101 结束日期:20261115
序号,摘要,币别,钞汇,交易日期,交易金额,账户余额,交易地点/附言,对方账号与户名
1,银联入账,人民币元,钞,20261105,"1,100.00","1,200.00",转账,6222000000007788/林小满
2,消费,人民币元,钞,20261106,-49.00,"1,151.00",财付通-河边面馆,Z******0014/某支付公司
3,消费,人民币元,钞,20261106,-49.00,"1,102.00",财付通-河边面馆,Z******0014/某支付公司
`
)

// Two forms of one account over the same days count once, in either order, and
// what the person said of a bill while one form alone told it holds on.
func TestTwoFormsOfOneAccount(t *testing.T) {
	for why, files := range map[string][2]string{"the site first": {ccbSiteFile, ccbFullFile}, "the statement first": {ccbFullFile, ccbSiteFile}} {
		t.Run(why, func(t *testing.T) {
			h := newHouse(t)
			p := h.person("li")
			h.importFile(p.Person, files[0], aggregate.Taking{Accept: true})
			before := h.own(p)
			if len(before.Bills) != 3 {
				t.Fatalf("%d bills", len(before.Bills))
			}
			corrected := before.Bills[0].ID
			if err := h.Correct(t.Context(), p, corrected, "family.gifts"); err != nil {
				t.Fatal(err)
			}
			for n := range 2 {
				if r := h.importFile(p.Person, files[1], aggregate.Taking{Accept: true}); r.Known != r.Rows || r.Rows != 3 {
					t.Errorf("import %d: %d of %d rows are known", n, r.Known, r.Rows)
				}
			}
			look := h.own(p)
			if diff := gocmp.Diff(before.Totals, look.Totals); diff != "" {
				t.Errorf("the totals: %s", diff)
			}
			if len(look.Bills) != 3 || len(look.Accounts) != 1 || len(look.Gaps) != 0 || len(look.Suggestions) != 0 {
				t.Errorf("%d bills of %d accounts, gaps %v, suggestions %v", len(look.Bills), len(look.Accounts), look.Gaps, look.Suggestions)
			}
			filed := ""
			for _, b := range look.Bills {
				if b.DateOnly {
					t.Errorf("%s %s is read without its time", b.At, b.Amount)
				}
				if b.CategoryBy == "person" {
					filed += b.ID
				}
			}
			if filed == "" {
				t.Fatal("the correction is lost")
			}
			if err := h.Correct(t.Context(), p, filed, ""); err != nil {
				t.Fatal(err)
			}
			for _, b := range h.own(p).Bills {
				if b.CategoryBy == "person" {
					t.Error("a correction that was taken back holds on")
				}
			}
		})
	}
}
