package billfile

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/secret"
)

// tally is what the rows give, by the words of the file itself: its own
// columns 收/支 and 资金状态, not what Jali makes of them.
type tally struct {
	sums map[bucket]sum
}

// bucket is one of the sums that a file may make, in one currency.
type bucket struct{ of, currency string }

type sum struct {
	count  int
	amount money.Amount
}

func (t *tally) add(e entry, b connectors.Bill) error {
	if t.sums == nil {
		t.sums = map[bucket]sum{}
	}
	for _, of := range []string{e.side, "total"} {
		of, amount := bucket{of, b.Amount.Currency}, b.Amount
		if e.sum != nil {
			amount = *e.sum
		}
		s := t.sums[of]
		var err error
		if s.amount, err = s.amount.Add(amount); err != nil {
			return err
		}
		s.count++
		t.sums[of] = s
	}
	return nil
}

// claims are what preamble and footer say.
type claims struct {
	holder   secret.Value
	login    bool // holder is an account's name, not a nickname
	web      bool // the web export claims nothing of rows that are neither in nor out
	silent   bool // the form claims nothing at all
	from, to time.Time
	exported time.Time
	stated   map[bucket]claim
	problems []Problem // of the claims that cannot be read
}

type claim struct {
	count, sum bool // which of the two were told and read
	n          int
	amount     money.Amount
}

var (
	claimHolder   = regexp.MustCompile(`^(账号|支付宝账户|支付宝账号|微信昵称|微信号|京东账号名|美团用户名)\s*[:：]\s*\[?(.*?)\]?$`)
	claimPeriod   = regexp.MustCompile(`(?:起始(?:时间|日期)|日期区间)\s*[:：]\s*\[?(.*?)\]?\s*(?:终止(?:时间|日期)\s*[:：]|至)\s*\[?([^\]]*)\]?`)
	claimExported = regexp.MustCompile(`(?:导出时间\s*[:：]\s*\[|^申请时间\s*[:：]\s*)([^\]]*)\]?`)
	claimTotal    = regexp.MustCompile(`^共\s*[:：]?\s*(.*?)\s*笔记录`)
	claimSide     = regexp.MustCompile(`^(已收入|待收入|已支出|待支出|收入|支出|其他|不计收支|中性交易)\s*[:：]\s*(.*?)\s*笔(?:[(（]含[^)）]*[)）])?[\s,，]*(.*?)\s*元?$`)
)

var sideOf = map[string]string{
	"收入": "in", "已收入": "in", "待收入": "in_pending", "支出": "out", "已支出": "out", "待支出": "out_pending",
	"其他": "other", "不计收支": "other", "中性交易": "other",
}

// readClaims reads the lines around the table. The numbered notes in them
// begin otherwise than any claim.
func readClaims(lines []string) claims {
	c := claims{stated: map[bucket]claim{}}
	unreadable := func(of string) { c.problems = append(c.problems, Problem{Code: "claim_unreadable", Of: of}) }
	for _, line := range lines {
		line = clean(strings.Trim(clean(line), `",`))
		if m := claimHolder.FindStringSubmatch(line); m != nil && c.holder.Empty() {
			c.holder, c.login = secret.Of(clean(m[2])), strings.Contains(m[1], "账")
		}
		if m := claimPeriod.FindStringSubmatch(line); m != nil {
			from, _, ok1 := parseMoment(clean(m[1]))
			to, day, ok2 := parseMoment(clean(m[2]))
			if ok1 && ok2 && !to.Before(from) {
				c.from, c.to = from, afterLast(to, day)
			} else {
				unreadable("period")
			}
		}
		if m := claimExported.FindStringSubmatch(line); m != nil {
			if t, ok := parseTime(clean(m[1]), 0); ok {
				c.exported = t
			}
		}
		if m := claimTotal.FindStringSubmatch(line); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil || n < 0 {
				unreadable("total")
			}
			c.stated[bucket{"total", currency}] = claim{count: err == nil && n >= 0, n: n}
		}
		if m := claimSide.FindStringSubmatch(line); m != nil {
			of := sideOf[m[1]]
			n, err := strconv.Atoi(m[2])
			a, err2 := parseAmount(m[3], currency, false)
			if err != nil || n < 0 || err2 != nil {
				unreadable(of)
			}
			c.stated[bucket{of, currency}] = claim{err == nil && n >= 0, err2 == nil, n, a}
		}
	}
	return c
}

// afterLast makes the last second that is meant the end of a half-open span.
// Alipay's web export writes midnight of the day after; merchants' apps write
// the last day.
func afterLast(t time.Time, day bool) time.Time {
	if day {
		return t.AddDate(0, 0, 1)
	}
	if t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 {
		return t
	}
	return t.Add(time.Second)
}

// parseMoment reads a time, or a day: its midnight.
func parseMoment(s string) (t time.Time, day, ok bool) {
	if t, err := time.ParseInLocation(time.DateOnly, s, zone); err == nil {
		return t, true, plausible(t)
	}
	t, ok = parseTime(s, 0)
	return t, false, ok
}

// covers is the period the file can speak of. What has not happened when it
// was exported is not in it.
func (c claims) covers(first, last time.Time) connectors.Span {
	if c.to.IsZero() {
		if first.IsZero() {
			return connectors.Span{}
		}
		return connectors.Span{From: midnight(first), To: midnight(last).AddDate(0, 0, 1)}
	}
	to := c.to
	if !c.exported.IsZero() && c.exported.Before(to) && c.exported.After(c.from) {
		to = c.exported
	}
	return connectors.Span{From: c.from, To: to}
}

func midnight(t time.Time) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// check holds the claims against the rows. Alipay itself warns that its totals
// may be made by other rules than its rows; such a difference is told like any
// other, since nothing tells it from a file that was cut.
func (c claims) check(t tally) []Problem {
	var found []Problem
	for _, of := range buckets(t.sums, c.stated) {
		said, ok := c.stated[of]
		has := t.sums[of]
		if !ok {
			if has.count > 0 && !c.silent && !(of.of == "other" && c.web) {
				found = append(found, Problem{Code: "claim_missing", Of: of.of, RowCount: has.count, Rows: has.amount})
			}
			continue
		}
		if said.count && said.n != has.count {
			found = append(found, Problem{Code: "count_differs", Of: of.of, ClaimedCount: said.n, RowCount: has.count})
		}
		if said.sum && said.amount.Minor != has.amount.Minor {
			found = append(found, Problem{Code: "sum_differs", Of: of.of, Claimed: said.amount, Rows: money.Amount{Minor: has.amount.Minor, Currency: of.currency}})
		}
	}
	return found
}

var bucketNames = []string{"total", "in", "out", "other", "in_pending", "out_pending"}

// buckets are those of either, yuan first.
func buckets(sums map[bucket]sum, stated map[bucket]claim) []bucket {
	all := slices.Concat(slices.Collect(maps.Keys(sums)), slices.Collect(maps.Keys(stated)))
	foreign := func(b bucket) string { return strings.TrimPrefix(b.currency, currency) }
	slices.SortFunc(all, func(a, b bucket) int {
		return cmp.Or(cmp.Compare(foreign(a), foreign(b)), cmp.Compare(slices.Index(bucketNames, a.of), slices.Index(bucketNames, b.of)))
	})
	return slices.Compact(all)
}

// accountOf is the wallet itself. Its number is the login, unless the file
// masks it.
func accountOf(source connectors.Source, c claims) connectors.Account {
	a := connectors.Account{Ref: connectors.AccountRef{ID: c.holder}, Kind: connectors.WalletBalance, Side: connectors.Asset,
		Name: "余额", Currency: currency}
	if source.ID == wechat.ID {
		a.Name = "零钱"
	}
	if c.login && !strings.Contains(c.holder.RevealString(), "*") {
		a.Number = c.holder
	}
	return a
}
