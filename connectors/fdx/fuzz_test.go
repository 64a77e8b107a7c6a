package fdx

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/fault"
	"jali/internal/secret"
)

// answering answers every request with the same text.
func answering(body func() string) *http.Client {
	return &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body())), Request: r, ContentLength: -1}, nil
	})}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whatever a lender answers, to whatever it was asked, nothing comes of it but
// what the vocabulary allows, or a fault that says whose it is.
func FuzzAnswer(f *testing.F) {
	files, err := os.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, one := range files {
		if !one.IsDir() {
			f.Add(file(f, one.Name()), 200)
		}
	}
	f.Add(`{"access_token":"A","token_type":"Bearer","expires_in":900,"grant_id":"9585694d3ae58863"}`, 200)
	f.Add(`{"code":"1107","message":"none"}`, 404)
	f.Add(`{"accounts":[{"accountCategory":"LOC_ACCOUNT","accountId":"loc-1","currentBalance":1e2}]}`, 206)
	f.Fuzz(func(t *testing.T, body string, status int) {
		if status < 100 || status > 599 {
			t.Skip()
		}
		var asked atomic.Int32
		c, err := New(config("https://lender.example", &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			if asked.Add(1) > 3*maxPages {
				t.Error("it asks without an end")
				return nil, io.ErrUnexpectedEOF
			}
			if r.URL.Host != "lender.example" {
				t.Errorf("it asks %s", r.URL.Host)
			}
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r, ContentLength: -1}, nil
		})}))
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
		ctx, from := t.Context(), now.AddDate(0, -2, 0)
		if all, err := c.Accounts(ctx, linked); known(err) {
			for _, a := range all {
				if r, err := readRef(a.Ref); err != nil || r.id == "" || a.Kind == "" || a.Side == "" || strings.ContainsAny(a.Name, "0123456789") {
					t.Fatalf("an account became %+v", a)
				}
			}
		}
		if all, err := c.Balances(ctx, linked, []connectors.AccountRef{line, lent}); known(err) {
			for _, b := range all {
				if b.Amount.Currency != "CNY" || b.Kind == "" || b.AsOf.IsZero() {
					t.Fatalf("a balance became %+v", b)
				}
			}
		}
		if page, err := c.Bills(ctx, linked, line, from, now, ""); known(err) {
			for _, b := range page.Bills {
				if b.Amount.Minor < 0 || b.ID == "" || b.Kind == "" || b.Direction == "" || b.State == "" || b.RawKind == "" || b.At.Before(from) || !b.At.Before(now) {
					t.Fatalf("a row became %+v", b)
				}
			}
		}
		if all, err := c.Statements(ctx, linked, line, from, now); known(err) {
			for _, s := range all {
				if s.Due.Minor < 0 || s.Minimum.Minor < 0 || s.Paid.Minor < 0 || s.ID == "" || s.Period.To.Before(from) {
					t.Fatalf("a statement became %+v", s)
				}
			}
		}
		if k, err := c.Finish(ctx, connectors.Linking{RedirectURI: "http://127.0.0.1/", Keep: secret.Of(`{"verifier":"x"}`)}, url.Values{"code": {"C"}}); known(err) {
			if _, err := read(k); err != nil {
				t.Fatal("a credential that opens nothing")
			}
		}
	})
}

func FuzzSum(f *testing.F) {
	for _, s := range []string{"12.30", "1.23456789E7", "1e400", "0.12345678901", "-5e-2", "NaN", "1E+19", "9223372036854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := sum(jsonNumber(s), "CNY")
		if err != nil {
			return
		}
		// What was read is the same number, written without a power.
		if again, err := money.Parse(m.Value(), "CNY"); err != nil || again != m {
			t.Fatalf("%q became %v, which is %v", s, m, again)
		}
	})
}
