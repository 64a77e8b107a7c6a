package page

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/fault"
	"jali/internal/ledger"
)

// Date is a day: 2026年11月21日, 21 Nov 2026.
func (c *catalog) Date(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	if c.zh() {
		return t.In(shanghai).Format("2006年1月2日")
	}
	return t.In(shanghai).Format("2 Jan 2006")
}

// LastDay is the last day of a half-open span that ends at t.
func (c *catalog) LastDay(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return c.Date(t.Add(-1))
}

// Moment is a day and time of day.
func (c *catalog) Moment(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return c.Date(t) + " " + c.Clock(t)
}

// Clock is the time of day in Shanghai.
func (c *catalog) Clock(t time.Time) string { return t.In(shanghai).Format("15:04") }

// Day is a calendar day of a grant's terms.
func (c *catalog) Day(d consent.Date) string {
	t, err := time.ParseInLocation(time.DateOnly, string(d), shanghai)
	if err != nil {
		return string(d)
	}
	return c.Date(t)
}

var currencySigns = map[string]string{"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "HKD": "HK$", "JPY": "JP¥"}

// Money is an amount with its sign of currency and groups of three digits:
// ¥1,234.50, −£3.00, 12.000 KWD.
func (c *catalog) Money(a money.Amount) string {
	value, minus := strings.CutPrefix(a.Value(), "-")
	whole, fraction, point := strings.Cut(value, ".")
	var b strings.Builder
	if minus {
		b.WriteString("−")
	}
	sign, known := currencySigns[a.Currency]
	b.WriteString(sign)
	for i, d := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	if point {
		b.WriteString("." + fraction)
	}
	if !known && a.Currency != "" {
		b.WriteString(" " + a.Currency)
	}
	return b.String()
}

// Signed is a bill's amount with the way it went for the person.
func (c *catalog) Signed(a money.Amount, f connectors.Flow) string {
	switch f {
	case connectors.FlowIn:
		return "+" + c.Money(a)
	case connectors.FlowOut:
		return "−" + c.Money(a)
	default:
		return c.Money(a)
	}
}

func (c *catalog) pick(zh, en string) string {
	if (c.zh() && zh != "") || en == "" {
		return zh
	}
	return en
}

// Name is a client's name, Source a source's.
func (c *catalog) Name(n consent.Name) string { return c.pick(n.ZH, n.EN) }

func (c *catalog) Source(s connectors.Source) string {
	if n := c.pick(s.Name.ZH, s.Name.EN); n != "" {
		return n
	}
	return s.ID
}

// Account is an account as its owner knows it: source, product, tail.
func (c *catalog) Account(a aggregate.OwnAccount) string {
	return c.Source(a.Source) + " " + c.accountName(a)
}

func (c *catalog) accountName(a aggregate.OwnAccount) string {
	name := a.Name
	if name == "" {
		name = c.T("account.kind." + string(a.Kind))
	}
	if a.Called != "" {
		name += " " + c.T("quoted", a.Called)
	}
	if a.Tail != "" {
		name += " ···" + a.Tail
	}
	return name
}

// Kind and Category are a bill's; a category that the catalog does not know is
// the source's own word.
func (c *catalog) Kind(k connectors.Kind) string {
	return c.or("kind."+string(k), c.T("kind.other"))
}

func (c *catalog) Category(s string) string {
	if s == "" {
		s = "other"
	}
	for _, name := range ledger.Categories {
		if name.Code == s {
			return c.pick(name.ZH, name.EN)
		}
	}
	return s
}

// mark is the first letter of a name, for the round badge beside it.
func mark(name string) string {
	r, _ := utf8.DecodeRuneInString(strings.TrimSpace(name))
	if r == utf8.RuneError {
		return "·"
	}
	return strings.ToUpper(string(r))
}

// said is a fault in a person's words.
type said struct {
	Title, Body, Code string
	Action            string // the text of the link; empty: none
	Href              string
	Detail            string // for an Invalid or Unsupported file: the line, in English
}

var kindNames = map[fault.Kind]string{
	fault.Internal: "internal", fault.Invalid: "invalid", fault.Unauthenticated: "unauthenticated", fault.Denied: "denied",
	fault.NotFound: "not_found", fault.Conflict: "conflict", fault.Mismatch: "mismatch", fault.Gone: "gone",
	fault.TooLarge: "too_large", fault.Unsupported: "unsupported", fault.Limited: "limited", fault.Upstream: "upstream",
	fault.Unavailable: "unavailable",
}

// actions are the ways on that a fault may name.
var actions = map[string]string{
	"reconnect": "/sources", "connect": "/sources", "sign_in": "/signin", "add_passkey": "/recover/passkey", "add_passkey_first": "/recover/passkey",
	"upload": "/upload", "export_again": "/upload", "recover": "/recover", "sign_up": "/signup",
}

// fault answers the words for a code, or else those for its kind.
func (c *catalog) fault(f *fault.Error) said {
	kind := kindNames[f.Kind]
	if kind == "" {
		kind = "internal"
	}
	s := said{Code: f.Code, Title: c.T("fault.kind." + kind + ".title"), Body: c.T("fault.kind." + kind + ".body")}
	if t := "fault." + f.Code; c.has(t) {
		s.Body = c.T(t)
	}
	if t := "fault." + f.Code + ".title"; c.has(t) {
		s.Title = c.T(t)
	}
	if f.RetryAfter > 0 {
		minutes := max(1, int((f.RetryAfter+time.Minute-1)/time.Minute))
		s.Body += " " + c.N("fault.retry", minutes)
	}
	if f.Code == "sign_in_again" { // only what settings do wants it
		s.Href, s.Action = "/signin?again=1&next=/settings", c.T("fault.action.sign_in")
	} else if href, ok := actions[f.Action]; ok {
		s.Href, s.Action = href, c.T("fault.action."+f.Action)
	} else if f.Kind == fault.Unauthenticated {
		s.Href, s.Action = "/signin", c.T("fault.action.sign_in")
	}
	return s
}

// duration is a retention in words.
func (c *catalog) duration(d time.Duration) string {
	switch days := int(d / (24 * time.Hour)); {
	case d <= 0:
		return c.T("terms.retention.none")
	case days == 0:
		return c.N("terms.retention.hours", max(1, int(d/time.Hour)))
	default:
		return c.N("terms.retention.days", days)
	}
}

func atoi(s string) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return 0
	}
	return n
}

// problem is a file's disagreement with itself; what it claims that is neither
// a sum nor a count is told without numbers.
func (c *catalog) problem(p billfile.Problem) problem {
	of := c.or("problem.of."+p.Of, p.Of)
	out := problem{Text: c.T("problem.other", of)}
	if key := "problem." + p.Code; c.has(key) {
		out.Text = c.T(key, of)
	}
	if p.Line > 0 {
		out.Text += c.T("problem.line", p.Line)
	}
	switch p.Code {
	case "count_differs":
		out.Claimed, out.Rows = c.N("upload.rows", p.ClaimedCount), c.N("upload.rows", p.RowCount)
	case "sum_differs":
		out.Claimed, out.Rows = c.Money(p.Claimed), c.Money(p.Rows)
	case "claim_unreadable", "claim_missing":
		if p.Rows.Currency != "" {
			out.Rows = c.Money(p.Rows)
		} else if p.RowCount > 0 {
			out.Rows = c.N("upload.rows", p.RowCount)
		}
	case "outside_period", "sheet_ignored", "balance_breaks":
		if p.RowCount > 0 {
			out.Rows = c.N("upload.rows", p.RowCount)
		}
	}
	return out
}

// place is where in a file its reader stopped, and why.
func (c *catalog) place(p *billfile.Place) string {
	why := c.or("place."+p.Why, c.T("place.other"))
	if p.Column == "" {
		return c.T("place.row", p.Line, why)
	}
	return c.T("place.cell", p.Line, p.Column, why)
}
