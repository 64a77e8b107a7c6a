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
		b := connectors.Bill{Counterparty: tt.in, Kind: tt.kind}
		if got := m.counterparty(b, isPerson(b)); got != tt.want {
			t.Errorf("%s to %q is shown as %q, want %q", tt.kind, tt.in, got, tt.want)
		}
	}
}

// One name is a shop's at the till and a friend's behind a code: what the whole
// bill tells decides.
func TestMaskReadsTheWholeBill(t *testing.T) {
	m := newMasker(nil)
	for _, tt := range []struct {
		why               string
		kind              connectors.Kind
		raw, other, text  string
		wantOther, wantIn string
	}{
		{"who pays by a person's code is a person", connectors.Income, "二维码收款", "爱吃鱼的猫", "爱吃鱼的猫 谢谢", "爱***", "爱*** 谢谢"},
		{"who is paid by code may be one", connectors.Payment, "扫二维码付款", "阿明", "收款方备注:阿明", "阿*", "收款方备注:阿*"},
		{"a tip is a person's to a person", connectors.Income, "赞赏码", "夏天的风", "", "夏***", ""},
		{"a tip that is paid too", connectors.Payment, "赞赏码", "mei_2020", "", "m***", ""},
		{"Alipay calls its code otherwise", connectors.Income, "其他", "阿明(138****8000)", "收钱码收款-阿明", "阿***", "收钱码收款-阿*"},
		{"only the text says that it was a code", connectors.Payment, "商业服务", "阿明", "收款码付款", "阿*", "收款码付款"},
		{"a friend gives a transfer back", connectors.Refund, "转账-退款", "爱吃鱼的猫", "爱吃鱼的猫", "爱***", "爱***"},
		{"a red packet comes back", connectors.Refund, "微信红包-退款", "阿明", "", "阿*", ""},
		{"a code's payment comes back", connectors.Refund, "扫二维码付款-退款", "阿明", "", "阿*", ""},
		{"only the text says what came back", connectors.Refund, "退款", "阿明", "退款-转账", "阿*", "退款-转账"},
		{"a bank abroad does not say for what", connectors.Other, "RCDT/ESCT", "John Smith", "JOHN SMITH rent", "J***", "J*** rent"},
		{"money in from a person at a bank", connectors.Income, "RCDT", "John Smith", "", "J***", ""},
		{"a Chinese name at a bank", connectors.Other, "", "王小河", "王小河 房租", "王**", "王** 房租"},
		{"a bank that names nobody but in its text", connectors.Other, "", "", "王小河 房租", "", "王** 房租"},
		{"nor a name that ends like a place", connectors.Transfer, "转账", "王思行", "", "王**", ""},
		{"whose last character a city has too", connectors.Payment, "商户消费", "李长城", "", "李**", ""},
		{"a child's name ends like a pot's", connectors.Transfer, "转账", "大宝", "", "大*", ""},
		{"a nickname that likes tea", connectors.RedPacket, "微信红包", "爱喝茶的阿明", "", "爱***", ""},
		{"wages from a person", connectors.Income, "SALA", "王小河", "代发工资", "王**", "代发工资"},

		{"a person at a till, with a number behind", connectors.Payment, "即时到账交易", "张三(138****8000)", "张三的饭", "张***", "张*的饭"},
		{"the same words at a till are a shop's", connectors.Payment, "商户消费", "爱吃鱼的猫", "猫粮", "爱吃鱼的猫", "猫粮"},
		{"and where the till gives back", connectors.Refund, "商户消费-退款", "爱吃鱼的猫", "", "爱吃鱼的猫", ""},
		{"a packet that was spent at a till", connectors.Payment, "餐饮美食", "美团", "红包抵扣", "美团", "红包抵扣"},
		{"a stall is paid by code", connectors.Payment, "扫二维码付款", "桥头早点", "", "桥头早点", ""},
		{"so is a noodle house", connectors.Payment, "扫二维码付款", "老街面馆", "", "老街面馆", ""},
		{"so is a market", connectors.Payment, "扫二维码付款", "小镇超市", "", "小镇超市", ""},
		{"so is a pharmacy", connectors.Payment, "扫二维码付款", "百草药房", "", "百草药房", ""},
		{"so is an online shop", connectors.Payment, "扫二维码付款", "蓝鲸网购", "", "蓝鲸网购", ""},
		{"so is a greengrocer", connectors.Payment, "扫二维码付款", "鲜丰水果", "", "鲜丰水果", ""},
		{"so is who everybody knows", connectors.Other, "", "美团", "", "美团", ""},
		{"a cinema", connectors.Other, "", "云顶影院", "", "云顶影院", ""},
		{"a water company", connectors.Other, "", "江南水务", "", "江南水务", ""},
		{"a landlord's firm", connectors.Transfer, "转账", "青石物业", "房租-青石物业", "青石物业", "房租-青石物业"},
		{"a works", connectors.Income, "SALA", "北山水泥厂", "代发工资", "北山水泥厂", "代发工资"},
		{"a school", connectors.Income, "代发", "小镇第一小学", "代发工资", "小镇第一小学", "代发工资"},
		{"an employer whose name says nothing", connectors.Income, "RCDT/SALA", "字节跳动", "代发工资", "字节跳动", "代发工资"},
		{"a firm abroad", connectors.Other, "", "River Noodles Ltd", "", "River Noodles Ltd", ""},
		{"a pot of one's own", connectors.Other, "", "余额宝", "", "余额宝", ""},
		{"a bank that takes a transfer", connectors.Withdrawal, "转账", "江南银行(1234)", "", "江南银行(****)", ""},
		{"goods that a shop sold begin like names", connectors.Income, "JSAPI/SUCCESS", "", "龙井", "", "龙井"},
		{"to pay is no name", connectors.Payment, "扫二维码付款", "阿明", "扫码 付款", "阿*", "扫码 付款"},
	} {
		b := connectors.Bill{Kind: tt.kind, RawKind: tt.raw, Counterparty: tt.other, Description: tt.text}
		if strings.HasPrefix(tt.raw, "JSAPI") {
			b.Merchant = "M-100"
		}
		if got := m.counterparty(b, isPerson(b)); got != tt.wantOther {
			t.Errorf("%s: %q is shown as %q, want %q", tt.why, tt.other, got, tt.wantOther)
		}
		if got := m.description(b, isPerson(b)); got != tt.wantIn {
			t.Errorf("%s: %q is shown as %q, want %q", tt.why, tt.text, got, tt.wantIn)
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
		b := connectors.Bill{Description: tt.text, Counterparty: tt.other, Kind: tt.kind}
		if got := m.description(b, isPerson(b)); got != tt.want {
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
		for _, k := range []connectors.Kind{connectors.Payment, connectors.Transfer, connectors.Other} {
			b := connectors.Bill{Description: text, Counterparty: other, Kind: k}
			for _, got := range []string{m.description(b, isPerson(b)), m.counterparty(b, isPerson(b))} {
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
