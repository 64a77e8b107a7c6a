package page

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
)

func daysOf(from, to string) connectors.Span {
	day := func(s string) time.Time {
		t, err := time.ParseInLocation(time.DateOnly, s, consent.Shanghai)
		if err != nil {
			panic(err)
		}
		return t
	}
	return connectors.Span{From: day(from), To: day(to).AddDate(0, 0, 1)}
}

func filed(id consent.AccountID, src connectors.Source, name string, covers ...connectors.Span) aggregate.OwnAccount {
	return aggregate.OwnAccount{ID: id, Source: src, Kind: connectors.Deposit, Side: connectors.Asset, Name: name, Imported: true, Covers: covers}
}

// Of a source that is connected and of which there is a file, the live answer
// speaks, in whichever order the two come; the file's account says that it is.
func TestAFileDoesNotSpeakForALiveSource(t *testing.T) {
	month := daysOf("2026-09-13", "2026-11-20")
	live := aggregate.SourceReport{Source: alipay, Status: aggregate.Fresh, Covers: connectors.Span{From: now.AddDate(0, -3, 0), To: now}}
	file := aggregate.SourceReport{Source: alipay, Status: aggregate.FromFile, Covers: month}
	look := aggregate.Look{At: now, Accounts: []aggregate.OwnAccount{{ID: "live", Source: alipay, Name: "余额", Tail: "8c2f"}, filed("file", alipay, "余额", month)}}
	f := billFilter{From: now.AddDate(0, -3, 0), To: now}
	for _, look.Sources = range [][]aggregate.SourceReport{{live, file}, {file, live}} {
		p := pots(look, f)[0]
		if !slices.Equal(p.States, []aggregate.Status{aggregate.Fresh, aggregate.FromFile}) || !p.Both || p.Short != (connectors.Span{}) {
			t.Errorf("%v: %+v", look.Sources, p)
		}
		if p.Accounts[0].Short != nil || !slices.Equal(p.Accounts[1].Short, []connectors.Span{month}) {
			t.Errorf("the accounts' bills are of %v and %v", p.Accounts[0].Short, p.Accounts[1].Short)
		}
	}
	look.Accounts[1].Covers = []connectors.Span{{From: f.From, To: f.To}}
	if p := pots(look, f)[0]; p.Accounts[1].Short != nil || !p.Accounts[1].Imported {
		t.Errorf("a file that reaches over all: %+v", p.Accounts[1])
	}
}

// Two accounts of which files tell other days have days of their own; between
// the files of one there may be a hole.
func TestDaysThatFilesTell(t *testing.T) {
	credit, debit, hole := daysOf("2024-12-13", "2025-01-12"), daysOf("2025-08-01", "2025-08-22"), daysOf("2025-11-01", "2025-11-30")
	accounts := []aggregate.OwnAccount{filed("c", jiangnan, "信用卡", credit), filed("d", jiangnan, "借记卡", debit, hole), filed("e", jiangnan, "外币", credit)}
	words := newCatalog(t, "en")
	var got []string
	for _, d := range toldOf(accounts, jiangnan.ID) {
		got = append(got, words.Names(d.Accounts)+"|"+words.Spans(d.Spans))
	}
	if want := []string{"信用卡, 外币|13 Dec 2024 to 12 Jan 2025", "借记卡|1 Aug 2025 to 22 Aug 2025, 1 Nov 2025 to 30 Nov 2025"}; !slices.Equal(got, want) {
		t.Errorf("told: %q, want %q", got, want)
	}
	if one := toldOf(accounts[:1], jiangnan.ID); len(one) != 1 || one[0].Accounts != nil {
		t.Errorf("one account is named: %+v", one)
	}
	year := daysOf("2025-01-01", "2025-12-31")
	look := aggregate.Look{At: now, Accounts: accounts, Sources: []aggregate.SourceReport{{Source: jiangnan, Status: aggregate.FromFile, Covers: connectors.Span{From: credit.From, To: hole.To}}}}
	for _, tt := range []struct {
		why  string
		in   connectors.Span
		want []string
	}{
		{"parts of the year", year, []string{"信用卡, 外币|13 Dec 2024 to 12 Jan 2025", "借记卡|1 Aug 2025 to 22 Aug 2025, 1 Nov 2025 to 30 Nov 2025"}},
		{"between the files, though the first and the last reach around", daysOf("2025-03-01", "2025-03-31"), []string{"信用卡, 外币|", "借记卡|"}},
		{"one tells all", daysOf("2025-08-02", "2025-08-20"), []string{"信用卡, 外币|"}},
	} {
		var got []string
		for _, s := range unknown(look, tt.in.From, tt.in.To) {
			got = append(got, words.Names(s.Accounts)+"|"+words.Spans(s.Spans))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.why, got, tt.want)
		}
	}
}

type filedAccounts struct {
	*fakeAccounts
	accounts []aggregate.OwnAccount
}

func (f filedAccounts) Accounts(context.Context, consent.Session) ([]aggregate.OwnAccount, error) {
	return f.accounts, nil
}

func (f filedAccounts) Own(ctx context.Context, p consent.Session, from, to time.Time) (aggregate.Look, error) {
	look, err := f.fakeAccounts.Own(ctx, p, from, to)
	look.Accounts = append(look.Accounts, f.accounts...)
	return look, err
}

func TestPagesSayWhatFilesTell(t *testing.T) {
	h := newHouse(t)
	connections, _ := h.accounts.Connections(t.Context(), lin)
	i := slices.IndexFunc(connections, func(c aggregate.Connection) bool { return c.Imported })
	src := connections[i].Source
	h.Aggregate = filedAccounts{h.accounts, []aggregate.OwnAccount{filed("c", src, "信用卡", daysOf("2024-12-13", "2025-01-12")), filed("d", src, "借记卡", daysOf("2025-08-01", "2025-08-22"))}}
	for path, want := range map[string]map[string][]string{
		"/sources": {"en": {"信用卡: bills of 13 Dec 2024 to 12 Jan 2025<", "借记卡: bills of 1 Aug 2025 to 22 Aug 2025<"}, "zh-CN": {"信用卡：账单覆盖 2024年12月13日 至 2025年1月12日<"}},
		"/sums":    {"en": {"借记卡: no bills at all<"}},
		"/":        {"en": {"From a file: bills of 1 Aug 2025 to 22 Aug 2025 only<"}, "zh-CN": {"来自文件：只有 2025年8月1日 至 2025年8月22日 的账单<"}},
	} {
		for lang, words := range want {
			body := h.get(t, path, "in", lang).Body.String()
			for _, w := range words {
				if !strings.Contains(body, w) {
					t.Errorf("%s in %s lacks %q", path, lang, w)
				}
			}
		}
	}
}
