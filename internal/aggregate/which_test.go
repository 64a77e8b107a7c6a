package aggregate_test

import (
	"errors"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/aggregate"
)

// abcOf is a debit statement of the bank's: it does not say of which card.
func abcOf(rows ...string) string {
	return "交易日期,交易时间,交易摘要,交易金额,本次余额,对手信息,日志号,交易渠道,交易附言\n" + strings.Join(rows, "\n") + "\n"
}

var (
	wagesFile = abcOf("20261103,090000,代发工资,+9000.00,9100.00,南山软件公司,369396601,电子商务,", "20261110,120000,消费,-20.00,9080.00,河边面馆,369396602,电子商务,")
	wagesMore = abcOf("20261110,120000,消费,-20.00,9080.00,河边面馆,369396602,电子商务,", "20261115,120000,消费,-30.00,9050.00,河边面馆,369396603,电子商务,")
	savedFile = abcOf("20261104,090000,转存,+100.00,600.00,林小满,369397701,电子商务,", "20261109,120000,消费,-7.00,593.00,城市地铁,369397702,电子商务,")
	savedMore = abcOf("20261117,120000,消费,-8.00,585.00,城市地铁,369397703,电子商务,")
)

// whichOf stages a file and answers what is asked of its account.
func (h *house) whichOf(p consent.Session, file string) (string, aggregate.AccountReport) {
	h.t.Helper()
	u, err := h.Stage(h.t.Context(), p, strings.NewReader(file), billfile.Options{})
	if err != nil || len(u.Report.Accounts) != 1 || u.Report.Accounts[0].Which == nil {
		h.t.Fatalf("%+v, %v", u.Report, err)
	}
	return u.ID, u.Report.Accounts[0]
}

// Two cards of one bank whose files do not name them stay two; what is asked,
// and what is taken for likely, follows from days and bills.
func TestTwoCardsThatNoFileNames(t *testing.T) {
	h := newHouse(t)
	p := h.person("li")
	take := func(id string, to ...aggregate.Belongs) aggregate.ImportReport {
		t.Helper()
		r, err := h.Accept(t.Context(), p, id, false, to)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	id, a := h.whichOf(p, wagesFile)
	if a.Which.Why != aggregate.WhichFirst || len(a.Which.Here) != 0 {
		t.Errorf("the first file: %+v", a.Which)
	}
	take(id)
	id, a = h.whichOf(p, savedFile)
	if a.Which.Why != aggregate.WhichAnother || a.Which.To != "" || a.Account != "" || len(a.Which.Here) != 1 {
		t.Errorf("days that are told of, and no bill known: %+v", a.Which)
	}
	if _, err := h.Accept(t.Context(), p, id, false, nil); !errors.Is(err, aggregate.ErrWhich) {
		t.Errorf("in doubt, without a word: %v", err)
	}
	take(id, aggregate.Belongs{Called: " 存钱  卡 "})
	first := a.Which.Here[0].Account

	if h.accountIDs(p)[0] == h.accountIDs(p)[1] || len(h.accountIDs(p)) != 2 {
		t.Fatalf("%d accounts", len(h.accountIDs(p)))
	}
	id, a = h.whichOf(p, wagesMore)
	if a.Which.Why != aggregate.WhichKnown || a.Which.To != first || a.Account != first || a.Known != 1 || len(a.Which.Here) != 2 {
		t.Errorf("one of its bills is known: %+v", a)
	}
	take(id)
	id, a = h.whichOf(p, savedMore)
	if a.Which.Why != aggregate.WhichUnknown || a.Which.To != "" {
		t.Errorf("nothing speaks for either: %+v", a.Which)
	}
	if _, err := h.Accept(t.Context(), p, id, false, nil); !errors.Is(err, aggregate.ErrWhich) {
		t.Errorf("without a word: %v", err)
	}
	if _, err := h.Accept(t.Context(), p, id, false, []aggregate.Belongs{{Account: "somebody's"}}); err == nil {
		t.Error("an account that is not there was taken")
	}
	if _, err := h.Accept(t.Context(), p, id, false, []aggregate.Belongs{{Called: strings.Repeat("卡", 21)}}); !errors.Is(err, aggregate.ErrCalled) {
		t.Errorf("a long name: %v", err)
	}
	if r := take(id, aggregate.Belongs{Called: "存钱 卡"}); r.Known != 0 || r.Accounts[0].Account == "" || r.Accounts[0].Account == first {
		t.Errorf("by the name of one that is here: %+v", r)
	}

	// By the same choice again nothing changes, for an operator as well.
	before := h.sealedRows()
	for file, called := range map[string]string{wagesFile: "", savedFile: "存钱 卡", savedMore: "存钱 卡", wagesMore: "储蓄卡"} {
		if r := h.importFile(p.Person, file, aggregate.Taking{Called: called}); r.Known != r.Rows {
			t.Errorf("%d of %d rows of %q are known", r.Known, r.Rows, called)
		}
	}
	if diff := gocmp.Diff(before, h.sealedRows()); diff != "" {
		t.Errorf("importing again has changed rows: %s", diff)
	}
	for k, v := range before {
		if strings.Contains(k+string(v), "存钱") {
			t.Error("what an account is called stands in a row")
		}
	}
	if _, err := h.Import(t.Context(), p.Person, strings.NewReader(abcOf("20261118,120000,消费,-8.00,77.00,城市地铁,369398803,电子商务,")), aggregate.Taking{}); !errors.Is(err, aggregate.ErrWhich) {
		t.Errorf("an operator who does not say which: %v", err)
	}

	look := h.own(p)
	bills, called := map[consent.AccountID]int{}, map[string]int{}
	for _, b := range look.Bills {
		bills[b.Account]++
	}
	for _, acc := range look.Accounts {
		called[acc.Name+" "+acc.Called] = bills[acc.ID]
	}
	if diff := gocmp.Diff(map[string]int{"储蓄卡 ": 3, "储蓄卡 存钱 卡": 3}, called); diff != "" {
		t.Errorf("-want +bills by account:\n%s", diff)
	}
	v := h.open("bank", h.grant(p, "bank", h.everything(consent.Uses{Limit: 4, Per: "day"})), "key-0000000000000001")
	for _, acc := range v.Accounts {
		if acc.Name != "储蓄卡" {
			t.Errorf("a client is told of %q", acc.Name)
		}
	}
	if len(v.Accounts) != 2 {
		t.Errorf("a client sees %d accounts", len(v.Accounts))
	}
}

// A row that two cards happen to share does not make them one: the second card's
// would be taken for the first's, and lost.
func TestASharedFareMakesNoTwoCardsOne(t *testing.T) {
	h := newHouse(t)
	p := h.person("li")
	one := abcOf("20261103,,消费,-10.00,90.00,城市地铁,,电子商务,", "20261104,,消费,-20.00,70.00,河边面馆,,电子商务,", "20261105,,消费,-5.00,65.00,茶铺,,电子商务,")
	other := abcOf("20261103,,消费,-10.00,490.00,城市地铁,,电子商务,", "20261104,,消费,-30.00,460.00,书店,,电子商务,", "20261105,,消费,-6.00,454.00,花店,,电子商务,")
	h.importFile(p.Person, one, aggregate.Taking{})
	id, a := h.whichOf(p, other)
	if w := a.Which; w.Why != aggregate.WhichAnother || w.Here[0].Known != 1 || w.Here[0].Told != 3 {
		t.Errorf("%+v", w)
	}
	if _, err := h.Import(t.Context(), p.Person, strings.NewReader(other), aggregate.Taking{}); !errors.Is(err, aggregate.ErrWhich) {
		t.Errorf("an operator who does not say which: %v", err)
	}
	if _, err := h.Accept(t.Context(), p, id, false, []aggregate.Belongs{{Called: "第二张"}}); err != nil {
		t.Fatal(err)
	}
	if n := len(h.own(p).Bills); n != 6 {
		t.Errorf("%d bills, want all six", n)
	}
}
