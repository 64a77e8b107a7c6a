package cmb

import (
	"jali/connectors"
	"jali/connectors/summary"
)

// means believes a reversal, whatever else is said; then the parts of what the
// bank says of a row: its 摘要 may end in a shop's name, and is read by whole
// parts like the rest.
func (m movement) means(way connectors.Direction) summary.Meaning {
	switch trim(m.Reversed) {
	case "*", "X":
		return summary.Meaning{Kind: connectors.Adjustment}
	}
	return summary.Of(way, "", m.Remark, m.Name, m.Words, m.More)
}
