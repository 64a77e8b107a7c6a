package billfile

import (
	"jali/connectors"
)

// Merchants' apps export what was paid in them, by whatever account: the
// wallet of the app itself ("钱包余额", "美团余额"), its credit ("白条", "月付"),
// a card ("中国银行信用卡(1875)"), another wallet ("微信支付"), or a card by way of
// another wallet ("微信-招商银行信用卡"). As with Alipay and WeChat Pay, all rows
// are bills of one account, the app's wallet, and Method says who paid: the
// bill of that account is a mirror.
//
// The app's credit is no account of its own. What is bought on it is spent
// when it is bought; the repayment is internal and spends nothing again.
var apps = []form{
	{name: "jd", source: jd, row: readJD, account: jdAccount, cut: jdCut,
		needs: []string{"交易时间", "商户名称", "交易说明", "金额", "收/付款方式", "交易状态", "收/支"}},
	{name: "meituan", source: meituan, row: readMeituan, cut: walletCut,
		needs: []string{"交易创建时间", "交易成功时间", "交易类型", "订单标题", "收/支", "支付方式", "实付金额"}},
}

var (
	jd      = connectors.Source{ID: "jd", Name: connectors.Name{ZH: "京东", EN: "JD"}, Kind: connectors.Wallet}
	meituan = connectors.Source{ID: "meituan", Name: connectors.Name{ZH: "美团", EN: "Meituan"}, Kind: connectors.Wallet}
)
