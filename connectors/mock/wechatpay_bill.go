package mock

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

var wechatNoAuth = &wechatFault{http.StatusForbidden, "NO_AUTH", "商户权限异常，请确认传入的sub_mchid与服务商存在受理关系"}

// wechatFunds is what a shop holds, in whole fen.
type wechatFunds struct {
	SubMchID  string `json:"sub_mchid"`
	Account   string `json:"account_type"`
	Available int64  `json:"available_amount"`
	Pending   int64  `json:"pending_amount"`
}

// wechatBalance is GET /v3/ecommerce/fund/balance/{sub_mchid}.
func (t *Town) wechatBalance(r *http.Request, c wechatCall) (any, *wechatFault) {
	return t.wechatHeld(r, c, t.cfg.Now().In(beijing), "BASIC FEES OPERATION DEPOSIT")
}

// wechatDayEnd is GET /v3/ecommerce/fund/enddaybalance/{sub_mchid}: what was
// held at 24:00, of ninety days, known from ten o'clock on.
func (t *Town) wechatDayEnd(r *http.Request, c wechatCall) (any, *wechatFault) {
	day, err := time.ParseInLocation(time.DateOnly, r.URL.Query().Get("date"), beijing)
	if err != nil {
		return nil, &wechatFault{http.StatusBadRequest, "PARAM_ERROR", "date格式应为yyyy-MM-dd"}
	}
	end := day.AddDate(0, 0, 1)
	if now := t.cfg.Now(); now.Before(end.Add(billReadyAt)) || now.Sub(end) > 90*24*time.Hour {
		return nil, &wechatFault{http.StatusBadRequest, "INVALID_REQUEST", "日终余额当日无数据"}
	}
	return t.wechatHeld(r, c, end, "BASIC DEPOSIT")
}

func (t *Town) wechatHeld(r *http.Request, c wechatCall, at time.Time, kinds string) (any, *wechatFault) {
	p := t.personByShop(r.PathValue("sub_mchid"))
	if p == nil {
		return nil, wechatNoAuth
	}
	p = t.wallets(c.Trouble, p)
	account := r.URL.Query().Get("account_type")
	if account == "" {
		account = "BASIC"
	}
	if !strings.Contains(" "+kinds+" ", " "+account+" ") {
		return nil, &wechatFault{http.StatusBadRequest, "PARAM_ERROR", "account_type不在枚举范围内"}
	}
	held := wechatFunds{SubMchID: p.shop.subMchID, Account: account}
	if account == "BASIC" {
		t.read(t.cfg.Now().In(beijing), func() { held.Available, held.Pending = p.shop.standing(at) })
	}
	return held, nil
}

const (
	billReadyAt  = 10 * time.Hour // of the next day
	billMonths   = 3
	billTokenFor = 5 * time.Minute
)

// billFile is a bill that was applied for and may be downloaded.
type billFile struct {
	until time.Time
	kind  string
	body  []byte
}

// wechatParcel says where a file is, and what it is once it is opened.
type wechatParcel struct {
	HashType    string `json:"hash_type"`
	HashValue   string `json:"hash_value"`
	DownloadURL string `json:"download_url"`
}

// billDay reads which day a bill is wanted of.
func (t *Town) billDay(q url.Values) (time.Time, *wechatFault) {
	now := t.cfg.Now().In(beijing)
	day, err := time.ParseInLocation(time.DateOnly, q.Get("bill_date"), beijing)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, beijing)
	tar := q.Get("tar_type")
	switch {
	case err != nil:
		return day, &wechatFault{http.StatusBadRequest, "PARAM_ERROR", "bill_date格式应为yyyy-MM-dd"}
	case tar != "" && tar != "GZIP":
		return day, &wechatFault{http.StatusBadRequest, "PARAM_ERROR", "tar_type不在枚举范围内"}
	case day.Before(midnight.AddDate(0, -billMonths, 0)):
		return day, &wechatFault{http.StatusBadRequest, "INVALID_REQUEST", "仅支持三个月内的账单下载申请"}
	case !day.Before(midnight):
		return day, &wechatFault{http.StatusBadRequest, "NO_STATEMENT_EXIST", "账单文件不存在"}
	case now.Before(day.AddDate(0, 0, 1).Add(billReadyAt)):
		return day, &wechatFault{http.StatusBadRequest, "STATEMENT_CREATING", "账单生成中"}
	}
	return day, nil
}

// shelve keeps a file for those who have its address, which is told with the
// hash of what it is when it is opened and unpacked.
func (t *Town) shelve(c wechatCall, csv []byte, q url.Values, seal func([]byte) []byte) wechatParcel {
	csv = c.spoil(csv)
	sum, token, now := sha1.Sum(csv), rand.Text()+rand.Text(), t.cfg.Now()
	file := billFile{now.Add(billTokenFor), "text/plain; charset=utf-8", csv}
	if q.Get("tar_type") == "GZIP" {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(csv) // to memory: cannot fail
		_ = z.Close()
		file.kind, file.body = "application/x-gzip", b.Bytes()
	}
	if seal != nil {
		file.kind, file.body = "application/octet-stream", seal(file.body)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for old, b := range t.bills {
		if now.After(b.until) {
			delete(t.bills, old)
		}
	}
	t.bills[token] = file
	return wechatParcel{"SHA1", hex.EncodeToString(sum[:]), t.cfg.BaseURL + c.prefix + "/v3/billdownload/file?token=" + token}
}

// wechatTradeBill is GET /v3/bill/tradebill "申请交易账单".
func (t *Town) wechatTradeBill(r *http.Request, c wechatCall) (any, *wechatFault) {
	q := r.URL.Query()
	kind := q.Get("bill_type")
	switch kind {
	case "":
		kind = "ALL"
	case "ALL", "SUCCESS", "REFUND":
	default:
		return nil, &wechatFault{http.StatusBadRequest, "PARAM_ERROR", "bill_type不在枚举范围内"}
	}
	shops := t.people()
	if sub := q.Get("sub_mchid"); sub != "" {
		p := t.personByShop(sub)
		if p == nil {
			return nil, wechatNoAuth
		}
		shops = []*person{t.wallets(c.Trouble, p)}
	}
	day, f := t.billDay(q)
	if f != nil {
		return nil, f
	}
	var csv []byte
	t.read(t.cfg.Now().In(beijing), func() { csv = tradeBill(shops, day, kind, c.Trouble) })
	if csv == nil {
		return nil, &wechatFault{http.StatusBadRequest, "NO_STATEMENT_EXIST", "账单文件不存在"}
	}
	return t.shelve(c, csv, q, nil), nil
}

// wechatDownload is the second step: the request is signed, the answer is not.
func (t *Town) wechatDownload(r *http.Request, _ wechatCall) (any, *wechatFault) {
	t.mu.Lock()
	bill, ok := t.bills[r.URL.Query().Get("token")]
	t.mu.Unlock()
	if !ok || t.cfg.Now().After(bill.until) {
		return nil, &wechatFault{http.StatusBadRequest, "INVALID_REQUEST", "下载链接无效或已过期，请重新申请账单"}
	}
	return rawAnswer{bill.kind, bill.body}, nil
}

// The columns of a trade bill, as in the published "交易账单文件格式说明". A bill of payments alone
// lacks the refund columns.
var (
	billColumns = strings.Split("交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"+
		"应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注", ",")
	billSums       = strings.Split("总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额", ",")
	refundOnly     = map[string]bool{"微信退款单号": true, "商户退款单号": true, "退款金额": true, "充值券退款金额": true, "退款类型": true, "退款状态": true, "申请退款金额": true}
	billLine       = "\r\n"
	byteOrderMark  = "\ufeff"
	billTimeLayout = "2006-01-02 15:04:05"
)

// tradeBill writes a day's file, or answers nil for a day without trade. The
// caller is inside read; the day is over.
func tradeBill(shops []*person, day time.Time, kind string, x Trouble) []byte {
	var b strings.Builder
	line := func(cells []string, tick string) {
		first := true
		for i, c := range cells {
			if kind == "SUCCESS" && len(cells) == len(billColumns) && refundOnly[billColumns[i]] {
				continue
			}
			if !first {
				b.WriteByte(',')
			}
			first = false
			b.WriteString(tick + c)
		}
		b.WriteString(billLine)
	}
	b.WriteString(byteOrderMark)
	line(billColumns, "")
	next := day.AddDate(0, 0, 1)
	type sale struct {
		p *person
		x trade
	}
	var sales []sale
	for _, p := range shops {
		for _, x := range p.shop.trades {
			if !x.at.Before(day) && x.at.Before(next) && !(kind == "SUCCESS" && x.refund != "") && !(kind == "REFUND" && x.refund == "") {
				sales = append(sales, sale{p, x})
			}
		}
	}
	sales = listed(x, sales)
	count := len(sales)
	var settled, refunded, fees int64
	for _, s := range sales {
		if s.x.refund == "" {
			settled, fees = settled+s.x.amount, fees+s.x.fee
		} else {
			refunded, fees = refunded+s.x.amount, fees-s.x.fee
		}
		line(s.p.tradeCells(s.x), "`")
	}
	if count == 0 {
		return nil
	}
	line(billSums, "")
	line([]string{fmt.Sprint(count), yuan(settled), yuan(refunded), "0.00", yuan(fees) + "000", yuan(settled), yuan(refunded)}, "`")
	return []byte(b.String())
}

// tradeCells is one row, in the order of billColumns.
func (p *person) tradeCells(x trade) []string {
	if x.refund == "" {
		return []string{x.at.Format(billTimeLayout), wechatAppID, wechatMchID, p.shop.subMchID, "", x.order, x.merchant, x.openid,
			x.kind, "SUCCESS", x.bank, "CNY", yuan(x.amount), "0.00", "0", "0", "0.00", "0.00", "", "", x.goods, "",
			yuan(x.fee) + "000", "0.60%", yuan(x.amount), "0.00", ""}
	}
	return []string{x.at.Format(billTimeLayout), wechatAppID, wechatMchID, p.shop.subMchID, "", x.order, x.merchant, x.openid,
		x.kind, "REFUND", x.bank, "CNY", "0.00", "0.00", x.refund, x.refundNo, yuan(x.amount), "0.00", "ORIGINAL", "SUCCESS", x.goods, "",
		yuan(-x.fee) + "000", "0.60%", "0.00", yuan(x.amount), ""}
}
