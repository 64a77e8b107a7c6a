package wechatpay

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/money"
	"jali/connectors/wire"
)

func (s *statements) answer(w http.ResponseWriter, r *http.Request) (int, string) {
	q := r.URL.Query()
	switch r.URL.Path {
	case "/v3/bill/tradebill":
		day := q.Get("bill_date")
		s.mu.Lock()
		s.asked = append(s.asked, day)
		s.mu.Unlock()
		if code := s.unav[day]; code != "" {
			return 400, `{"code":"` + code + `","message":"x"}`
		}
		if q.Get("bill_type") != "ALL" || q.Get("tar_type") != "GZIP" || q.Get("sub_mchid") != merchant {
			return 400, `{"code":"PARAM_ERROR"}`
		}
		file, ok := s.files[day]
		if !ok {
			return 400, `{"code":"NO_STATEMENT_EXIST","message":"账单不存在"}`
		}
		sum := sha1.Sum(file)
		a := map[string]string{"type": "SHA1", "hash": hex.EncodeToString(sum[:]), "url": "http://" + r.Host + "/v3/billdownload/file?token=" + day}
		if s.bend != nil {
			s.bend(day, a)
		}
		return 200, fmt.Sprintf(`{"hash_type":%q,"hash_value":%q,"download_url":%q}`, a["type"], a["hash"], a["url"])
	case "/v3/bill/sub-merchant-fundflowbill":
		if code := s.unflow; code != "" {
			return 400, `{"code":"` + code + `"}`
		}
		if q.Get("account_type") != "BASIC" || q.Get("algorithm") != "AEAD_AES_256_GCM" || q.Get("tar_type") != "GZIP" || q.Get("sub_mchid") != merchant {
			return 400, `{"code":"PARAM_ERROR"}`
		}
		file, ok := s.books[q.Get("bill_date")]
		if !ok {
			return 400, `{"code":"NO_STATEMENT_EXIST","message":"账单不存在"}`
		}
		sum := sha1.Sum(file)
		sealed, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, &ourKey().PublicKey, bookKey, nil)
		if err != nil {
			panic(err)
		}
		a := map[string]string{"type": "SHA1", "hash": hex.EncodeToString(sum[:]), "key": base64.StdEncoding.EncodeToString(sealed),
			"url": "http://" + r.Host + "/v3/billdownload/file?book=" + q.Get("bill_date")}
		if s.bend != nil {
			s.bend(q.Get("bill_date"), a)
		}
		return 200, fmt.Sprintf(`{"download_bill_count":1,"download_bill_list":[{"bill_sequence":1,"hash_type":%q,"hash_value":%q,"download_url":%q,"encrypt_key":%q,"nonce":%q}]}`,
			a["type"], a["hash"], a["url"], a["key"], bookNonce)
	case "/v3/ecommerce/fund/enddaybalance/" + merchant:
		return 200, s.held
	case "/v3/billdownload/file":
		w.Header().Set("Content-Type", "application/octet-stream")
		if day := q.Get("book"); day != "" {
			return 200, seal(packed(s.books[day]))
		}
		return 200, packed(s.files[q.Get("token")])
	}
	return 404, ""
}

var bookKey = []byte("0123456789abcdef0123456789abcdef")

const bookNonce = "a8607ef79034c49c" // of sixteen characters, as in the published example

func packed(file []byte) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(file)
	_ = z.Close()
	return b.String()
}

func seal(text string) string {
	block, err := aes.NewCipher(bookKey)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithNonceSize(block, len(bookNonce))
	if err != nil {
		panic(err)
	}
	return string(aead.Seal(nil, []byte(bookNonce), []byte(text), nil))
}

func golden(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBillsGolden(t *testing.T) {
	s := &statements{files: map[string][]byte{"2026-10-09": golden(t, "tradebill.csv")}}
	c := connect(t, &platform{t: t, answer: s.answer})
	from := time.Date(2026, 10, 8, 0, 0, 0, 0, wire.Beijing)
	page, err := c.Bills(context.Background(), linked, own, from, from.AddDate(0, 0, 3), "")
	if err != nil || page.Next != "" || page.Covers != (connectors.Span{}) {
		t.Fatalf("%v, next %q, covers %v", err, page.Next, page.Covers)
	}
	at := func(h, m, s int) time.Time { return time.Date(2026, 10, 9, h, m, s, 0, wire.Beijing) }
	cny := func(n int64) money.Amount { return money.Amount{Minor: n, Currency: "CNY"} }
	want := []connectors.Bill{
		{ID: "4200000000202610090000000002", At: at(8, 0, 0), Amount: cny(350), Direction: "in", Flow: "in", State: "booked", Kind: "income", RawKind: "NATIVE/SUCCESS",
			Description: "豆浆", Order: "4200000000202610090000000002", Merchant: "ORDER-2", Refs: []string{"4200000000202610090000000002", "ORDER-2"}, Note: "fee_unclear"},
		{ID: "4200000000202610090000000003", At: at(12, 0, 0), Amount: cny(800), Direction: "in", Flow: "in", State: "failed", Kind: "income", RawKind: "MICROPAY/REVOKED",
			Description: "面", Order: "4200000000202610090000000003", Merchant: "ORDER-3", Refs: []string{"4200000000202610090000000003", "ORDER-3"}},
		{ID: "4200000000202610090000000001", At: at(21, 3, 4), Amount: cny(9800), Direction: "in", Flow: "in", State: "booked", Kind: "income", RawKind: "JSAPI/SUCCESS",
			Description: "桂花糕,两盒", Order: "4200000000202610090000000001", Merchant: "ORDER-1", Refs: []string{"4200000000202610090000000001", "ORDER-1"}},
		{ID: "4200000000202610090000000001/fee", At: at(21, 3, 4), Amount: cny(59), Direction: "out", Flow: "out", State: "booked", Kind: "fee", RawKind: "手续费",
			Order: "4200000000202610090000000001"},
		{ID: "50300000002026100900000001", At: at(22, 15, 0), Amount: cny(4000), Direction: "out", Flow: "out", State: "booked", Kind: "refund", RawKind: "JSAPI/REFUND",
			Description: "桂花糕,两盒", Order: "50300000002026100900000001", Merchant: "BACK-1", Refs: []string{"50300000002026100900000001", "BACK-1"}, RefundOf: "4200000000202610090000000001"},
		{ID: "50300000002026100900000001/fee", At: at(22, 15, 0), Amount: cny(24), Direction: "in", Flow: "in", State: "booked", Kind: "fee", RawKind: "手续费",
			Order: "50300000002026100900000001"},
		{ID: "50300000002026100900000002", At: at(22, 20, 0), Amount: cny(500), Direction: "out", Flow: "out", State: "pending", Kind: "refund", RawKind: "JSAPI/REFUND",
			Description: "茶", Order: "50300000002026100900000002", Merchant: "BACK-9", Refs: []string{"50300000002026100900000002", "BACK-9"}, RefundOf: "4200000000202610080000000009"},
	}
	if d := cmp.Diff(want, page.Bills); d != "" {
		t.Error(d)
	}
	for _, b := range page.Bills {
		if strings.Contains(fmt.Sprintf("%+v", b), "oPayer") {
			t.Error("a stranger's openid came along")
		}
	}
}

func TestWindowsAndDays(t *testing.T) {
	file := golden(t, "tradebill.csv")
	s := &statements{files: map[string][]byte{"2026-10-09": file, "2026-10-20": file}, unav: map[string]string{}}
	p := &platform{t: t, answer: s.answer}
	c := connect(t, p)
	at := func(m time.Month, d, h int) time.Time { return time.Date(2026, m, d, h, 0, 0, 0, wire.Beijing) }
	oldest := midnight(now.Add(-history))
	for _, tt := range []struct {
		why      string
		clock    time.Time
		from, to time.Time
		creating string
		bills    int
		asked    int
		covers   connectors.Span
	}{
		{"an evening of a day", now, at(10, 9, 22), at(10, 9, 23), "", 3, 1, connectors.Span{}},
		{"the end is not in it", now, at(10, 9, 8), time.Date(2026, 10, 9, 21, 3, 4, 0, wire.Beijing), "", 2, 1, connectors.Span{}},
		{"today has no statement", now, at(10, 19, 0), now, "", 0, 1, connectors.Span{From: at(10, 19, 0), To: at(10, 20, 0)}},
		{"before ten, nor has yesterday", at(10, 20, 9), at(10, 18, 0), at(10, 20, 9), "", 0, 1, connectors.Span{From: at(10, 18, 0), To: at(10, 19, 0)}},
		{"only today", now, at(10, 20, 1), now, "", 0, 0, connectors.Span{From: at(10, 20, 1), To: at(10, 20, 1)}},
		{"a day still being made", now, at(10, 8, 0), at(10, 12, 0), "2026-10-09", 0, 4, connectors.Span{From: at(10, 8, 0), To: at(10, 9, 0)}},
		{"older than is kept", now, at(6, 1, 0), at(6, 3, 0), "", 0, 0, connectors.Span{From: at(6, 1, 0), To: at(6, 1, 0)}},
		{"reaching past what is kept", now, at(6, 1, 0), oldest.AddDate(0, 0, 2), "", 0, 2, connectors.Span{From: oldest, To: oldest.AddDate(0, 0, 2)}},
		{"nothing asked", now, now, now, "", 0, 0, connectors.Span{From: now, To: now}},
	} {
		p.clock, c.now = tt.clock, func() time.Time { return tt.clock }
		s.asked, s.unav = nil, map[string]string{tt.creating: "STATEMENT_CREATING"}
		page, err := c.Bills(context.Background(), linked, own, tt.from, tt.to, "")
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		if len(page.Bills) != tt.bills || len(s.asked) != tt.asked || page.Next != "" {
			t.Errorf("%s: %d bills of %v, next %q; want %d of %d days", tt.why, len(page.Bills), s.asked, page.Next, tt.bills, tt.asked)
		}
		if !page.Covers.From.Equal(tt.covers.From) || !page.Covers.To.Equal(tt.covers.To) {
			t.Errorf("%s: covers %v, want %v", tt.why, page.Covers, tt.covers)
		}
	}
}

func TestLongSpansArePagedAndDaysAskedSideBySide(t *testing.T) {
	file := golden(t, "tradebill.csv")
	s := &statements{files: map[string][]byte{}}
	for d := now.AddDate(0, 0, -80); d.Before(now); d = d.AddDate(0, 0, 1) {
		day := d.Format(time.DateOnly)
		s.files[day] = bytes.ReplaceAll(bytes.ReplaceAll(file, []byte("2026-10-09"), []byte(day)), []byte("20261009"), []byte(strings.ReplaceAll(day, "-", "")))
	}
	p := &platform{t: t, answer: s.answer}
	c := connect(t, p)
	from := midnight(now.AddDate(0, 0, -70))
	ids, pages := map[string]bool{}, 0
	last := time.Time{}
	for next := connectors.Cursor(""); pages == 0 || next != ""; pages++ {
		page, err := c.Bills(context.Background(), linked, own, from, now, next)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page.Bills {
			if ids[b.ID] || b.At.Before(last) {
				t.Fatalf("bill %s again, or out of order", b.ID)
			}
			ids[b.ID], last = true, b.At
		}
		next = page.Next
	}
	if len(ids) != 70*7 || pages != 3 {
		t.Errorf("%d bills in %d pages, want %d in 3", len(ids), pages, 70*7)
	}
	if p.most > c.Source().Concurrent || p.most < 2 {
		t.Errorf("%d calls at once, want between 2 and %d", p.most, c.Source().Concurrent)
	}
	if _, err := c.Bills(context.Background(), linked, own, from, now, "2020-01-01"); !errors.Is(err, connectors.ErrRefused) {
		t.Errorf("a foreign cursor: %v, want ErrRefused", err)
	}
}

func TestADeadlineEndsEveryDay(t *testing.T) {
	c := connect(t, &platform{t: t, answer: func(_ http.ResponseWriter, r *http.Request) (int, string) {
		<-r.Context().Done()
		return 500, ""
	}})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Bills(ctx, linked, own, now.AddDate(0, 0, -30), now, "")
	if !errors.Is(err, connectors.ErrDown) {
		t.Errorf("%v, want ErrDown", err)
	}
}

func TestAFileIsBelievedByItsSignedHash(t *testing.T) {
	file := golden(t, "tradebill.csv")
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("our signature went to another host") }))
	defer elsewhere.Close()
	for _, tt := range []struct {
		why    string
		bend   func(day string, a map[string]string)
		code   string
		header func(http.Header)
		want   error
	}{
		{"as it is", nil, "", nil, nil},
		{"an upper-case hash", func(_ string, a map[string]string) { a["hash"] = strings.ToUpper(a["hash"]) }, "", nil, nil},
		{"another file's hash", func(_ string, a map[string]string) { a["hash"] = strings.Repeat("0", 40) }, "", nil, connectors.ErrUnsigned},
		{"no hash", func(_ string, a map[string]string) { a["hash"] = "" }, "", nil, connectors.ErrMalformed},
		{"another sort of hash", func(_ string, a map[string]string) { a["type"] = "MD5" }, "", nil, connectors.ErrMalformed},
		{"another host", func(_ string, a map[string]string) { a["url"] = elsewhere.URL + "/v3/billdownload/file?token=1" }, "", nil, connectors.ErrMalformed},
		{"a user in the address", func(_ string, a map[string]string) { a["url"] = strings.Replace(a["url"], "//", "//api@", 1) }, "", nil, connectors.ErrMalformed},
		{"no address", func(_ string, a map[string]string) { a["url"] = "" }, "", nil, connectors.ErrMalformed},
		{"not there any more", func(_ string, a map[string]string) { a["url"] = strings.Replace(a["url"], "/file?", "/gone?", 1) }, "", nil, connectors.ErrRefused},
		{"no statement, signed", nil, "NO_STATEMENT_EXIST", nil, nil},
		{"no statement, unsigned: a day is not empty because somebody says so", nil, "NO_STATEMENT_EXIST", func(h http.Header) { h.Del("Wechatpay-Signature") }, connectors.ErrUnsigned},
		{"a day refused", nil, "INVALID_REQUEST", nil, connectors.ErrRefused},
	} {
		s := &statements{files: map[string][]byte{"2026-10-09": file}, bend: tt.bend, unav: map[string]string{"2026-10-09": tt.code}}
		c := connect(t, &platform{t: t, answer: s.answer, header: tt.header})
		day := time.Date(2026, 10, 9, 0, 0, 0, 0, wire.Beijing)
		_, err := c.Bills(context.Background(), linked, own, day, day.AddDate(0, 0, 1), "")
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
}
