package alipay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
)

// cpu is what this process has spent, in all its threads.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const manyBills = 10_000

// manyAnswers are the signed pages of a month of 10,000 entries, made once.
func manyAnswers() []string {
	var answers []string
	for page := 1; page <= manyBills/pageSize; page++ {
		var rows []string
		for i := range pageSize {
			n := (page-1)*pageSize + i
			rows = append(rows, fmt.Sprintf(`{"account_log_id":"6100%014d","alipay_order_no":"20261001220014%014d","merchant_order_no":"M20261001%010d",`+
				`"trans_dt":"2026-10-%02d %02d:%02d:%02d","trans_amount":"-%d.%02d","balance":"%d.00","type":"交易付款","direction":"支出","bill_source":"线下门店",`+
				`"biz_desc":"线下交易-消费","biz_orig_no":"20261001220014%014d","other_account":"桂花\/便利店","trans_memo":"日用百货 江南银行储蓄卡(1234)"}`,
				n, n, n, 1+n%19, n%24, n%60, n%60, 1+n%300, n%100, n, n))
		}
		response := fmt.Sprintf(`{"code":"10000","msg":"Success","page_no":"%d","page_size":"%d","total_size":"%d","detail_list":[%s]}`,
			page, pageSize, manyBills, strings.Join(rows, ","))
		answers = append(answers, `{"alipay_data_bill_accountlog_query_response":`+response+`,"sign":"`+signed(response)+`"}`)
	}
	return answers
}

// BenchmarkTenThousandBills walks the pages of 10,000 bills. Only our own work
// counts: a source that answers from memory costs next to nothing. Memory is
// what is held after each page but the bills of that page.
func BenchmarkTenThousandBills(b *testing.B) {
	answers := manyAnswers()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var biz struct {
			Page int `json:"page_no,string"`
		}
		if r.ParseForm() != nil || json.Unmarshal([]byte(r.PostForm.Get("biz_content")), &biz) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = w.Write([]byte(answers[biz.Page-1]))
	}))
	defer srv.Close()
	benchmarkBills(b, srv.URL, now.AddDate(0, 0, -20), now)
}

// BenchmarkTenThousandBillsOfAFile does so with a month's file.
func BenchmarkTenThousandBillsOfAFile(b *testing.B) {
	var rows strings.Builder
	for n := range manyBills {
		fmt.Fprintf(&rows, "6100%014d\t,20241001220014%014d\t,M20241001%010d\t,日用百货\t,2024-10-%02d %02d:%02d:%02d,桂花便利店\t,0.00,-%d.%02d,%d.00,支付宝,交易付款,日用百货 江南银行储蓄卡(1234)\t\r\n",
			n, n, n, 1+n%19, n%24, n%60, n%60, 1+n%300, n%100, n)
	}
	month := time.Date(2024, 10, 1, 0, 0, 0, 0, wire.Beijing)
	archive := zipped(b, map[string]string{"账务明细.csv": csvOf("2088000000000001", month, rows.String(), 0, manyBills)})
	var base string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = w.Write(archive)
			return
		}
		response := `{"code":"10000","bill_download_url":"` + base + `/file"}`
		_, _ = w.Write([]byte(`{"alipay_data_dataservice_bill_downloadurl_query_response":` + response + `,"sign":"` + signed(response) + `"}`))
	}))
	defer srv.Close()
	base = srv.URL
	benchmarkBills(b, srv.URL, month, month.AddDate(0, 1, 0))
}

func benchmarkBills(b *testing.B, base string, from, to time.Time) {
	client := dial.New(dial.Config{AllowPrivate: true})
	defer client.CloseIdleConnections()
	c, err := New(config(b, base, client))
	if err != nil {
		b.Fatal(err)
	}
	walk := func(after func()) {
		got := 0
		for next, more := connectors.Cursor(""), true; more; more = next != "" {
			page, err := c.Bills(context.Background(), linked, own, from, to, next)
			if err != nil {
				b.Fatal(err)
			}
			got += len(page.Bills)
			next = page.Next
			after()
		}
		if got != manyBills {
			b.Fatalf("%d bills", got)
		}
	}
	// What is held once a page has been handed on, on a walk of its own: to
	// look costs more than to walk.
	var before, most uint64
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before = held()
	walk(func() { most = max(most, held()) })
	began := cpu(b)
	for b.Loop() {
		walk(func() {})
	}
	b.ReportMetric(float64(cpu(b)-began)/float64(b.N)/float64(time.Millisecond), "cpu-ms/op")
	b.ReportMetric(float64(most-min(most, before))/(1<<20), "MiB-held")
}
