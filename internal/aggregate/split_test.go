package aggregate_test

import (
	"testing"

	"jali/connectors"
	"jali/consent"
)

// A bill that several accounts paid together says so to whoever may see what
// paid it, and only then.
func TestSplitFundingIsSaid(t *testing.T) {
	h := newHouse(t)
	w := wallet("alipay").with(2)
	w.bills["ref-alipay"][0].Method, w.bills["ref-alipay"][0].Note = "余额宝&花呗金", "split_funding"
	split := w.bills["ref-alipay"][0].Amount
	w.bills["ref-alipay"][1].Amount = yuan(split.Minor + 1)
	w.bills["ref-alipay"][1].Note = "refunded_part"
	h.add(w)
	p := h.person("li")
	h.link(p, "alipay")
	for fields, want := range map[consent.BillFields]bool{consent.Minimal: false, consent.Standard: true, consent.Full: true} {
		terms := h.everything(once)
		terms.Fields = fields
		v := h.open("bank", h.grant(p, "bank", terms), "key-0000000000000001")
		if len(v.Bills.Items) != 2 {
			t.Fatalf("%d bills", len(v.Bills.Items))
		}
		for _, b := range v.Bills.Items {
			if b.SplitFunding != (want && b.Amount == split) || b.Kind != connectors.Payment {
				t.Errorf("%s: %+v", fields, b)
			}
		}
	}
}
