package billfile

import (
	"bytes"
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"jali/connectors"
	"jali/connectors/money"
)

// mt940 is SWIFT's customer statement message (Standards MT, category 9: MT940,
// and MT942 within the day), as banks hand it to their customers: one message
// after the other, with or without SWIFT's own blocks around them. Its dates
// are days. Text is UTF-8 or else Windows-1252, which the letters that SWIFT
// allows are all the same in.
var mt940 = document{is: isMT940, read: readMT940}

// isMT940 knows a file by its first fields; some banks write a line or two of
// their own before them.
func isMT940(head []byte) bool {
	first := bytes.HasPrefix(head, []byte(":20:")) || bytes.Contains(head, []byte("\n:20:")) || bytes.Contains(head, []byte("\r:20:"))
	return first && bytes.Contains(head, []byte(":25")) && !bytes.HasPrefix(head, []byte("<"))
}

// field is one of a message: ":61:" with its lines.
type field struct {
	tag   string
	lines []string
	line  int
}

func (f *field) first() string { return clean(f.lines[0]) }

var (
	lineBreaks  = strings.NewReplacer("\r\n", "\n", "\r", "\n")
	swiftTag    = regexp.MustCompile(`^:([0-9]{2}[A-Z]?):(.*)$`)
	swiftSender = regexp.MustCompile(`\{2:O94[02][0-9]{10}([A-Z]{6}[A-Z0-9]{2})`)
)

func readMT940(data []byte) (*File, error) {
	text := string(data)
	if !utf8.ValidString(text) {
		b, err := charmap.Windows1252.NewDecoder().Bytes(data)
		if err != nil {
			return nil, ErrUnknown.Because(err)
		}
		text = string(b)
	}
	var all []*statement
	var fields []field
	bic := ""
	finish := func() error {
		if len(fields) == 0 {
			return nil
		}
		s, err := readMessage(fields, bic)
		fields, bic = nil, ""
		if s != nil {
			all = append(all, s)
		}
		return err
	}
	for i, l := range strings.Split(lineBreaks.Replace(strings.TrimPrefix(text, bom)), "\n") {
		if at := strings.Index(l, "{4:"); at >= 0 { // SWIFT's blocks
			if err := finish(); err != nil {
				return nil, err
			}
			if m := swiftSender.FindStringSubmatch(l); m != nil {
				bic = m[1]
			}
			l = l[at+3:]
		}
		m := swiftTag.FindStringSubmatch(l)
		switch {
		case m != nil && m[1] == "20":
			if err := finish(); err != nil {
				return nil, err
			}
			fields = append(fields, field{m[1], []string{m[2]}, i + 1})
		case m != nil && len(fields) > 0:
			fields = append(fields, field{m[1], []string{m[2]}, i + 1})
		case clean(l) == "-", strings.HasPrefix(l, "-}"):
			if err := finish(); err != nil {
				return nil, err
			}
		case len(fields) > 0:
			last := &fields[len(fields)-1]
			last.lines = append(last.lines, l)
		}
	}
	if err := finish(); err != nil {
		return nil, err
	}
	return fileOf("mt940", all)
}

// readMessage reads the fields of one message in their order.
func readMessage(fields []field, bic string) (*statement, error) {
	s := &statement{claimed: map[string]claim{}}
	if err := s.swiftHead(fields, bic); err != nil {
		return nil, err
	}
	ended := false // what follows the closing balance is told of the statement
	for i := range fields {
		f := &fields[i]
		switch f.tag {
		case "60F", "60M", "62F", "62M":
			a, day, err := swiftBalance(f)
			if err != nil {
				return nil, err
			}
			if f.tag[:2] == "60" {
				s.opening, s.opens = &a, day
			} else {
				s.closing, s.closes, ended = &a, day, true
			}
		case "90D", "90C":
			s.swiftTotal(f)
		case "61":
			if err := s.swiftLine(f); err != nil {
				return nil, err
			}
		case "86":
			if n := len(s.bills); n > 0 && !ended && i > 0 && fields[i-1].tag == "61" {
				describe86(&s.bills[n-1], f)
			}
		}
	}
	for i := range s.bills {
		b := &s.bills[i]
		coded(b)
		if b.Kind == connectors.Refund {
			b.RefundOf = b.Order
		}
	}
	return s, nil
}

var (
	swiftMoney   = regexp.MustCompile(`^([CD])([0-9]{6})([A-Z]{3})([0-9]+,[0-9]*)$`)
	swiftAccount = regexp.MustCompile(`^(?:([A-Z]{6}[A-Z0-9]{2,5})/|([0-9A-Z]{3,12})/)?([0-9A-Z]+)$`)
)

// swiftHead reads :25: (or :25P:, with a BIC on its second line): an account
// as its bank writes it, an IBAN, or bank code, stroke and number. The currency
// is the balances'.
func (s *statement) swiftHead(fields []field, bic string) error {
	written, currency := "", ""
	for i := range fields {
		f := &fields[i]
		switch f.tag {
		case "25", "25P":
			written = compact(f.first())
			if len(f.lines) > 1 && bicForm.MatchString(compact(f.lines[1])) {
				bic = compact(f.lines[1])
			}
		case "60F", "60M", "62F", "62M":
			if a, _, err := swiftBalance(f); err == nil {
				currency = cmp.Or(currency, a.Currency)
			}
		case "34F":
			if t := f.first(); currency == "" && len(t) >= 3 {
				currency = t[:3]
			}
		}
	}
	if _, err := money.Parse("0", currency); err != nil {
		return damaged(fields[0].line, ":60:", "not_a_currency")
	}
	s.bank = institution{bic: bic}
	number := written
	if short := strings.TrimSuffix(written, currency); strings.Trim(short[max(0, len(short)-1):], "0123456789") == "" {
		number = short // without "…EUR"
	}
	if m := swiftAccount.FindStringSubmatch(number); m != nil {
		switch {
		case isIBAN(m[3]):
			number, s.bank.iban = m[3], m[3]
		case len(m[2]) == 8 && strings.Trim(m[2], "0123456789") == "": // a German Bankleitzahl
			s.bank.code = "DE " + m[2]
		}
		s.bank.bic = cmp.Or(m[1], s.bank.bic)
	}
	s.account = accountNumbered(number, currency, connectors.Deposit)
	return nil
}

func swiftBalance(f *field) (money.Amount, time.Time, error) {
	m := swiftMoney.FindStringSubmatch(f.first())
	if m == nil {
		return money.Amount{}, time.Time{}, damaged(f.line, ":"+f.tag+":", "not_an_amount")
	}
	day, ok := swiftDay(m[2])
	if !ok {
		return money.Amount{}, day, damaged(f.line, ":"+f.tag+":", "not_a_time")
	}
	a, err := swiftAmount(m[4], m[3])
	if err != nil {
		return a, day, damaged(f.line, ":"+f.tag+":", "not_an_amount")
	}
	if m[1] == "D" {
		a = a.Neg()
	}
	return a, day, nil
}

// swiftAmount reads "123,45" and "123,".
func swiftAmount(s, currency string) (money.Amount, error) {
	return money.Parse(strings.TrimSuffix(strings.Replace(s, ",", ".", 1), "."), currency)
}

func swiftDay(s string) (time.Time, bool) {
	t, err := time.ParseInLocation("060102", s, zone)
	return t, err == nil && plausible(t)
}

var swiftSum = regexp.MustCompile(`^([0-9]{1,5})([A-Z]{3})([0-9]+,[0-9]*)$`)

// swiftTotal reads MT942's number and sum of debits (:90D:) or credits.
func (s *statement) swiftTotal(f *field) {
	of := map[string]string{"90D": "out", "90C": "in"}[f.tag]
	m := swiftSum.FindStringSubmatch(f.first())
	if m == nil {
		s.broken = append(s.broken, Problem{Code: "claim_unreadable", Of: of})
		return
	}
	n, _ := strconv.Atoi(m[1])
	a, err := swiftAmount(m[3], m[2])
	s.claimed[of] = claim{count: true, sum: err == nil, n: n, amount: a}
}

// swiftRow is :61: without what follows the bank's transaction type: value
// date, entry date, mark, the third letter of the currency, amount, type.
var swiftRow = regexp.MustCompile(`^([0-9]{6})([0-9]{4})?(E?[CD]|R[CD])([A-Z])?([0-9]+,[0-9]*)([A-Z][A-Z0-9]{3})(.*)$`)

// swiftLine reads a statement line. RC takes a credit back, so it is money
// out, and RD gives a debit back; EC and ED are expected. The references are
// the customer's, and after "//" the bank's.
func (s *statement) swiftLine(f *field) error {
	m := swiftRow.FindStringSubmatch(f.first())
	if m == nil {
		return damaged(f.line, ":61:", "cells")
	}
	value, ok := swiftDay(m[1])
	if !ok {
		return damaged(f.line, ":61:", "not_a_time")
	}
	b := connectors.Bill{At: value, DateOnly: true, State: connectors.Done, RawKind: m[6]}
	if m[2] != "" {
		if b.At, ok = nearest(value, m[2]); !ok {
			return damaged(f.line, ":61:", "not_a_time")
		}
	}
	var err error
	if b.Amount, err = swiftAmount(m[5], s.account.Currency); err != nil {
		return damaged(f.line, ":61:", "not_an_amount")
	}
	b.Direction = connectors.Out
	if m[3] == "C" || m[3] == "EC" || m[3] == "RD" {
		b.Direction = connectors.In
	}
	if m[3][0] == 'E' {
		b.State = connectors.Pending
	}
	b.Kind = cmp.Or(swiftKinds[m[6][1:]], connectors.Other)
	if b.Kind == connectors.Payment && b.Direction == connectors.In {
		b.Kind = connectors.Income
	}
	if m[3][0] == 'R' {
		b.Kind = connectors.Refund
	}
	customer, bank, _ := strings.Cut(m[7], "//")
	b.Order = reference(customer)
	if b.Order != "" {
		b.Refs = []string{b.Order}
	}
	b.Description = line(strings.Join(f.lines[1:], " "))
	s.take(b, entry{row: row{line: f.line}, created: b.At, currency: b.Amount.Currency, id: reference(bank), refund: m[3][0] == 'R'})
	return nil
}

// swiftKinds are the identification codes of :61:'s transaction type (N with
// a code of SWIFT's list, or F, or S with a message's number).
var swiftKinds = map[string]connectors.Kind{
	"TRF": connectors.Transfer, "STO": connectors.Transfer, "DDT": connectors.Payment, "CHK": connectors.Payment, "TAX": connectors.Payment,
	"CHG": connectors.Fee, "COM": connectors.Fee, "BRF": connectors.Fee, "INT": connectors.Interest, "DIV": connectors.Interest,
	"RTI": connectors.Refund, "LDP": connectors.LoanKind, "SEC": connectors.Investment, "FEX": connectors.Transfer,
}

// nearest is the day MMDD of the year in which it is nearest to the value
// date: entries of a year's last days have a value in the next.
func nearest(value time.Time, mmdd string) (best time.Time, ok bool) {
	for year := value.Year() - 1; year <= value.Year()+1; year++ {
		t, err := time.ParseInLocation("20060102", strconv.Itoa(year)+mmdd, zone)
		if err != nil {
			continue // the 29th of February
		}
		if !ok || t.Sub(value).Abs() < best.Sub(value).Abs() {
			best, ok = t, plausible(t)
		}
	}
	return best, ok
}
