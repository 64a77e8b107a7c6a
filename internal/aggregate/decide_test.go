package aggregate_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/audit"
	"jali/internal/fault"
)

// twoTellings is a person whose dinner a wallet and a bank tell of, in words
// that nothing links: the wallet does not say what paid, nor the bank through
// whom.
func twoTellings(t *testing.T) (h *house, p consent.Session, bank *fake) {
	t.Helper()
	h = newHouse(t)
	dinner := connectors.Bill{ID: "w-1", At: time.Date(2026, 11, 19, 19, 0, 0, 0, shanghai), Amount: yuan(18800), Direction: connectors.Out, Flow: connectors.FlowOut,
		State: connectors.Done, Kind: connectors.Payment, Counterparty: "河边面馆(东门店)", Description: "晚饭"}
	w, bank := wallet("alipay"), wallet("jiangnan_bank")
	bank.source.Kind, bank.accounts[0].Kind, bank.accounts[0].Name = connectors.Bank, connectors.Deposit, "储蓄卡"
	told := dinner
	told.ID, told.Counterparty, told.Description = "b-1", "河边餐饮有限公司", ""
	told.At = told.At.Add(2 * time.Hour)
	w.bills["ref-alipay"] = []connectors.Bill{dinner}
	bank.bills["ref-jiangnan_bank"] = []connectors.Bill{told}
	h.add(w, bank)
	p = h.person("li")
	h.link(p, "alipay")
	h.link(p, "jiangnan_bank")
	return h, p, bank
}

func (h *house) own(p consent.Session) aggregate.Look {
	h.t.Helper()
	l, err := h.Own(h.t.Context(), p, h.clock().AddDate(0, 0, -30), h.clock().AddDate(0, 0, 1))
	if err != nil {
		h.t.Fatal(err)
	}
	return l
}

func TestADecisionHoldsForThePersonAndForClients(t *testing.T) {
	h, p, _ := twoTellings(t)
	first := h.own(p)
	if len(first.Bills) != 2 || first.Totals[0].Out != yuan(37600) {
		t.Fatalf("before anything is decided %s went out in %d bills", first.Totals[0].Out, len(first.Bills))
	}
	a, b := first.Bills[0].ID, first.Bills[1].ID
	grant := h.grant(p, "bank", h.everything(consent.Uses{Limit: 4, Per: "day"}))

	if err := h.Decide(t.Context(), p, a, b, aggregate.Mirror, true); err != nil {
		t.Fatal(err)
	}
	l := h.own(p)
	if l.Totals[0].Out != yuan(18800) || !slices.Equal(l.Bills[0].Mirrors, []string{b}) || l.Bills[0].Counted == l.Bills[1].Counted {
		t.Errorf("decided, %s went out: %+v", l.Totals[0].Out, l.Bills)
	}
	if len(l.Decided) != 1 || !l.Decided[0].Yes || l.Decided[0].Link != aggregate.Mirror || !l.Decided[0].At.Equal(h.clock()) {
		t.Errorf("what was decided is told as %+v", l.Decided)
	}
	if v := h.open("bank", grant, "key-0000000000000001"); v.Totals[0].Out != yuan(18800) || len(v.Bills.Items[0].Mirrors) != 1 {
		t.Errorf("a client sees %s out and mirrors %v", v.Totals[0].Out, v.Bills.Items[0].Mirrors)
	}
	only := h.grant(p, "shop", h.everything(once), l.Bills[0].Account)
	if v := h.open("shop", only, "key-0000000000000001"); v.Totals[0].Out != yuan(18800) || len(v.Bills.Items) != 1 || len(v.Bills.Items[0].Mirrors) != 0 || !v.Bills.Items[0].Counted {
		t.Errorf("a client of one of the accounts is told of the other: %+v", v.Bills.Items)
	}

	// The word may be changed, from either side, and taken back; long after the look.
	h.pass(time.Hour)
	if err := h.Decide(t.Context(), p, b, a, aggregate.Mirror, false); err != nil {
		t.Fatal(err)
	}
	if l := h.own(p); l.Totals[0].Out != yuan(37600) || len(l.Decided) != 1 || l.Decided[0].Yes {
		t.Errorf("decided otherwise, %s went out; %+v", l.Totals[0].Out, l.Decided)
	}
	h.pass(time.Second)
	if err := h.Undecide(t.Context(), p, a, b, aggregate.Mirror); err != nil {
		t.Fatal(err)
	}
	if err := h.Undecide(t.Context(), p, a, b, aggregate.Mirror); !errors.Is(err, aggregate.ErrNoBill) {
		t.Errorf("taken back twice: %v", err)
	}
	if l := h.own(p); l.Totals[0].Out != yuan(37600) || len(l.Decided) != 0 {
		t.Errorf("taken back, %s went out; %+v", l.Totals[0].Out, l.Decided)
	}
	events, err := audit.Timeline(t.Context(), h.db, string(p.Person), time.Time{}, 50)
	if err != nil {
		t.Fatal(err)
	}
	var verbs []string
	for _, e := range events {
		if strings.HasPrefix(e.Verb, "pair.") {
			verbs = append(verbs, e.Verb+" "+e.Facts["word"])
		}
	}
	if want := []string{"pair.undecided ", "pair.decided no", "pair.decided yes"}; !slices.Equal(verbs, want) {
		t.Errorf("the timeline tells %q, want %q", verbs, want)
	}
}

func TestWhatCannotBeDecided(t *testing.T) {
	h, p, bank := twoTellings(t)
	bank.bills["ref-jiangnan_bank"] = append(bank.bills["ref-jiangnan_bank"], connectors.Bill{ID: "b-2", At: time.Date(2026, 11, 18, 9, 0, 0, 0, shanghai), Amount: yuan(100),
		Direction: connectors.Out, Flow: connectors.FlowOut, State: connectors.Done, Kind: connectors.Payment})
	stranger := h.person("wang")
	l := h.own(p)
	a, b := l.Bills[0], l.Bills[1]
	same := l.Bills[2]
	other := a
	if same.Account == a.Account {
		other = b
	}
	for _, tt := range []struct {
		why  string
		by   consent.Session
		a, b string
		link aggregate.Link
		want *fault.Error
	}{
		{"somebody else's bills", stranger, a.ID, b.ID, aggregate.Mirror, aggregate.ErrNoBill},
		{"a bill that is not there", p, a.ID, "AAAAAAAAAAAAAAAAAAAAAA", aggregate.Mirror, aggregate.ErrNoBill},
		{"no bill at all", p, a.ID, "", aggregate.Mirror, aggregate.ErrNoBill},
		{"a bill with itself", p, a.ID, a.ID, aggregate.Mirror, &fault.Error{Code: "pair_invalid"}},
		{"another word", p, a.ID, b.ID, "friend", &fault.Error{Code: "pair_invalid"}},
		{"two bills of one account tell of two movements", p, same.ID, map[bool]string{true: a.ID, false: b.ID}[same.Account == a.Account], aggregate.Mirror, &fault.Error{Code: "pair_invalid"}},
	} {
		var f *fault.Error
		if err := h.Decide(t.Context(), tt.by, tt.a, tt.b, tt.link, true); !errors.As(err, &f) || f.Code != tt.want.Code {
			t.Errorf("%s: %v, want %s", tt.why, err, tt.want.Code)
		}
	}
	if err := h.Decide(t.Context(), p, same.ID, other.ID, aggregate.Mirror, true); err != nil {
		t.Errorf("bills of two accounts: %v", err)
	}
	if n := len(h.own(stranger).Decided); n != 0 {
		t.Errorf("a stranger has %d decisions", n)
	}
	// A connection that ended takes its bills and what was said of them along.
	cs, err := h.Connections(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Disconnect(t.Context(), p, cs[1].ID); err != nil {
		t.Fatal(err)
	}
	if err := h.Decide(t.Context(), p, a.ID, b.ID, aggregate.Mirror, true); !errors.Is(err, aggregate.ErrNoBill) {
		t.Errorf("a bill of a connection that ended: %v", err)
	}
	if words, err := h.Ledger.Words(t.Context(), string(p.Person)); err != nil || len(words.Decisions) != 0 {
		t.Errorf("decisions left: %v, %v", words.Decisions, err)
	}
}

func TestACorrectionIsLearnt(t *testing.T) {
	h := newHouse(t)
	f := wallet("alipay").with(3) // three coffees at one shop
	f.bills["ref-alipay"][2].Counterparty = "一家小店"
	h.add(f)
	p := h.person("li")
	h.link(p, "alipay")
	file := func() (list []string) {
		for _, b := range h.own(p).Bills {
			list = append(list, b.Category+" by "+b.CategoryBy)
		}
		return list
	}
	if got, want := file(), []string{"food.drinks by rule", "food.drinks by rule", "other by "}; !slices.Equal(got, want) {
		t.Fatalf("filed as %q, want %q", got, want)
	}
	grant := h.grant(p, "bank", h.everything(once))
	bill := h.own(p).Bills[0].ID
	if err := h.Correct(t.Context(), p, bill, "family.gifts"); err != nil {
		t.Fatal(err)
	}
	if got, want := file(), []string{"family.gifts by person", "family.gifts by learnt", "other by "}; !slices.Equal(got, want) {
		t.Errorf("corrected, filed as %q, want %q", got, want)
	}
	if v := h.open("bank", grant, "key-0000000000000001"); v.Bills.Items[0].Category != "family.gifts" || v.Bills.Items[1].Category != "family.gifts" {
		t.Errorf("a client sees %s and %s", v.Bills.Items[0].Category, v.Bills.Items[1].Category)
	}
	if err := h.Correct(t.Context(), p, bill, "family.nonsense"); err == nil {
		t.Error("a category that is none was taken")
	}
	if err := h.Correct(t.Context(), h.person("wang"), bill, "food"); !errors.Is(err, aggregate.ErrNoBill) {
		t.Errorf("somebody else's bill: %v", err)
	}
	h.pass(time.Hour) // the look is forgotten
	if err := h.Correct(t.Context(), p, bill, ""); err != nil {
		t.Fatal(err)
	}
	if got, want := file(), []string{"food.drinks by rule", "food.drinks by rule", "other by "}; !slices.Equal(got, want) {
		t.Errorf("taken back, filed as %q, want %q", got, want)
	}
}

// Two files of one account leave days between them out: what is missing is
// named. The running balance says so, and nothing else could.
const bocExport = `中国银行交易流水明细单
记账日期,记账时间,币别,金额,余额,交易名称,渠道,网点名称,附言,对方账户名,对方卡号/账号,对方开户行,借记卡号
`

func TestAGapBetweenFilesIsNamed(t *testing.T) {
	h, p := newHouse(t), consent.Session{}
	p = h.person("li")
	row := func(when, amount, balance string) string {
		day, at, _ := strings.Cut(when, " ")
		return day + "," + at + `,人民币,` + amount + `,` + balance + `,消费,手机银行,-------------------,----------,河边面馆,6226******5669,-------------------,3167` + "\n"
	}
	for _, rows := range []string{
		row("2026-11-03 18:00:00", "-20.00", "980.00") + row("2026-11-02 18:00:00", "-100.00", "1000.00"),
		row("2026-11-12 18:00:00", "-5.00", "495.00") + row("2026-11-11 18:00:00", "-80.00", "500.00"),
	} {
		if _, err := h.Import(t.Context(), p.Person, strings.NewReader(bocExport+rows), aggregate.Taking{}); err != nil {
			t.Fatal(err)
		}
	}
	l := h.own(p)
	if len(l.Bills) != 4 || len(l.Gaps) != 1 {
		t.Fatalf("%d bills and the gaps %+v", len(l.Bills), l.Gaps)
	}
	want := aggregate.Gap{Account: l.Accounts[0].ID, From: time.Date(2026, 11, 4, 0, 0, 0, 0, shanghai), To: time.Date(2026, 11, 11, 0, 0, 0, 0, shanghai), Missing: money.Amount{Minor: -40000, Currency: "CNY"}}
	if g := l.Gaps[0]; g.Account != want.Account || !g.From.Equal(want.From) || !g.To.Equal(want.To) || g.Missing != want.Missing {
		t.Errorf("the gap is %+v, want %+v", g, want)
	}
	if end := time.Date(2026, 11, 13, 0, 0, 0, 0, shanghai); len(l.Filed) != 1 || l.Filed[0].Amount != yuan(49500) || !l.Filed[0].AsOf.Equal(end) {
		t.Errorf("the files told last %+v", l.Filed)
	}
	v := h.open("bank", h.grant(p, "bank", h.everything(consent.Uses{Limit: 4, Per: "day"})), "key-0000000000000001")
	if len(l.Balances) != 0 || l.Totals[0].Assets.Minor != 0 || len(v.Balances) != 0 || v.Complete || v.Totals[0].Assets.Minor != 0 {
		t.Errorf("a balance of the past is in %+v, %+v or, complete: %v, in a client's %+v", l.Balances, l.Totals, v.Complete, v.Balances)
	}
	late, err := h.Own(t.Context(), p, h.clock().AddDate(0, 0, -2), time.Time{})
	if err != nil || len(late.Bills) != 0 || len(late.Filed) != 1 {
		t.Errorf("in days after the file: %d bills, %+v, %v", len(late.Bills), late.Filed, err)
	}
	sums := l.Sums.Currencies[0]
	if len(sums.Shops) != 1 || sums.Shops[0].Name != "河边面馆" || sums.Shops[0].Out != yuan(20500) {
		t.Errorf("shops are %+v", sums.Shops)
	}
	if len(sums.Worth) != 0 {
		t.Errorf("nobody knows what was there on the first or now: %+v", sums.Worth)
	}
}

// A connected account is worth what its source says now, walked back.
func TestWorthOfAConnectedAccount(t *testing.T) {
	h := newHouse(t)
	f := wallet("jiangnan_bank").with(2)
	f.source.Kind, f.accounts[0].Kind = connectors.Bank, connectors.Deposit
	f.balances[0].Kind, f.balances[0].AsOf = connectors.Booked, h.clock()
	h.add(f)
	p := h.person("li")
	h.link(p, "jiangnan_bank")
	l, err := h.Own(t.Context(), p, time.Date(2026, 10, 25, 0, 0, 0, 0, shanghai), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	worth := l.Sums.Currencies[0].Worth
	if len(worth) != 2 || worth[0].Net != yuan(10050+101+102) || worth[1].Net != yuan(10050) || worth[0].Unknown+worth[1].Unknown != 0 {
		t.Errorf("worth is %+v", worth)
	}
}

// What a loan became is the person's alone, and told of bills that they can open.
func TestALoanIntoAFundIsMarked(t *testing.T) {
	h := newHouse(t)
	f := wallet("alipay")
	bill := func(id string, day int, k connectors.Kind, d connectors.Direction, says string) connectors.Bill {
		return connectors.Bill{ID: id, At: time.Date(2026, 11, day, 10, 0, 0, 0, shanghai), Amount: yuan(1000000), Direction: d, Flow: connectors.FlowInternal,
			State: connectors.Done, Kind: k, Description: says, Method: "江南银行储蓄卡(1234)"}
	}
	f.bills["ref-alipay"] = []connectors.Bill{bill("loan", 10, connectors.LoanKind, connectors.In, "蚂蚁借呗放款至银行卡"), bill("fund", 12, connectors.Investment, connectors.Out, "某基金-买入")}
	h.add(f)
	p := h.person("li")
	h.link(p, "alipay")
	l := h.own(p)
	if len(l.LoanUses) != 1 || l.LoanUses[0].Loan != l.Bills[1].ID || l.LoanUses[0].Investment != l.Bills[0].ID {
		t.Errorf("loan uses %+v of %s and %s", l.LoanUses, l.Bills[1].ID, l.Bills[0].ID)
	}
}

// What a connected source said yesterday is held against what it says today.
func TestAGapInWhatASourceTells(t *testing.T) {
	for _, tt := range []struct {
		why  string
		now  int64
		want int
	}{
		{"the bill of that day makes up for it", 10050 - 300, 0},
		{"more has gone than is told of", 10050 - 500, 1},
	} {
		t.Run(tt.why, func(t *testing.T) {
			h := newHouse(t)
			f := wallet("jiangnan_bank").with(2)
			f.source.Kind, f.accounts[0].Kind = connectors.Bank, connectors.Deposit
			f.balances[0].Kind, f.balances[0].AsOf = connectors.Booked, h.clock()
			h.add(f)
			p := h.person("li")
			h.link(p, "jiangnan_bank")
			h.own(p)
			h.pass(48 * time.Hour)
			f.set(func() {
				f.balances[0].Amount, f.balances[0].AsOf = yuan(tt.now), h.clock()
				spent := f.bills["ref-jiangnan_bank"][0]
				spent.ID, spent.At, spent.Amount = "later", h.clock().Add(-24*time.Hour), yuan(300)
				f.bills["ref-jiangnan_bank"] = append(f.bills["ref-jiangnan_bank"], spent)
			})
			l := h.own(p)
			if len(l.Gaps) != tt.want || tt.want == 1 && l.Gaps[0].Missing != yuan(-200) {
				t.Errorf("gaps are %+v, want %d", l.Gaps, tt.want)
			}
		})
	}
}
