package bank

import (
	"fmt"
	"strings"

	"jali/openapi/client"
)

// Word translates what the API tells in its closed vocabularies. Of a category
// that is newer than this app, its branch is told; any other new word is shown
// as it is.
func (p *page) Word(word any) string {
	w := fmt.Sprint(word)
	pair, ok := vocabulary[w]
	if !ok {
		branch, _, _ := strings.Cut(w, ".")
		pair, ok = vocabulary[branch]
	}
	if ok {
		return p.T(pair[0], pair[1])
	}
	return strings.ReplaceAll(w, "_", " ")
}

// Says puts a problem in words; the one that Jali wrote is in English.
func (p *page) Says(problem *client.Problem) string {
	if pair, ok := problems[problem.Code]; ok {
		return p.T(pair[0], pair[1])
	}
	return strings.TrimSpace(p.T("花窗没有答应这次请求。", "Jali did not agree to this request. ") + " " + problem.Title + " " + problem.Detail)
}

var problems = map[string][2]string{
	"grant_spent":             {"这次授权只能用一次，已经用过了。要看新的，需要您再同意一次。", "This grant was for one look, and it has been used. For a new look you have to be asked again."},
	"grant_revoked":           {"您已撤销授权。我们读不到任何数据，这里也不再显示。", "You revoked the grant. Nothing can be read any more, and nothing is shown here."},
	"grant_expired":           {"授权已经到期。要看的话，需要您再同意一次。", "The grant has ended. For another look you have to be asked again."},
	"grant_paused":            {"您在花窗上暂停了我们。恢复之前，我们什么也看不到。", "You paused us on Jali. Until you resume, we see nothing."},
	"view_expired":            {"这份视图已经过了十分钟，花窗已把它销毁。要看的话，需要您再同意一次。", "This view was open for ten minutes and Jali has shredded it. For another look you have to be asked again."},
	"invalid_token":           {"这次访问已经超时。要看的话，需要您再同意一次。", "This access has timed out. For another look you have to be asked again."},
	"access_denied":           {"您选择了拒绝，我们什么也没有读到。", "You refused. Nothing was read."},
	"state_mismatch":          {"这个答复不是在这里提出的请求得来的，已忽略。请重新开始。", "This answer does not belong to a request made here and was ignored. Please start again."},
	"issuer_mismatch":         {"这个答复不是花窗发出的，已忽略。请重新开始。", "This answer does not come from Jali and was ignored. Please start again."},
	"session_over":            {"这次会话已经结束。请重新开始。", "This session is over. Please start again."},
	"unreachable":             {"暂时连不上花窗，请稍后再试。", "Jali cannot be reached just now. Please try again in a moment."},
	"unknown_user_id":         {"这个授权码不对，或已用过、已过期。请客户在花窗上重新生成一个。", "This code is wrong, was used or has expired. Ask the customer to make another on Jali."},
	"code_digits":             {"授权码是八位数字，请再核对一次。", "The code has eight digits. Please check it."},
	"expired_token":           {"客户没有在时限内答复，什么也没有读到。请重新开始。", "The customer did not answer in time. Nothing was read; please start again."},
	"temporarily_unavailable": {"刚才试得太多了，请稍等一会儿再试。", "There were too many tries just now. Please wait a moment."},
	"client_suspended":        {"本应用已被花窗停用。", "Jali has suspended this app."},
}

var vocabulary = map[string][2]string{
	"fresh": {"最新", "fresh"}, "imported": {"来自文件", "imported"}, "failed": {"没有答复", "no answer"},
	"refused": {"被拒绝", "refused"}, "skipped": {"本次未问", "not asked"},
	"available": {"可用", "available"}, "current": {"当前", "current"}, "booked": {"已入账", "booked"}, "frozen": {"冻结", "frozen"},
	"credit_limit": {"额度", "limit"}, "outstanding": {"待还", "owed"},
	"state.pending": {"处理中", "pending"}, "state.reversed": {"已退回", "reversed"}, "state.failed": {"未成功", "failed"},

	"food": {"餐饮", "Food and drink"}, "food.restaurant": {"餐馆", "Restaurants"}, "food.delivery": {"外卖", "Delivery"}, "food.drinks": {"咖啡茶饮", "Coffee and tea"},
	"groceries": {"日用百货", "Groceries"}, "groceries.supermarket": {"超市便利店", "Supermarkets"},
	"transport": {"交通", "Transport"}, "transport.public": {"公共交通", "Public transport"}, "transport.taxi": {"打车", "Taxis"}, "transport.car": {"车辆", "Car"},
	"shopping": {"购物", "Shopping"}, "shopping.clothing": {"服饰", "Clothing"}, "shopping.electronics": {"数码电器", "Electronics"}, "shopping.home": {"家居", "Home"},
	"housing": {"住房", "Housing"}, "housing.rent": {"房租", "Rent"}, "housing.mortgage": {"房贷", "Mortgage"},
	"services": {"生活服务", "Services"}, "services.express": {"快递物流", "Parcels"}, "services.beauty": {"美容美发", "Hair and beauty"},
	"utilities": {"水电燃气", "Utilities"}, "telecom": {"通讯", "Phone and internet"},
	"health": {"医疗健康", "Health"}, "health.pharmacy": {"药品", "Pharmacy"}, "education": {"教育", "Education"},
	"leisure": {"文化休闲", "Leisure"}, "leisure.subscription": {"会员订阅", "Subscriptions"}, "leisure.sport": {"运动", "Sport"},
	"travel": {"旅行", "Travel"}, "travel.hotel": {"酒店", "Hotels"},
	"family": {"家庭", "Family"}, "family.children": {"母婴亲子", "Children"}, "family.pets": {"宠物", "Pets"}, "family.gifts": {"人情往来", "Gifts and red packets"}, "family.donation": {"公益捐赠", "Donations"},
	"finance": {"金融", "Finance"}, "finance.insurance": {"保险", "Insurance"}, "finance.investment": {"投资理财", "Investments"}, "finance.repayment": {"还款", "Repayments"},
	"finance.loan": {"借款", "Borrowing"}, "finance.transfer": {"转账与存取", "Transfers"}, "finance.fee": {"手续费", "Fees"},
	"income": {"收入", "Income"}, "income.salary": {"工资", "Salary"}, "income.interest": {"利息收益", "Interest"}, "income.refund": {"退款", "Refunds"},
	"other": {"其他", "Other"},

	"payment": {"消费", "Payment"}, "refund": {"退款", "Refund"}, "transfer": {"转账", "Transfer"}, "topup": {"充值", "Top-up"},
	"withdrawal": {"提现", "Withdrawal"}, "repayment": {"还款", "Repayment"}, "loan": {"借款", "Loan"}, "investment": {"买入理财", "Investment"},
	"redemption": {"赎回", "Redemption"}, "interest": {"利息", "Interest"}, "fee": {"手续费", "Fee"}, "red_packet": {"红包", "Red packet"}, "adjustment": {"调整", "Adjustment"},
	"alipay": {"支付宝", "Alipay"}, "wechatpay": {"微信支付", "WeChat Pay"}, "jiangnan_bank": {"江南银行", "Jiangnan Bank"}, "beishan_bank": {"北山银行", "Beishan Bank"},
	"jd": {"京东", "JD"}, "meituan": {"美团", "Meituan"}, "boc": {"中国银行", "Bank of China"}, "cmb": {"招商银行", "China Merchants Bank"}, "icbc": {"工商银行", "ICBC"}, "ccb": {"建设银行", "China Construction Bank"},
	"file":     {"自己的文件", "A file of their own"},
	"unionpay": {"银联", "UnionPay"}, "xihe_bank": {"西河银行", "Xihe Bank"}, "dongling_bank": {"东岭银行", "Dongling Bank"}, "zhaolu_bank": {"招鹿银行", "Zhaolu Bank"}, "qingshi": {"青石消费金融", "Qingshi Consumer Finance"},
}
