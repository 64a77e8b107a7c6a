package aggregate

import (
	"strings"
	"testing"
	"unicode/utf8"

	"jali/connectors"
)

func TestCounterpartyMask(t *testing.T) {
	m := newMasker([]known{{accounts: []account{{plate: plate{Ref: "openid-of-mine", Number: "2088123412341234", Holder: "小美"}}}}})
	for _, tt := range []struct {
		in   string
		kind connectors.Kind
		want string
	}{
		// Shops are what a bookkeeping app is for.
		{"瑞幸咖啡", connectors.Payment, "瑞幸咖啡"},
		{"河边面馆", connectors.Payment, "河边面馆"},
		{"江南银行", connectors.Withdrawal, "江南银行"},
		{"李宁", connectors.Payment, "李宁"},
		{"周黑鸭", connectors.Payment, "周黑鸭"},
		{"美团", connectors.Payment, "美团"},
		{"Starbucks Coffee", connectors.Payment, "Starbucks Coffee"},
		{"Marks Spencer", connectors.Payment, "Marks Spencer"},
		{"余额宝", connectors.Transfer, "余额宝"},
		// People are not, whatever the money was for.
		{"张三", connectors.Payment, "张*"},
		{"王小明", connectors.Payment, "王**"},
		{"欧阳娜娜", connectors.Payment, "欧***"},
		{"ZHANG WEI", connectors.Payment, "Z***"},
		{"Li Xiaoming", connectors.Payment, "L***"},
		// What goes between people goes to a person, by whatever name.
		{"阿明", connectors.RedPacket, "阿*"},
		{"爱吃鱼的猫", connectors.Transfer, "爱***"},
		{"John Smith", connectors.Transfer, "J***"},
		{"mei_2020", connectors.Transfer, "m***"},
		{"13800138000", connectors.Transfer, "***"},
		{"某某有限公司", connectors.Transfer, "某某有限公司"},
		// What a source has masked stays.
		{"张*", connectors.Transfer, "张*"},
		{"**明", connectors.Payment, "**明"},
		{"绿茵书店(138****8000)", connectors.Payment, "绿茵书店(****)"},
		{"", connectors.Payment, ""},
	} {
		if got := m.counterparty(connectors.Bill{Counterparty: tt.in, Kind: tt.kind}); got != tt.want {
			t.Errorf("%s to %q is shown as %q, want %q", tt.kind, tt.in, got, tt.want)
		}
	}
}

func TestDescriptionMask(t *testing.T) {
	m := newMasker([]known{{accounts: []account{{plate: plate{Ref: "oMineMineMine", Number: "2088123412341234", Holder: "小美"}}}}})
	for _, tt := range []struct {
		text, other string
		kind        connectors.Kind
		want        string
	}{
		{"生椰拿铁 大杯", "瑞幸咖啡", connectors.Payment, "生椰拿铁 大杯"},
		{"转账给张三", "张三", connectors.Transfer, "转账给张*"},
		{"转账给李四-房租", "", connectors.Payment, "转账给李*-房租"},
		{"收到王小明的红包", "", connectors.RedPacket, "收到王**的红包"},
		{"爱吃鱼的猫 请你喝茶", "爱吃鱼的猫", connectors.RedPacket, "爱*** 请你喝茶"},
		{"话费充值 13800138000", "", connectors.Payment, "话费充值 ****"},
		{"话费充值 138 0013 8000", "", connectors.Payment, "话费充值 ****"},
		{"话费充值 １３８００１３８０００", "", connectors.Payment, "话费充值 ****"},
		{"还款 6222 0212 3412 3412 345", "", connectors.Repayment, "还款 ****"},
		{"还款 6222-0212-3412-3412", "", connectors.Repayment, "还款 ****"},
		{"招商银行储蓄卡(1234)", "", connectors.Topup, "招商银行储蓄卡(****)"},
		{"招商银行（1234）", "", connectors.Topup, "招商银行（****）"},
		{"尾号1234的卡", "", connectors.Topup, "尾号****的卡"},
		{"card ending in 1234", "", connectors.Payment, "card ending in ****"},
		{"江南银行 622262******1234", "", connectors.Topup, "江南银行 ****"},
		{"GB29NWBK60161331926819", "", connectors.Payment, "****"},
		{"退回 a.b+c@example.org", "", connectors.Refund, "退回 ***@example.org"},
		{"小美的订单", "", connectors.Payment, "****的订单"},
		{"用户 oMineMineMine", "", connectors.Payment, "用户 ****"},
		{"openid o6_bmjrPTlm6_2sgVt7hMZOPfL2M", "", connectors.Payment, "openid ****"},
		// What anybody may read stays readable.
		{"2026-10-01 至 2026-10-31 房租", "", connectors.Payment, "2026-10-01 至 2026-10-31 房租"},
		{"余额宝-2026.10.01-收益发放", "", connectors.Interest, "余额宝-2026.10.01-收益发放"},
		{"合计 12345.60 元", "", connectors.Payment, "合计 12345.60 元"},
		{"3件商品", "", connectors.Payment, "3件商品"},
	} {
		if got := m.description(connectors.Bill{Description: tt.text, Counterparty: tt.other, Kind: tt.kind}); got != tt.want {
			t.Errorf("%q is shown as %q, want %q", tt.text, got, tt.want)
		}
	}
}

// Whatever a source writes, no run of more than six digits and none of the person's own
// numbers comes out, spaced or not.
func FuzzMask(f *testing.F) {
	for _, s := range []string{"转账给张三 6222021234123412", "20881234 12341234", "２０８８", "a@b.c", "张三", "*1*2*3*4*5*6", "卡1234567"} {
		f.Add(s, s)
	}
	m := newMasker([]known{{accounts: []account{{plate: plate{Ref: "ref-x1", Number: "2088123412341234"}}}}})
	f.Fuzz(func(t *testing.T, text, other string) {
		if !utf8.ValidString(text) || !utf8.ValidString(other) {
			return
		}
		for _, k := range []connectors.Kind{connectors.Payment, connectors.Transfer} {
			b := connectors.Bill{Description: text, Counterparty: other, Kind: k}
			for _, got := range []string{m.description(b), m.counterparty(b)} {
				if strings.Contains(got, "ref-x1") || strings.Contains(got, "2088123412341234") {
					t.Fatalf("%q lets a number of the person's own out", got)
				}
				run := 0
				for _, r := range got {
					if r >= '0' && r <= '9' {
						if run++; run > 6 {
							t.Fatalf("%q lets a number out", got)
						}
						continue
					}
					run = 0
				}
			}
		}
	})
}
