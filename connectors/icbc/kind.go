package icbc

import (
	"strings"

	"jali/connectors"
	"jali/connectors/wire"
)

// kindOf believes the bank's own summary first where it says more than that
// money was paid or sent, then the parts of the note.
func kindOf(m movement, way connectors.Direction) connectors.Kind {
	parts := append([]string{m.Summary}, strings.FieldsFunc(m.Notes+"-"+m.Purpose, dash)...)
	kind := connectors.Other
	for _, part := range parts {
		k, ok := wire.Summaries[strings.TrimSpace(part)]
		switch {
		case !ok:
		case k != connectors.Payment && k != connectors.Transfer:
			return k
		case kind == connectors.Other:
			kind = k
		}
	}
	if kind == connectors.Payment && way == connectors.In {
		return connectors.Refund // a payment that came in is one that went out and was given back
	}
	return kind
}

func dash(r rune) bool { return r == '-' || r == '－' || r == '—' }
