package aggregate_test

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"jali/connectors"
	"jali/connectors/money"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/audit"
)

// spent is a made-up payment, or money that came in.
type spent struct {
	at    time.Time
	minor int64
	in    bool
	shop  string
	card  string // of a bank; empty: by wallet
	n     int    // among all
}

// wechatOf writes payments of some days as WeChat Pay exports them.
func wechatOf(all []spent, from, to time.Time) string {
	var rows strings.Builder
	count, sum := [2]int{}, [2]int64{}
	for _, p := range slices.Backward(all) {
		if p.card != "" || p.at.Before(from) || !p.at.Before(to) {
			continue
		}
		way, kind := 0, "商户消费"
		if p.in {
			way, kind = 1, "转账"
		}
		count[way]++
		sum[way] += p.minor
		fmt.Fprintf(&rows, "%s,%s,%s,面,%s,¥%s,零钱,支付成功,42%08d\t,M-%d\t,/\n", p.at.Format(time.DateTime), kind, p.shop, []string{"支出", "收入"}[way],
			yuan(p.minor).Value(), p.n, p.n)
	}
	return fmt.Sprintf(`微信支付账单明细,,,,,,,,,,
微信昵称：[小美],,,,,,,,,,
起始时间：[%s] 终止时间：[%s],,,,,,,,,,
导出时间：[2026-11-21 09:00:00],,,,,,,,,,
共%d笔记录
收入：%d笔 %s元
支出：%d笔 %s元
中性交易：0笔 0.00元
----------------------微信支付账单明细列表--------------------,,,,,,,,,,
交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号,商户单号,备注
`, from.Format(time.DateTime), to.Add(-time.Second).Format(time.DateTime), count[0]+count[1], count[1], yuan(sum[1]).Value(), count[0], yuan(sum[0]).Value()) + rows.String()
}

// bankCSV writes them as Bank of China lists what its debit cards did.
func bankCSV(all []spent, from, to time.Time) string {
	var rows []string
	holds := map[string]int64{}
	for _, p := range all {
		if p.card == "" {
			continue
		}
		signed := -p.minor
		if p.in {
			signed = p.minor
		}
		holds[p.card] += signed
		if p.at.Before(from) || !p.at.Before(to) {
			continue
		}
		rows = append(rows, fmt.Sprintf("%s,%s,人民币,%s,\"%s\",无卡支付,银企对接,-------------------,----------,%s,-------------------,-------------------,%s\n",
			p.at.Format(time.DateOnly), p.at.Format(time.TimeOnly), money.Amount{Minor: signed, Currency: "CNY"}.Value(), money.Amount{Minor: 5_000_000 + holds[p.card], Currency: "CNY"}.Value(), p.shop, p.card))
	}
	slices.Reverse(rows)
	return "中国银行交易流水明细单\n记账日期,记账时间,币别,金额,余额,交易名称,渠道,网点名称,附言,对方账户名,对方卡号/账号,对方开户行,借记卡号\n" + strings.Join(rows, "")
}

func (h *house) importFile(p consent.PersonID, file string, how aggregate.Taking) aggregate.ImportReport {
	h.t.Helper()
	r, err := h.Import(h.t.Context(), p, strings.NewReader(file), how)
	if err != nil {
		h.t.Fatalf("%v of\n%.600s", err, file)
	}
	return r
}

// flat is a bill of a look without what is drawn at random.
type flat struct {
	Source, Tail string
	Counted      bool
	Flow         connectors.Flow
	connectors.Bill
}

func (h *house) flatLook(p consent.PersonID, from, to time.Time) ([]flat, []aggregate.Total) {
	h.t.Helper()
	l, err := h.OwnAfresh(h.t.Context(), consent.Session{ID: "s", Person: p}, from, to)
	if err != nil {
		h.t.Fatal(err)
	}
	accounts := map[consent.AccountID]aggregate.OwnAccount{}
	for _, a := range l.Accounts {
		accounts[a.ID] = a
	}
	var all []flat
	for _, b := range l.Bills {
		a := accounts[b.Account]
		all = append(all, flat{a.Source.ID, a.Tail, b.Counted, b.Flow, b.Bill})
	}
	slices.SortFunc(all, func(a, b flat) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Tail, b.Tail), cmp.Compare(a.ID, b.ID))
	})
	return all, l.Totals
}

// Files of two formats and three accounts, of whatever days, in whatever order
// and however often, end in the bills and totals of one file of each.
func TestFilesInAnyOrder(t *testing.T) {
	if err := flag.Set("rapid.checks", "25"); err != nil { // each file is some fsyncs
		t.Fatal(err)
	}
	h := newHouse(t)
	people := 0
	person := func() consent.PersonID {
		people++
		return h.person("p" + strconv.Itoa(people)).Person
	}
	first := time.Date(2026, 8, 3, 0, 0, 0, 0, shanghai)
	rapid.Check(t, func(r *rapid.T) {
		days := rapid.IntRange(3, 90).Draw(r, "days")
		last := first.AddDate(0, 0, days)
		var all []spent
		for n := range rapid.IntRange(1, 40).Draw(r, "payments") {
			all = append(all, spent{at: first.Add(time.Duration(rapid.IntRange(0, days*24*60-1).Draw(r, "minute")) * time.Minute), n: n,
				minor: int64(rapid.SampledFrom([]int{1, 1850, 1850, 7048, 123456}).Draw(r, "minor")), in: rapid.IntRange(0, 4).Draw(r, "way") == 0,
				shop: rapid.SampledFrom([]string{"河边面馆", "小店", "支付宝-超市"}).Draw(r, "shop"), card: rapid.SampledFrom([]string{"", "", "3167", "4260"}).Draw(r, "card")})
		}
		slices.SortStableFunc(all, func(a, b spent) int { return a.at.Compare(b.at) })

		var files []string
		for _, write := range []func([]spent, time.Time, time.Time) string{wechatOf, bankCSV} {
			for at := 0; at < days; {
				n := rapid.IntRange(1, days-at).Draw(r, "length")
				over := rapid.IntRange(0, at).Draw(r, "overlap")
				files = append(files, write(all, first.AddDate(0, 0, at-over), first.AddDate(0, 0, at+n)))
				at += n
			}
		}
		files = append(files, files[rapid.IntRange(0, len(files)-1).Draw(r, "again")])
		whole, parts := person(), person()
		for _, file := range []string{wechatOf(all, first, last), bankCSV(all, first, last)} {
			h.tryImport(r, whole, file)
		}
		for _, file := range rapid.Permutation(files).Draw(r, "order") {
			h.tryImport(r, parts, file)
		}
		for _, window := range [][2]time.Time{{first.AddDate(0, 0, -30), last}, {first.AddDate(0, 0, days/3), first.AddDate(0, 0, days/2+1)}} {
			want, sums := h.flatLook(whole, window[0], window[1])
			got, gotSums := h.flatLook(parts, window[0], window[1])
			if diff := gocmp.Diff(want, got); diff != "" {
				r.Errorf("the bills: -want +got:\n%s", diff)
			}
			if diff := gocmp.Diff(sums, gotSums); diff != "" {
				r.Errorf("the totals: -want +got:\n%s", diff)
			}
			if n := len(all); window[1] == last && len(got) != n {
				r.Errorf("%d bills, want %d", len(got), n)
			}
		}
	})
}

// tryImport passes over a file that holds no rows: it is nobody's.
func (h *house) tryImport(t *rapid.T, p consent.PersonID, file string) {
	t.Helper()
	if strings.HasSuffix(file, "借记卡号\n") {
		return
	}
	if _, err := h.Import(h.t.Context(), p, strings.NewReader(file), aggregate.Taking{}); err != nil {
		t.Fatalf("%v of\n%s", err, file)
	}
}

var someCards = []spent{
	{at: time.Date(2026, 11, 3, 9, 0, 0, 0, shanghai), minor: 1850, shop: "河边面馆", card: "3167", n: 1},
	{at: time.Date(2026, 11, 4, 9, 0, 0, 0, shanghai), minor: 500_00, in: true, shop: "小美", card: "4260", n: 2},
	{at: time.Date(2026, 11, 5, 9, 0, 0, 0, shanghai), minor: 99, shop: "小店", card: "3167", n: 3},
}

// A file of two cards is one connection with two accounts, whatever file comes
// first; what it says of each is reported, and what is here already.
func TestAFileOfSeveralAccounts(t *testing.T) {
	h := newHouse(t)
	p := h.person("li")
	from, to := someCards[0].at.AddDate(0, 0, -1), someCards[2].at.AddDate(0, 0, 1)
	one := bankCSV(someCards[:1], from, to)
	both := bankCSV(someCards, from, to)
	if r := h.importFile(p.Person, one, aggregate.Taking{}); r.Rows != 1 || len(r.Accounts) != 1 || r.Accounts[0].Account != "" {
		t.Errorf("the first file: %+v", r)
	}
	r := h.importFile(p.Person, both, aggregate.Taking{})
	if r.Rows != 3 || r.Known != 1 || len(r.Accounts) != 2 {
		t.Fatalf("the second file: %+v", r)
	}
	for _, a := range r.Accounts {
		rows, known, here := 1, 0, false
		if a.Tail == "3167" {
			rows, known, here = 2, 1, true
		}
		if a.Rows != rows || a.Known != known || len(a.First) != rows || len(a.Balances) != 2 || (a.Account != "") != here {
			t.Errorf("of %s: %+v", a.Tail, a)
		}
	}
	cs, err := h.Connections(t.Context(), p)
	if err != nil || len(cs) != 1 || len(h.accountIDs(p)) != 2 {
		t.Errorf("connections %+v, %d accounts, %v", cs, len(h.accountIDs(p)), err)
	}
}

// A file that is here already changes not a byte but the timeline, and a dry
// look at one not even that.
func TestImportingAgainChangesNothing(t *testing.T) {
	h := newHouse(t)
	p := h.person("li")
	from, to := someCards[0].at.AddDate(0, 0, -1), someCards[2].at.AddDate(0, 0, 1)
	files := []string{bankCSV(someCards, from, to), soundFile}
	for _, f := range files {
		before := h.sealedRows()
		if r := h.importFile(p.Person, f, aggregate.Taking{Dry: true}); r.Rows == 0 || r.Known != 0 {
			t.Errorf("the dry look: %+v", r)
		}
		if diff := gocmp.Diff(before, h.sealedRows()); diff != "" || len(h.partKeys(p)) != len(h.accountIDs(p))/2 {
			t.Errorf("a dry look has changed rows or keys: %d keys", len(h.partKeys(p)))
		}
		h.importFile(p.Person, f, aggregate.Taking{})
	}
	before, keys := h.sealedRows(), h.partKeys(p)
	for _, f := range append(files, bankCSV(someCards, from, someCards[1].at)) {
		if r := h.importFile(p.Person, f, aggregate.Taking{}); r.Known != r.Rows {
			t.Errorf("%d of %d rows known", r.Known, r.Rows)
		}
	}
	if diff := gocmp.Diff(before, h.sealedRows()); diff != "" {
		t.Errorf("importing again has changed rows: %s", diff)
	}
	if got := h.partKeys(p); !slices.Equal(got, keys) {
		t.Errorf("keys are %q, were %q", got, keys)
	}
	events, err := audit.Timeline(t.Context(), h.db, string(p.Person), time.Time{}, 1000)
	if err != nil || len(events) != 5 {
		t.Errorf("%d events, %v; want one of each file that was not only looked at", len(events), err)
	}
}
