package mock

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"
)

var wechatNoAuth = &wechatFault{http.StatusForbidden, "NO_AUTH", "商户权限异常，请确认传入的sub_mchid与服务商存在受理关系"}

// wechatBalance is GET /v3/ecommerce/fund/balance/{sub_mchid}: whole fen.
func (t *Town) wechatBalance(r *http.Request, _ string) (any, *wechatFault) {
	p := t.world.personByShop(r.PathValue("sub_mchid"))
	if p == nil {
		return nil, wechatNoAuth
	}
	account := r.URL.Query().Get("account_type")
	switch account {
	case "":
		account = "BASIC"
	case "BASIC", "FEES", "OPERATION", "DEPOSIT":
	default:
		return nil, &wechatFault{http.StatusBadRequest, "PARAM_ERROR", "account_type不在枚举范围内"}
	}
	now := t.cfg.Now().In(beijing)
	var available, pending int64
	if account == "BASIC" {
		t.world.read(now, func() { available, pending = p.shop.standing(now) })
	}
	return struct {
		SubMchID  string `json:"sub_mchid"`
		Account   string `json:"account_type"`
		Available int64  `json:"available_amount"`
		Pending   int64  `json:"pending_amount"`
	}{p.shop.subMchID, account, available, pending}, nil
}

const (
	billReadyAt  = 10 * time.Hour // of the next day
	billMonths   = 3
	billTokenFor = 5 * time.Minute
)

// billFile is a bill that was applied for and may be downloaded.
type billFile struct {
	until time.Time
	gzip  bool
	csv   []byte
}

// wechatTradeBill is GET /v3/bill/tradebill "申请交易账单".
func (t *Town) wechatTradeBill(r *http.Request, prefix string) (any, *wechatFault) {
	q, now := r.URL.Query(), t.cfg.Now().In(beijing)
	day, err := time.ParseInLocation(time.DateOnly, q.Get("bill_date"), beijing)
	if err != nil {
		return nil, &wechatFault{http.StatusBadRequest, "PARAM_ERROR", "bill_date格式应为yyyy-MM-dd"}
	}
	kind := q.Get("bill_type")
	switch kind {
	case "":
		kind = "ALL"
	case "ALL", "SUCCESS", "REFUND":
	default:
		return nil, &wechatFault{http.StatusBadRequest, "PARAM_ERROR", "bill_type不在枚举范围内"}
	}
	if tar := q.Get("tar_type"); tar != "" && tar != "GZIP" {
		return nil, &wechatFault{http.StatusBadRequest, "PARAM_ERROR", "tar_type不在枚举范围内"}
	}
	shops := t.world.people
	if sub := q.Get("sub_mchid"); sub != "" {
		p := t.world.personByShop(sub)
		if p == nil {
			return nil, wechatNoAuth
		}
		shops = []*person{p}
	}
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, beijing)
	switch {
	case day.Before(midnight.AddDate(0, -billMonths, 0)):
		return nil, &wechatFault{http.StatusBadRequest, "INVALID_REQUEST", "仅支持三个月内的账单下载申请"}
	case !day.Before(midnight):
		return nil, &wechatFault{http.StatusBadRequest, "NO_STATEMENT_EXIST", "账单文件不存在"}
	case now.Before(day.AddDate(0, 0, 1).Add(billReadyAt)):
		return nil, &wechatFault{http.StatusBadRequest, "STATEMENT_CREATING", "账单生成中"}
	}
	var csv []byte
	t.world.read(now, func() { csv = tradeBill(shops, day, kind) })
	if csv == nil {
		return nil, &wechatFault{http.StatusBadRequest, "NO_STATEMENT_EXIST", "账单文件不存在"}
	}
	sum := sha1.Sum(csv)
	token := rand.Text() + rand.Text()
	t.mu.Lock()
	for old, b := range t.bills {
		if now.After(b.until) {
			delete(t.bills, old)
		}
	}
	t.bills[token] = billFile{now.Add(billTokenFor), q.Get("tar_type") == "GZIP", csv}
	t.mu.Unlock()
	return struct {
		HashType    string `json:"hash_type"`
		HashValue   string `json:"hash_value"`
		DownloadURL string `json:"download_url"`
	}{"SHA1", hex.EncodeToString(sum[:]), t.cfg.BaseURL + prefix + "/v3/billdownload/file?token=" + token}, nil
}

// wechatDownload is the second step: the request is signed, the answer is not.
func (t *Town) wechatDownload(r *http.Request, _ string) (any, *wechatFault) {
	t.mu.Lock()
	bill, ok := t.bills[r.URL.Query().Get("token")]
	t.mu.Unlock()
	if !ok || t.cfg.Now().After(bill.until) {
		return nil, &wechatFault{http.StatusBadRequest, "INVALID_REQUEST", "下载链接无效或已过期，请重新申请账单"}
	}
	if !bill.gzip {
		return rawAnswer{"text/plain; charset=utf-8", bill.csv}, nil
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(bill.csv) // to memory: cannot fail
	_ = z.Close()
	return rawAnswer{"application/x-gzip", b.Bytes()}, nil
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
func tradeBill(shops []*person, day time.Time, kind string) []byte {
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
	var count int
	var settled, refunded, fees int64
	for _, p := range shops {
		for _, x := range p.shop.trades {
			if x.at.Before(day) || !x.at.Before(next) ||
				(kind == "SUCCESS" && x.refund != "") || (kind == "REFUND" && x.refund == "") {
				continue
			}
			count++
			if x.refund == "" {
				settled, fees = settled+x.amount, fees+x.fee
			} else {
				refunded, fees = refunded+x.amount, fees-x.fee
			}
			line(p.tradeCells(x), "`")
		}
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
