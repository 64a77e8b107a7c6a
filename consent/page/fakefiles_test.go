package page

import (
	"context"
	"fmt"
	"io"
	"strings"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/fault"
)

// waits is a staged file of the fake's: its content says what it lacks.
type waits struct {
	content  string
	password string
	mapping  *billfile.Mapping
}

// read answers what a content of a test's own sort holds. "locked" opens with
// "open sesame"; "table" wants a mapping, "locked table" both.
func (f *fakeAccounts) read(id string) (aggregate.Upload, error) {
	w := f.waits[id]
	table := &billfile.Unmapped{Header: []string{"日期", "对方", "金额", "", hostile}, Rows: [][]string{{"2026/5/31", "小店", "-12.50", "x", hostile}, {"2026/6/1", "工资", "8000", "", ""}}}
	switch {
	case strings.HasPrefix(w.content, "locked") && w.password != "open sesame":
		return aggregate.Upload{ID: id}, billfile.ErrPassword
	case strings.HasSuffix(w.content, "table") && w.mapping == nil:
		return aggregate.Upload{ID: id}, billfile.ErrUnmapped.Because(table)
	case strings.HasSuffix(w.content, "table") && w.mapping.Date != "日期":
		return aggregate.Upload{}, billfile.ErrDamaged.Because(&billfile.Place{Line: 2, Column: "对方", Why: "not_a_time"})
	}
	u := aggregate.Upload{ID: id, Report: report(), Mapping: w.mapping}
	if w.content != "other" {
		u.Report.Problems = nil
	}
	if strings.HasPrefix(w.content, "nameless") {
		a := aggregate.AccountReport{Kind: connectors.Deposit, Side: connectors.Asset, Name: "储蓄卡", Currency: "CNY", Rows: 3, Covers: connectors.Span{From: now.AddDate(0, -1, 0), To: now},
			Which: &aggregate.Which{Why: aggregate.WhichFirst}}
		if w.content != "nameless first" {
			a.Which = &aggregate.Which{Why: aggregate.WhichAnother, Here: []aggregate.Candidate{
				{Account: "ac_8", Name: "储蓄卡", Covers: a.Covers}, {Account: "ac_9", Name: "储蓄卡", Called: hostile, Covers: a.Covers, Known: 2}}}
		}
		u.Report.Accounts = []aggregate.AccountReport{a}
	}
	return u, nil
}

func (f *fakeAccounts) Stage(_ context.Context, _ consent.Session, r io.Reader, _ billfile.Options) (aggregate.Upload, error) {
	b, err := io.ReadAll(io.LimitReader(r, billfile.MaxSize+1))
	switch {
	case err != nil:
		return aggregate.Upload{}, billfile.ErrInterrupted.Because(err)
	case len(b) > billfile.MaxSize:
		return aggregate.Upload{}, billfile.ErrTooLarge
	case string(b) == "damaged":
		return aggregate.Upload{}, billfile.ErrDamaged.Because(&billfile.Place{Line: 17, Column: "金额", Why: "not_an_amount"})
	case string(b) == "picture":
		return aggregate.Upload{}, billfile.ErrUnknown
	}
	f.staged++
	if f.waits == nil {
		f.waits = map[string]*waits{}
	}
	id := fmt.Sprint("up_", f.staged)
	f.waits[id] = &waits{content: string(b)}
	return f.read(id)
}

func (f *fakeAccounts) Reopen(_ context.Context, _ consent.Session, id string, o billfile.Options) (aggregate.Upload, error) {
	w := f.waits[id]
	if w == nil {
		return aggregate.Upload{}, aggregate.ErrNoUpload
	}
	before := *w
	if !o.Password.Empty() {
		w.password = o.Password.RevealString()
	}
	if o.Mapping != nil {
		w.mapping = o.Mapping
	}
	u, err := f.read(id)
	if err != nil && u.ID == "" {
		*w = before
	}
	return u, err
}

func (f *fakeAccounts) Accept(_ context.Context, _ consent.Session, id string, anyway bool, to []aggregate.Belongs) (aggregate.ImportReport, error) {
	w := f.waits[id]
	if w == nil {
		return aggregate.ImportReport{}, aggregate.ErrNoUpload
	}
	if w.content == "other" && !anyway {
		return aggregate.ImportReport{}, &fault.Error{Kind: fault.Conflict, Code: "file_disagrees", Owner: fault.Person, Detail: "x"}
	}
	if w.content == "nameless" && (len(to) == 0 || to[0] == aggregate.Belongs{}) {
		return aggregate.ImportReport{}, aggregate.ErrWhich
	}
	delete(f.waits, id)
	deed := "accept " + id
	if len(to) > 0 && to[0] != (aggregate.Belongs{}) {
		deed += " of " + string(to[0].Account) + to[0].Called
	}
	f.deeds = append(f.deeds, deed)
	return report(), nil
}

var (
	kindsOf1204    = map[connectors.Kind]int{connectors.Payment: 990, connectors.Transfer: 120, connectors.Refund: 14, connectors.RedPacket: 60, connectors.Other: 20}
	accountsOf1204 = []aggregate.AccountReport{
		{Account: "ac_1", Kind: connectors.WalletBalance, Side: connectors.Asset, Name: "余额", Currency: "CNY", Rows: 1100, Known: 12, Covers: connectors.Span{From: now.AddDate(-1, 0, 0), To: now},
			Sums:     []aggregate.FlowSum{{Flow: connectors.FlowIn, Count: 41, Sum: cny(1843277)}, {Flow: connectors.FlowOut, Count: 1059, Sum: cny(6120050)}},
			Kinds:    map[connectors.Kind]int{connectors.Payment: 900, connectors.Transfer: 120, connectors.Refund: 14, connectors.RedPacket: 60, connectors.Other: 6},
			Balances: []billfile.Balance{{At: now.AddDate(-1, 0, 0), Amount: cny(120000)}, {At: now, Amount: cny(238850)}},
			First: []connectors.Bill{{At: now, Amount: cny(1250), Flow: connectors.FlowOut, Kind: connectors.Payment, Counterparty: "小店"},
				{At: now, DateOnly: true, Amount: cny(99), Flow: connectors.FlowIn, Kind: connectors.Income, Description: hostile}}},
		{Kind: connectors.CreditCard, Side: connectors.Debt, Tail: "1234", Currency: "CNY", Rows: 104, Covers: connectors.Span{From: now.AddDate(-1, 0, 0), To: now},
			Kinds: map[connectors.Kind]int{connectors.Payment: 90, connectors.Other: 14}},
	}
)
