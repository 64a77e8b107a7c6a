package mock

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// alipayToken is alipay.system.oauth.token: a code, once, or a refresh token
// against tokens. A refresh token serves until it expires.
func (t *Town) alipayToken(q map[string]string, now time.Time) ([]member, *alipayFault) {
	var kind passKind
	var text string
	badText := invalid("code-invalid", "授权码code无效")
	switch q["grant_type"] {
	case "authorization_code":
		kind, text = codePass, q["code"]
		if text == "" {
			return nil, missing("code")
		}
	case "refresh_token":
		kind, text = refreshPass, q["refresh_token"]
		badText = invalid("refresh-token-invalid", "刷新令牌refresh_token无效")
		if text == "" {
			return nil, missing("refresh-token")
		}
	default:
		return nil, invalid("grant-type-invalid", "授权类型grant_type无效")
	}
	var p *person
	var access, refresh string
	err := t.state.change(func() error {
		held, ok := t.state.Passes[text]
		if !ok || held.Institution != Alipay || held.Kind != kind || held.Spent || !now.Before(held.Until) {
			return nil
		}
		p = t.world.personByID(held.Person)
		if kind == codePass {
			held.Spent = true
		}
		granted := pass{Institution: Alipay, Kind: accessPass, Person: p.id, Scope: held.Scope, Until: now.Add(alipayTokens)}
		access = t.state.issue("authusrB", now, granted)
		granted.Kind, granted.Until = refreshPass, now.Add(alipayRefresh)
		refresh = t.state.issue("authusrR", now, granted)
		return nil
	})
	switch {
	case err != nil:
		return nil, alipayDown
	case p == nil:
		return nil, badText
	}
	return []member{
		{"access_token", access},
		{"auth_start", now.In(beijing).Format(alipayTime)},
		{"expires_in", int(alipayTokens / time.Second)},
		{"open_id", p.wallet.openID},
		{"re_expires_in", int(alipayRefresh / time.Second)},
		{"refresh_token", refresh},
		{"user_id", p.wallet.userID},
	}, nil
}

// alipayBalance is alipay.data.bill.balance.query: amounts in yuan.
func (t *Town) alipayBalance(q map[string]string, now time.Time) ([]member, *alipayFault) {
	p, f := t.alipayBearer(q, now)
	if f != nil {
		return nil, f
	}
	var biz struct {
		BillUserID string `json:"bill_user_id"`
	}
	if f := alipayBiz(q, &biz); f != nil {
		return nil, f
	}
	if biz.BillUserID != "" && biz.BillUserID != p.wallet.userID {
		return nil, &alipayFault{"40006", "Insufficient Permissions", "isv.insufficient-user-permissions", "用户权限不足"}
	}
	held := p.wallet.opening
	t.world.read(now, func() {
		if rows := p.walletRows(now); len(rows) > 0 {
			held = rows[len(rows)-1].balance
		}
	})
	return []member{
		{"code", "10000"}, {"msg", "Success"},
		{"total_amount", yuan(held)}, {"available_amount", yuan(held)},
		{"freeze_amount", "0.00"}, {"settle_amount", "0.00"},
	}, nil
}

const (
	accountLogWindow  = 31 * 24 * time.Hour
	accountLogHistory = 13 * 31 * 24 * time.Hour
	accountLogPage    = 2000
)

// alipayAccountLog is alipay.data.bill.accountlog.query: the half-open time
// [start_time, end_time), at most 31 days of it, newest first.
func (t *Town) alipayAccountLog(q map[string]string, now time.Time) ([]member, *alipayFault) {
	p, f := t.alipayBearer(q, now)
	if f != nil {
		return nil, f
	}
	var biz struct {
		StartTime       string `json:"start_time"`
		EndTime         string `json:"end_time"`
		AlipayOrderNo   string `json:"alipay_order_no"`
		MerchantOrderNo string `json:"merchant_order_no"`
		PageNo          text   `json:"page_no"`
		PageSize        text   `json:"page_size"`
		BillUserID      string `json:"bill_user_id"`
	}
	if f := alipayBiz(q, &biz); f != nil {
		return nil, f
	}
	if biz.BillUserID != "" && biz.BillUserID != p.wallet.userID {
		return nil, &alipayFault{"40006", "Insufficient Permissions", "isv.insufficient-user-permissions", "用户权限不足"}
	}
	page, size := biz.PageNo.number(1), biz.PageSize.number(accountLogPage)
	if page < 1 || page > 1_000_000 || size < 1 || size > accountLogPage {
		return nil, alipayRefuses("分页参数有误")
	}
	byOrder := biz.AlipayOrderNo != "" || biz.MerchantOrderNo != ""
	var from, to time.Time
	if !byOrder {
		var err1, err2 error
		from, err1 = time.ParseInLocation(alipayTime, biz.StartTime, beijing)
		to, err2 = time.ParseInLocation(alipayTime, biz.EndTime, beijing)
		switch {
		case err1 != nil || err2 != nil || !from.Before(to):
			return nil, alipayRefuses("起止时间有误")
		case to.Sub(from) > accountLogWindow:
			return nil, alipayRefuses("起止时间间隔不能超过31天")
		case from.Before(now.Add(-accountLogHistory)):
			return nil, alipayRefuses("只能查询13个月内的记录")
		}
	}
	var found [][]member
	t.world.read(now, func() {
		rows := p.walletRows(now)
		for i := len(rows) - 1; i >= 0; i-- {
			x := rows[i]
			switch {
			case biz.AlipayOrderNo != "" && x.order != biz.AlipayOrderNo:
			case biz.MerchantOrderNo != "" && x.merchant != biz.MerchantOrderNo:
			case !byOrder && (x.at.Before(from) || !x.at.Before(to)):
			default:
				found = append(found, p.accountLogItem(i, x))
			}
		}
	})
	answer := []member{{"code", "10000"}, {"msg", "Success"},
		{"page_no", strconv.Itoa(page)}, {"page_size", strconv.Itoa(size)}, {"total_size", strconv.Itoa(len(found))}}
	if first := (page - 1) * size; first < len(found) {
		answer = append(answer, member{"detail_list", found[first:min(first+size, len(found))]})
	}
	return answer, nil
}

// accountLogItem is the published AccountLogItemResult; what a row does not
// have is left out.
func (p *person) accountLogItem(i int, x walletRow) []member {
	direction := "收入"
	if x.amount < 0 {
		direction = "支出"
	}
	item := []member{
		{"account_log_id", fmt.Sprintf("%s%02d%08d", x.at.Format("20060102"), p.index, i)},
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
		{"trans_memo", x.memo},
	}...)
}

func alipayRefuses(words string) *alipayFault {
	return &alipayFault{"40004", "Business Failed", "INVALID_PARAMETER", words}
}

// alipayBiz reads biz_content, which may be left out.
func alipayBiz(q map[string]string, into any) *alipayFault {
	if q["biz_content"] == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(q["biz_content"]), into); err != nil {
		return invalid("invalid-parameter", "biz_content不是合法的JSON")
	}
	return nil
}

// text is a member that clients send as a string or as a number.
type text string

func (x *text) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err == nil {
		*x = text(s)
		return nil
	}
	var n json.Number
	err := json.Unmarshal(b, &n)
	*x = text(n)
	return err
}

// number answers the number that it says, or absent where nothing was sent, or
// 0 where it says none.
func (x text) number(absent int) int {
	if x == "" {
		return absent
	}
	n, err := strconv.Atoi(string(x))
	if err != nil {
		return 0
	}
	return n
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
