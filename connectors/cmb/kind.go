package cmb

import (
	"strings"

	"jali/connectors"
	"jali/connectors/wire"
)

// kindOf believes the parts of what the bank says of a row, those first that
// say more than that money was paid or sent; and a reversal, whatever is said.
func kindOf(m movement, way connectors.Direction) connectors.Kind {
	switch trim(m.Reversed) {
	case "*", "X":
		return connectors.Adjustment
	}
	kind := connectors.Other
	for _, text := range []string{m.Remark, m.Name, m.Words, m.More} {
		for _, part := range strings.FieldsFunc(text, dash) {
			k, ok := wire.Summaries[trim(part)]
			switch {
			case !ok:
			case k != connectors.Payment && k != connectors.Transfer:
				return k
			case kind == connectors.Other:
				kind = k
			}
		}
	}
	if kind == connectors.Payment && way == connectors.In {
		return connectors.Refund // a payment that came in is one that went out and was given back
	}
	return kind
}

func dash(r rune) bool { return r == '-' || r == '－' || r == '—' }
