package aggregate

import (
	"strings"

	"jali/connectors"
)

// public is how clients know a source. One that its person has named is "file" to
// all of them: an id made of a rare word is the same everywhere, and two clients
// could tell by it whom they share.
func public(source string) string {
	if strings.HasPrefix(source, "file_") {
		return "file"
	}
	return source
}

// called is an account's name, or what accounts of its kind are called where it
// is a word of the person's.
func (p presenter) called(a OwnAccount) string {
	if !a.Named {
		return p.text(a.Name)
	}
	switch a.Kind {
	case connectors.Deposit:
		return "储蓄卡"
	case connectors.CreditCard:
		return "信用卡"
	case connectors.WalletBalance:
		return "余额"
	default:
		return "账户"
	}
}
