package page

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/aggregate"
)

// What is to be paid stands in the order of its days; what is paid, and what
// nobody can say the day of, after it; and each account once.
func TestDues(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, consent.Shanghai) }
	at := time.Date(2026, 11, 22, 23, 30, 0, 0, consent.Shanghai)
	statement := func(id consent.AccountID, closed int, due time.Time, asked, minimum, paid int64, settled bool) aggregate.OwnStatement {
		return aggregate.OwnStatement{Account: id, Statement: connectors.Statement{Period: connectors.Span{From: day(closed).AddDate(0, -1, 0), To: day(closed)},
			Due: cny(asked), Minimum: cny(minimum), Paid: cny(paid), DueDate: due, Settled: settled}}
	}
	accounts := map[consent.AccountID]aggregate.OwnAccount{}
	for _, id := range []consent.AccountID{"today", "soon", "minimum", "past", "paid", "open", "late", "foreign", "given back", "less"} {
		accounts[id] = aggregate.OwnAccount{ID: id, Source: alipay, Kind: connectors.CreditLine, Side: connectors.Debt}
	}
	// At half past eleven in the evening in Shanghai it is still the day before
	// at a lender whose days are New York's, where noon is not midnight.
	newYork := time.FixedZone("", -5*60*60)
	look := aggregate.Look{At: at, Statements: []aggregate.OwnStatement{
		statement("paid", 1, day(10), 90000, 9000, 90000, true),
		statement("open", 1, time.Time{}, 100, 0, 0, false),
		statement("soon", 1, day(25), 132050, 13205, 0, false),
		statement("soon", 0, day(20), 99999, 0, 0, false), // taken over by the newer one
		statement("minimum", 1, day(24), 132050, 13205, 13205, false),
		statement("today", 1, day(22), 500, 0, 0, false),
		statement("past", 1, day(20), 500, 100, 200, false),
		statement("foreign", 1, time.Date(2026, 11, 23, 0, 0, 0, 0, newYork), 700, 0, 0, false),
		statement("nobody's", 1, day(25), 1, 0, 0, false),
		statement("given back", 1, day(24), 800, 0, 100, false),
		statement("less", 1, day(26), 800, 0, 100, false),
	}, Balances: []aggregate.OwnBalance{
		{Account: "given back", Kind: connectors.Outstanding, Amount: cny(0)},
		{Account: "less", Kind: connectors.Outstanding, Amount: cny(250)},
		{Account: "soon", Kind: connectors.Outstanding, Amount: cny(999999)}, // bought since
		{Account: "open", Kind: connectors.Available, Amount: cny(1)},
	}}
	want := []struct {
		id    consent.AccountID
		state string
		days  int
		left  int64
	}{
		{"past", "past", 0, 300}, {"today", "today", 0, 500}, {"foreign", "soon", 1, 700}, {"minimum", "minimum", 2, 118845},
		{"soon", "soon", 3, 132050}, {"less", "soon", 4, 250}, {"open", "open", 0, 100},
		{"paid", "paid", 0, 0}, {"given back", "paid", 0, 0},
	}
	got := dues(look, accounts)
	if len(got) != len(want) {
		t.Fatalf("%d dues, want %d", len(got), len(want))
	}
	for i, w := range want {
		if d := got[i]; d.Account != w.id || d.State != w.state || d.Days != w.days || d.Left != (money.Amount{Minor: w.left, Currency: "CNY"}) {
			t.Errorf("place %d: %s is %s, %d days, %v left; want %+v", i, d.Account, d.State, d.Days, d.Left, w)
		}
	}
}

// Home shows it in both languages, and says no more of another month than that
// these are its statements.
func TestHomeShowsWhatIsDue(t *testing.T) {
	h := newHouse(t)
	for lang, words := range map[string][]string{
		"en":    {"Due soon", "Due on 25 Nov 2026", "Statement ¥1,320.50", "minimum ¥132.05", "paid ¥500.00", "Left to pay", "¥820.50", "Minimum paid"},
		"zh-CN": {"近期待还", "2026年11月25日到期", "本期账单 ¥1,320.50", "最低还款 ¥132.05", "已还 ¥500.00", "还需还", "¥820.50", "已还最低"},
	} {
		body := h.get(t, "/", "in", lang).Body.String()
		found := find(t, body, func(n *html.Node) bool { return attr(n, "id") == "dues" })
		if len(found) != 1 {
			t.Fatalf("%s: %d sections of dues", lang, len(found))
		}
		for _, w := range words {
			if !strings.Contains(inner(found[0]), w) {
				t.Errorf("%s: it does not say %q: %s", lang, w, inner(found[0]))
			}
		}
	}
	body := h.get(t, "/?month=2026-10", "in", "en").Body.String()
	if !strings.Contains(body, "Statements of 2026-10") || strings.Contains(body, "Due soon") {
		t.Error("the statements of a month are said to be due soon")
	}
}
