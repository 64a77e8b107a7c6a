package berlingroup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/money"
)

const rows = "GET /accounts/e80e/transactions"

// shown replaces what a derived id hides by its place among equal rows.
func shown(bills []connectors.Bill) []connectors.Bill {
	for i, b := range bills {
		if strings.HasPrefix(b.ID, "derived-") {
			bills[i].ID = "derived-" + b.ID[len(b.ID)-1:]
		}
	}
	return bills
}

func TestBillsGolden(t *testing.T) {
	b := &bank{files: map[string]string{rows: file(t, "transactions.json")}}
	page, err := connect(t, b).Bills(context.Background(), linked, giro, day(1), now, "")
	if err != nil || page.Next != "" || page.Covers != (connectors.Span{}) {
		t.Fatalf("%v, next %q, covers %v", err, page.Next, page.Covers)
	}
	in := func(n int64, currency string) money.Amount { return money.Amount{Minor: n, Currency: currency} }
	want := []connectors.Bill{
		{ID: "1234567", At: day(15), Amount: in(25667, "EUR"), Direction: "out", Flow: "out", State: "booked", Kind: "payment", RawKind: "PMNT-RDDT-ESDD", Counterparty: "John Miles", Description: "Example 1"},
		{ID: "1234568", Was: "entry-E-68", At: day(15), Amount: in(34301, "EUR"), Direction: "in", Flow: "in", State: "booked", Kind: "income", RawKind: "SALA", Counterparty: "Paul Simpson",
			Description: "Ref Number Some Other Text", Order: "RI-123", Refs: []string{"RI-123"}},
		{ID: "entry-E-69", At: day(14), Amount: in(10000, "USD"), Direction: "in", Flow: "in", State: "booked", Kind: "transfer", RawKind: "NTRF+166", Counterparty: "Pepe Martin"},
		{ID: "derived-1", At: day(13), Amount: in(300, "EUR"), Direction: "out", Flow: "out", State: "booked", Kind: "other", Description: "metro"},
		{ID: "derived-1", At: day(13), Amount: in(1050, "JPY"), Direction: "out", Flow: "internal", State: "booked", Kind: "withdrawal", RawKind: "PMNT-CCRD-CWDL"},
		{ID: "derived-2", At: day(13), Amount: in(300, "EUR"), Direction: "out", Flow: "out", State: "booked", Kind: "other", Description: "metro"},
		// The shop is called 退款书店, which makes it no refund.
		{ID: "1234572", At: day(12), Amount: in(1230, "EUR"), Direction: "out", Flow: "out", State: "booked", Kind: "payment", RawKind: "PMNT-CCRD-POSD", Counterparty: "退款书店", Description: "消费-退款书店"},
		// What is pending for a day to come has begun today, as what has no day.
		{ID: "entry-E-70", At: day(20), Amount: in(10003, "EUR"), Direction: "out", Flow: "out", State: "pending", Kind: "other", Counterparty: "Claude Renault", Description: "Example 3"},
		{ID: "derived-1", At: day(20), Amount: in(750, "EUR"), Direction: "out", Flow: "out", State: "pending", Kind: "other", Description: "card"},
	}
	for i := range want {
		want[i].DateOnly = true
	}
	if d := cmp.Diff(want, shown(page.Bills)); d != "" {
		t.Error(d)
	}
	// Three days on both sides, for what is pending; none that is to come.
	r, _ := b.asked()
	if d := cmp.Diff(url.Values{"bookingStatus": {"both"}, "dateFrom": {"2026-09-28"}, "dateTo": {"2026-10-20"}}, r.URL.Query()); d != "" {
		t.Error(d)
	}
}

func TestCardBillsGolden(t *testing.T) {
	b := &bank{files: map[string]string{"GET /card-accounts/3d9a/transactions": file(t, "card-transactions.json")}}
	page, err := connect(t, b, func(c *Config) { c.BookedOnly = true }).Bills(context.Background(), linked, card, day(1), now, "")
	if err != nil {
		t.Fatal(err)
	}
	eur := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "EUR"} }
	// debitAccounting turns the sign: what was bought is quoted positive.
	want := []connectors.Bill{
		{ID: "201710020036959", At: day(16), DateOnly: true, Amount: eur(1561), Direction: "out", Flow: "out", State: "booked", Kind: "other", RawKind: "PURCHASE",
			Category: "mcc:7832", Counterparty: "云顶影院", Description: "WIFIMARKET.SE"},
		{ID: "201710020091863", At: day(11), DateOnly: true, Amount: eur(3900), Direction: "in", Flow: "internal", State: "booked", Kind: "repayment", RawKind: "PAYMENT", Description: "还款"},
		{ID: "derived-1", At: day(19), DateOnly: true, Amount: eur(820), Direction: "out", Flow: "out", State: "pending", Kind: "other", Category: "mcc:5411", Counterparty: "小镇超市", Description: "消费"},
	}
	if d := cmp.Diff(want, shown(page.Bills)); d != "" {
		t.Error(d)
	}
	if r, _ := b.asked(); r.URL.Query().Get("bookingStatus") != "booked" {
		t.Errorf("asked for %s", r.URL.RawQuery)
	}
}

func TestKinds(t *testing.T) {
	for _, tt := range []struct {
		iso, own, purpose, text string
		way                     connectors.Direction
		want                    connectors.Kind
	}{
		{"PMNT-RCDT-INTR", "", "", "", connectors.In, connectors.Interest},
		{"PMNT-ICDT-DMCT", "", "", "支付宝-充值", connectors.Out, connectors.Topup}, // the bank's own word before the network's code
		{"PMNT-CCRD-POSD", "POS消费", "", "", connectors.Out, connectors.Payment},
		{"PMNT-CCRD-POSD", "", "", "", connectors.In, connectors.Refund}, // money back on a card
		{"PMNT-RCDT-ESCT", "消费", "", "", connectors.In, connectors.Income},
		{"PMNT-ICDT-STDO", "转账", "", "房租-青石物业", connectors.Out, connectors.Transfer},
		{"", "", "LOAR", "", connectors.Out, connectors.Repayment},
		{"LDAS-FTLN-DDWN", "", "", "", connectors.In, connectors.LoanKind},
		{"ACMT-MDOP-CHRG", "", "", "", connectors.Out, connectors.Fee},
		{"odd", "NTRF+166", "XXXX", "free text", connectors.Out, connectors.Other},
	} {
		if got := kindOf(tt.iso, tt.own, tt.purpose, tt.text, tt.way); got != tt.want {
			t.Errorf("kindOf(%q, %q, %q, %q, %s) = %s, want %s", tt.iso, tt.own, tt.purpose, tt.text, tt.way, got, tt.want)
		}
	}
}

// listingOf is a report of one account's rows.
func listingOf(next string, booked ...string) string {
	return fmt.Sprintf(`{"account":{"iban":"DE12500105170648489890"},"transactions":{"booked":[%s],"_links":{"account":{"href":"/psd2/v1/accounts/e80e"},"next":{"href":%q}}}}`,
		strings.Join(booked, ","), next)
}

func rowOf(id, more string) string {
	if id != "" {
		id = fmt.Sprintf(`"transactionId":%q,`, id)
	}
	return `{` + id + `"bookingDate":"2026-10-14","transactionAmount":{"currency":"EUR","amount":"-3.00"}` + more + `}`
}

func TestBillsArePagedInsideTheAccount(t *testing.T) {
	const at = api + "/accounts/e80e/transactions"
	walk := func(files map[string]string) (ids []string, err error) {
		c := connect(t, &bank{files: files})
		for next := connectors.Cursor(""); ; {
			p, err := c.Bills(context.Background(), linked, giro, now.AddDate(0, 0, -30), now, next)
			if err != nil {
				return ids, err
			}
			for _, b := range p.Bills {
				ids = append(ids, b.ID)
			}
			if next = p.Next; next == "" {
				return ids, nil
			}
		}
	}
	// Rows that nothing tells apart, on both sides of a page's end and of others.
	nameless := map[string]string{rows: listingOf(at+"?page=2", rowOf("", ""), rowOf("T", ""), rowOf("", "")), rows + "?page=2": listingOf("", rowOf("", ""), rowOf("", `,"endToEndId":"x"`))}
	got, err := walk(nameless)
	if err != nil || len(got) != 5 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != 5 {
		t.Errorf("%v, %v", got, err)
	}
	if again, _ := walk(nameless); !slices.Equal(got, again) {
		t.Errorf("read again the ids are others: %v, %v", got, again)
	}
	if got, err = walk(map[string]string{rows: `{"_links":{"download":{"href":"BASE` + at + `/download/1"}}}`, "GET /accounts/e80e/transactions/download/1": file(t, "transactions.json")}); err != nil || len(got) != 9 {
		t.Errorf("a report that is to be downloaded: %v, %v", got, err)
	}
	for why, files := range map[string]map[string]string{
		"another host":                        {rows: listingOf("https://evil.example" + at + "?page=2")},
		"another account":                     {rows: listingOf(api + "/accounts/e81d/transactions?page=2")},
		"out by the back door":                {rows: listingOf(at + "/../../e81d/transactions")},
		"a circle":                            {rows: listingOf(at + "?page=2"), rows + "?page=2": listingOf(at + "?page=2")},
		"a download elsewhere":                {rows: `{"_links":{"download":{"href":"https://evil.example` + at + `/download/1"}}}`},
		"a download of another account":       {rows: `{"_links":{"download":{"href":"` + api + `/accounts/e81d/transactions/download/1"}}}`},
		"a download without a scheme":         {rows: `{"_links":{"download":{"href":"www.bank.example/xs2a/v1/accounts/e80e/transactions/download/"}}}`},
		"another IBAN":                        {rows: strings.Replace(listingOf(""), "DE12", "DE13", 1)},
		"a link to another account as if own": {rows: strings.Replace(listingOf(""), "accounts/e80e", "accounts/e81d", 1)},
		"nothing":                             {rows: `{}`},
		"no booked rows":                      {rows: strings.Replace(listingOf(""), "booked", "booked_v2", 1)},
		"a sum that is none":                  {rows: listingOf("", strings.Replace(rowOf("T", ""), "-3.00", "three", 1))},
		"a part of a cent":                    {rows: listingOf("", strings.Replace(rowOf("T", ""), "-3.00", "-3.001", 1))},
		"no date":                             {rows: listingOf("", strings.Replace(rowOf("T", ""), "2026-10-14", "14.10.", 1))},
		"no date at all":                      {rows: listingOf("", strings.Replace(rowOf("T", ""), "bookingDate", "booked", 1))},
		"two sums":                            {rows: listingOf("", rowOf("T", `,"transactionAmount":{"currency":"EUR","amount":"5"}`))},
	} {
		if got, err := walk(files); !errors.Is(err, connectors.ErrMalformed) {
			t.Errorf("%s: %v, %v", why, got, err)
		}
	}
	c := connect(t, &bank{})
	for _, cur := range []connectors.Cursor{"x", `{"next":"https://evil.example/","page":2}`, `{"next":"` + at + `","page":1}`, `{"next":"` + api + `/accounts/e81d/transactions","page":2}`} {
		if _, err := c.Bills(context.Background(), linked, giro, now.AddDate(0, 0, -1), now, cur); !errors.Is(err, connectors.ErrRefused) {
			t.Errorf("cursor %s: %v, want ErrRefused", cur, err)
		}
	}
}

// TestNinetyDays: what was booked longer ago wants a fresh authentication; it is
// not asked for, and said.
func TestNinetyDays(t *testing.T) {
	first := time.Date(2026, 7, 23, 0, 0, 0, 0, beijing)
	for _, tt := range []struct {
		why            string
		from, to       time.Time
		history        time.Duration
		covers         connectors.Span
		asked, through string
	}{
		{"a month", now.AddDate(0, -1, 0), now, 0, connectors.Span{}, "2026-09-17", "2026-10-20"},
		{"all of it", first, now, 0, connectors.Span{}, "2026-07-23", "2026-10-20"},
		{"a year", now.AddDate(-1, 0, 0), now, 0, connectors.Span{From: first, To: now}, "2026-07-23", "2026-10-20"},
		{"last year", now.AddDate(-1, 0, 0), now.AddDate(0, -6, 0), 0, connectors.Span{From: now.AddDate(0, -6, 0), To: now.AddDate(0, -6, 0)}, "", ""},
		{"a day, by its midnights", day(5), day(6), 0, connectors.Span{}, "2026-10-02", "2026-10-08"},
		{"a year, at a bank that tells one", now.AddDate(0, 0, -364), now, 365 * 24 * time.Hour, connectors.Span{}, "2025-10-21", "2026-10-20"},
	} {
		b := &bank{files: map[string]string{rows: listingOf("")}}
		page, err := connect(t, b, func(c *Config) { c.Source.History = tt.history }).Bills(context.Background(), linked, giro, tt.from, tt.to, "")
		if err != nil || !page.Covers.From.Equal(tt.covers.From) || !page.Covers.To.Equal(tt.covers.To) {
			t.Errorf("%s: covers %v, %v; want %v", tt.why, page.Covers, err, tt.covers)
		}
		if tt.asked == "" {
			if len(b.seen) != 0 {
				t.Errorf("%s: the bank is asked for what it does not tell", tt.why)
			}
			continue
		}
		if r, _ := b.asked(); r.URL.Query().Get("dateFrom") != tt.asked || r.URL.Query().Get("dateTo") != tt.through {
			t.Errorf("%s: asked for %s, want %s to %s", tt.why, r.URL.RawQuery, tt.asked, tt.through)
		}
	}
}

func FuzzListing(f *testing.F) {
	f.Add([]byte(file(f, "transactions.json")), false)
	f.Add([]byte(file(f, "card-transactions.json")), true)
	f.Add([]byte(`{"_links":{"download":{"href":"/x"}}}`), false)
	c, err := New(config("https://bank.example", http.DefaultClient))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte, card bool) {
		var a listing
		if decode(b, &a) != nil {
			return
		}
		of := ref{ID: "e80e", Card: card}
		at := cursor{Page: 1}
		page, err := c.take(a, of, c.at(of, "transactions"), &at, func(connectors.Bill) bool { return true })
		if err != nil {
			return
		}
		for _, b := range page.Bills {
			if b.Amount.Minor < 0 || b.Amount.Currency == "" || b.ID == "" || b.Kind == "" || b.Direction == "" || b.State == "" || !b.DateOnly {
				t.Fatalf("a row became %+v", b)
			}
		}
		if page.Next != "" {
			if _, u, err := c.resume(of, page.Next); err != nil || u.Host != "bank.example" || !strings.Contains(u.Path, "e80e") {
				t.Fatalf("the next page is %v, %v", u, err)
			}
		}
	})
}

func FuzzRefusal(f *testing.F) {
	f.Add(400, `{"tppMessages":[{"category":"ERROR","code":"FORMAT_ERROR","text":"x"}]}`)
	f.Add(401, `{"type":"x","code":"CONSENT_EXPIRED"}`)
	c := &Connector{now: time.Now}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 300 || status > 599 {
			return
		}
		if err := c.refusal(answerOf(status, body)); err == nil {
			t.Fatalf("%d %s is no error", status, body)
		}
	})
}

// BenchmarkTenThousandBills reads them in pages of a hundred. What is alive at
// the end of each page says whether memory is flat.
func BenchmarkTenThousandBills(b *testing.B) {
	const pages, each = 100, 100
	files := map[string]string{}
	for p := range pages {
		var all []string
		for i := range each {
			all = append(all, fmt.Sprintf(`{"transactionId":"T%d-%d","entryReference":"E%d-%d","endToEndId":"20261014220012345678901234%02d","bookingDate":"2026-10-14","valueDate":"2026-10-14",`+
				`"transactionAmount":{"currency":"CNY","amount":"-%d.30"},"creditorName":"小镇超市","remittanceInformationUnstructured":"消费-小镇超市","bankTransactionCode":"PMNT-CCRD-POSD",`+
				`"proprietaryBankTransactionCode":"POS消费","balanceAfterTransaction":{"balanceType":"interimBooked","balanceAmount":{"currency":"CNY","amount":"1234.56"}}}`, p, i, p, i, i, i))
		}
		next := ""
		if p < pages-1 {
			next = fmt.Sprintf("%s/accounts/e80e/transactions?page=%d", api, p+1)
		}
		at := rows
		if p > 0 {
			at = fmt.Sprintf("%s?page=%d", rows, p)
		}
		files[at] = listingOf(next, all...)
	}
	c, err := New(config("https://bank.example", &http.Client{Transport: canned(files)}))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var heap runtime.MemStats
	var most uint64
	for b.Loop() {
		n := 0
		for next, more := connectors.Cursor(""), true; more; more = next != "" {
			page, err := c.Bills(context.Background(), linked, giro, day(1), now, next)
			if err != nil {
				b.Fatal(err)
			}
			n, next = n+len(page.Bills), page.Next
		}
		if n != pages*each {
			b.Fatalf("%d bills", n)
		}
		runtime.ReadMemStats(&heap)
		most = max(most, heap.HeapAlloc)
	}
	b.ReportMetric(float64(most)/(1<<20), "MiB-heap")
}
