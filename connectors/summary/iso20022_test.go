package summary

import (
	"testing"

	"jali/connectors"
)

func TestISOCode(t *testing.T) {
	for _, tt := range []struct {
		code, purpose string
		rare, common  connectors.Kind
		received      connectors.Kind // of what its family says, coming in
	}{
		{"PMNT-CCRD-POSD", "", "payment", "payment", "refund"}, // money back on a card
		{"PMNT-MCRD-POSP", "", "payment", "payment", "income"}, // a shop's takings
		{"PMNT-ICDT-ESCT", "SALA", "income", "transfer", "transfer"},
		{"PMNT-RCDT-ESCT", "", "", "transfer", "transfer"},
		{"ACMT-MDOP-INTR", "", "interest", "", ""},
		{"PMNT", "", "", "", ""},
		{"", "REFU", "refund", "", ""},
	} {
		c := ReadISOCode(tt.code)
		if rare, common := c.Rare(tt.purpose), c.Common(); rare != tt.rare || common != tt.common || c.Received(common) != tt.received {
			t.Errorf("%s %s: %q, %q, in %q; want %q, %q, in %q", tt.code, tt.purpose, rare, common, c.Received(common), tt.rare, tt.common, tt.received)
		}
	}
}
