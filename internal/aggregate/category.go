package aggregate

import (
	"strings"

	"jali/connectors"
)

// Categories is Jali's tree of what money was spent on or came from; closed,
// and the order in which pages list it.
var Categories = []string{
	"food", "groceries", "shopping", "clothing", "home", "digital", "transport", "car", "travel",
	"housing", "utilities", "communication", "health", "beauty", "children", "pets", "sport",
	"leisure", "education", "services", "public", "donation", "finance", "insurance", "debt",
	"transfer", "income", "other",
}

// hints are the sources' own categories, by a part that no other shares. The
// first that fits decides, so the narrower stand before the wider.
var hints = []struct{ part, category string }{
	{"餐饮", "food"}, {"美食", "food"}, {"外卖", "food"}, {"超市", "groceries"}, {"生鲜", "groceries"},
	{"日用", "shopping"}, {"服饰", "clothing"}, {"家居", "home"}, {"家装", "home"}, {"数码", "digital"},
	{"交通", "transport"}, {"公交", "transport"}, {"爱车", "car"}, {"加油", "car"},
	{"酒店", "travel"}, {"旅游", "travel"}, {"住房", "housing"}, {"物业", "housing"}, {"房租", "housing"},
	{"水电", "utilities"}, {"燃气", "utilities"}, {"话费", "communication"}, {"通讯", "communication"},
	{"充值缴费", "utilities"}, {"医疗", "health"}, {"健康", "health"}, {"美容", "beauty"}, {"美发", "beauty"},
	{"母婴", "children"}, {"亲子", "children"}, {"宠物", "pets"}, {"运动", "sport"},
	{"文化", "leisure"}, {"休闲", "leisure"}, {"娱乐", "leisure"}, {"教育", "education"}, {"培训", "education"},
	{"公共服务", "public"}, {"生活服务", "services"}, {"商业服务", "services"},
	{"公益", "donation"}, {"捐赠", "donation"}, {"保险", "insurance"}, {"互助", "insurance"},
	{"理财", "finance"}, {"投资", "finance"}, {"信用借还", "debt"}, {"还款", "debt"},
	{"转账", "transfer"}, {"红包", "transfer"}, {"亲友", "transfer"}, {"账户存取", "transfer"},
	{"工资", "income"}, {"收入", "income"}, {"百货", "shopping"}, {"购物", "shopping"},
	{"groceries", "groceries"}, {"supermarket", "groceries"}, {"restaurant", "food"}, {"dining", "food"},
	{"eating", "food"}, {"transport", "transport"}, {"travel", "travel"}, {"rent", "housing"},
	{"housing", "housing"}, {"utilities", "utilities"}, {"health", "health"}, {"education", "education"},
	{"entertainment", "leisure"}, {"insurance", "insurance"}, {"salary", "income"}, {"shopping", "shopping"},
}

// words are parts of a shop's name or of a description, asked where the
// source gives no category.
var words = []struct{ part, category string }{
	{"美团", "food"}, {"饿了么", "food"}, {"餐厅", "food"}, {"饭店", "food"}, {"面馆", "food"}, {"火锅", "food"},
	{"咖啡", "food"}, {"奶茶", "food"}, {"茶饮", "food"}, {"小吃", "food"}, {"食堂", "food"}, {"烘焙", "food"},
	{"coffee", "food"}, {"cafe", "food"}, {"超市", "groceries"}, {"便利店", "groceries"}, {"盒马", "groceries"},
	{"菜场", "groceries"}, {"水果", "groceries"}, {"地铁", "transport"}, {"公交", "transport"}, {"滴滴", "transport"},
	{"单车", "transport"}, {"打车", "transport"}, {"12306", "travel"}, {"铁路", "travel"}, {"航空", "travel"},
	{"酒店", "travel"}, {"携程", "travel"}, {"加油", "car"}, {"停车", "car"}, {"物业", "housing"}, {"房租", "housing"},
	{"电力", "utilities"}, {"电费", "utilities"}, {"水务", "utilities"}, {"水费", "utilities"}, {"燃气", "utilities"},
	{"移动", "communication"}, {"联通", "communication"}, {"电信", "communication"}, {"话费", "communication"},
	{"医院", "health"}, {"药房", "health"}, {"药店", "health"}, {"书店", "education"}, {"学校", "education"},
	{"电影", "leisure"}, {"影城", "leisure"}, {"音乐", "leisure"}, {"保险", "insurance"},
	{"京东", "shopping"}, {"淘宝", "shopping"}, {"天猫", "shopping"}, {"拼多多", "shopping"}, {"商城", "shopping"},
	{"工资", "income"}, {"薪", "income"}, {"salary", "income"},
}

// byKind is what a kind says where nothing else does, and what it says in any
// case for movements that buy nothing.
var byKind = map[connectors.Kind]string{
	connectors.Transfer: "transfer", connectors.Topup: "transfer", connectors.Withdrawal: "transfer",
	connectors.RedPacket: "transfer", connectors.Repayment: "debt", connectors.LoanKind: "debt",
	connectors.Investment: "finance", connectors.Redemption: "finance", connectors.Interest: "finance",
	connectors.Fee: "services", connectors.Income: "income",
}

// categorize places a bill in the tree: by the source's own category, then by
// the kind of movement, then by words in the shop's name and the description.
func categorize(b connectors.Bill) string {
	hint := strings.ToLower(b.Category)
	for _, h := range hints {
		if hint != "" && strings.Contains(hint, h.part) {
			return h.category
		}
	}
	if c, ok := byKind[b.Kind]; ok {
		return c
	}
	text := strings.ToLower(b.Counterparty + " " + b.Description)
	for _, w := range words {
		if strings.Contains(text, w.part) {
			return w.category
		}
	}
	return "other"
}
