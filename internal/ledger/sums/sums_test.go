package sums_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/ledger/sums"
)

func at(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", s+" 00:00"[:max(0, 16-len(s))], sums.Zone)
	if err != nil {
		panic(err)
	}
	return t
}

func cny(value string) money.Amount {
	a, err := money.Parse(value, "CNY")
	if err != nil {
		panic(err)
	}
	return a
}

type with func(*sums.Bill)

// bill is a counted, booked payment of a bank's account; a sum with a sign is
// money in or out.
func bill(account, when, sum string, set ...with) sums.Bill {
	a := cny(strings.TrimPrefix(sum, "+"))
	b := sums.Bill{ID: account + " " + when + " " + sum, Account: account, Category: "other", Shop: "shop", Counted: true, Flow: connectors.FlowIn,
		Bill: &connectors.Bill{At: at(when), DateOnly: len(when) == 10, Amount: a.Abs(), Direction: connectors.In, State: connectors.Done, Kind: connectors.Payment}}
	if a.Minor < 0 {
		b.Flow, b.Direction = connectors.FlowOut, connectors.Out
	}
	for _, f := range set {
		f(&b)
	}
	return b
}

func state(s connectors.BillState) with { return func(b *sums.Bill) { b.State = s } }
func kind(k connectors.Kind) with       { return func(b *sums.Bill) { b.Kind = k } }
func method(m string) with              { return func(b *sums.Bill) { b.Method = m } }
func beside(accounts ...string) with    { return func(b *sums.Bill) { b.Beside = accounts } }
func uncounted(b *sums.Bill)            { b.Counted = false }
func internal(b *sums.Bill)             { b.Flow = connectors.FlowInternal }
func filed(category, shop string) with {
	return func(b *sums.Bill) { b.Category, b.Shop = category, shop }
}
func currency(c string) with { return func(b *sums.Bill) { b.Amount.Currency = c } }

var (
	allYear = connectors.Span{From: at("2026-01-01"), To: at("2027-01-01")}
	spring  = connectors.Span{From: at("2026-03-01"), To: at("2026-05-16")}
)

func account(id string, kind connectors.AccountKind, side connectors.Side, points ...sums.Point) sums.Account {
	return sums.Account{ID: id, Source: "source of " + id, Kind: kind, Side: side, Currency: "CNY", Covers: []connectors.Span{allYear}, Points: points}
}

func book(t *testing.T, accounts []sums.Account, bills ...sums.Bill) *sums.Book {
	t.Helper()
	b := sums.Open(accounts)
	for _, bill := range bills {
		if err := b.Add(bill); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestTotalsAreOfCountedBillsAlone(t *testing.T) {
	card, wallet := account("card", connectors.Deposit, connectors.Asset), account("wallet", connectors.WalletBalance, connectors.Asset)
	wallet.Covers = []connectors.Span{{From: at("2026-04-01"), To: at("2026-05-16")}}
	r, err := book(t, []sums.Account{card, wallet},
		bill("wallet", "2026-03-31 23:59", "-20.00", filed("food", "面馆")),
		bill("card", "2026-03-31 23:59", "-20.00", uncounted),
		bill("card", "2026-05-10", "+1000.00", filed("income.salary", "公司")),
		bill("wallet", "2026-05-11 09:00", "+5.00", filed("income.refund", "面馆")),
		bill("wallet", "2026-05-11 10:00", "-300.00", internal, filed("finance.transfer", "银行")),
		bill("card", "2026-05-12", "-7.00", currency("USD"), filed("travel", "HOTEL")),
		bill("nobody's", "2026-05-12", "-7.00"),
	).Report(spring)
	if err != nil {
		t.Fatal(err)
	}
	line := func(name, in, out string, n int) sums.Line {
		return sums.Line{Name: name, In: cny(in), Out: cny(out), Bills: n}
	}
	month := func(m, in, out, net string, n int, partly bool) sums.Month {
		return sums.Month{Month: m, In: cny(in), Out: cny(out), Net: cny(net), Bills: n, Partly: partly}
	}
	want := sums.Currency{Currency: "CNY",
		Months:     []sums.Month{month("2026-03", "0", "20.00", "-20.00", 1, true), month("2026-04", "0", "0", "0", 0, false), month("2026-05", "1005.00", "0", "1005.00", 3, false)},
		Sources:    []sums.Line{line("source of wallet", "5.00", "20.00", 2), line("source of card", "1000.00", "0", 1)},
		Categories: []sums.Line{line("food", "0", "20.00", 1), line("income.salary", "1000.00", "0", 1), line("income.refund", "5.00", "0", 1)},
		Shops:      []sums.Line{line("面馆", "5.00", "20.00", 2), line("公司", "1000.00", "0", 1)}}
	if len(r.Currencies) != 2 || r.Currencies[1].Currency != "USD" || r.Currencies[1].Shops[0].Out != (money.Amount{Minor: 700, Currency: "USD"}) {
		t.Errorf("dollars stay dollars: %+v", r.Currencies)
	}
	if d := cmp.Diff(want, r.Currencies[0]); d != "" {
		t.Error(d)
	}
}

func TestFiftyShopsAreNamed(t *testing.T) {
	var bills []sums.Bill
	for i := range 60 {
		bills = append(bills, bill("card", "2026-04-01", fmt.Sprintf("-%d.00", i+1), filed("other", fmt.Sprintf("shop %d", i))))
	}
	bills = append(bills, bill("card", "2026-04-01", "-1000.00", filed("other", "")))
	r, err := book(t, []sums.Account{account("card", connectors.Deposit, connectors.Asset)}, bills...).Report(spring)
	if err != nil {
		t.Fatal(err)
	}
	shops := r.Currencies[0].Shops
	if len(shops) != 51 || shops[0].Name != "shop 59" || shops[50].Name != "" || shops[50].Out != cny("1055.00") || shops[50].Bills != 11 {
		t.Errorf("%d lines, from %v to %v", len(shops), shops[0], shops[len(shops)-1])
	}
}

func TestWhatDoesNotFitIsAnError(t *testing.T) {
	huge := bill("card", "2026-04-01", "-1.00")
	huge.Amount.Minor = math.MaxInt64 - 10
	b := sums.Open([]sums.Account{account("card", connectors.Deposit, connectors.Asset, sums.Point{At: at("2026-05-01"), Amount: cny("0.00")})})
	if err := b.Add(huge); err != nil {
		t.Fatal(err)
	}
	if err := b.Add(huge); !errors.Is(err, money.ErrRange) {
		t.Errorf("the sum of what went out: %v", err)
	}
	if _, err := b.Report(spring); !errors.Is(err, money.ErrRange) {
		t.Errorf("the worth: %v", err)
	}
	if _, err := b.Gaps(); !errors.Is(err, money.ErrRange) {
		t.Errorf("the gaps: %v", err)
	}
}

func TestWorthIsWalkedAndNotInvented(t *testing.T) {
	half := account("half", connectors.Deposit, connectors.Asset, sums.Point{At: at("2026-05-10"), Amount: cny("50.00")})
	half.Covers = []connectors.Span{{From: at("2026-04-15"), To: at("2026-05-16")}}
	wallet := account("wallet", connectors.WalletBalance, connectors.Asset, sums.Point{At: at("2026-05-15 12:00"), Amount: cny("70.00"), Told: true})
	r, err := book(t, []sums.Account{
		account("card", connectors.Deposit, connectors.Asset, sums.Point{At: at("2026-04-10"), Amount: cny("1000.00")}, sums.Point{At: at("2026-05-10 10:00"), Amount: cny("400.00"), Told: true}),
		account("credit", connectors.CreditCard, connectors.Debt, sums.Point{At: at("2026-05-15"), Amount: cny("300.00")}),
		half, wallet},
		bill("card", "2026-03-20 10:00", "-100.00"), // before the first balance: walked back
		bill("card", "2026-04-20 10:00", "-600.00", uncounted),
		bill("card", "2026-04-21 10:00", "-77.00", state(connectors.Pending)),
		bill("card", "2026-04-22 10:00", "-77.00", state(connectors.Failed)),
		bill("card", "2026-05-10", "-30.00"), // of the day of the balance: in it
		bill("card", "2026-05-12 10:00", "+5.00"),
		bill("credit", "2026-04-02", "-200.00"), // more is owed
		bill("credit", "2026-05-02", "+50.00"),
		bill("wallet", "2026-05-03 10:00", "-9.00", method("招商银行(1234)")),
		bill("wallet", "2026-04-03 10:00", "-8.00", method("余额")),
		bill("wallet", "2026-03-03 10:00", "-7.00", method("余额&红包")), // nobody can say how much of it
	).Report(spring)
	if err != nil {
		t.Fatal(err)
	}
	worth := func(when, assets, debts, net string, unknown int) sums.Worth {
		return sums.Worth{At: at(when), Assets: cny(assets), Debts: cny(debts), Net: cny(net), Unknown: unknown}
	}
	want := []sums.Worth{
		worth("2026-04-01", "1078.00", "150.00", "928.00", 1), // half is not told of then
		worth("2026-05-01", "550.00", "350.00", "200.00", 0),
		worth("2026-05-16", "525.00", "300.00", "225.00", 0),
	}
	if d := cmp.Diff(want, r.Currencies[0].Worth); d != "" {
		t.Error(d)
	}
}

func TestGaps(t *testing.T) {
	told := func(when, sum string) sums.Point { return sums.Point{At: at(when), Amount: cny(sum), Told: true} }
	unheard := account("a", connectors.Deposit, connectors.Asset, told("2026-04-02 12:00", "100.00"), told("2026-04-10 12:00", "60.00"))
	unheard.Covers[0].From = at("2026-04-01")
	filed := func(when, sum string) sums.Point { return sums.Point{At: at(when), Amount: cny(sum)} }
	for _, tt := range []struct {
		why     string
		account sums.Account
		bills   []sums.Bill
		want    string
	}{
		{"counted or not, all that is booked makes the later balance", account("a", connectors.Deposit, connectors.Asset, filed("2026-04-01", "100.00"), filed("2026-05-01", "65.00")),
			[]sums.Bill{bill("a", "2026-04-02 10:00", "-40.00"), bill("a", "2026-04-03", "+5.00", uncounted)}, ""},
		{"a bill is missing", account("a", connectors.Deposit, connectors.Asset, filed("2026-04-01", "100.00"), filed("2026-04-20", "60.00"), filed("2026-05-01", "65.00")),
			[]sums.Bill{bill("a", "2026-04-21", "+5.00")}, "2026-04-01..2026-04-20 -40.00 CNY"},
		{"a bill is there twice", account("a", connectors.Deposit, connectors.Asset, filed("2026-04-01", "100.00"), filed("2026-05-01", "60.00")),
			[]sums.Bill{bill("a", "2026-04-02 10:00", "-40.00"), bill("a", "2026-04-02 10:01", "-40.00")}, "2026-04-01..2026-05-01 40.00 CNY"},
		{"pending and failed are not booked", account("a", connectors.Deposit, connectors.Asset, filed("2026-04-01", "100.00"), filed("2026-05-01", "100.00")),
			[]sums.Bill{bill("a", "2026-04-02 10:00", "-40.00", state(connectors.Pending)), bill("a", "2026-04-02 10:00", "-30.00", state(connectors.Failed))}, ""},
		{"a debt grows by what is spent", account("a", connectors.CreditCard, connectors.Debt, filed("2026-04-01", "100.00"), filed("2026-05-01", "90.00")),
			[]sums.Bill{bill("a", "2026-04-02", "-40.00"), bill("a", "2026-04-12", "+50.00")}, ""},
		{"a debt's missing bill is money out", account("a", connectors.CreditCard, connectors.Debt, filed("2026-04-01", "100.00"), filed("2026-05-01", "130.00")),
			nil, "2026-04-01..2026-05-01 -30.00 CNY"},
		{"a day's bill before or after a balance of that day", account("a", connectors.Deposit, connectors.Asset, told("2026-04-01 12:00", "100.00"), told("2026-04-10 12:00", "60.00")),
			[]sums.Bill{bill("a", "2026-04-01", "-40.00"), bill("a", "2026-04-10", "-25.00")}, ""},
		{"but not half of it", account("a", connectors.Deposit, connectors.Asset, told("2026-04-01 12:00", "100.00"), told("2026-04-10 12:00", "80.00")),
			[]sums.Bill{bill("a", "2026-04-01", "-40.00"), bill("a", "2026-04-10", "-25.00")}, "2026-04-01..2026-04-10 -20.00 CNY"},
		{"minutes of a told balance", account("a", connectors.Deposit, connectors.Asset, told("2026-04-01 12:00", "100.00"), told("2026-04-10 12:00", "75.00")),
			[]sums.Bill{bill("a", "2026-04-10 12:03", "-25.00")}, ""},
		{"an hour is none of it", account("a", connectors.Deposit, connectors.Asset, told("2026-04-01 12:00", "100.00"), told("2026-04-10 12:00", "75.00")),
			[]sums.Bill{bill("a", "2026-04-10 13:00", "-25.00")}, "2026-04-01..2026-04-10 -25.00 CNY"},
		{"a told balance may hold what is pending", account("a", connectors.Deposit, connectors.Asset, told("2026-04-01 12:00", "100.00"), told("2026-04-10 12:00", "75.00")),
			[]sums.Bill{bill("a", "2026-04-09 13:00", "-25.00", state(connectors.Pending))}, ""},
		{"made before the balance that was told then, and booked after it", account("a", connectors.Deposit, connectors.Asset, told("2026-04-02 12:00", "100.00"), told("2026-04-10 12:00", "60.00")),
			[]sums.Bill{bill("a", "2026-04-01 15:00", "-15.00"), bill("a", "2026-04-01 18:00", "-40.00")}, ""},
		{"what was made before it is not told", unheard, nil, ""},
		{"the newest are booked last", account("a", connectors.Deposit, connectors.Asset, told("2026-04-02 12:00", "100.00"), told("2026-04-10 12:00", "85.00")),
			[]sums.Bill{bill("a", "2026-04-01 15:00", "-15.00"), bill("a", "2026-04-01 18:00", "-40.00")}, "2026-04-02..2026-04-10 -15.00 CNY"},
		{"but not by a week", account("a", connectors.Deposit, connectors.Asset, told("2026-04-02 12:00", "100.00"), told("2026-04-10 12:00", "60.00")),
			[]sums.Bill{bill("a", "2026-03-25 18:00", "-40.00")}, "2026-04-02..2026-04-10 -40.00 CNY"},
		{"nor before a balance that a file tells", account("a", connectors.Deposit, connectors.Asset, filed("2026-04-02", "100.00"), filed("2026-04-10", "60.00")),
			[]sums.Bill{bill("a", "2026-04-01 18:00", "-40.00")}, "2026-04-02..2026-04-10 -40.00 CNY"},
		{"a reversed bill whose refund is told, or not", account("a", connectors.Deposit, connectors.Asset, filed("2026-04-01", "100.00"), filed("2026-05-01", "100.00")),
			[]sums.Bill{bill("a", "2026-04-09 13:00", "-25.00", state(connectors.Reversed))}, ""},
		{"booked on the other side of a midnight", account("a", connectors.Deposit, connectors.Asset, filed("2026-04-01", "100.00"), filed("2026-04-02", "75.00"), filed("2026-04-03", "75.00")),
			[]sums.Bill{bill("a", "2026-04-02 00:01", "-25.00")}, ""},
		{"a wallet's purchase by card moves the card", account("a", connectors.WalletBalance, connectors.Asset, told("2026-04-01 12:00", "100.00"), told("2026-04-10 12:00", "92.00")),
			[]sums.Bill{bill("a", "2026-04-09 13:00", "-25.00", method("中国银行信用卡(1875)")), bill("a", "2026-04-09 14:00", "-8.00", method("零钱"))}, ""},
		{"what a wallet's bill moved is not said", account("a", connectors.WalletBalance, connectors.Asset, told("2026-04-01 12:00", "100.00"), told("2026-04-10 12:00", "1.00")),
			[]sums.Bill{bill("a", "2026-04-09 13:00", "-25.00")}, ""},
		{"a wallet's withdrawal names the card and leaves the balance", account("a", connectors.WalletBalance, connectors.Asset, told("2026-04-01 12:00", "100.00"), told("2026-04-10 12:00", "30.00")),
			[]sums.Bill{bill("a", "2026-04-09 13:00", "-50.00", method("工商银行(1234)"), kind(connectors.Withdrawal))}, "2026-04-01..2026-04-10 -20.00 CNY"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			gaps, err := book(t, []sums.Account{tt.account}, tt.bills...).Gaps()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, g := range gaps {
				got = append(got, fmt.Sprintf("%s..%s %v", g.From.Format(time.DateOnly), g.To.Format(time.DateOnly), g.Missing))
			}
			if s := strings.Join(got, ", "); s != tt.want {
				t.Errorf("gaps %q, want %q", s, tt.want)
			}
		})
	}
}

func TestLoanUses(t *testing.T) {
	accounts := []sums.Account{account("alipay", connectors.WalletBalance, connectors.Asset), account("card", connectors.Deposit, connectors.Asset),
		account("other", connectors.Deposit, connectors.Asset)}
	const ccb, icbc = "建设银行储蓄卡(1234)", "工商银行储蓄卡(9876)"
	loan := func(when, sum string, set ...with) sums.Bill {
		return bill("alipay", when, "+"+sum, append([]with{internal, kind(connectors.LoanKind)}, set...)...)
	}
	fund := func(when, sum string, set ...with) sums.Bill {
		return bill("alipay", when, "-"+sum, append([]with{internal, kind(connectors.Investment)}, set...)...)
	}
	for _, tt := range []struct {
		why   string
		bills []sums.Bill
		want  int
	}{
		{"from the card that the loan came to", []sums.Bill{loan("2026-04-01 10:00", "10000.00", method(ccb), beside("card")), fund("2026-04-03 10:00", "9500.00", method(ccb), beside("card"))}, 1},
		{"the card's bills are not here", []sums.Bill{loan("2026-04-01 10:00", "10000.00", method(ccb)), fund("2026-04-03 10:00", "9500.00", method(ccb))}, 1},
		{"the bank's own loan and fund", []sums.Bill{bill("card", "2026-04-01", "+10000.00", kind(connectors.LoanKind)), bill("card", "2026-04-01", "-10000.00", kind(connectors.Investment))}, 1},
		{"into the balance, taken out to a card, and from there", []sums.Bill{loan("2026-04-01 10:00", "10000.00"),
			bill("alipay", "2026-04-01 11:00", "-10000.00", kind(connectors.Withdrawal), method("建设银行"), beside("card")), bill("card", "2026-04-02", "-9000.00", kind(connectors.Investment))}, 1},
		{"from another card", []sums.Bill{loan("2026-04-01 10:00", "10000.00", method(ccb), beside("card")), fund("2026-04-03 10:00", "9500.00", method(icbc), beside("other"))}, 0},
		{"weeks later", []sums.Bill{loan("2026-04-01 10:00", "10000.00", method(ccb)), fund("2026-04-20 10:00", "9500.00", method(ccb))}, 0},
		{"before it", []sums.Bill{loan("2026-04-01 10:00", "10000.00", method(ccb)), fund("2026-04-01 09:00", "9500.00", method(ccb))}, 0},
		{"a monthly saving", []sums.Bill{loan("2026-04-01 10:00", "10000.00", method(ccb)), fund("2026-04-03 10:00", "1000.00", method(ccb))}, 0},
		{"of far more than was lent", []sums.Bill{loan("2026-04-01 10:00", "10000.00", method(ccb)), fund("2026-04-03 10:00", "50000.00", method(ccb))}, 0},
		{"a purchase that failed", []sums.Bill{loan("2026-04-01 10:00", "10000.00", method(ccb)), fund("2026-04-03 10:00", "9500.00", method(ccb), state(connectors.Failed))}, 0},
		{"the loan is repaid", []sums.Bill{loan("2026-04-01 10:00", "10000.00", method(ccb)), bill("alipay", "2026-04-03 10:00", "-9500.00", kind(connectors.Repayment), method(ccb))}, 0},
		{"one fund for two loans is one use", []sums.Bill{loan("2026-04-01 10:00", "10000.00", method(ccb)), loan("2026-04-02 10:00", "9000.00", method(ccb)), fund("2026-04-03 10:00", "9500.00", method(ccb))}, 1},
	} {
		t.Run(tt.why, func(t *testing.T) {
			slices.Reverse(tt.bills) // the order of entering is nobody's
			if got := book(t, accounts, tt.bills...).LoanUses(); len(got) != tt.want {
				t.Errorf("LoanUses = %v, want %d", got, tt.want)
			}
		})
	}
}
