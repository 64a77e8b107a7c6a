package billfile

import (
	"slices"
	"strings"
	"testing"
)

// A day that ends where it began follows from the days beside it, whichever way
// the file runs and whether it is its first.
func TestADayThatEndsWhereItBegan(t *testing.T) {
	const head = "中国银行交易流水明细单\n记账日期,记账时间,币别,金额,余额,交易名称,渠道,网点名称,附言,对方账户名,对方卡号/账号,对方开户行,借记卡号\n"
	for name, days := range map[string][]string{
		"first": {
			"2026-08-03,06:59:00,人民币,-18.50,\"49,981.50\"", "2026-08-03,07:32:00,人民币,18.50,\"50,000.00\"", "2026-08-04,17:52:00,人民币,-18.50,\"49,981.50\"", "2026-08-09,01:29:00,人民币,-18.50,\"49,963.00\""},
		"in between": {
			"2026-08-03,06:59:00,人民币,18.50,\"50,018.50\"", "2026-08-04,07:32:00,人民币,-18.50,\"50,000.00\"", "2026-08-04,17:52:00,人民币,18.50,\"50,018.50\"", "2026-08-09,01:29:00,人民币,-18.50,\"50,000.00\""},
		"last": {
			"2026-08-03,06:59:00,人民币,18.50,\"51,145.58\"", "2026-08-04,01:00:00,人民币,70.48,\"51,216.06\"", "2026-08-04,02:06:00,人民币,-70.48,\"51,145.58\""},
	} {
		for _, way := range []string{"oldest first", "newest first"} {
			t.Run(name+", "+way, func(t *testing.T) {
				rows := slices.Clone(days)
				if way == "newest first" {
					slices.Reverse(rows)
				}
				const rest = ",无卡支付,银企对接,-------------------,----------,小店,-------------------,-------------------,4260\n"
				f, err := Read(strings.NewReader(head+strings.Join(rows, rest)+rest), Options{})
				if err != nil || len(f.Problems) != 0 {
					t.Errorf("%+v, %v", f.Problems, err)
				}
			})
		}
	}
}
