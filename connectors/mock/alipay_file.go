package mock

import (
	"archive/zip"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
)

const (
	alipayFilePath = alipayPath + "/downloadBillFile.resource"
	alipayFileFor  = 30 * time.Second
	alipayFileAge  = 6 * 365 * 24 * time.Hour
)

// alipayBillURL is alipay.data.dataservice.bill.downloadurl.query, of a day or a
// month that is over.
func (t *Town) alipayBillURL(a alipayAsk) ([]member, *alipayFault) {
	p, f := t.alipayBearer(a)
	if f != nil {
		return nil, f
	}
	if kind := a.params["bill_type"]; kind != "signcustomer" {
		return nil, &alipayFault{"40004", "Business Failed", "TYPE_NOT_SUPPORTED", "账单类型不支持"}
	}
	from, to, ok := alipayPeriod(a.params["bill_date"])
	switch {
	case !ok || to.After(a.now):
		return nil, &alipayFault{"40004", "Business Failed", "invalid_arguments", "入参不合法"}
	case from.Before(a.now.Add(-alipayFileAge)), len(t.alipayRows(p, from, to)) == 0:
		return nil, &alipayFault{"40004", "Business Failed", "isp.bill_not_exist", "账单不存在"}
	}
	q := url.Values{"bizType": {"signcustomer"}, "userId": {p.wallet.userID}, "fileType": {"csv.zip"}, "bizDates": {a.params["bill_date"]},
		"expires": {strconv.FormatInt(a.now.Add(alipayFileFor).Unix(), 10)}}
	q.Set("fileId", t.alipayFileID(q))
	return []member{{"bill_download_url", t.cfg.BaseURL + alipayFilePath + "?" + q.Encode()}}, nil
}

// alipayPeriod reads "2026-10-01" or "2026-10".
func alipayPeriod(text string) (from, to time.Time, ok bool) {
	if day, err := time.ParseInLocation(time.DateOnly, text, beijing); err == nil {
		return day, day.AddDate(0, 0, 1), true
	}
	month, err := time.ParseInLocation("2006-01", text, beijing)
	return month, month.AddDate(0, 1, 0), err == nil
}

// alipayFileID seals the rest of an address, so that nobody makes one up.
func (t *Town) alipayFileID(q url.Values) string {
	h := hmac.New(sha256.New, t.alipaySecret("file"))
	for _, name := range []string{"bizType", "userId", "bizDates", "expires"} {
		h.Write([]byte(q.Get(name) + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// row and its number in the log.
type alipayRow struct {
	walletRow
	number int
}

func (t *Town) alipayRows(p *person, from, to time.Time) (all []alipayRow) {
	now := t.cfg.Now()
	t.read(now, func() {
		for i, x := range p.walletRows(now) {
			if !x.at.Before(from) && x.at.Before(to) {
				all = append(all, alipayRow{x, i})
			}
		}
	})
	return all
}

// alipayDownload serves a file to whoever has its address, for half a minute.
func (t *Town) alipayDownload(w http.ResponseWriter, r *http.Request) {
	x, here := t.ails(w, r, Alipay)
	if !here {
		return
	}
	q := r.URL.Query()
	from, to, ok := alipayPeriod(q.Get("bizDates"))
	until, err := strconv.ParseInt(q.Get("expires"), 10, 64)
	var p *person
	for _, one := range t.people() {
		if one.wallet.userID == q.Get("userId") {
			p = one
		}
	}
	switch {
	case x.Down:
		http.Error(w, "<html>系统繁忙</html>", http.StatusServiceUnavailable)
	case x.Busy:
		http.Error(w, "<html>系统限流</html>", http.StatusTooManyRequests)
	case !ok || err != nil || p == nil || !hmac.Equal([]byte(q.Get("fileId")), []byte(t.alipayFileID(q))), t.cfg.Now().Unix() >= until:
		http.Error(w, "<html>链接已失效</html>", http.StatusForbidden)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(alipayArchive(x, p, from, to, listed(x, t.alipayRows(p, from, to)), t.cfg.Now()))
	}
}

// alipayArchive is the ZIP of two CSVs in GBK, their names in GBK too; the
// summary comes first.
func alipayArchive(x Trouble, p *person, from, to time.Time, rows []alipayRow, now time.Time) []byte {
	var sums [2]struct {
		n   int
		fen int64
	}
	var lines strings.Builder
	for _, row := range rows {
		got, gone, way := row.amount, int64(0), 0
		if row.amount < 0 {
			got, gone, way = 0, row.amount, 1
		}
		sums[way].n++
		sums[way].fen += row.amount
		goods, _, _ := strings.Cut(row.memo, " ")
		fmt.Fprintf(&lines, "%s\t,%s\t,%s\t,%s\t,%s,%s\t,%s,%s,%s,%s,%s,%s\t,%s,%s\t\r\n", p.accountLogID(row.number, row.walletRow), row.order,
			row.merchant, goods, row.at.Format(alipayTime), row.other, yuan(got), yuan(gone), yuan(row.balance), "支付宝", row.kind, row.memo, row.desc, row.order)
	}
	head := func(what string) string {
		return "#支付宝账务" + what + "查询\r\n#账号：[" + p.wallet.userID + "0156]\r\n#起始日期：[" + from.Format("2006年01月02日 15:04:05") +
			"]   终止日期：[" + to.Format("2006年01月02日 15:04:05") + "]\r\n#" + strings.Repeat("-", 41) + "账务" + what + "列表" + strings.Repeat("-", 40) + "\r\n"
	}
	tail := func(what string) string {
		return "#" + strings.Repeat("-", 41) + "账务" + what + "列表结束" + strings.Repeat("-", 36) + "\r\n"
	}
	exported := "#导出时间：[" + now.In(beijing).Format("2006年01月02日 15:04:05") + "]\r\n"
	details := head("明细") + "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注,业务描述,业务基础订单号\r\n" +
		lines.String() + tail("明细") +
		fmt.Sprintf("#支出合计：%d笔，共%s元\r\n#收入合计：%d笔，共%s元\r\n", sums[1].n, yuan(sums[1].fen), sums[0].n, yuan(sums[0].fen)) + exported
	summary := head("汇总") + "类型,收入笔数,收入金额（+元）,支出笔数,支出金额（-元）,总金额（元）\r\n" +
		fmt.Sprintf("合计,%d,%s,%d,%s,%s\r\n", sums[0].n, yuan(sums[0].fen), sums[1].n, yuan(sums[1].fen), yuan(sums[0].fen+sums[1].fen)) + tail("汇总") + exported

	var b bytes.Buffer
	z := zip.NewWriter(&b)
	name := p.wallet.userID + "0156_" + from.Format("20060102") + "_账务明细"
	for _, file := range []struct{ name, text string }{{name + "(汇总).csv", summary}, {name + ".csv", details}} {
		inside, err := z.CreateHeader(&zip.FileHeader{Name: gbk(file.name), NonUTF8: true, Method: zip.Deflate})
		if err == nil {
			_, _ = inside.Write([]byte(gbk(string(x.spoil([]byte(file.text))))))
		}
	}
	_ = z.Close()
	return b.Bytes()
}

func gbk(text string) string {
	out, err := simplifiedchinese.GBK.NewEncoder().String(text)
	if err != nil {
		return text
	}
	return out
}
