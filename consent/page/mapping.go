package page

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/language"
)

// mappingForm is a table whose columns the person explains.
type mappingForm struct {
	billfile.Mapping
	Rows    [][]string // the first few
	Kinds   []connectors.AccountKind
	Columns []mappedColumn
}

// mappedColumn is one meaning, and the column that has it.
type mappedColumn struct {
	Field  string
	Needed bool
}

// mappedColumns are the meanings in the order in which they are asked for.
var mappedColumns = []mappedColumn{{"date", true}, {"time", false}, {"amount", false}, {"in", false}, {"out", false}, {"direction", false},
	{"balance", false}, {"currency_in", false}, {"counterparty", false}, {"description", false}, {"order", false}, {"type", false}}

var mappedKinds = []connectors.AccountKind{connectors.Deposit, connectors.CreditCard, connectors.WalletBalance, connectors.Fund,
	connectors.CreditLine, connectors.Loan, connectors.ECNY, connectors.OtherAccount}

var dateOrders = []string{"ymd", "dmy", "mdy"}

func (c *catalog) mappingForm(table *billfile.Unmapped) *mappingForm {
	m := table.Guess()
	if m.Currency == "" {
		m.Currency = "CNY"
	}
	return &mappingForm{Mapping: m, Rows: table.Rows, Kinds: mappedKinds, Columns: mappedColumns}
}

// Of answers the column that has a meaning.
func (f mappingForm) Of(field string) string { return *columnOf(&f.Mapping, field) }

func columnOf(m *billfile.Mapping, field string) *string {
	switch field {
	case "date":
		return &m.Date
	case "time":
		return &m.Time
	case "amount":
		return &m.Amount
	case "in":
		return &m.In
	case "out":
		return &m.Out
	case "direction":
		return &m.Direction
	case "balance":
		return &m.Balance
	case "currency_in":
		return &m.CurrencyIn
	case "counterparty":
		return &m.Counterparty
	case "description":
		return &m.Description
	case "order":
		return &m.Order
	default:
		return &m.Type
	}
}

// uploadMap reads a file by the mapping that its person has drawn.
func (p *Page) uploadMap(w http.ResponseWriter, r *http.Request, s consent.Session) {
	m, err := readMapping(r.PostForm)
	if err != nil {
		v := &review{}
		v.fromForm(r.PostForm)
		v.carry("u", r.PathValue("upload"))
		p.showReviewOf(w, r, s, v, r.PathValue("upload"), p.views[language.Of(r)].words.wrongFile(err), &m)
		return
	}
	p.reopen(w, r, s, billfile.Options{Mapping: &m})
}

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// readMapping takes a mapping as far as it makes sense by itself; whether it
// fits the table is the reader's to say.
func readMapping(form url.Values) (billfile.Mapping, error) {
	text := func(name string, most int) string {
		s := strings.ToValidUTF8(strings.TrimSpace(form.Get("map_"+name)), "")
		if len([]rune(s)) > most {
			return ""
		}
		return s
	}
	m := billfile.Mapping{Source: text("source", 40), Account: text("account", 40), Number: text("number", 34),
		Kind: connectors.AccountKind(text("kind", 40)), Side: connectors.Asset, Currency: strings.ToUpper(text("currency", 3)),
		DateOrder: text("date_order", 3), Minus: text("minus", 3), OutWord: text("out_word", 20), Decimal: text("decimal", 1)}
	for _, h := range form["map_header"] {
		if len(m.Header) < 200 && len(h) <= 400 {
			m.Header = append(m.Header, h)
		}
	}
	missing := m.Source == "" || m.Account == "" || !currencyCode.MatchString(m.Currency) || !slices.Contains(mappedKinds, m.Kind) ||
		!slices.Contains(dateOrders, m.DateOrder) || m.Minus != "out" && m.Minus != "in" || m.Decimal != "" && m.Decimal != ","
	if m.Kind == connectors.CreditCard || m.Kind == connectors.CreditLine || m.Kind == connectors.Loan {
		m.Side = connectors.Debt
	}
	for _, c := range mappedColumns {
		column := form.Get("col_" + c.Field)
		if column != "" && !slices.Contains(m.Header, column) {
			missing = true
			continue
		}
		*columnOf(&m, c.Field) = column
	}
	switch {
	case m.Amount == "": // a sign in either column says nothing new
		m.Direction, m.OutWord, m.Minus = "", "", "out"
	case m.Direction != "":
		m.In, m.Out, m.Minus = "", "", ""
	default:
		m.In, m.Out, m.OutWord = "", "", ""
	}
	if missing || m.Date == "" || m.Amount == "" && m.In == "" && m.Out == "" || m.Direction != "" && m.OutWord == "" {
		return m, billfile.ErrMapping
	}
	return m, nil
}
