package billfile

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/summary"
	"jali/internal/fault"
	"jali/internal/secret"
)

// Mapping is how a person reads a table whose columns no form knows. Columns
// are named as [Unmapped] names them; empty: there is none.
type Mapping struct {
	Header []string `json:"header"` // of the tables it was drawn for

	// Of whom the table tells, in the person's words.
	Source   string                 `json:"source"`           // the institution
	Account  string                 `json:"account"`          // "工资卡"
	Number   string                 `json:"number,omitempty"` // its last digits, or all
	Kind     connectors.AccountKind `json:"kind"`
	Side     connectors.Side        `json:"side"`
	Currency string                 `json:"currency"` // ISO 4217, of rows that name none

	Date         string `json:"date"`
	Time         string `json:"time,omitempty"`
	DateOrder    string `json:"date_order"`       // "ymd", "dmy" or "mdy"
	Amount       string `json:"amount,omitempty"` // either this
	In           string `json:"in,omitempty"`     // or these two
	Out          string `json:"out,omitempty"`
	Minus        string `json:"minus,omitempty"`     // what an Amount below zero means: "out" (as banks write it) or "in"; in an Out column: "out"
	Direction    string `json:"direction,omitempty"` // the column that says it in words,
	OutWord      string `json:"out_word,omitempty"`  // and its word for money that went out
	Decimal      string `json:"decimal,omitempty"`   // "," where amounts are written 1.234,56
	CurrencyIn   string `json:"currency_in,omitempty"`
	Balance      string `json:"balance,omitempty"` // on an account of debt: what is owed, if Minus is "in"; else below zero what is owed
	Counterparty string `json:"counterparty,omitempty"`
	Description  string `json:"description,omitempty"`
	Order        string `json:"order,omitempty"`
	Type         string `json:"type,omitempty"`
}

// Unmapped is a table that wants a [Mapping]: enough of it to draw one. It is
// the person's data, for their eyes alone; as an error it tells none of it.
// A column without a name, or with one that another has too, is named by its
// place: "(3)", "金额(4)".
type Unmapped struct {
	Header []string
	Rows   [][]string // the first few
}

func (*Unmapped) Error() string { return "a table whose columns no form knows" }

// Signature names a header row: tables of one signature are read by one
// Mapping.
func Signature(header []string) string {
	h := sha256.Sum256([]byte(strings.Join(squeezed(columnNames(header)), "\x00")))
	return hex.EncodeToString(h[:16])
}

// squeezed are names without their blanks, which files of one form write now
// and then.
func squeezed(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = fullWidth.Replace(name)
	}
	return out
}

// columnNames are the cells of a header row made names that differ.
func columnNames(cells []string) []string {
	names := make([]string, 0, len(cells))
	for i, c := range cells {
		name := strings.Join(strings.Fields(character(clean(c))), " ")
		if name == "" || slices.Contains(names, name) {
			name += "(" + strconv.Itoa(i+1) + ")"
		}
		names = append(names, name)
	}
	for len(names) > 0 && clean(cells[len(names)-1]) == "" { // a comma after the last
		names = names[:len(names)-1]
	}
	return names
}

// layout is m for a header row, nil if it was drawn for another.
func (m *Mapping) layout(cells []string) *layout {
	if m == nil {
		return nil
	}
	names := columnNames(m.Header)
	if !slices.Equal(squeezed(names), squeezed(columnNames(cells))) {
		return nil
	}
	l := &layout{column: map[string]int{}, width: len(names), mapping: m}
	for i, name := range names {
		l.column[name] = i
	}
	l.form = form{name: "mapped", source: sourceOf(m.Source), row: m.row, claims: claimless, ragged: true,
		account: func(currency string, _ []string, _ claims) connectors.Account { return m.account(currency) }}
	return l
}

// sourceOf is the institution that a person names: one that is known, if they
// write its name, or one of theirs. The id tells nothing of the name to who
// does not guess it.
func sourceOf(name string) connectors.Source {
	name = clean(norm.NFKC.String(name))
	for _, f := range forms {
		if strings.EqualFold(name, f.source.Name.ZH) || strings.EqualFold(name, f.source.Name.EN) {
			return f.source
		}
	}
	h := sha256.Sum256([]byte(strings.ToLower(name)))
	id := "file_" + strings.ToLower(base32.StdEncoding.EncodeToString(h[:10]))[:10]
	return connectors.Source{ID: id, Name: connectors.Name{ZH: name, EN: name}, Kind: connectors.Bank}
}

// account is the same whatever table of it is read: it is named by what the
// person says of it.
func (m *Mapping) account(currency string) connectors.Account {
	if currency == "" {
		currency = m.Currency
	}
	called := m.Number
	if called == "" {
		called = m.Account
	}
	a := connectors.Account{Kind: m.Kind, Side: m.Side, Name: m.Account, Currency: currency,
		Ref: connectors.AccountRef{ID: secret.Of(string(m.Kind) + " " + called + " " + currency)}}
	if m.Number != "" {
		a.Number = secret.Of(m.Number)
	}
	return a
}

// The words of a Mapping are short: they go onto pages.
const maxWord = 60

// check says what a Mapping lacks.
func (m *Mapping) check() error {
	wrong := func(detail string) error { return ErrMapping.Saying(detail) }
	names := columnNames(m.Header)
	for _, c := range m.columns() {
		if *c != "" && !slices.Contains(names, *c) {
			return wrong("a column that is named is not one of the table's")
		}
	}
	ways := 0
	for _, there := range []bool{m.Amount != "", m.In != "" || m.Out != ""} {
		if there {
			ways++
		}
	}
	for _, w := range []string{m.Source, m.Account, m.Number, m.OutWord} {
		if utf8.RuneCountInString(w) > maxWord || !utf8.ValidString(w) || strings.ContainsFunc(w, func(r rune) bool { return r < ' ' }) {
			return wrong("a name is too long; 60 characters are enough")
		}
	}
	_, err := money.Parse("0", m.Currency)
	switch {
	case len(names) == 0:
		return wrong("it has no header row")
	case clean(m.Source) == "":
		return wrong("say which institution the table is of")
	case clean(m.Account) == "":
		return wrong("give the account a name")
	case !slices.Contains(accountKinds, m.Kind):
		return wrong("say what sort of account it is")
	case m.Side != connectors.Asset && m.Side != connectors.Debt:
		return wrong("say whether the account holds money or owes it: asset or debt")
	case err != nil:
		return wrong("say the currency by its three letters, such as CNY")
	case m.Date == "":
		return wrong("say which column has the date")
	case !slices.Contains([]string{"ymd", "dmy", "mdy"}, m.DateOrder):
		return wrong("say in which order dates are written: ymd, dmy or mdy")
	case ways != 1:
		return wrong("say which column has the amount, or which two have money in and money out")
	case m.Amount != "" && (m.Direction == "") == (m.Minus == ""):
		return wrong("say either what an amount below zero means, or which column says the direction")
	case m.Direction != "" && (m.OutWord == "" || m.Amount == ""):
		return wrong("say which word in the direction's column means money that went out")
	case m.Minus != "" && m.Minus != "in" && m.Minus != "out", m.Minus == "in" && m.Amount == "":
		return wrong("what an amount below zero means is in or out")
	case m.Decimal != "" && m.Decimal != "." && m.Decimal != ",":
		return wrong("the mark before the cents is a point or a comma")
	}
	return nil
}

var accountKinds = []connectors.AccountKind{connectors.WalletBalance, connectors.Deposit, connectors.CreditCard, connectors.CreditLine, connectors.Loan,
	connectors.ECNY, connectors.Fund, connectors.Settlement, connectors.OtherAccount}

func (m *Mapping) columns() []*string {
	return []*string{&m.Date, &m.Time, &m.Amount, &m.In, &m.Out, &m.Direction, &m.CurrencyIn, &m.Balance, &m.Counterparty, &m.Description, &m.Order, &m.Type}
}

func (m *Mapping) row(e *entry) (b connectors.Bill, err error) {
	if e.currency = m.Currency; m.CurrencyIn != "" {
		if err := e.in(m.CurrencyIn); err != nil {
			return b, m.nameless(err)
		}
		if e.account = e.currency; e.currency == m.Currency {
			e.account = ""
		}
	}
	if err := m.when(e, &b); err != nil {
		return b, err
	}
	a, neutral, err := m.moved(e)
	if err != nil {
		return b, err
	}
	if err := m.standing(e); err != nil {
		return b, err
	}
	if b.Order, err = e.order(m.Order); err != nil {
		return b, m.nameless(err)
	}
	b.RawKind, b.Counterparty, b.Description = e.text(m.Type), e.text(m.Counterparty), e.text(m.Description)
	settle(&b, a, func(way connectors.Direction) summary.Meaning {
		if m.Kind == connectors.CreditCard {
			return summary.OfCard(way, joined(b.RawKind, b.Description, b.Counterparty))
		}
		return summary.Of(way, b.RawKind, b.Description)
	})
	if neutral {
		b.Flow = connectors.FlowInternal
	}
	e.refund = b.Kind == connectors.Refund
	return b, nil
}

// nameless is err without the name of a column: those of the person's tables
// are content.
func (m *Mapping) nameless(err error) error {
	if p := (*Place)(nil); errors.As(err, &p) {
		return damaged(p.Line, "", p.Why)
	}
	return err
}

func (m *Mapping) when(e *entry, b *connectors.Bill) error {
	var ok bool
	if b.At, b.DateOnly, ok = parseDate(e.text(m.Date), m.DateOrder); !ok && e.era != 0 {
		b.At, ok = parseTime(e.text(m.Date), e.era)
		b.DateOnly = b.At.Equal(midnight(b.At))
	}
	if clock := e.text(m.Time); ok && clock != "" {
		if b.At, _, ok = withClock(midnight(b.At), clock); !ok && e.era != 0 {
			b.At, ok = parseTime(e.text(m.Date), e.era)
		}
		b.DateOnly = false
	}
	if !ok {
		return damaged(e.line, "", "not_a_time")
	}
	e.created = b.At
	return nil
}

// moved is what came in, or below zero what went out.
func (m *Mapping) moved(e *entry) (a money.Amount, neutral bool, err error) {
	if m.Amount == "" {
		in, err := m.amount(e, m.In)
		if err != nil {
			return a, false, err
		}
		out, err := m.amount(e, m.Out)
		switch {
		case err != nil:
			return a, false, err
		case in.Currency == "" && out.Currency == "":
			return a, false, damaged(e.line, "", "not_an_amount")
		case !in.Zero() && !out.Zero():
			return a, false, damaged(e.line, "", "two_amounts")
		case in.Minor < 0, out.Minor < 0 && m.Minus != "out":
			return a, false, damaged(e.line, "", "negative")
		}
		return money.Amount{Minor: in.Minor - out.Abs().Minor, Currency: e.currency}, false, nil
	}
	if a, err = m.amount(e, m.Amount); err == nil && a.Currency == "" {
		err = damaged(e.line, "", "not_an_amount")
	}
	switch {
	case err != nil:
		return a, false, err
	case m.Minus == "in":
		return a.Neg(), false, nil
	case m.Direction == "":
		return a, false, nil
	case a.Minor < 0:
		return a, false, damaged(e.line, "", "negative")
	}
	switch word := e.text(m.Direction); {
	case word == clean(m.OutWord):
		return a.Neg(), false, nil
	case word == "", sideOf[word] == "other":
		return a.Neg(), true, nil
	}
	return a, false, nil
}

// amount is none, without a currency, where the cell is empty.
func (m *Mapping) amount(e *entry, column string) (money.Amount, error) {
	s := e.text(column)
	if s == "" {
		return money.Amount{}, nil
	}
	decimal := byte('.')
	if m.Decimal == "," && e.era == 0 {
		decimal = ','
	}
	a, err := parseAmount(figure(s, decimal), e.currency, e.era != 0)
	if err != nil {
		return a, damaged(e.line, "", "not_an_amount")
	}
	return a, nil
}

func (m *Mapping) standing(e *entry) error {
	a, err := m.amount(e, m.Balance)
	switch {
	case err != nil:
		e.blurred = true
	case a.Currency == "":
	case m.Side == connectors.Debt && m.Minus != "in":
		a = a.Neg()
		fallthrough
	default:
		e.balance = &a
	}
	return nil
}

// ErrMapping is a Mapping that reads no table, or not this one.
var ErrMapping = &fault.Error{Kind: fault.Invalid, Code: "mapping_wrong", Owner: fault.Person, Action: "map_columns",
	Detail: "what is said of the columns does not fit this table"}
