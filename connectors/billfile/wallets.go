package billfile

import (
	"strings"

	"jali/connectors"
)

var (
	alipay = connectors.Source{ID: "alipay", Name: connectors.Name{ZH: "支付宝", EN: "Alipay"}, Kind: connectors.Wallet}
	wechat = connectors.Source{ID: "wechatpay", Name: connectors.Name{ZH: "微信支付", EN: "WeChat Pay"}, Kind: connectors.Wallet}
)

var wallets = []form{
	{name: "wechat_csv", source: wechat, row: readWechat, cut: walletCut,
		needs: []string{"交易时间", "交易类型", "收/支", "金额(元)", "当前状态", "交易单号"}},
	{name: "alipay_web", source: alipay, row: readAlipayWeb, cut: walletCut, claims: readWebClaims,
		needs: []string{"交易号", "交易创建时间", "付款时间", "类型", "金额(元)", "收/支", "交易状态", "资金状态"}},
	{name: "alipay_app_2023", source: alipay, row: readAlipayApp, cut: walletCut,
		needs: []string{"交易时间", "交易分类", "交易对方", "商品说明", "收/支", "金额", "交易状态", "交易订单号", "备注"}},
	{name: "alipay_app_2021", source: alipay, row: readAlipayApp, cut: walletCut,
		needs: []string{"交易时间", "交易分类", "交易对方", "商品说明", "收/支", "金额", "交易状态", "交易订单号"}},
	{name: "alipay_app_plain", source: alipay, row: readAlipayApp, cut: walletCut, // without categories, seen in 2026
		needs: []string{"交易时间", "交易对方", "对方账号", "商品说明", "收/支", "金额", "收/付款方式", "交易状态", "交易订单号"}},
}

// walletCut reports whether a last row without a line break was broken off:
// where the header has a comma after its last column so has every whole row,
// and WeChat fills an empty remark with "/".
func walletCut(l *layout, cells []string) bool {
	if l.comma {
		return len(cells) <= l.width
	}
	remark := clean(cells[l.width-1])
	return remark == "" || remark[0] == '"' || strings.HasSuffix(remark, "\ufffd")
}

func readWebClaims(lines []string) claims {
	c := readClaims(lines)
	c.web = true
	return c
}
