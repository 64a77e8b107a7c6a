package billfile

import (
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/summary"
)

var hsbcHK = bank("hsbc_hk", "香港汇丰银行", "HSBC Hong Kong")

// HSBC in Hong Kong writes the day first. A savings account holds several
// currencies, each with a balance of its own.
var (
	hsbcDebit = form{name: "hsbc_hk_debit", source: hsbcHK, row: readHSBCDebit, claims: claimless,
		needs:   []string{"Date", "Description", "Billingamount", "Billingcurrency", "Balance", "Balancecurrency"},
		account: func(key string, _ []string, _ claims) connectors.Account { return deposit("", key) }}
	hsbcCredit = form{name: "hsbc_hk_credit", source: hsbcHK, row: readHSBCCredit, claims: claimless,
		needs:   []string{"Transactiondate", "Postdate", "Description", "Billingamount", "Billingcurrency", "Transactionstatus", "Merchantname", "Credit/Debit"},
		account: func(string, []string, claims) connectors.Account { return credit("", "") }}
)

func readHSBCDebit(e *entry) (b connectors.Bill, err error) {
	if b.At, err = e.dayFirst("Date"); err != nil {
		return b, err
	}
	b.DateOnly, e.created = true, b.At
	if err := e.in("Billingcurrency"); err != nil {
		return b, err
	}
	a, err := e.signed("Billingamount")
	if err != nil {
		return b, err
	}
	e.account = e.currency
	if e.told("Balancecurrency") == e.currency {
		e.standing("Balance")
	}
	first, rest, _ := strings.Cut(e.text("Description"), "  ") // what was done, padded, and with whom
	first, rest = clean(first), strings.Join(strings.Fields(rest), " ")
	settle(&b, a, func(way connectors.Direction) summary.Meaning {
		m, known := hsbcMeaning(way, first)
		if b.Counterparty, b.Description = first, rest; known {
			b.RawKind, b.Counterparty, b.Description = first, rest, ""
		}
		return m
	})
	return b, nil
}

func readHSBCCredit(e *entry) (b connectors.Bill, err error) {
	if b.At, err = e.dayFirst("Transactiondate"); err != nil {
		return b, err
	}
	b.DateOnly, e.created = true, b.At
	if e.told("Postdate") != "" {
		if e.created, err = e.dayFirst("Postdate"); err != nil {
			return b, err
		}
	}
	if err := e.in("Billingcurrency"); err != nil {
		return b, err
	}
	a, err := e.signed("Billingamount")
	if err != nil {
		return b, err
	}
	text := e.told("Description")
	b.Counterparty = e.told("Merchantname")
	settle(&b, a, func(way connectors.Direction) summary.Meaning {
		m, known := hsbcMeaning(way, text)
		switch {
		case way == connectors.In && strings.HasPrefix(text, "PAYMENT"):
			return summary.Meaning{Kind: connectors.Repayment, Own: true}
		case known && m.Kind != connectors.Payment && m.Kind != connectors.Transfer:
			return m
		default:
			return summary.OfCard(way, "")
		}
	})
	b.Description = noted(&b, text)
	if status := e.told("Transactionstatus"); status != "" && !strings.EqualFold(status, "POSTED") {
		b.State = connectors.Pending
	}
	return b, nil
}

// hsbcWords are what a description begins with, or has in it.
var hsbcWords = []struct {
	says    string
	in, out connectors.Kind
}{
	{"INTEREST", connectors.Interest, connectors.Interest},
	{"SALARY", connectors.Income, connectors.Payment},
	{"WITHDRAWAL", connectors.Withdrawal, connectors.Withdrawal},
	{"CASH DEPOSIT", connectors.Topup, connectors.Topup},
	{"REFUND", connectors.Refund, connectors.Refund},
	{"RETURN:", connectors.Refund, connectors.Refund},
	{"FEE", connectors.Fee, connectors.Fee},
	{"CHARGE", connectors.Fee, connectors.Fee},
	{"TRANSFER", connectors.Transfer, connectors.Transfer},
	{"PAYMENT", connectors.Refund, connectors.Payment},
	{"PURCHASE", connectors.Refund, connectors.Payment},
}

func hsbcMeaning(way connectors.Direction, text string) (m summary.Meaning, known bool) {
	for _, w := range hsbcWords {
		if !strings.Contains(" "+text+" ", " "+w.says+" ") {
			continue
		}
		k := w.in
		if way == connectors.Out {
			k = w.out
		}
		return summary.Meaning{Kind: k, Own: k.Inner()}, true
	}
	return summary.Meaning{Kind: connectors.Other}, false
}

func (e *entry) dayFirst(column string) (time.Time, error) {
	t, err := time.ParseInLocation("02/01/2006", e.told(column), zone)
	if err != nil || !plausible(t) {
		return t, e.damaged(column, "not_a_time")
	}
	return t, nil
}
