package ledger

import (
	"strings"
	"testing"

	"jali/connectors"
)

func TestFile(t *testing.T) {
	for _, tt := range []struct {
		why  string
		b    connectors.Bill
		want string
	}{
		{"what a bill is comes before what it says", connectors.Bill{Kind: connectors.Refund, Direction: connectors.In, Counterparty: "河边餐厅", Category: "餐饮美食"}, "income.refund"},
		{"a repayment that names a hospital's card", connectors.Bill{Kind: connectors.Repayment, Direction: connectors.Out, Description: "医院联名卡"}, "finance.repayment"},
		{"the shop's trade before the source's category", connectors.Bill{Kind: connectors.Payment, Direction: connectors.Out, Counterparty: "XX大药房", Category: "日用百货"}, "health.pharmacy"},
		{"delivery before the restaurant", connectors.Bill{Kind: connectors.Payment, Direction: connectors.Out, Description: "某饺子店-外卖订单"}, "food.delivery"},
		{"case does not matter", connectors.Bill{Kind: connectors.Payment, Direction: connectors.Out, Counterparty: "LuckinCoffee"}, "food.drinks"},
		{"the hint where no word tells", connectors.Bill{Kind: connectors.Payment, Direction: connectors.Out, Counterparty: "小店", Category: "服饰装扮"}, "shopping.clothing"},
		{"an unknown hint", connectors.Bill{Kind: connectors.Payment, Direction: connectors.Out, Category: "星际转运"}, "other"},
		{"wages", connectors.Bill{Kind: connectors.Income, Direction: connectors.In, Description: "五月工资"}, "income.salary"},
		{"money in is income whatever the payer sells", connectors.Bill{Kind: connectors.Income, Direction: connectors.In, Counterparty: "某咖啡"}, "income"},
		{"a transfer to a friend", connectors.Bill{Kind: connectors.Transfer, Direction: connectors.Out, Counterparty: "阿明"}, "finance.transfer"},
		{"rent paid by transfer", connectors.Bill{Kind: connectors.Transfer, Direction: connectors.Out, Description: "六月房租"}, "housing.rent"},
		{"a transfer from a friend", connectors.Bill{Kind: connectors.Transfer, Direction: connectors.In}, "finance.transfer"},
		{"a breakfast stall", connectors.Bill{Kind: connectors.Payment, Direction: connectors.Out, Counterparty: "桥头早点"}, "food.restaurant"},
		{"of an order of two sorts the first", connectors.Bill{Kind: connectors.Payment, Direction: connectors.Out, Category: "食品酒饮 服饰内衣"}, "groceries"},
		{"an online shop", connectors.Bill{Kind: connectors.Payment, Direction: connectors.Out, Counterparty: "蓝鲸网购"}, "shopping"},
		{"a shop gives its customer's money back", connectors.Bill{Kind: connectors.Refund, Direction: connectors.Out}, "other"},
		{"nothing at all", connectors.Bill{}, "other"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if got, _ := (&Words{}).File("id", &tt.b); got != tt.want {
				t.Errorf("File = %s, want %s", got, tt.want)
			}
		})
	}
}

// Everything that File can answer is published, each once, with both
// names, under a branch that is published too.
func TestTreeIsWhole(t *testing.T) {
	known := map[string]bool{}
	for _, c := range Categories {
		branch, _, leaf := strings.Cut(c.Code, ".")
		if known[c.Code] || c.ZH == "" || c.EN == "" || leaf && !known[branch] {
			t.Errorf("%+v: twice, unnamed, or without its branch before it", c)
		}
		known[c.Code] = true
	}
	var answers []string
	for _, c := range byKind {
		answers = append(answers, c)
	}
	for _, c := range byHint {
		answers = append(answers, c)
	}
	for _, r := range byWord {
		answers = append(answers, r.code)
		for _, w := range r.words {
			if w != strings.ToLower(w) || w == "" {
				t.Errorf("%s: the word %q never fits", r.code, w)
			}
		}
	}
	answers = append(answers, "income.salary", "income", "finance.transfer", "other")
	for _, a := range answers {
		if !known[a] {
			t.Errorf("%q is not published", a)
		}
	}
}
