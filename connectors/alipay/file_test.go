package alipay

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/wire"
)

func gbk(t testing.TB, text string) []byte {
	t.Helper()
	out, err := simplifiedchinese.GBK.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(out)
}

// zipped packs files in GBK, in the order of their names.
func zipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: string(gbk(t, name)), NonUTF8: true, Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(gbk(t, files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// csvOf is a file of details in the published form.
func csvOf(user string, month time.Time, rows string, in, out int) string {
	return "#支付宝账务明细查询\r\n#账号：[" + user + "0156]\r\n#起始日期：[" + month.Format("2006年01月02日 15:04:05") +
		"]   终止日期：[" + month.AddDate(0, 1, 0).Format("2006年01月02日 15:04:05") + "]\r\n" +
		"#-----------------------------------------账务明细列表----------------------------------------\r\n" +
		"账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注\r\n" +
		rows + "#-----------------------------------------账务明细列表结束------------------------------------\r\n" +
		fmt.Sprintf("#支出合计：%d笔，共-1.00元\r\n#收入合计：%d笔，共1.00元\r\n#导出时间：[2026年01月01日 00:00:00]\r\n", out, in)
}

func testdata(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var october = time.Date(2024, 10, 1, 0, 0, 0, 0, wire.Beijing)

// filesOf serves a file for each month that it is given, behind addresses that
// the gateway tells, and a log that is empty.
type filesOf struct {
	gateway gatewayStub
	months  map[string][]byte
	status  int    // of the files; 0: 200
	address string // told in place of the file's
	asked   []string
	fetched []http.Header
}

func (f *filesOf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		f.fetched = append(f.fetched, r.Header)
		if f.status != 0 {
			w.WriteHeader(f.status)
		}
		_, _ = w.Write(f.months[r.URL.Query().Get("month")])
		return
	}
	f.gateway.answer = func(form url.Values) (string, string) {
		method := form.Get("method")
		var biz map[string]string
		_ = json.Unmarshal([]byte(form.Get("biz_content")), &biz)
		switch method {
		case "alipay.data.dataservice.bill.downloadurl.query":
			f.asked = append(f.asked, biz["bill_date"])
			if biz["bill_type"] != "signcustomer" || biz["secure"] != "true" {
				f.gateway.t.Errorf("asked for %v", biz)
			}
			address := "http://" + r.Host + "/file?month=" + biz["bill_date"]
			if f.address != "" {
				address = f.address
			}
			if _, ok := f.months[biz["bill_date"]]; !ok {
				return responseOf(method), `{"code":"40004","sub_code":"isp.bill_not_exist"}`
			}
			return responseOf(method), `{"code":"10000","bill_download_url":"` + strings.ReplaceAll(address, "/", `\/`) + `"}`
		case "alipay.data.bill.accountlog.query":
			f.asked = append(f.asked, biz["start_time"][:10])
			return responseOf(method), `{"code":"10000","total_size":"0"}`
		}
		return responseOf(method), `{"code":"40006","sub_code":"isv.insufficient-isv-permissions"}`
	}
	f.gateway.ServeHTTP(w, r)
}

func TestFilesGolden(t *testing.T) {
	f := &filesOf{gateway: gatewayStub{t: t}, months: map[string][]byte{"2024-10": zipped(t, map[string]string{
		"1_账务明细(汇总).csv": testdata(t, "summary.csv"), "2_账务明细.csv": testdata(t, "signcustomer.csv"), "3_说明.txt": "别的"})}}
	c := connect(t, f)
	got, covers := walk(t, c, october, october.AddDate(0, 1, 0))
	if covers != (connectors.Span{}) {
		t.Errorf("covers %v of a month that was told whole", covers)
	}
	at := func(day, hour, min, sec int) time.Time {
		return time.Date(2024, 10, day, hour, min, sec, 0, wire.Beijing)
	}
	cny := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "CNY"} }
	shop := []string{"2024102922001400001", "SHOP-1"}
	want := []connectors.Bill{
		{ID: "54632446537371", At: at(29, 21, 2, 6), Amount: cny(650), Direction: connectors.Out, Flow: connectors.FlowOut, State: connectors.Done,
			Kind: connectors.Payment, RawKind: "在线支付", Counterparty: "桥头早点", Method: "余额", Description: "豆浆/油条", Order: shop[0], Merchant: shop[1], Refs: shop},
		{ID: "54629090595411", At: at(29, 21, 32, 32), Amount: cny(650), Direction: connectors.In, Flow: connectors.FlowIn, State: connectors.Done,
			Kind: connectors.Refund, RawKind: "交易退款", Counterparty: "桥头早点", Method: "余额", Description: "豆浆/油条", Order: shop[0], Merchant: shop[1], Refs: shop, RefundOf: shop[0]},
		{ID: "54628332402591", At: at(30, 20, 24, 45), Amount: cny(10000), Direction: connectors.In, Flow: connectors.FlowInternal, State: connectors.Done,
			Kind: connectors.Topup, RawKind: "充值", Counterparty: "江南银行(1234)", Method: "江南银行储蓄卡(1234)", Description: "充值", Order: "20241030T1", Refs: []string{"20241030T1"}},
		{ID: "54628332402592", At: at(30, 21, 24, 45), Amount: cny(3000), Direction: connectors.Out, Flow: connectors.FlowOut, State: connectors.Done,
			Kind: connectors.Payment, RawKind: "交易付款", Counterparty: "蓝鲸网购", Method: "花呗", Description: "网上购物", Order: "20241030P1", Merchant: "SHOP-2", Refs: []string{"20241030P1", "SHOP-2"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, h := range f.fetched {
		if h.Get("Authorization") != "" || h.Get("Cookie") != "" {
			t.Error("something was sent along to the file's address")
		}
	}
}

func TestWhatLiesFurtherBackIsReadFromFiles(t *testing.T) {
	horizon := midnight(now.Add(-logReach)) // 2025-10-21
	row := func(id string, at time.Time) string {
		return id + "\t,O" + id + "\t,\t,茶\t," + at.Format(clock) + ",南风茶馆\t,0.00,-1.00,1.00,支付宝,交易付款,余额\t\r\n"
	}
	user := "2088000000000001"
	last, before := month(horizon), month(horizon).AddDate(0, -1, 0)
	f := &filesOf{gateway: gatewayStub{t: t}, months: map[string][]byte{
		before.Format("2006-01"): zipped(t, map[string]string{"a": csvOf(user, before, row("1", before.Add(time.Hour))+row("2", before.AddDate(0, 0, 9)), 0, 2)}),
		last.Format("2006-01"):   zipped(t, map[string]string{"a": csvOf(user, last, row("3", horizon.Add(-time.Second))+row("4", horizon), 0, 2)}),
	}}
	c := connect(t, f)
	got, covers := walk(t, c, before.AddDate(0, -1, 5), now.AddDate(0, 0, -350))
	var ids []string
	for _, b := range got {
		ids = append(ids, b.ID)
	}
	if fmt.Sprint(ids) != "[1 2 3]" || covers != (connectors.Span{}) { // 4 is the log's to tell
		t.Errorf("bills %v, covers %v", ids, covers)
	}
	if want := "[2025-08 2025-09 2025-10 " + horizon.Format(time.DateOnly) + "]"; fmt.Sprint(f.asked) != want {
		t.Errorf("asked for %v, want %s", f.asked, want)
	}

	// An application that is not admitted to files tells what the log holds, and says so.
	c = connect(t, &gatewayStub{t: t, answer: onlyTheLog(`{"code":"10000","total_size":"0"}`)})
	got, covers = walk(t, c, before, now.AddDate(0, 0, -350))
	if len(got) != 0 || !covers.From.Equal(horizon) || !covers.To.Equal(now.AddDate(0, 0, -350)) {
		t.Errorf("without files: %d bills, covers %v", len(got), covers)
	}
	if _, covers = walk(t, c, before, before.AddDate(0, 0, 3)); !covers.From.Equal(covers.To) || covers.To.IsZero() {
		t.Errorf("without files, of a month of files alone: covers %v", covers)
	}
}

func TestALongFileIsReadPageByPage(t *testing.T) {
	var rows strings.Builder
	for n := range 2*pageSize + 7 {
		fmt.Fprintf(&rows, "%d\t,\t,\t,\t,2024-10-%02d 00:00:00,\t,1.00,0.00,1.00,支付宝,转账,\t\r\n", n, 1+n%31)
	}
	f := &filesOf{gateway: gatewayStub{t: t}, months: map[string][]byte{
		"2024-10": zipped(t, map[string]string{"a": csvOf("2088000000000001", october, rows.String(), 2*pageSize+7, 0)})}}
	c := connect(t, f)
	got, _ := walk(t, c, october, october.AddDate(0, 1, 0))
	ids := map[string]bool{}
	for _, b := range got {
		ids[b.ID] = true
	}
	if len(ids) != 2*pageSize+7 || len(got) != len(ids) || len(f.asked) != 3 {
		t.Errorf("%d bills of %d ids, asked %v", len(got), len(ids), f.asked)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	good := testdata(t, "signcustomer.csv")
	change := func(old, new string) map[string]string {
		if !strings.Contains(good, old) {
			t.Fatalf("the file holds no %s", old)
		}
		return map[string]string{"a": strings.Replace(good, old, new, 1)}
	}
	for _, tt := range []struct {
		why   string
		files map[string]string
		want  error
	}{
		{"as it is", map[string]string{"a": good}, nil},
		{"no brackets in the header", change("收入金额（+元）", "收入金额"), nil},
		{"another account's", change("20880000000000010156", "20880000000000020156"), connectors.ErrMalformed},
		{"nobody's", change("#账号：[20880000000000010156]\n", ""), connectors.ErrMalformed},
		{"another month's", change("[2024年10月01日", "[2024年09月01日"), connectors.ErrMalformed},
		{"of no month", change("#起始日期", "#起止"), connectors.ErrMalformed},
		{"a row less than it says", change("支出合计：2笔", "支出合计：3笔"), connectors.ErrMalformed},
		{"a row more than it says", change("收入合计：2笔", "收入合计：1笔"), connectors.ErrMalformed},
		{"cut off", map[string]string{"a": good[:len(good)/2]}, connectors.ErrMalformed},
		{"without its end", map[string]string{"a": good[:strings.Index(good, "#支出")]}, connectors.ErrMalformed},
		{"a column gone", change("业务类型,", ""), connectors.ErrMalformed},
		{"a column twice", change("交易渠道", "业务类型"), connectors.ErrMalformed},
		{"a sum of another name", change("收入金额", "收入数额"), connectors.ErrMalformed},
		{"a cell more", change("豆浆/油条", "豆浆,油条"), connectors.ErrMalformed},
		{"not a number", change("-6.50", "NaN"), connectors.ErrMalformed},
		{"eleven digits", change("-6.50", "-6.12345678901"), connectors.ErrMalformed},
		{"income and expense", change("0.00,-6.50", "1.00,-6.50"), connectors.ErrMalformed},
		{"neither", change("0.00,-6.50", "0.00,0.00"), connectors.ErrMalformed},
		{"no time", change("2024-10-29 21:02:06", "2024-10-29"), connectors.ErrMalformed},
		{"no id", change("54632446537371", ""), connectors.ErrMalformed},
		{"rows after the end", change("#导出时间", "1,2,3\n#导出时间"), connectors.ErrMalformed},
		{"a summary alone", map[string]string{"a": testdata(t, "summary.csv")}, connectors.ErrMalformed},
		{"nothing", map[string]string{}, connectors.ErrMalformed},
		{"an endless line", map[string]string{"a": good + strings.Repeat("x", 20<<10)}, connectors.ErrMalformed},
	} {
		f := &filesOf{gateway: gatewayStub{t: t}, months: map[string][]byte{"2024-10": zipped(t, tt.files)}}
		_, err := connect(t, f).Bills(context.Background(), linked, own, october, october.AddDate(0, 1, 0), "")
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
	many := map[string]string{}
	for i := range 40 {
		many[fmt.Sprint(i)] = good
	}
	archive := zipped(t, map[string]string{"a": good})
	for _, tt := range []struct {
		why  string
		f    filesOf
		want error
	}{
		{"no ZIP", filesOf{months: map[string][]byte{"2024-10": []byte("<html>")}}, connectors.ErrMalformed},
		{"half a ZIP", filesOf{months: map[string][]byte{"2024-10": archive[:len(archive)/2]}}, connectors.ErrMalformed},
		{"forty files", filesOf{months: map[string][]byte{"2024-10": zipped(t, many)}}, connectors.ErrMalformed},
		{"too large", filesOf{months: map[string][]byte{"2024-10": make([]byte, maxFile+1)}}, connectors.ErrMalformed},
		{"an address that has died", filesOf{months: map[string][]byte{"2024-10": archive}, status: 403}, connectors.ErrDown},
		{"a host that is down", filesOf{months: map[string][]byte{"2024-10": archive}, status: 503}, connectors.ErrDown},
		{"a busy host", filesOf{months: map[string][]byte{"2024-10": archive}, status: 429}, connectors.ErrBusy},
		{"a redirect", filesOf{months: map[string][]byte{"2024-10": archive}, status: 302}, connectors.ErrMalformed},
		{"another host", filesOf{months: map[string][]byte{"2024-10": archive}, address: "http://127.0.0.1:1/file"}, connectors.ErrMalformed},
		{"a name before the host", filesOf{months: map[string][]byte{"2024-10": archive}, address: "http://x@127.0.0.1/file"}, connectors.ErrMalformed},
		{"no address", filesOf{months: map[string][]byte{"2024-10": archive}, address: "nowhere"}, connectors.ErrMalformed},
	} {
		tt.f.gateway.t = t
		_, err := connect(t, &tt.f).Bills(context.Background(), linked, own, october, october.AddDate(0, 1, 0), "")
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
}

func FuzzArchive(f *testing.F) {
	f.Add(zipped(f, map[string]string{"1": testdata(f, "summary.csv"), "2": testdata(f, "signcustomer.csv")}))
	f.Add([]byte("PK"))
	f.Fuzz(func(t *testing.T, archive []byte) {
		_ = readArchive(archive, "2088000000000001", october, func(e entry) error {
			if e.Amount == "" || (e.Way != "收入" && e.Way != "支出") {
				t.Errorf("a row without a sum or a way: %+v", e)
			}
			return nil
		})
	})
}

func FuzzDetails(f *testing.F) {
	f.Add(gbk(f, testdata(f, "signcustomer.csv")))
	f.Add(gbk(f, testdata(f, "summary.csv")))
	f.Fuzz(func(t *testing.T, text []byte) {
		rows := 0
		found, err := readDetails(bytes.NewReader(text), "2088000000000001", october, func(e entry) error {
			rows++
			return nil
		})
		if !found && (err != nil || rows > 0) {
			t.Errorf("what is no file of details gave %d rows, %v", rows, err)
		}
	})
}
