package billfile

import (
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strconv"
	"strings"

	"jali/connectors"
)

// identify names the bills of a file. An order number alone is not enough:
// refund rows may repeat it. What is added must not depend on the rest of the
// file, or a row would get another id in an overlapping file; nor on what the
// source still changes, the state and the time of payment. So an id is the
// order number, "~" and a digest of the day the row was made, its amount, and
// whether it is a refund. Where there is no order number, as at most banks,
// the digest is of all that tells the row from others but its running balance:
// a bank that books a row late writes all later balances anew.
//
// Rows that agree in all of these are numbered by their time, then by their
// text: files hold whole days, so an overlapping file numbers them alike.
func identify(bills []connectors.Bill, entries []entry) {
	alike := map[string][]int{}
	for i, e := range entries {
		b := &bills[i]
		parts := []string{e.created.Format("2006-01-02"), strconv.FormatInt(b.Amount.Minor, 10), strconv.FormatBool(e.refund)}
		if b.Order == "" {
			parts = append(parts, e.created.Format("15:04:05"), string(b.Direction), b.Amount.Currency, b.RawKind, b.Counterparty, b.Description, b.Merchant, b.Method)
		}
		b.ID = b.Order + "~" + digest(parts)
		alike[b.ID] = append(alike[b.ID], i)
	}
	for id, same := range alike {
		if len(same) == 1 {
			continue
		}
		slices.SortStableFunc(same, func(i, j int) int {
			if c := entries[i].created.Compare(entries[j].created); c != 0 {
				return c
			}
			return strings.Compare(rowText(bills[i]), rowText(bills[j]))
		})
		for n, i := range same[1:] {
			bills[i].ID = id + "." + strconv.Itoa(n+2)
		}
	}
}

func rowText(b connectors.Bill) string {
	return strings.Join([]string{b.Counterparty, b.Description, b.Method, b.Merchant}, "\x00")
}

func digest(parts []string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return strings.ToLower(base32.StdEncoding.EncodeToString(h[:5]))
}
