package bank

import (
	"bytes"
	"cmp"
	"html/template"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"

	"jali/openapi/client"
)

// page is what the template shows.
type page struct {
	Lang     string
	Path     string   // of this page, for the switch of languages
	Docs     string   // how such an app is built
	Counter  *waiting // on the counter's page alone
	View     *client.View
	Problem  *client.Problem
	Token    bool // a grant is at hand, spent or not
	Pots     []pot
	Spending []slice
}

// waiting is what the counter's page shows of a request; without an id it is
// the form that begins one.
type waiting struct {
	counter
	Every, Left int // seconds
}

func (w waiting) Binding() string { return w.binding }
func (w waiting) Asked() bool     { return w.id != "" }
func (w waiting) Until() string   { return w.until.In(shanghai).Format("15:04") }

type account = client.Account

// pot is an account with its balances: one to read first, and those that say more.
type pot struct {
	account
	Main *client.Balance
	Rest []client.Balance
}

// slice is one bar of the plot of spending by category.
type slice struct {
	Category string // a branch of the tree: "food" for "food.restaurant"
	Sum      client.Amount
	Bills    int
	Width    string // percent of the longest bar
	Share    string // of all that is shown, "12%"
}

var languages = language.NewMatcher([]language.Tag{language.SimplifiedChinese, language.English})

const languageCookie = "bank_lang"

// speak is the language that the person chose, now or before, or their browser's.
func speak(r *http.Request) string {
	chosen := r.URL.Query().Get("lang")
	if c, err := r.Cookie(languageCookie); chosen == "" && err == nil {
		chosen = c.Value
	}
	_, at := language.MatchStrings(languages, chosen, r.Header.Get("Accept-Language"))
	return []string{"zh", "en"}[at]
}

// rememberLanguage keeps a choice made by the switch.
func rememberLanguage(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("lang") != "" {
		http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: speak(r), Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()),
			HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
}

func newPage(r *http.Request, v *client.View, problem *client.Problem, token bool) *page {
	p := &page{Lang: speak(r), Path: "/", View: v, Problem: problem, Token: token}
	if v != nil {
		p.Pots, p.Spending = pots(v), spending(v)
	}
	return p
}

func (a *App) newCounterPage(r *http.Request, c counter, problem *client.Problem) *page {
	p := newPage(r, nil, problem, false)
	p.Path = "/counter"
	p.Counter = &waiting{c, int(c.interval.Seconds()), int(c.until.Sub(a.now()).Seconds())}
	return p
}

func (a *App) render(w http.ResponseWriter, p *page, status int) {
	p.Docs = a.jali.Issuer + "/docs?lang=" + p.Lang
	var b bytes.Buffer
	if err := a.pages.ExecuteTemplate(&b, "bank.html", p); err != nil {
		a.log.Error("the page does not render", "error", err)
		http.Error(w, "something went wrong", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// telling is the order in which a balance tells what an account holds or owes.
var telling = map[client.AccountSide][]client.BalanceKind{
	"asset": {"available", "current", "booked"},
	"debt":  {"outstanding", "current", "booked"},
}

// pots finds for each account the balance to read first. Of the others, those
// that repeat it or are nothing are left out.
func pots(v *client.View) []pot {
	var list []pot
	for _, a := range v.Accounts {
		p := pot{account: a}
		var all []client.Balance
		for _, b := range v.Balances {
			if b.Account == a.Account {
				all = append(all, b)
			}
		}
		for _, kind := range telling[a.Side] {
			if i := slices.IndexFunc(all, func(b client.Balance) bool { return b.Kind == kind }); p.Main == nil && i >= 0 {
				p.Main = &all[i]
			}
		}
		if p.Main == nil && len(all) > 0 {
			p.Main = &all[0]
		}
		for i, b := range all {
			if &all[i] != p.Main && b.Amount != p.Main.Amount && strings.Trim(b.Amount.Value, "0.-") != "" {
				p.Rest = append(p.Rest, b)
			}
		}
		list = append(list, p)
	}
	return list
}

// spending sums what went out of the person's hands, by category, over the
// bills that count, in the currency that most of them have.
func spending(v *client.View) []slice {
	type heap struct {
		category string
		sum      *big.Rat
		bills    int
	}
	heaps, currency := map[string]*heap{}, mainCurrency(v)
	all := new(big.Rat)
	for _, b := range v.Bills.Items {
		value, ok := new(big.Rat).SetString(b.Amount.Value)
		if !ok || !spent(b) || b.Amount.Currency != currency {
			continue
		}
		branch, _, _ := strings.Cut(b.Category, ".")
		if branch == "income" {
			branch = b.Category // money given back is no income of this person's
		}
		if heaps[branch] == nil {
			heaps[branch] = &heap{category: branch, sum: new(big.Rat)}
		}
		heaps[branch].sum.Add(heaps[branch].sum, value)
		heaps[branch].bills++
		all.Add(all, value)
	}
	var order []*heap
	for _, h := range heaps {
		order = append(order, h)
	}
	slices.SortFunc(order, func(a, b *heap) int {
		return cmp.Or(b.sum.Cmp(a.sum), strings.Compare(a.category, b.category))
	})
	var bars []slice
	for _, h := range order {
		if h.sum.Sign() <= 0 {
			continue
		}
		bars = append(bars, slice{
			Category: h.category, Bills: h.bills,
			Sum:   client.Amount{Value: h.sum.FloatString(decimals(v, currency)), Currency: currency},
			Width: percent(h.sum, order[0].sum, 1),
			Share: share(h.sum, all),
		})
	}
	return bars
}

func spent(b client.Bill) bool { return b.Counted && b.Flow == "out" }

// share never says that something is nothing.
func share(part, whole *big.Rat) string {
	if p := percent(part, whole, 0); p != "0" {
		return p + "%"
	}
	return "<1%"
}

func percent(part, whole *big.Rat, digits int) string {
	p := new(big.Rat).Quo(part, whole)
	return p.Mul(p, big.NewRat(100, 1)).FloatString(digits)
}

// mainCurrency is what most of the spending is in.
func mainCurrency(v *client.View) string {
	seen, most := map[string]int{}, ""
	for _, b := range v.Bills.Items {
		if !spent(b) {
			continue
		}
		c := b.Amount.Currency
		if seen[c]++; seen[c] > seen[most] || (seen[c] == seen[most] && c < most) {
			most = c
		}
	}
	return most
}

// decimals is how many the API writes for a currency.
func decimals(v *client.View, currency string) int {
	for _, b := range v.Bills.Items {
		if b.Amount.Currency == currency {
			_, fraction, _ := strings.Cut(b.Amount.Value, ".")
			return len(fraction)
		}
	}
	return 2
}

// Spent is the sum of all bars.
func (p *page) Spent() client.Amount {
	sum := new(big.Rat)
	for _, s := range p.Spending {
		if value, ok := new(big.Rat).SetString(s.Sum.Value); ok {
			sum.Add(sum, value)
		}
	}
	c := p.Spending[0].Sum.Currency
	return client.Amount{Value: sum.FloatString(decimals(p.View, c)), Currency: c}
}

// Elsewhere tells of spending that no bar shows.
func (p *page) Elsewhere() bool {
	return slices.ContainsFunc(p.View.Bills.Items, func(b client.Bill) bool {
		return spent(b) && b.Amount.Currency != p.Spending[0].Sum.Currency
	})
}

// HasBills tells whether bills were granted at all.
func (p *page) HasBills() bool {
	return len(p.View.Bills.Items) > 0 || slices.ContainsFunc(p.View.Totals, func(t client.Total) bool { return t.Out != client.Amount{} })
}

// Coverage says what an incomplete view lacks.
func (p *page) Coverage() string {
	if p.View.Complete {
		return p.T("所有机构均已答复", "every source answered")
	}
	if slices.ContainsFunc(p.View.Sources, func(s client.SourceReport) bool { return s.Status != "fresh" && s.Status != "imported" }) {
		return p.T("有机构没有答复，其余照常显示", "not every source answered; the rest is shown")
	}
	return p.T("有机构没有答全：账单没有覆盖整段时间，或没有要求的内容", "a source could not tell everything: its bills do not reach over the whole time, or it has not what was asked for")
}

// Place is an account by its source and name.
func (p *page) Place(alias string) string {
	for _, a := range p.View.Accounts {
		if a.Account == alias {
			return p.Word(a.Source) + " " + a.Name
		}
	}
	return ""
}

// Count says how many bills.
func (p *page) Count(n int) string {
	if p.Lang == "en" && n == 1 {
		return "1 bill"
	}
	return strconv.Itoa(n) + p.T(" 笔", " bills")
}

// T picks the words of the page's language.
func (p *page) T(zh, en string) string {
	if p.Lang == "zh" {
		return zh
	}
	return en
}

var words = template.FuncMap{
	"money": money,
	"told": func(a client.Amount) any {
		if a == (client.Amount{}) {
			return nil
		}
		return a
	},
	"short": func(alias string) string {
		if len(alias) > 14 {
			return alias[:9] + "…" + alias[len(alias)-4:]
		}
		return alias
	},
	"initial": func(s string) string {
		r, _ := utf8.DecodeRuneInString(s)
		return string(r)
	},
	"year":     func(date string) string { return strings.TrimSuffix(date, monthDay(date)) },
	"monthDay": monthDay,
	"hour":     func(t time.Time) string { return local(t, "15:04") },
	"clock":    func(t time.Time) string { return local(t, "2006-01-02 15:04") },
}

// symbols of the currencies that have one of their own.
var symbols = map[string]string{"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "HKD": "HK$"}

// money groups the digits: ¥1,234.50, JPY 1,200.
func money(a client.Amount) string {
	whole, fraction, cut := strings.Cut(a.Value, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "−", whole[1:]
	}
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if cut {
		whole += "." + fraction
	}
	if symbol := symbols[a.Currency]; symbol != "" {
		return sign + symbol + whole
	}
	return a.Currency + " " + sign + whole
}

// monthDay is a date without its year, which a phone has no room for.
func monthDay(date string) string {
	_, rest, ok := strings.Cut(date, "-")
	if !ok {
		return date
	}
	return rest
}

// shanghai is where the bank is.
var shanghai = time.FixedZone("CST", 8*60*60)

// local writes a time as the bank's clock showed it, and nothing where none was told.
func local(t time.Time, layout string) string {
	if t.IsZero() {
		return ""
	}
	return t.In(shanghai).Format(layout)
}
