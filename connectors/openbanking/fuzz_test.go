package openbanking

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"jali/connectors"
	"jali/internal/fault"
	"jali/internal/secret"
)

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answerWith(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r, ContentLength: -1}
}

// Whatever a bank answers to whatever it is asked becomes what a caller may
// believe, or a fault with a kind; it is asked nowhere else.
func FuzzAnswers(f *testing.F) {
	for _, version := range []string{"v3.1/", "v4.0/"} {
		for _, name := range []string{"accounts", "balances", "transactions", "statements"} {
			f.Add(file(f, version+name+".json"), 200)
		}
		f.Add(file(f, version+"error.json"), 403)
	}
	f.Add(`{"access_token":"A","token_type":"Bearer","expires_in":600,"refresh_token":"R","id_token":"a.b.c","Data":{"ConsentId":"urn:consent:1","Status":"AWAU"},"Risk":{}}`, 200)
	f.Add(`{"access_token":"A","token_type":"Bearer","expires_in":600,"Data":{"ConsentId":"../x?y#z","Status":"AUTH"}}`, 201)
	f.Add(`{"error":"invalid_grant"}`, 400)
	f.Fuzz(func(t *testing.T, body string, status int) {
		if status < 100 || status > 599 {
			t.Skip()
		}
		asked := 0
		as := config("https://bank.example", &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			if asked++; asked > 500 {
				t.Fatal("it asks without an end")
			}
			if r.URL.Host != "bank.example" || strings.Contains(r.URL.Path, "..") {
				t.Fatalf("it asks %s", r.URL)
			}
			return answerWith(r, status, body), nil
		})})
		as.Authorize, as.Token, as.JWKS = "https://bank.example/authorize", "https://bank.example/token", "https://bank.example/jwks"
		c, err := New(as)
		if err != nil {
			t.Fatal(err)
		}
		known := func(err error) bool {
			var e *fault.Error
			if err != nil && !errors.As(err, &e) {
				t.Fatalf("an error without a kind: %v", err)
			}
			return err == nil
		}
		ctx := t.Context()
		if l, err := c.Begin(ctx, "state", "https://jali.example/link"); known(err) {
			if u, err := url.Parse(l.URL); err != nil || u.Host != "bank.example" || l.Keep.Empty() {
				t.Fatalf("a link leads to %s", l.URL)
			}
			if _, err := c.Finish(ctx, l, url.Values{"code": {"C"}}); known(err) {
				t.Fatal("a link was made without a signature")
			}
		}
		if k, err := c.Refresh(ctx, linked); known(err) {
			if _, err := read(k); err != nil {
				t.Fatal("a credential that opens nothing")
			}
		}
		if all, err := c.Accounts(ctx, linked); known(err) {
			for _, a := range all {
				if _, err := readRef(a.Ref); err != nil || a.Kind == "" || a.Side == "" || strings.ContainsAny(a.Name, "0123456789") {
					t.Fatalf("an account became %+v", a)
				}
			}
		}
		if all, err := c.Balances(ctx, linked, []connectors.AccountRef{debit}); known(err) {
			for _, b := range all {
				if b.Kind == "" || b.Amount.Currency == "" {
					t.Fatalf("a balance became %+v", b)
				}
			}
		}
		from := now.AddDate(0, -1, 0)
		if page, err := c.Bills(ctx, linked, debit, from, now, ""); known(err) {
			for _, b := range page.Bills {
				if b.ID == "" || b.Amount.Minor < 0 || b.Kind == "" || b.Direction == "" || b.At.Before(from) || !b.At.Before(now) {
					t.Fatalf("a row became %+v", b)
				}
			}
		}
		if all, err := c.Statements(ctx, linked, credit, from, now); known(err) {
			for _, s := range all {
				if s.Due.Minor < 0 || s.Minimum.Minor < 0 || s.Paid.Minor < 0 || s.Period.To.Before(from) || !s.Period.To.Before(now) {
					t.Fatalf("a statement became %+v", s)
				}
			}
		}
		_ = known(c.Unlink(ctx, secret.Of(`{"consent":"urn:consent:1","access":"A"}`)))
	})
}

// BenchmarkTenThousandBills reads them in ten pages. What is alive at the end of
// each page says whether memory is flat.
func BenchmarkTenThousandBills(b *testing.B) {
	const pages, each = 10, 1000
	var files [pages]string
	for p := range pages {
		var all []string
		for i := range each {
			all = append(all, fmt.Sprintf(`{"AccountId":"22289","TransactionId":"T%d-%d","TransactionReference":"R%d-%d","CreditDebitIndicator":"Debit","Status":"BOOK","BookingDateTime":"2026-10-14T10:00:00+08:00",`+
				`"Amount":{"Amount":"%d.30","Currency":"CNY"},"TransactionInformation":"消费-小镇超市","BankTransactionCode":{"Code":"CCRD","SubCode":"POSD"},"MerchantDetails":{"MerchantName":"小镇超市","MerchantCategoryCode":"5411"}}`, p, i, p, i, i))
		}
		next := ""
		if p < pages-1 {
			next = fmt.Sprintf(`,"Next":"https://bank.example%s/accounts/22289/transactions?page=%d"`, api, p+1)
		}
		files[p] = `{"Data":{"Transaction":[` + strings.Join(all, ",") + `]},"Links":{"Self":"x"` + next + `},"Meta":{}}`
	}
	c, err := New(config("https://bank.example", &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		var p int
		_, _ = fmt.Sscan(r.URL.Query().Get("page"), &p)
		return answerWith(r, 200, files[p]), nil
	})}))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var heap runtime.MemStats
	var most uint64
	for b.Loop() {
		n := 0
		for next, more := connectors.Cursor(""), true; more; more = next != "" {
			page, err := c.Bills(b.Context(), linked, debit, now.AddDate(0, -1, 0), now, next)
			if err != nil {
				b.Fatal(err)
			}
			n += len(page.Bills)
			next = page.Next
			b.StopTimer()
			runtime.GC()
			runtime.ReadMemStats(&heap)
			most = max(most, heap.HeapAlloc)
			b.StartTimer()
		}
		if n != pages*each {
			b.Fatalf("%d bills", n)
		}
	}
	b.ReportMetric(float64(most)/(1<<20), "MiB-heap")
}
