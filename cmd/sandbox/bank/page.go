package bank

import (
	"bytes"
	"cmp"
	"html/template"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"jali/openapi/client"
)

// page is what the template shows.
type page struct {
	Lang     string
	View     *view
	Problem  *client.Problem
	Token    bool // a grant is at hand, spent or not
	Pots     []pot
	Spending []slice
}

// pot is an account with its balances.
type pot struct {
	account
	Balances []balance
}

// slice is one bar of the plot of spending by category.
type slice struct {
	Category string
	Sum      amount
	Width    int // of 100
	Y        int
}

var languages = language.NewMatcher([]language.Tag{language.SimplifiedChinese, language.English})

func newPage(r *http.Request, s *session) *page {
	_, at := language.MatchStrings(languages, r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"))
	p := &page{Lang: []string{"zh", "en"}[at], View: s.view, Problem: s.problem, Token: s.token != ""}
	if s.view != nil {
		p.Pots, p.Spending = pots(s.view), spending(s.view)
	}
	return p
}

func (a *App) render(w http.ResponseWriter, p *page, status int) {
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

func pots(v *view) []pot {
	var list []pot
	for _, a := range v.Accounts {
		p := pot{account: a}
		for _, b := range v.Balances {
			if b.Account == a.Account {
				p.Balances = append(p.Balances, b)
			}
		}
		list = append(list, p)
	}
	return list
}

// spending sums what went out of the person's hands, by category, over the
// bills that count, in the currency that most of them have.
func spending(v *view) []slice {
	type sum struct{ category, currency string }
	sums, seen := map[sum]*big.Rat{}, map[string]int{}
	for _, b := range v.Bills.Items {
		value, ok := new(big.Rat).SetString(b.Amount.Value)
		if !ok || !b.Counted || b.Flow != "out" {
			continue
		}
		category, _, _ := strings.Cut(b.Category, ".")
		at := sum{category, b.Amount.Currency}
		if sums[at] == nil {
			sums[at] = new(big.Rat)
		}
		sums[at].Add(sums[at], value)
		seen[at.currency]++
	}
	currency := ""
	for _, c := range slices.Sorted(maps.Keys(seen)) {
		if seen[c] > seen[currency] {
			currency = c
		}
	}
	keys := slices.DeleteFunc(slices.Collect(maps.Keys(sums)), func(k sum) bool { return k.currency != currency })
	slices.SortFunc(keys, func(a, b sum) int {
		return cmp.Or(sums[b].Cmp(sums[a]), strings.Compare(a.category, b.category))
	})
	var bars []slice
	for i, k := range keys {
		share, _ := new(big.Rat).Quo(sums[k], sums[keys[0]]).Float64()
		bars = append(bars, slice{
			Category: k.category,
			Sum:      amount{sums[k].FloatString(decimals(v, currency)), currency},
			Width:    max(1, int(share*100)),
			Y:        i * 34,
		})
	}
	return bars
}

// decimals is how many the API writes for a currency.
func decimals(v *view, currency string) int {
	for _, b := range v.Bills.Items {
		if b.Amount.Currency == currency {
			_, fraction, _ := strings.Cut(b.Amount.Value, ".")
			return len(fraction)
		}
	}
	return 2
}

// Height of the plot, in its own units.
func (p *page) Height() int { return len(p.Spending)*34 + 4 }

// T picks the words of the page's language.
func (p *page) T(zh, en string) string {
	if p.Lang == "zh" {
		return zh
	}
	return en
}

// Word translates what the API tells in its closed vocabularies; a word that is
// newer than this app is shown as it is.
func (p *page) Word(w string) string {
	if pair, ok := vocabulary[w]; ok {
		return p.T(pair[0], pair[1])
	}
	return strings.ReplaceAll(w, "_", " ")
}

var words = template.FuncMap{
	"short": func(alias string) string {
		if len(alias) > 14 {
			return alias[:9] + "…" + alias[len(alias)-4:]
		}
		return alias
	},
	"clock": func(t string) string {
		t, _, _ = strings.Cut(t, "+")
		day, hour, _ := strings.Cut(t, "T")
		if len(hour) > 5 {
			hour = hour[:5]
		}
		return day + " " + hour
	},
}

var vocabulary = map[string][2]string{
	"fresh": {"实时", "fresh"}, "imported": {"文件导入", "imported"}, "failed": {"未取得", "failed"},
	"refused": {"被拒绝", "refused"}, "skipped": {"已跳过", "skipped"},
	"available": {"可用", "available"}, "current": {"当前", "current"}, "booked": {"已入账", "booked"}, "frozen": {"冻结", "frozen"},
	"credit_limit": {"信用额度", "credit limit"}, "outstanding": {"待还", "outstanding"},
	"food": {"餐饮", "Food"}, "groceries": {"超市日用", "Groceries"}, "transport": {"交通", "Transport"}, "shopping": {"购物", "Shopping"},
	"housing": {"居住", "Housing"}, "utilities": {"水电燃气", "Utilities"}, "telecom": {"通讯", "Telecom"}, "health": {"医疗", "Health"},
	"education": {"教育", "Education"}, "leisure": {"休闲", "Leisure"}, "travel": {"旅行", "Travel"}, "family": {"亲友", "Family"},
	"finance": {"金融", "Finance"}, "income": {"收入", "Income"}, "other": {"其他", "Other"},
	"payment": {"支付", "payment"}, "refund": {"退款", "refund"}, "transfer": {"转账", "transfer"}, "topup": {"充值", "top-up"},
	"withdrawal": {"提现", "withdrawal"}, "repayment": {"还款", "repayment"}, "loan": {"借款", "loan"}, "investment": {"理财买入", "investment"},
	"redemption": {"理财赎回", "redemption"}, "interest": {"收益", "interest"}, "fee": {"手续费", "fee"}, "red_packet": {"红包", "red packet"}, "adjustment": {"调整", "adjustment"},
	"asset": {"资产", "asset"}, "debt": {"负债", "debt"},
	"alipay": {"支付宝", "Alipay"}, "wechatpay": {"微信支付", "WeChat Pay"}, "jiangnan_bank": {"江南银行", "Jiangnan Bank"}, "beishan_bank": {"北山银行", "Beishan Bank"},
}
