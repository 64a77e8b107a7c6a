package ledger

import (
	"strings"

	"jali/connectors"
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

// Category files a bill under a code of [Categories]. What the bill is for
// Jali (a refund, a repayment, …) decides first; then words that name a trade
// in the shop's name or the text, then the source's own category, then the
// direction. It never fails: what nothing tells of is "other".
func Category(b connectors.Bill) string {
	if b.Kind == connectors.Refund && b.Direction == connectors.Out {
		return "other" // a shop gives a customer's money back
	}
	if c, ok := byKind[b.Kind]; ok {
		return c
	}
	text := strings.ToLower(b.Counterparty + "\n" + b.Description)
	if b.Direction == connectors.In {
		if containsAny(text, "工资", "薪资", "salary", "payroll") {
			return "income.salary"
		}
		if b.Kind == connectors.Transfer {
			return "finance.transfer"
		}
		return "income"
	}
	for _, r := range byWord {
		if containsAny(text, r.words...) {
			return r.code
		}
	}
	if c, ok := byHint[strings.TrimSpace(b.Category)]; ok {
		return c
	}
	if b.Kind == connectors.Transfer {
		return "finance.transfer"
	}
	return "other"
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

// byWord goes from the narrow to the wide: the first rule that fits decides.
// Words are lower case.
var byWord = []struct {
	code  string
	words []string
}{
	{"food.delivery", []string{"外卖", "饿了么", "deliveroo", "uber eats"}},
	{"food.drinks", []string{"luckin", "瑞幸", "星巴克", "starbucks", "咖啡", "coffee", "奶茶", "茶姬", "喜茶", "蜜雪"}},
	{"transport.taxi", []string{"打车", "滴滴出行", "滴滴快车", "曹操出行", "taxi", "uber"}},
	{"transport.public", []string{"地铁", "公交", "轨道交通", "哈啰", "单车", "metro", "火车票", "高铁", "12306", "rail"}},
	{"transport.car", []string{"停车", "加油", "中国石化", "中国石油", "etc通行", "高速", "充电", "parking", "petrol"}},
	{"utilities", []string{"电费", "水费", "燃气", "供电局", "国家电网", "水务", "electricity"}},
	{"telecom", []string{"话费", "手机充值", "中国移动", "中国联通", "中国电信", "宽带", "broadband", "mobile plan"}},
	{"housing.rent", []string{"房租", "租金", "自如", "rent payment"}},
	{"housing.mortgage", []string{"房贷", "按揭", "mortgage"}},
	{"health.pharmacy", []string{"药房", "药店", "大药", "pharmacy"}},
	{"health", []string{"医院", "诊所", "诊疗", "门诊", "体检", "hospital", "clinic", "dental"}},
	{"finance.insurance", []string{"保险", "insurance"}},
	{"travel.hotel", []string{"酒店", "宾馆", "民宿", "hotel", "airbnb"}},
	{"travel", []string{"机票", "航空", "携程", "飞猪", "airline"}},
	{"leisure.subscription", []string{"包月", "会员", "订阅", "subscription", "netflix", "spotify"}},
	{"leisure", []string{"电影", "影城", "演出", "游戏", "cinema"}},
	{"family.donation", []string{"公益", "慈善", "捐", "charity"}},
	{"education", []string{"学费", "培训", "书店", "书局", "教育", "tuition"}},
	{"groceries.supermarket", []string{"超市", "便利店", "便利蜂", "盒马", "永辉", "supermarket", "tesco", "sainsbury"}},
	{"food.restaurant", []string{"餐厅", "餐馆", "饭店", "肯德基", "麦当劳", "火锅", "米线", "饺", "restaurant", "早点", "早餐", "面馆", "小吃", "快餐", "烧烤", "食堂", "餐饮", "包子", "烘焙", "面包"}},
	{"shopping", []string{"网购", "淘宝", "天猫", "拼多多", "京东", "百货商场", "amazon"}},
}

// byHint translates the sources' own categories.
var byHint = map[string]string{
	"餐饮美食": "food", "日用百货": "groceries", "交通出行": "transport", "爱车养车": "transport.car",
	"服饰装扮": "shopping.clothing", "数码电器": "shopping.electronics", "家居家装": "shopping.home",
	"美容美发": "shopping", "住房物业": "housing", "充值缴费": "utilities", "医疗健康": "health",
	"教育培训": "education", "文化休闲": "leisure", "运动户外": "leisure.sport", "酒店旅游": "travel",
	"母婴亲子": "family.children", "宠物": "family.pets", "亲友代付": "family", "公益捐赠": "family.donation",
	"保险": "finance.insurance", "互助保障": "finance.insurance", "投资理财": "finance.investment",
	"信用借还": "finance.repayment", "转账红包": "finance.transfer", "账户存取": "finance.transfer",
	"收入": "income", "退款": "income.refund",
}

func containsAny(s string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}
