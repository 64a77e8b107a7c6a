package ledger

import (
	"strings"
	"unicode/utf8"
)

// byWord goes from the narrow to the wide: the first rule that fits decides.
// Words are lower case. A company stands beside its shops where banks know it
// by the name on its licence alone; names of one or two letters that stand in
// many others are left out.
var byWord = []struct {
	code  string
	words []string
}{
	{"finance.insurance", []string{"保险", "财险", "人寿", "insurance"}},
	{"food.delivery", []string{"外卖", "饿了么", "拉扎斯", "deliveroo", "uber eats"}},
	{"food.drinks", []string{"luckin", "瑞幸", "星巴克", "starbucks", "咖啡", "coffee", "奶茶", "茶姬", "茶百道", "喜茶", "奈雪", "蜜雪", "霸王茶", "茶颜", "古茗", "甘露", "果茶", "饮品", "7分甜"}},
	{"transport.taxi", []string{"打车", "滴滴", "小桔科技", "曹操出行", "t3出行", "首汽约车", "出租", "taxi", "uber"}},
	{"transport.public", []string{"地铁", "公交", "公共交通", "一卡通", "轨道交通", "哈啰", "钧正", "单车", "青桔", "骑行", "metro", "suica", "pasmo", "火车票", "高铁", "12306", "中国铁路", "rail"}},
	{"transport.car", []string{"停车", "加油", "中国石化", "中国石油", "中石化", "中石油", "壳牌", "etc通行", "etc扣费", "etc设备", "etc服务", "电子收费", "高速", "充电", "特来电", "星星充电", "洗车", "汽车", "parking", "petrol"}},
	{"utilities", []string{"电费", "水费", "燃气", "供电", "国家电网", "国网", "南方电网", "电网", "水务", "自来水", "暖气", "供热", "electricity"}},
	{"telecom", []string{"话费", "手机充值", "中国移动", "中国联通", "中国电信", "中国广电", "宽带", "broadband", "mobile plan"}},
	{"housing.rent", []string{"房租", "租金", "自如", "rent payment"}},
	{"housing.mortgage", []string{"房贷", "按揭", "住房贷款", "mortgage"}},
	{"housing", []string{"物业", "房东", "装修", "装饰"}},
	{"health.pharmacy", []string{"药房", "药店", "大药", "医药", "pharmacy"}},
	{"health", []string{"医院", "附二院", "诊所", "诊疗", "门诊", "体检", "医保", "口腔", "卫生服务", "hospital", "clinic", "dental"}},
	{"travel.hotel", []string{"酒店", "宾馆", "民宿", "客栈", "华住", "如家", "hotel", "airbnb", "booking.com"}},
	{"travel", []string{"机票", "航空", "携程", "飞猪", "同程", "去哪儿", "景区", "门票", "airline"}},
	{"leisure.subscription", []string{"包月", "会员", "订阅", "爱奇艺", "优酷", "腾讯视频", "哔哩哔哩", "网易云音乐", "qq音乐", "icloud", "apple.com", "subscription", "netflix", "spotify", "microsoft", "obsidian"}},
	{"leisure.sport", []string{"健身", "体育", "游泳", "羽毛球", "瑜伽", "卡路里科技", "gym"}},
	{"leisure", []string{"电影", "影城", "影票", "演出", "游戏", "steam", "xbox", "playstation", "ktv", "大麦", "淘票票", "猫眼", "网吧", "游乐", "cinema"}},
	{"family.donation", []string{"公益", "慈善", "捐", "charity"}},
	{"family.pets", []string{"宠物", "猫粮", "狗粮"}},
	{"family.gifts", []string{"红包", "礼金"}},
	{"services.express", []string{"快递", "速运", "物流", "裹裹", "菜鸟", "寄件", "邮政"}},
	{"services.beauty", []string{"美发", "理发", "美容", "美甲", "按摩", "足疗"}},
	{"education", []string{"学费", "培训", "书店", "书局", "图书", "教育", "学校", "大学出版", "tuition"}},
	{"food.restaurant", []string{"餐厅", "餐馆", "饭店", "肯德基", "kfc", "百胜", "麦当劳", "金拱门", "必胜客", "汉堡王", "海底捞", "西贝", "沙县", "兰州拉面", "火锅", "米线", "饺", "restaurant", "早点",
		"早餐", "面馆", "拉面", "小面", "面总管", "小吃", "快餐", "烧烤", "烤鱼", "食堂", "餐饮", "包子", "馒头", "烘焙", "面包", "蛋挞", "甜品", "小丸子", "代金券", "人餐", "畅吃", "斑鱼", "盖码饭", "炒米粉", "饭票", "食府",
		"酒馆", "酒家", "小馆", "饭团", "炸酱面", "汤粉", "鸡饭", "食品有限", "食品有"}},
	{"groceries.supermarket", []string{"超市", "便利店", "便利有限", "便利蜂", "盒马", "永辉", "家乐福", "沃尔玛", "大润发", "物美", "华润万家", "山姆", "罗森", "lawson", "全家", "福满家", "7-eleven", "seven-eleven",
		"叮咚买菜", "壹佰米", "朴朴", "每日优鲜", "京东到家", "京鲜生", "小象超市", "supermarket", "tesco", "sainsbury", "一号店"}},
	{"groceries", []string{"水果", "果品", "果蔬", "菜场", "菜市", "生鲜", "粮油", "日用", "洗衣液", "抽纸", "消毒液", "牙刷", "牙膏", "湿巾", "洗发"}},
	{"shopping.electronics", []string{"苏宁", "小米", "华为终端", "固态", "硬盘", "内存卡", "u盘", "usb", "充电宝", "耳机", "手机壳", "apple store"}},
	{"shopping.clothing", []string{"优衣库", "迅销", "服饰", "服装", "鞋", "卫衣", "t恤", "外套", "夹克", "长裤", "男裤", "袜", "防晒衣", "羽绒服", "zara", "h&m", "nike", "adidas"}},
	{"shopping.home", []string{"宜家", "家居", "家具", "电热毯", "热水袋", "插座", "保温杯"}},
	{"finance.transfer", []string{"微信转账", "群收款", "转账备注", "转账汇款"}},
	{"food", []string{"美团", "大众点评", "单人餐", "一条鱼"}}, // most of what is ordered there
	{"shopping", []string{"网购", "淘宝", "天猫", "拼多多", "京东", "抖音", "唯品会", "闲鱼", "得物", "百货", "商城", "电商", "amazon"}},
}

// wordsFrom holds byWord by the letter that a word begins with: a text is read
// once, whatever the number of words.
var wordsFrom = func() map[rune][]ruleWord {
	m := map[rune][]ruleWord{}
	for n, r := range byWord {
		for _, w := range r.words {
			first, _ := utf8.DecodeRuneInString(w)
			m[first] = append(m[first], ruleWord{w, n})
		}
	}
	return m
}()

type ruleWord struct {
	word string
	rule int
}

// byWords finds the first rule of which a word stands in a text. A Latin word
// begins a word there: "trail" is no train.
func byWords(text string) (code string, ok bool) {
	best, before := len(byWord), ' '
	for i, r := range text {
		if !(latin(r) && latin(before)) {
			for _, w := range wordsFrom[r] {
				if w.rule < best && strings.HasPrefix(text[i:], w.word) {
					best = w.rule
				}
			}
		}
		before = r
	}
	if best == len(byWord) {
		return "", false
	}
	return byWord[best].code, true
}

func latin(r rune) bool { return 'a' <= r && r <= 'z' }

// byHint translates the sources' own categories: Alipay's, JD's, and what
// WeChat calls its kinds where they tell a purpose.
var byHint = map[string]string{
	"餐饮美食": "food", "日用百货": "groceries", "交通出行": "transport", "爱车养车": "transport.car",
	"服饰装扮": "shopping.clothing", "数码电器": "shopping.electronics", "家居家装": "shopping.home",
	"美容美发": "services.beauty", "住房物业": "housing", "充值缴费": "utilities", "医疗健康": "health",
	"教育培训": "education", "文化休闲": "leisure", "运动户外": "leisure.sport", "酒店旅游": "travel",
	"母婴亲子": "family.children", "宠物": "family.pets", "亲友代付": "family", "公益捐赠": "family.donation",
	"保险": "finance.insurance", "互助保障": "finance.insurance", "投资理财": "finance.investment",
	"信用借还": "finance.repayment", "转账红包": "finance.transfer", "账户存取": "finance.transfer",
	"收入": "income", "退款": "income.refund", "生活服务": "services", "公共服务": "services", "商业服务": "services",

	"食品酒饮": "groceries", "生鲜": "groceries", "1号店": "groceries.supermarket", "服饰内衣": "shopping.clothing",
	"鞋靴箱包": "shopping.clothing", "珠宝首饰": "shopping.clothing", "钟表": "shopping.clothing", "电脑办公": "shopping.electronics",
	"手机通讯": "shopping.electronics", "数码": "shopping.electronics", "家用电器": "shopping.electronics", "家居用品": "shopping.home",
	"家居日用": "shopping.home", "家具": "shopping.home", "厨具": "shopping.home", "家纺": "shopping.home", "家装建材": "shopping.home",
	"美妆个护": "shopping", "个人护理": "groceries", "家庭清洁": "groceries", "清洁纸品": "groceries", "网购": "shopping",
	"其他网购": "shopping", "母婴": "family.children", "玩具乐器": "family.children", "图书文娱": "leisure", "图书": "leisure",
	"医疗保健": "health", "医药保健": "health", "宠物生活": "family.pets", "汽车用品": "transport.car", "收发快递": "services.express",
	"生活旅行": "travel", "白条": "finance.repayment", "小金库": "finance.investment",

	"亲属卡交易": "family", "分分捐": "family.donation", "赞赏码": "leisure", "手机充值": "telecom", "生活缴费": "utilities",
}
