package wire

import "jali/connectors"

// Summaries are what Chinese banks write as a 摘要, and wallets into its 附言
// ("支付宝-充值"), each a whole part of the text: a shop that has one of them in
// its name does not make its bill a top-up.
var Summaries = map[string]connectors.Kind{
	"消费": connectors.Payment, "POS消费": connectors.Payment, "快捷支付": connectors.Payment, "网上支付": connectors.Payment, "缴费": connectors.Payment,
	"工资": connectors.Income, "代发工资": connectors.Income, "奖金": connectors.Income, "劳务费": connectors.Income,
	"退款": connectors.Refund, "退货": connectors.Refund, "快捷退款": connectors.Refund, "支付宝退款": connectors.Refund, "财付通退款": connectors.Refund,
	"转账": connectors.Transfer, "汇款": connectors.Transfer, "跨行转账": connectors.Transfer, "行内转账": connectors.Transfer, "跨行汇款": connectors.Transfer,
	"充值": connectors.Topup, "存现": connectors.Topup, "ATM存款": connectors.Topup,
	"提现": connectors.Withdrawal, "商户提现": connectors.Withdrawal, "取现": connectors.Withdrawal, "取款": connectors.Withdrawal, "ATM取款": connectors.Withdrawal,
	"还款": connectors.Repayment, "信用卡还款": connectors.Repayment, "贷款还款": connectors.Repayment,
	"贷款放款": connectors.LoanKind, "放款": connectors.LoanKind,
	"理财申购": connectors.Investment, "基金申购": connectors.Investment, "理财赎回": connectors.Redemption, "基金赎回": connectors.Redemption,
	"利息": connectors.Interest, "结息": connectors.Interest,
	"手续费": connectors.Fee, "年费": connectors.Fee, "工本费": connectors.Fee, "短信费": connectors.Fee,
	"冲正": connectors.Adjustment, "抹账": connectors.Adjustment,
}
