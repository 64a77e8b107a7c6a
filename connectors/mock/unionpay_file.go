package mock

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// unionReadyAt is when a settlement date's file is there, on the next day.
const unionReadyAt = 9 * time.Hour

// unionFiles is 文件传输类交易, of which the town has 对账文件下载 alone.
func (t *Town) unionFiles(w http.ResponseWriter, r *http.Request) {
	x, here := t.ails(w, r, UnionPay)
	if !here {
		return
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, "form", http.StatusBadRequest)
		return
	}
	asked := map[string]string{}
	for name := range r.PostForm {
		asked[name] = r.PostForm.Get(name)
	}
	answer := map[string]string{"signPubKeyCert": t.unionCA().union, "respCode": "00", "respMsg": "成功[0000000]"}
	for _, name := range []string{"version", "encoding", "signMethod", "txnType", "txnSubType", "bizType", "accessType", "acqInsCode", "merId", "txnTime", "settleDate", "fileType"} {
		answer[name] = asked[name]
	}
	p := t.personByTill(asked["merId"])
	switch code, words := t.unionCheck(asked, p); {
	case code != "":
		answer["respCode"], answer["respMsg"] = code, words
	case x.Down:
		answer["respCode"], answer["respMsg"] = "02", "系统未开放或暂时关闭，请稍后再试[6100002]"
	case x.Busy:
		answer["respCode"], answer["respMsg"] = "06", "系统繁忙，请稍后再试[6100006]"
	default:
		t.unionFile(x, t.wallets(x, p), asked["settleDate"], answer)
	}
	// A gateway of ACP always says 5.1.0 and 01 of itself.
	answer["version"], answer["signMethod"], answer["encoding"] = "5.1.0", "01", "UTF-8"
	answer["signature"] = signPKCS1(t.keys.get(keyUnionPay), unionSealed(answer), x.Forged)
	var out strings.Builder
	for name, value := range answer {
		if out.Len() > 0 {
			out.WriteByte('&')
		}
		out.WriteString(name + "=" + value)
	}
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	_, _ = w.Write([]byte(out.String()))
}

// unionCheck answers what is wrong with a request, as a respCode, or nothing.
func (t *Town) unionCheck(m map[string]string, p *person) (code, words string) {
	for _, name := range []string{"version", "encoding", "signMethod", "certId", "txnType", "txnSubType", "bizType", "accessType", "merId", "txnTime", "settleDate", "fileType", "signature"} {
		if m[name] == "" {
			return "13", "报文交易要素缺失[6100013]"
		}
	}
	_, badTime := time.ParseInLocation("20060102150405", m["txnTime"], beijing)
	_, badDate := time.Parse("0102", m["settleDate"])
	switch {
	case m["version"] != "5.1.0" || m["signMethod"] != "01" || m["certId"] != fmt.Sprint(unionCertID) ||
		!verifiesPKCS1(&t.keys.get(keyMerchant).PublicKey, unionSealed(m), m["signature"]):
		return "11", "验证签名失败[6100011]"
	case m["txnType"] != "76" || m["txnSubType"] != "01" || m["bizType"] != "000000" || m["fileType"] != "00" || badTime != nil || badDate != nil:
		return "10", "报文格式错误[6100030]"
	case m["accessType"] != "1" || m["acqInsCode"] != unionAcquirer:
		return "32", "无此交易权限[6100032]"
	case p == nil:
		return "31", "商户状态不正确[6100031]"
	}
	return "", ""
}

// unionFile adds the file of the youngest settlement date with these digits.
func (t *Town) unionFile(x Trouble, p *person, settle string, answer map[string]string) {
	now, merID := t.cfg.Now().In(beijing), answer["merId"]
	answer["merId"] = p.shop.qr.merID
	var date time.Time
	for year := now.Year(); year >= now.Year()-1 && date.IsZero(); year-- {
		d, err := time.ParseInLocation("20060102", fmt.Sprint(year)+settle, beijing)
		if err == nil && !d.AddDate(0, 0, 1).Add(unionReadyAt).After(now) {
			date = d
		}
	}
	var sales []sale
	if !date.IsZero() {
		t.read(now, func() { sales = listed(x, p.shop.qr.on(date, now)) })
	}
	if len(sales) == 0 {
		answer["respCode"], answer["respMsg"] = "98", "文件不存在[6100098]"
		return
	}
	name := "INN" + date.Format("060102") + "88"
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for file, lines := range map[string][]byte{name + "ZM_" + merID: p.unionRecords(x, sales), name + "ZME_" + merID: nil} {
		if f, err := z.Create(file); err == nil {
			_, _ = f.Write(lines)
		}
	}
	_ = z.Close()
	var packed bytes.Buffer
	d := zlib.NewWriter(&packed)
	_, _ = d.Write(b.Bytes())
	_ = d.Close()
	answer["fileName"], answer["fileContent"] = merID+"_"+date.Format("20060102")+".zip", base64.StdEncoding.EncodeToString(packed.Bytes())
}

// unionRecords writes ZM records ("商户一般交易明细流水文件"): forty-two fields of
// fixed width in GBK, a space between them.
func (p *person) unionRecords(x Trouble, sales []sale) []byte {
	var b bytes.Buffer
	for i, s := range sales {
		credit, back := func(fen int64) string {
			if fen < 0 {
				return fmt.Sprintf("D%012d", -fen)
			}
			return fmt.Sprintf("C%012d", fen)
		}, s.of != nil
		code, kind, fee := "S22", "01", -s.fee
		var origTrace, origTime, origQuery, origOrder string
		if back {
			code, kind, fee = "S30", "04", s.fee
			origTrace, origTime, origQuery, origOrder = s.of.trace, s.of.at.Format("0102150405"), s.of.query, s.of.order
		}
		amount := fmt.Sprintf("%012d", s.amount)
		if x.Amount != "" {
			amount = fmt.Sprintf("%12s", x.Amount)
		}
		if i > 0 {
			b.WriteString("\r\n")
		}
		if x.Drift {
			b.WriteString("2 ")
		}
		for n, f := range []struct {
			width int
			text  string
		}{
			{3, code}, {11, unionAcquirer}, {11, unionAcquirer}, {6, s.trace}, {10, s.at.Format("0102150405")}, {19, s.card}, {12, amount}, {4, "5999"}, {2, "08"},
			{21, s.query}, {2, ""}, {32, s.order}, {2, "01"}, {6, origTrace}, {10, origTime}, {13, credit(fee)}, {13, credit(s.net())}, {4, "0001"}, {15, ""},
			{2, kind}, {2, "06"}, {6, "000000"}, {2, "01"}, {4, ""}, {32, ""}, {1, "0"}, {21, origQuery}, {15, p.shop.qr.merID}, {1, ""}, {15, ""}, {32, p.shop.name},
			{13, ""}, {13, credit(s.net())}, {8, "01080209"}, {32, ""}, {13, ""}, {13, ""}, {12, ""}, {2, ""}, {1, ""}, {32, origOrder}, {98, ""},
		} {
			if n > 0 {
				b.WriteByte(' ')
			}
			text, err := simplifiedchinese.GBK.NewEncoder().String(f.text)
			if err != nil {
				text = ""
			}
			fmt.Fprintf(&b, "%s%*s", text, max(0, f.width-len(text)), "")
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}
