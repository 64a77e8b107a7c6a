package wechatpay

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"jali/connectors"
)

func TestAPackedFileIsUnpackedWithACap(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range maxFile>>20 + 1 {
		_, _ = z.Write(zeros)
	}
	_ = z.Close()
	for why, body := range map[string]string{"a bomb": bomb.String(), "cut short": bomb.String()[:100], "only the magic": "\x1f\x8b"} {
		c := connect(t, &platform{t: t, answer: func(http.ResponseWriter, *http.Request) (int, string) { return 200, body }})
		p := parcel{HashType: "SHA1", Hash: strings.Repeat("0", 40), URL: c.api.String() + "/v3/billdownload/file"}
		read := func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }
		if err := c.unpack(context.Background(), p, read); !errors.Is(err, connectors.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", why, err)
		}
	}
}

func TestParseRefusesWhatIsNoBill(t *testing.T) {
	file := string(golden(t, "tradebill.csv"))
	change := func(old, new string) string {
		if !strings.Contains(file, old) {
			t.Fatalf("no %s in the file", old)
		}
		return strings.Replace(file, old, new, 1)
	}
	columns, rest, _ := strings.Cut(file, "\r\n")
	moved := strings.Replace(columns, "设备号,", "", 1) + ",设备号"
	movedRest := strings.ReplaceAll(strings.ReplaceAll(rest, "`1230000109,`,", "`1230000109,"), ",`\r\n", ",`,`\r\n")
	for _, tt := range []struct {
		why, file string
		ok        bool
	}{
		{"as it is", file, true},
		{"Unix lines, no mark", strings.TrimPrefix(strings.ReplaceAll(file, "\r", ""), "\ufeff"), true},
		{"a column at another place", moved + "\r\n" + movedRest, true},
		{"a column that is new", strings.ReplaceAll(strings.Replace(file, "费率备注", "费率备注,新列", 1), ",`\r\n", ",`,`x\r\n"), true},
		{"no column of the order", change("微信订单号", "订单号"), false},
		{"a column twice", change("设备号", "商户号"), false},
		{"another merchant's row", change("`1230000109", "`1230000110"), false},
		{"a cell too few", change("`wx00000000000000aa,", ""), false},
		{"a time that is none", change("2026-10-09 21:03:04", "2026-10-09 25:03:04"), false},
		{"a sum below zero", change("`98.00", "`-98.00"), false},
		{"a sum of words", change("`98.00", "`NaN"), false},
		{"an exponent", change("`98.00", "`1e400"), false},
		{"an unknown currency", change("`CNY", "`人民币"), false},
		{"a refund without a number", change("`50300000002026100900000001", "`0"), false},
		{"a count that differs", change("`5,", "`6,"), false},
		{"cut before the summary", file[:strings.Index(file, "总交易单数")], false},
		{"cut inside the summary", file[:strings.Index(file, "`5,`109")], false},
		{"rows after the summary", file + "`x", false},
		{"a line of something else", change("\r\n`2026", "\r\nhello\r\n`2026"), false},
		{"not UTF-8", change("豆浆", "\xb6\xb9"), false},
		{"nothing", "", false},
	} {
		_, err := readTrades(strings.NewReader(tt.file), merchant)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
		}
		if err != nil && strings.Contains(err.Error(), merchant) {
			t.Errorf("%s: the error quotes the file: %v", tt.why, err)
		}
	}
}

func TestOrdersOfOneNumberKeepApart(t *testing.T) {
	file := string(golden(t, "tradebill.csv"))
	row := file[strings.Index(file, "`2026-10-09 08"):]
	row = row[:strings.Index(row, "\n")+1]
	other := strings.ReplaceAll(row, "3.50", "4.50")
	bills, err := readTrades(strings.NewReader(strings.Replace(strings.Replace(file, row, row+other, 1), "`5,", "`6,", 1)), merchant)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, b := range bills {
		if ids[b.ID] {
			t.Errorf("the id %s stands twice", b.ID)
		}
		ids[b.ID] = true
	}
	if !ids["4200000000202610090000000002#2"] {
		t.Error("a second row of an order's number, with another sum, is lost")
	}
	// Word for word the same is one bill, and a payment that was revoked has a
	// second row that says so.
	twice, err := readTrades(strings.NewReader(strings.Replace(strings.Replace(file, row, row+row, 1), "`5,", "`6,", 1)), merchant)
	if err != nil || len(twice) != len(bills)-1 {
		t.Errorf("a row twice: %d bills, %v; want %d", len(twice), err, len(bills)-1)
	}
	revoked, err := readTrades(strings.NewReader(strings.Replace(strings.Replace(file, row, row+strings.Replace(row, "SUCCESS", "REVOKED", 1), 1), "`5,", "`6,", 1)), merchant)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range revoked {
		if b.ID == "4200000000202610090000000002" && b.State != connectors.Failed {
			t.Errorf("a revoked payment is %s", b.State)
		}
	}
}

func FuzzReadTrades(f *testing.F) {
	f.Add(golden(f, "tradebill.csv"))
	f.Add([]byte("交易时间\n`2026\n总交易单数\n`1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		bills, err := readTrades(bytes.NewReader(b), merchant)
		if err == nil {
			sound(t, bills)
		}
	})
}

func FuzzReadFlow(f *testing.F) {
	f.Add(golden(f, "fundflow.csv"))
	f.Fuzz(func(t *testing.T, b []byte) {
		book, err := readFlow(bytes.NewReader(b))
		if err == nil {
			sound(t, book.bills)
			sound(t, join(book.bills, book))
		}
	})
}

func sound(t *testing.T, bills []connectors.Bill) {
	t.Helper()
	ids := map[string]bool{}
	for _, b := range bills {
		if b.Amount.Minor < 0 || b.ID == "" || ids[b.ID] || b.Kind == "" || b.Direction == "" {
			t.Fatalf("a row became %+v", b)
		}
		ids[b.ID] = true
	}
}

func TestReadFlowRefusesWhatIsNoBook(t *testing.T) {
	file := string(golden(t, "fundflow.csv"))
	for _, tt := range []struct {
		why, old, new string
		ok            bool
	}{
		{"as it is", "", "", true},
		{"counts with a decimal, as in the older example", "`7,`3,", "`7.0,`3.0,", true},
		{"a type that is new", "`提现,`提现", "`神秘,`神秘", true},
		{"no column of the way", "收支类型", "方向", false},
		{"neither in nor out", "`收入", "`冻结", false},
		{"a sum of words", "`160.00", "`NaN", false},
		{"an exponent", "`160.00", "`1e400", false},
		{"eleven decimals", "`160.00", "`0.12345678901", false},
		{"a sum below zero", "`160.00", "`-160.00", false},
		{"a balance of words", "`1.14", "`?", false},
		{"a sum that the summary does not count", "`160.00", "`161.00", false},
		{"a count that differs", "`7,`3", "`8,`3", false},
		{"a time that is none", "2026-10-09 23:30:00", "2026-10-09 24:30:00", false},
		{"a movement without a number", "`7100202610090000000001", "`", false},
	} {
		_, err := readFlow(strings.NewReader(strings.Replace(file, tt.old, tt.new, 1)))
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
		}
	}
}
