package mock

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// movement is a row of the book of a shop's account.
type movement struct {
	at                 time.Time
	number, serial     string
	name, kind         string
	fen, after         int64 // in is positive
	by, words, voucher string
}

// book is every movement of a shop before end, oldest first, each with what
// was held after it.
func (s *shop) book(end time.Time) []movement {
	var all []movement
	for _, x := range s.trades {
		if x.refund == "" {
			all = append(all, movement{at: x.at, number: x.order, serial: "1009" + x.order + "1", name: "交易", kind: "交易", fen: x.amount,
				by: "system", words: fmt.Sprintf("结算总金额 %s 元;含手续费 %s 元", yuan(x.amount), yuan(x.fee)), voucher: x.merchant})
			if x.fee != 0 {
				all = append(all, movement{at: x.at, number: x.order, serial: "1009" + x.order + "2", name: "交易", kind: "扣除交易手续费", fen: -x.fee, by: "system", voucher: x.merchant})
			}
			continue
		}
		all = append(all, movement{at: x.at, number: x.refund, serial: "1009" + x.refund + "1", name: "退款", kind: "退款", fen: -x.amount,
			by: wechatMchID + "API", words: fmt.Sprintf("退款总金额%s元;含手续费%s元", yuan(x.amount), yuan(x.fee)), voucher: x.refundNo})
		if x.fee != 0 {
			all = append(all, movement{at: x.at, number: x.refund, serial: "1009" + x.refund + "2", name: "退款", kind: "退回交易手续费", fen: x.fee, by: "system", voucher: x.refundNo})
		}
	}
	for _, x := range s.paid {
		all = append(all, movement{at: x.at, number: x.ref, serial: "1009" + x.ref, name: "提现", kind: "提现", fen: -x.fen, by: "system", words: "自动提现"})
	}
	slices.SortStableFunc(all, func(a, b movement) int { return a.at.Compare(b.at) })
	var held int64
	for i := range all {
		if !all[i].at.Before(end) {
			return all[:i]
		}
		held += all[i].fen
		all[i].after = held
	}
	return all
}

// wechatFundFlow is GET /v3/bill/sub-merchant-fundflowbill "申请单个子商户资金账单":
// the file is encrypted under a key of its own, and that under the service
// provider's certificate.
func (t *Town) wechatFundFlow(r *http.Request, c wechatCall) (any, *wechatFault) {
	q := r.URL.Query()
	p := t.personByShop(q.Get("sub_mchid"))
	if p == nil {
		return nil, wechatNoAuth
	}
	account := q.Get("account_type")
	if q.Get("algorithm") != "AEAD_AES_256_GCM" || !slices.Contains([]string{"BASIC", "OPERATION", "FEES", "DEPOSIT"}, account) {
		return nil, &wechatFault{http.StatusBadRequest, "PARAM_ERROR", "algorithm或account_type不在枚举范围内"}
	}
	day, f := t.billDay(q)
	if f != nil {
		return nil, f
	}
	p = t.wallets(c.Trouble, p)
	var rows []movement
	if account == "BASIC" {
		t.read(t.cfg.Now().In(beijing), func() {
			rows = slices.DeleteFunc(p.shop.book(day.AddDate(0, 0, 1)), func(m movement) bool { return m.at.Before(day) })
		})
	}
	if len(rows) == 0 {
		return nil, &wechatFault{http.StatusBadRequest, "NO_STATEMENT_EXIST", "账单文件不存在"}
	}
	key, nonce := rand.Text()+rand.Text(), rand.Text()[:16]
	sealed, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, &t.keys.get(keyMerchant).PublicKey, []byte(key[:32]), nil)
	if err != nil {
		return nil, &wechatFault{http.StatusInternalServerError, "SYSTEM_ERROR", "系统异常，请稍后重试"}
	}
	type encrypted struct {
		Sequence int `json:"bill_sequence"`
		wechatParcel
		Key   string `json:"encrypt_key"`
		Nonce string `json:"nonce"`
	}
	return struct {
		Count int         `json:"download_bill_count"`
		Bills []encrypted `json:"download_bill_list"`
	}{1, []encrypted{{1, t.shelve(c, fundFlow(listed(c.Trouble, rows)), q, func(b []byte) []byte { return sealGCM(key[:32], nonce, "", b) }),
		base64.StdEncoding.EncodeToString(sealed), nonce}}}, nil
}

// sealGCM is AEAD_AES_256_GCM.
func sealGCM(key, nonce, about string, text []byte) []byte {
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return nil
	}
	aead, err := cipher.NewGCMWithNonceSize(block, len(nonce))
	if err != nil {
		return nil
	}
	return aead.Seal(nil, []byte(nonce), text, []byte(about))
}

// fundFlow writes a day's file ("资金账单文件格式说明").
func fundFlow(rows []movement) []byte {
	var b strings.Builder
	b.WriteString(byteOrderMark + "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号" + billLine)
	var n [2]int
	var sums [2]int64
	for _, m := range rows {
		way, fen, i := "收入", m.fen, 0
		if fen < 0 {
			way, fen, i = "支出", -fen, 1
		}
		n[i], sums[i] = n[i]+1, sums[i]+fen
		b.WriteString("`" + strings.Join([]string{m.at.Format(billTimeLayout), m.number, m.serial, m.name, m.kind, way, yuan(fen), yuan(m.after), m.by, m.words, m.voucher}, ",`") + billLine)
	}
	b.WriteString("资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额" + billLine)
	fmt.Fprintf(&b, "`%d,`%d,`%s,`%d,`%s"+billLine, n[0]+n[1], n[0], yuan(sums[0]), n[1], yuan(sums[1]))
	return []byte(b.String())
}
