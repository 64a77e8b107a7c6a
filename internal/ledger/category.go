package ledger

import (
	"strings"

	"jali/connectors"
)

// By whom a bill was filed.
const (
	ByPerson = "person" // their correction of this bill
	ByLearnt = "learnt" // their correction of another of that shop
	ByRule   = "rule"   // what it is, or words that name a trade
	BySource = "source" // the source's own category
)

// CategoryName is one leaf or branch of the published tree. A code with a dot
// lies under the part before it; every branch may also be used by itself.
type CategoryName struct {
	Code   string // "food.restaurant"
	ZH, EN string
}

// Categories is the whole tree in the order in which it is shown. It is
// published: codes may be added and are never renamed.
var Categories = []CategoryName{
	{"food", "餐饮", "Food and drink"},
	{"food.restaurant", "餐馆", "Restaurants"},
	{"food.delivery", "外卖", "Delivery"},
	{"food.drinks", "咖啡茶饮", "Coffee and tea"},
	{"groceries", "日用百货", "Groceries"},
	{"groceries.supermarket", "超市便利店", "Supermarkets"},
	{"transport", "交通", "Transport"},
	{"transport.public", "公共交通", "Public transport"},
	{"transport.taxi", "打车", "Taxis"},
	{"transport.car", "车辆", "Car"},
	{"shopping", "购物", "Shopping"},
	{"shopping.clothing", "服饰", "Clothing"},
	{"shopping.electronics", "数码电器", "Electronics"},
	{"shopping.home", "家居", "Home"},
	{"housing", "住房", "Housing"},
	{"housing.rent", "房租", "Rent"},
	{"housing.mortgage", "房贷", "Mortgage"},
	{"utilities", "水电燃气", "Utilities"},
	{"telecom", "通讯", "Phone and internet"},
	{"health", "医疗健康", "Health"},
	{"health.pharmacy", "药品", "Pharmacy"},
	{"education", "教育", "Education"},
	{"services", "生活服务", "Services"},
	{"services.express", "快递物流", "Parcels"},
	{"services.beauty", "美容美发", "Hair and beauty"},
	{"leisure", "文化休闲", "Leisure"},
	{"leisure.subscription", "会员订阅", "Subscriptions"},
	{"leisure.sport", "运动", "Sport"},
	{"travel", "旅行", "Travel"},
	{"travel.hotel", "酒店", "Hotels"},
	{"family", "家庭", "Family"},
	{"family.children", "母婴亲子", "Children"},
	{"family.pets", "宠物", "Pets"},
	{"family.gifts", "人情往来", "Gifts and red packets"},
	{"family.donation", "公益捐赠", "Donations"},
	{"finance", "金融", "Finance"},
	{"finance.insurance", "保险", "Insurance"},
	{"finance.investment", "投资理财", "Investments"},
	{"finance.repayment", "还款", "Repayments"},
	{"finance.loan", "借款", "Borrowing"},
	{"finance.transfer", "转账与存取", "Transfers"},
	{"finance.fee", "手续费", "Fees"},
	{"income", "收入", "Income"},
	{"income.salary", "工资", "Salary"},
	{"income.interest", "利息收益", "Interest"},
	{"income.refund", "退款", "Refunds"},
	{"other", "其他", "Other"},
}

// File files a bill under a code of [Categories] and says by whom: the person's
// correction of this bill decides first, by Jali's id of it, then what was
// learnt for its shop. Without their word it is what the bill is for Jali (a
// refund, a repayment, …), then words that name a trade in the shop's name or
// the text, then the source's own category, then the direction. It never
// fails: what nothing tells of is "other", filed by nobody.
func (w *Words) File(id string, b *connectors.Bill) (code, by string) {
	if c, ok := w.Filed[id]; ok {
		return c, ByPerson
	}
	if len(w.Learnt) > 0 {
		if shop := Learns(b); shop != "" && w.Learnt[shop] != "" {
			return w.Learnt[shop], ByLearnt
		}
	}
	return file(b)
}

func file(b *connectors.Bill) (code, by string) {
	if b.Kind == connectors.Refund && b.Direction == connectors.Out {
		return "other", ByRule // a shop gives a customer's money back
	}
	if c, ok := byKind[b.Kind]; ok {
		return c, ByRule
	}
	text := strings.ToLower(b.Counterparty + "\n" + b.Description)
	if b.Direction == connectors.In {
		switch {
		case containsAny(text, "工资", "薪资", "薪金", "奖金", "salary", "payroll") || containsAny(b.RawKind, "工资", "薪"):
			return "income.salary", ByRule
		case b.Kind == connectors.Transfer:
			return "finance.transfer", ByRule
		}
		return "income", ByRule
	}
	if c, ok := byWords(text); ok {
		return c, ByRule
	}
	// Of an order of several sorts the source names each; the first is the one
	// that it puts first.
	hint, _, _ := strings.Cut(strings.TrimSpace(b.Category), " ")
	for _, word := range []string{hint, b.RawKind} {
		if c, ok := byHint[word]; ok {
			return c, BySource
		}
	}
	if b.Kind == connectors.Transfer {
		return "finance.transfer", ByRule
	}
	return "other", ""
}

var byKind = map[connectors.Kind]string{
	connectors.Refund:     "income.refund",
	connectors.Interest:   "income.interest",
	connectors.Topup:      "finance.transfer",
	connectors.Withdrawal: "finance.transfer",
	connectors.Repayment:  "finance.repayment",
	connectors.LoanKind:   "finance.loan",
	connectors.Investment: "finance.investment",
	connectors.Redemption: "finance.investment",
	connectors.Fee:        "finance.fee",
	connectors.RedPacket:  "family.gifts",
	connectors.Adjustment: "other",
}

func containsAny(s string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}
