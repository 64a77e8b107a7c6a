package mock

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// alipayBalance is alipay.data.bill.balance.query: amounts in yuan.
func (t *Town) alipayBalance(a alipayAsk) ([]member, *alipayFault) {
	p, f := t.alipayBearer(a)
	if f != nil {
		return nil, f
	}
	held := t.walletAt(p, a.now)
	return []member{
		{"total_amount", yuan(held)}, {"available_amount", yuan(held)},
		{"freeze_amount", "0.00"}, {"settle_amount", "0.00"},
	}, nil
}

// alipayClosing is alipay.data.bill.balancehis.query, of a day or a month that
// is over.
func (t *Town) alipayClosing(a alipayAsk) ([]member, *alipayFault) {
	p, f := t.alipayBearer(a)
	if f != nil {
		return nil, f
	}
	day, month := a.params["biz_date"], a.params["biz_month"]
	from, err := time.ParseInLocation(time.DateOnly, day, beijing)
	to := from.AddDate(0, 0, 1)
	if month != "" {
		from, err = time.ParseInLocation("2006-01", month, beijing)
		to = from.AddDate(0, 1, 0)
	}
	switch {
	case err != nil || (day != "") == (month != ""):
		return nil, alipayRefuses("biz_date与biz_month须传且仅传其一")
	case to.After(a.now):
		return nil, &alipayFault{"40004", "Business Failed", "PROCESSING", "余额尚未生成"}
	}
	return []member{
		{"beginning_balance", yuan(t.walletAt(p, from.Add(-1)))}, {"ending_balance", yuan(t.walletAt(p, to.Add(-1)))},
	}, nil
}

// walletAt is what a wallet held at a moment.
func (t *Town) walletAt(p *person, at time.Time) int64 {
	held := p.wallet.opening
	t.read(t.cfg.Now(), func() {
		if rows := p.walletRows(at); len(rows) > 0 {
			held = rows[len(rows)-1].balance
		}
	})
	return held
}

const (
	alipayWindow = 31 * 24 * time.Hour
	alipayPage   = 2000
)

// alipaySpan reads start_time and end_time, a half-open time of at most 31 days
// that lies within a year.
func (a alipayAsk) span() (from, to time.Time, f *alipayFault) {
	from, err1 := time.ParseInLocation(alipayTime, a.params["start_time"], beijing)
	to, err2 := time.ParseInLocation(alipayTime, a.params["end_time"], beijing)
	switch {
	case err1 != nil || err2 != nil || !from.Before(to):
		return from, to, alipayRefuses("起止时间有误")
	case to.Sub(from) > alipayWindow:
		return from, to, alipayRefuses("起止时间间隔不能超过31天")
	case from.Before(a.now.AddDate(-1, 0, 0)):
		return from, to, alipayRefuses("只能查询一年内的记录")
	}
	return from, to, nil
}

// number is a parameter that counts, or absent where nothing was sent, or 0
// where it is none.
func (a alipayAsk) number(name string, absent int) int {
	if a.params[name] == "" {
		return absent
	}
	n, err := strconv.Atoi(a.params[name])
	if err != nil {
		return 0
	}
	return n
}

// alipayList answers a page of a person's rows that are told as tell says, which
// answers nothing for a row that is not in the listing. Newest first.
func (t *Town) alipayList(a alipayAsk, tell func(p *person, i int, x walletRow) []member) ([]member, *alipayFault) {
	p, f := t.alipayBearer(a)
	if f != nil {
		return nil, f
	}
	page, size := a.number("page_no", 1), a.number("page_size", alipayPage)
	if page < 1 || page > 1_000_000 || size < 1 || size > alipayPage {
		return nil, alipayRefuses("分页参数有误")
	}
	order, merchant := a.params["alipay_order_no"], a.params["merchant_order_no"]
	byOrder := order != "" || merchant != ""
	var from, to time.Time
	if !byOrder {
		if from, to, f = a.span(); f != nil {
			return nil, f
		}
	}
	var found [][]member
	t.read(a.now, func() {
		rows := p.walletRows(a.now)
		for i := len(rows) - 1; i >= 0; i-- {
			x := rows[i]
			switch {
			case order != "" && x.order != order, merchant != "" && x.merchant != merchant:
			case !byOrder && (x.at.Before(from) || !x.at.Before(to)):
			default:
				if item := tell(p, i, x); item != nil {
					found = append(found, item)
				}
			}
		}
	})
	found = listed(a.x, found)
	answer := []member{{"page_no", strconv.Itoa(page)}, {"page_size", strconv.Itoa(size)}, {"total_size", strconv.Itoa(len(found))}}
	if first := (page - 1) * size; first < len(found) {
		answer = append(answer, member{"detail_list", found[first:min(first+size, len(found))]})
	}
	return answer, nil
}

// alipayAccountLog is alipay.data.bill.accountlog.query.
func (t *Town) alipayAccountLog(a alipayAsk) ([]member, *alipayFault) {
	return t.alipayList(a, (*person).accountLogItem)
}

func (p *person) accountLogID(i int, x walletRow) string {
	return fmt.Sprintf("%s%02d%08d", x.at.Format("20060102"), p.index, i)
}

// accountLogItem is the published AccountLogItemResult; what a row does not
// have is left out.
func (p *person) accountLogItem(i int, x walletRow) []member {
	direction := "收入"
	if x.amount < 0 {
		direction = "支出"
	}
	item := []member{
		{"account_log_id", p.accountLogID(i, x)},
		{"alipay_order_no", x.order},
	}
	if x.merchant != "" {
		item = append(item, member{"merchant_order_no", x.merchant})
	}
	if x.refund != "" {
		item = append(item, member{"merchant_out_refund_no", x.refund})
	}
	return append(item, []member{
		{"trans_dt", x.at.Format(alipayTime)},
		{"trans_amount", yuan(x.amount)},
		{"balance", yuan(x.balance)},
		{"type", x.kind},
		{"direction", direction},
		{"bill_source", x.source},
		{"biz_desc", x.desc},
		{"biz_orig_no", x.order},
		{"other_account", x.other},
		{"trans_memo", x.logMemo()},
	}...)
}

// logMemo is what the log says of a row: of what was bought at a pharmacy, with
// what it was paid alone. The order says more.
func (x walletRow) logMemo() string {
	if x.other == pharmacy.name && x.refund == "" {
		return x.memo[strings.LastIndexByte(x.memo, ' ')+1:]
	}
	return x.memo
}

// alipayBought is alipay.data.bill.buy.query: orders that the person paid.
func (t *Town) alipayBought(a alipayAsk) ([]member, *alipayFault) {
	return t.alipayList(a, func(p *person, _ int, x walletRow) []member {
		if x.merchant == "" || x.amount > 0 {
			return nil
		}
		goods, _, _ := strings.Cut(x.memo, " ")
		return []member{
			{"gmt_create", x.at.Format(alipayTime)}, {"gmt_pay", x.at.Format(alipayTime)},
			{"alipay_order_no", x.order}, {"merchant_order_no", x.merchant},
			{"other_account", x.other}, {"goods_title", goods},
			{"total_amount", yuan(-x.amount)}, {"net_mdiscount", "0.00"}, {"refund_amount", yuan(p.givenBack(x.order, a.now))},
			{"service_fee", "0.00"}, {"trade_status", "成功"}, {"trade_type", "即时到账交易"},
		}
	})
}

// givenBack is how much of an order has come back. The caller is inside read.
func (p *person) givenBack(order string, now time.Time) (fen int64) {
	for _, x := range p.walletRows(now) {
		if x.order == order && x.refund != "" {
			fen += x.amount
		}
	}
	return fen
}

// alipaySold is alipay.data.bill.sell.query. Nobody in the town sells by Alipay:
// their shops take WeChat Pay.
func (t *Town) alipaySold(a alipayAsk) ([]member, *alipayFault) {
	return t.alipayList(a, func(*person, int, walletRow) []member { return nil })
}

// alipayTransfers is alipay.data.bill.transfer.query.
func (t *Town) alipayTransfers(a alipayAsk) ([]member, *alipayFault) {
	types := map[string]string{"充值": "DEPOSIT", "提现": "WITHDRAW", "转账": "TRANSFER"}
	if kind := a.params["type"]; kind != "" && !slices.Contains([]string{"DEPOSIT", "WITHDRAW", "TRANSFER"}, kind) {
		return nil, alipayRefuses("type有误")
	}
	return t.alipayList(a, func(p *person, _ int, x walletRow) []member {
		kind, ok := types[x.kind]
		if !ok || (a.params["type"] != "" && a.params["type"] != kind) {
			return nil
		}
		account, fund := x.other, "支付宝账户"
		if kind != "TRANSFER" {
			bank := p.debit()
			account, fund = "*"+string([]rune(p.name)[1:])+"（"+bankByID(bank.bank).zh+bank.number[len(bank.number)-4:]+"）", "银行卡"
		}
		return []member{
			{"account", account}, {"amount", yuan(max(x.amount, -x.amount))}, {"fund_desc", fund}, {"instruction_id", x.order},
			{"memo", x.memo}, {"order_no", x.order}, {"service_fee", "0.00"}, {"status", "成功"},
			{"trans_dt", x.at.Format(alipayTime)}, {"type_desc", x.kind},
		}
	})
}

// walletRows are the rows up to now. The caller is inside read.
func (p *person) walletRows(now time.Time) []walletRow {
	return upTo(p.wallet.rows, now, func(r walletRow) time.Time { return r.at })
}

// upTo cuts rows in the order of time at now.
func upTo[R any](rows []R, now time.Time, at func(R) time.Time) []R {
	n := len(rows)
	for n > 0 && at(rows[n-1]).After(now) {
		n--
	}
	return rows[:n]
}
