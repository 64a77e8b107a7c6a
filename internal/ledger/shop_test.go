package ledger

import (
	"testing"

	"jali/connectors"
)

func TestShop(t *testing.T) {
	for _, tt := range []struct{ party, want, why string }{
		{"支付宝-金拱门(中国)有限公司", "金拱门", "through a wallet, a country and a company's form"},
		{"金拱门（人民广场餐厅）", "金拱门", "a branch in full-width brackets"},
		{"财付通－美团平台商户", "美团", "a full-width dash"},
		{"云闪付APP-永辉超市股份有限公司", "永辉超市", "through the network's app"},
		{"网银在线-京东商城业务CHN", "京东商城业务", "a country behind it"},
		{"上海公共交通卡股份有限CHN", "上海公共交通卡", "cut off"},
		{"抖音电商商家888888888", "抖音电商商家", "a number"},
		{"退货 支付宝-滴滴顺风车", "滴滴顺风车", "given back"},
		{"支付宝退款-瑞幸咖啡(中国)有限公司", "瑞幸咖啡", "likewise"},
		{"云膳过桥米线(传奇广场店", "云膳过桥米线", "a bracket that is cut off"},
		{"国泰**司", "国泰司", "masked in the middle"},
		{"*三", "", "a person of whom a letter is told is nobody"},
		{"**过", "", "likewise"},
		{"有限公司", "有限公司", "a name that is nothing but a form stays one"},
		{"支付宝", "支付宝", "no dash: it is the wallet itself"},
		{"MICROSOFT*XBOXJPN", "MICROSOFTXBOXJPN", "no Chinese before the country: it may be the name"},
		{"Ａｐｐｌｅ　Ｓｔｏｒｅ", "Apple Store", "full-width letters"},
		{"", "", "nothing"},
	} {
		if got := Shop(&connectors.Bill{Counterparty: tt.party}); got != tt.want {
			t.Errorf("Shop(%q) = %q, want %q: %s", tt.party, got, tt.want, tt.why)
		}
	}
}

func TestACorrectionIsLearntForWhatIsAlike(t *testing.T) {
	bill := func(party string, k connectors.Kind, d connectors.Direction) *connectors.Bill {
		return &connectors.Bill{Counterparty: party, Kind: k, Direction: d, Category: "服饰装扮"}
	}
	bought := bill("小木屋(人民路店)", connectors.Payment, connectors.Out)
	w := Words{Filed: map[string]string{"this": "family.gifts"}, Learnt: map[string]string{Learns(bought): "food.drinks"}}
	for _, tt := range []struct {
		id            string
		b             *connectors.Bill
		code, by, why string
	}{
		{"this", bought, "family.gifts", ByPerson, "what was said of this bill comes first"},
		{"that", bought, "food.drinks", ByLearnt, "another of the shop"},
		{"that", bill("支付宝-小木屋有限公司", connectors.Payment, connectors.Out), "food.drinks", ByLearnt, "as the bank writes it"},
		{"that", bill("小木屋", connectors.Refund, connectors.In), "income.refund", ByRule, "what it gives back is no drink"},
		{"that", bill("小木屋", connectors.Income, connectors.In), "income", ByRule, "nor what it pays"},
		{"that", bill("大木屋", connectors.Payment, connectors.Out), "shopping.clothing", BySource, "another shop"},
		{"that", bill("", connectors.Payment, connectors.Out), "shopping.clothing", BySource, "nobody"},
	} {
		if code, by := w.File(tt.id, tt.b); code != tt.code || by != tt.by {
			t.Errorf("File(%s, %s) = %s by %s, want %s by %s: %s", tt.id, tt.b.Counterparty, code, by, tt.code, tt.by, tt.why)
		}
	}
}
