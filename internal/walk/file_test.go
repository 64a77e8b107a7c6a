package walk

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// alipayFile writes an export as Alipay's app does today (GB18030, CRLF, a
// preamble with counts and sums), of bills that are made up and end yesterday.
func alipayFile(t *testing.T) string {
	t.Helper()
	zone := time.FixedZone("", 8*3600)
	day := time.Now().In(zone).AddDate(0, 0, -1)
	rows := []struct{ category, who, goods, way, amount, method, state string }{
		{"餐饮美食", "巷口面馆", "牛肉面", "支出", "18.00", "余额宝", "交易成功"},
		{"交通出行", "城市地铁", "地铁乘车", "支出", "4.00", "花呗", "交易成功"},
		{"日用百货", "邻里超市", "洗衣液、纸巾", "支出", "63.50", "江南银行储蓄卡(0000)", "交易成功"},
		{"转账红包", "王小河", "收钱码收款", "收入", "120.00", "余额", "交易成功"},
		{"投资理财", "余额宝", "余额宝-收益发放", "不计收支", "0.37", "余额宝", "交易成功"},
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("------------------------------------------------------------------------------------")
	line("导出信息：")
	line("姓名：林小舟")
	line("支付宝账户：lin***@example.test")
	line("起始时间：[%s 00:00:00]    终止时间：[%s 23:59:59]", day.AddDate(0, 0, -6).Format(time.DateOnly), day.Format(time.DateOnly))
	line("导出交易类型：[全部]")
	line("导出时间：[%s]", day.AddDate(0, 0, 1).Format(time.DateTime))
	line("共5笔记录")
	line("收入：1笔 120.00元")
	line("支出：3笔 85.50元")
	line("不计收支：1笔 0.37元")
	line("")
	line("特别提示：")
	line("1.本明细仅供个人对账使用。")
	line("")
	line("------------------------支付宝支付科技有限公司  电子客户回单------------------------")
	line("交易时间,交易分类,交易对方,对方账号,商品说明,收/支,金额,收/付款方式,交易状态,交易订单号,商家订单号,备注,")
	for i, r := range rows {
		line("%s,%s,%s,/,%s,%s,%s,%s,%s,%s\t,%s\t,,", day.Add(-time.Duration(i)*26*time.Hour).Format(time.DateTime),
			r.category, r.who, r.goods, r.way, r.amount, r.method, r.state, fmt.Sprintf("20260000%020d", i+1), fmt.Sprintf("M%012d", i+1))
	}
	encoded, err := simplifiedchinese.GB18030.NewEncoder().String(b.String())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "支付宝交易明细.csv")
	if err := os.WriteFile(path, []byte(encoded), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
