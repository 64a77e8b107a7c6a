package billfile

import (
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/secret"
)

// statement is what a document (CAMT, MT940, OFX) says of one account and one
// period. Its amounts are as the account holds them: below zero is overdrawn,
// and of an account of debt it is owed.
type statement struct {
	account          connectors.Account
	bank             institution
	owner            string
	said             connectors.Span // days that it says it covers; zero: it does not say
	opening, closing *money.Amount   // booked
	opens, closes    time.Time       // the days of these; zero: not said
	claimed          map[string]claim
	made             time.Time

	bills   []connectors.Bill
	entries []entry
	broken  []Problem
}

// take adds one row.
func (s *statement) take(b connectors.Bill, e entry) {
	s.bills, s.entries = append(s.bills, b), append(s.entries, e)
}

// span is the whole days that a statement speaks of: those it names, or else
// those of its balances and rows.
func (s *statement) span() connectors.Span {
	span := s.said
	if span.To.IsZero() {
		if !s.opens.IsZero() && !s.closes.IsZero() && !s.closes.Before(s.opens) {
			span = connectors.Span{From: s.opens, To: s.closes.AddDate(0, 0, 1)}
			// Banks date an opening balance on the day before as often as on the
			// day itself; without a row on that day the next one says as much.
			moved := slices.ContainsFunc(s.entries, func(e entry) bool { return calendarDay(e.created).Equal(s.opens) })
			if !moved && s.opens.Before(s.closes) {
				span.From = s.opens.AddDate(0, 0, 1)
			}
		}
		span = s.rows(span)
	}
	if span.To.IsZero() && !s.closes.IsZero() {
		span = connectors.Span{From: s.closes, To: s.closes.AddDate(0, 0, 1)}
	}
	return span
}

// rows widens a span to the days of the rows.
func (s *statement) rows(span connectors.Span) connectors.Span {
	for _, e := range s.entries {
		day := calendarDay(e.created.In(zone))
		span = around(span, connectors.Span{From: day, To: day.AddDate(0, 0, 1)})
	}
	return span
}

// calendarDay is midnight in this package's zone of the day that t has in its own.
func calendarDay(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone)
}

// moved is what the booked rows changed of the account.
func (s *statement) moved() (sum money.Amount, err error) {
	for _, b := range s.bills {
		if b.State == connectors.Pending || b.State == connectors.Failed {
			continue
		}
		amount := b.Amount
		if (b.Direction == connectors.In) != (s.account.Side == connectors.Asset) {
			amount = amount.Neg()
		}
		if sum, err = sum.Add(amount); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// check holds what the statement says of itself against its rows.
func (s *statement) check() []Problem {
	found := s.broken
	sums := map[string]sum{}
	for _, b := range s.bills {
		for _, of := range []string{string(b.Direction), "total"} {
			t := sums[of]
			t.count++
			t.amount, _ = t.amount.Add(b.Amount) // of several currencies there is no sum: see below
			sums[of] = t
		}
	}
	for _, of := range []string{"total", "in", "out"} {
		said, rows := s.claimed[of], sums[of]
		if said.count && said.n != rows.count {
			found = append(found, Problem{Code: "count_differs", Of: of, ClaimedCount: said.n, RowCount: rows.count})
		}
		if rows.amount.Currency == "" {
			rows.amount.Currency = said.amount.Currency
		}
		if said.sum && said.amount != rows.amount {
			found = append(found, Problem{Code: "sum_differs", Of: of, Claimed: said.amount, Rows: rows.amount})
		}
	}
	if !s.said.To.IsZero() {
		outside := 0
		for _, e := range s.entries {
			if day := calendarDay(e.created); day.Before(s.said.From) || !day.Before(s.said.To) {
				outside++
			}
		}
		if outside > 0 {
			found = append(found, Problem{Code: "outside_period", Of: "period", RowCount: outside})
		}
	}
	if s.opening == nil || s.closing == nil {
		return found
	}
	moved, err := s.moved()
	if err == nil {
		moved, err = s.opening.Add(moved)
	}
	switch {
	case err != nil, moved.Currency != s.closing.Currency:
		found = append(found, Problem{Code: "claim_unreadable", Of: "balance"})
	case moved != *s.closing:
		found = append(found, Problem{Code: "sum_differs", Of: "balance", Claimed: *s.closing, Rows: moved})
	}
	return found
}

// Bounds of a document: what is read of the payments in one entry,
// and bytes of a text. An id beyond them is none.
const (
	maxTexts = 64
	maxText  = 1 << 10
	maxID    = 1 << 8
)

// run is statements of one account that go on from one another.
type run struct {
	span  connectors.Span // with all their rows in it
	parts []*statement
}

// fileOf puts the statements of a document together: those of one account
// become one. A statement that begins before the last has ended goes on where
// that stopped, as the pages of one day do.
func fileOf(format string, all []*statement) (*File, error) {
	if len(all) == 0 {
		return nil, unknown("no_statement")
	}
	f := &File{Format: format, Source: all[0].bank.source()}
	var keys []string
	runs := map[string][]run{}
	for _, s := range all {
		f.Problems = append(f.Problems, s.check()...)
		if f.Holder.Empty() && s.owner != "" {
			f.Holder = secret.Of(s.owner)
		}
		if s.made.After(f.Exported) {
			f.Exported = s.made
		}
		key := s.account.Ref.ID.RevealString()
		list := runs[key]
		if list == nil {
			keys = append(keys, key)
		}
		span := s.rows(s.span())
		if n := len(list) - 1; n >= 0 && span.From.Before(list[n].span.To) && list[n].span.From.Before(span.To) {
			before := list[n].parts[len(list[n].parts)-1]
			if before.closing != nil && s.opening != nil && *before.closing != *s.opening {
				f.Problems = append(f.Problems, Problem{Code: "sum_differs", Of: "balance", Claimed: *s.opening, Rows: *before.closing})
			}
			list[n] = run{around(list[n].span, span), append(list[n].parts, s)}
			continue
		}
		runs[key] = append(list, run{span, []*statement{s}})
	}
	if len(keys) > maxAccounts {
		return nil, ErrTooLarge.Saying("the file tells of more accounts than a person has")
	}
	for _, key := range keys {
		f.Accounts = append(f.Accounts, accountFrom(runs[key]))
	}
	return f, nil
}

func accountFrom(runs []run) Account {
	a := Account{Account: runs[0].parts[0].account}
	var entries []entry
	for _, c := range runs {
		for _, s := range c.parts {
			a.Bills, entries = append(a.Bills, s.bills...), append(entries, s.entries...)
			a.Covers = around(a.Covers, s.span())
		}
		if opening := c.parts[0].opening; opening != nil {
			a.Balances = append(a.Balances, Balance{At: c.span.From, Amount: *opening})
		}
		if last := c.parts[len(c.parts)-1]; last.closing != nil {
			at := c.span.To
			if last.opening == nil && !last.closes.IsZero() {
				at = last.closes.AddDate(0, 0, 1) // whatever rows there are beside it
			}
			a.Balances = append(a.Balances, Balance{At: at, Amount: *last.closing})
		}
	}
	slices.SortStableFunc(a.Balances, func(x, y Balance) int { return x.At.Compare(y.At) })
	a.Balances = slices.Compact(a.Balances)
	if slices.ContainsFunc(a.Bills, func(b connectors.Bill) bool { return b.Amount.Currency != a.Currency }) {
		a.Currency = "" // several
	}
	identify(a.Bills, entries)
	return a
}

// around is the least span that holds both; a zero one holds nothing.
func around(a, b connectors.Span) connectors.Span {
	switch {
	case a.To.IsZero():
		return b
	case b.To.IsZero():
		return a
	}
	if b.From.Before(a.From) {
		a.From = b.From
	}
	if b.To.After(a.To) {
		a.To = b.To
	}
	return a
}

// institution is what a document says of the institution.
type institution struct{ iban, code, bic, name string } // code: its country and its number there

var (
	bicForm  = regexp.MustCompile(`^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$`)
	ibanForm = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}$`)
)

// bankCodes is how many characters of an IBAN after its check digits name the
// bank (SWIFT's IBAN registry); where it is not here, four.
var bankCodes = map[string]int{
	"AT": 5, "BE": 3, "CH": 5, "DE": 8, "DK": 4, "ES": 4, "FI": 3, "FR": 5, "GB": 4, "GR": 3, "HU": 3, "IE": 4, "IT": 6,
	"LI": 5, "LU": 3, "NL": 4, "NO": 4, "PL": 3, "PT": 4, "SE": 3, "SG": 4,
}

// chineseBanks are the sources of banks that files name by their BIC (ISO
// 9362), by its first six characters.
var chineseBanks = map[string]string{
	"ICBKCN": "icbc", "PCBCCN": "ccb", "CMBCCN": "cmb", "BKCHCN": "boc", "COMMCN": "bocom", "ABOCCN": "abc", "CIBKCN": "citic",
	"FJIBCN": "cib", "GDBKCN": "cgb", "HSBCHK": "hsbc_hk",
}

// source names an institution that no form of this package knows. The number
// of the account tells the bank in each format alike, so it goes before the
// bank's own code, and that before its name, which a bank may write anew.
func (k institution) source() connectors.Source {
	s := connectors.Source{Kind: connectors.Bank, Name: connectors.Name{ZH: k.name, EN: k.name}}
	code := ""
	switch {
	case isIBAN(k.iban):
		n, ok := bankCodes[k.iban[:2]]
		if !ok {
			n = 4
		}
		code = k.iban[:2] + " " + k.iban[4:4+n]
		s.ID = "bank_" + strings.ToLower(k.iban[:2]+"_"+k.iban[4:4+n])
	case k.code != "":
		code = k.code
		s.ID = "bank_" + strings.ToLower(strings.ReplaceAll(code, " ", "_"))
	case bicForm.MatchString(k.bic):
		for _, f := range forms {
			if f.source.ID == chineseBanks[k.bic[:6]] {
				return f.source
			}
		}
		code = k.bic[:8]
		s.ID = "bank_" + strings.ToLower(code)
	case k.name != "":
		return sourceOf(k.name)
	default:
		return connectors.Source{ID: "bank_unnamed", Kind: connectors.Bank, Name: connectors.Name{ZH: "银行", EN: "Bank"}}
	}
	if k.name == "" {
		s.Name = connectors.Name{ZH: code, EN: code}
	}
	return s
}

// isIBAN checks form and check digits (ISO 13616, ISO 7064 MOD 97-10).
func isIBAN(s string) bool {
	if !ibanForm.MatchString(s) {
		return false
	}
	var digits strings.Builder
	for _, c := range s[4:] + s[:4] {
		if c >= 'A' {
			digits.WriteString([]string{"1", "2", "3"}[(c-'A')/10])
			c = '0' + (c-'A')%10
		}
		digits.WriteRune(c)
	}
	n, _ := new(big.Int).SetString(digits.String(), 10)
	return n.Mod(n, big.NewInt(97)).Int64() == 1
}

// accountNumbered is an account of a document. The currency belongs to its
// name: a bank may keep several pots under one number.
func accountNumbered(number, currency string, kind connectors.AccountKind) connectors.Account {
	a := connectors.Account{Ref: connectors.AccountRef{ID: secret.Of(strings.Trim(number+" "+currency, " "))}, Kind: kind, Side: connectors.Asset,
		Name: "账户", Currency: currency}
	if number != "" {
		a.Number = secret.Of(number)
	}
	switch kind {
	case connectors.CreditCard:
		a.Side, a.Name = connectors.Debt, "信用卡"
	case connectors.CreditLine, connectors.Loan:
		a.Side, a.Name = connectors.Debt, "贷款"
	}
	return a
}

// coded gives a row that is told by codes its flow, and bounds its texts.
func coded(b *connectors.Bill) {
	b.Flow = connectors.FlowOut
	if b.Direction == connectors.In {
		b.Flow = connectors.FlowIn
	}
	if b.Kind.Inner() {
		b.Flow = connectors.FlowInternal
	}
	for _, s := range []*string{&b.Description, &b.Counterparty, &b.RawKind, &b.Order} {
		*s = clipped(line(*s))
	}
}

// line makes a text of a document one line without padding.
func line(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

func clipped(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "")
}

// distinct leaves out what is empty or said before.
func distinct(parts ...string) (kept []string) {
	for _, p := range parts {
		if len(kept) == maxTexts {
			break
		}
		if p = line(p); p != "" && !slices.Contains(kept, p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// reference leaves out what banks write where nobody gave a reference.
func reference(s string) string {
	if s = line(s); len(s) > maxID {
		return ""
	}
	switch strings.ToUpper(s) {
	case "NOTPROVIDED", "NOT PROVIDED", "NONREF", "NOREF", "-", "/":
		return ""
	}
	return s
}

// only is what all of them agree in, if they do.
func only(values []string) string {
	if len(values) != 1 {
		return ""
	}
	return values[0]
}
