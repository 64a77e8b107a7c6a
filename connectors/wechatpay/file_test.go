package wechatpay

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"os"
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
		if _, err := c.download(context.Background(), c.api.String()+"/v3/billdownload/file"); !errors.Is(err, connectors.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", why, err)
		}
	}
}

func TestParseRefusesWhatIsNoBill(t *testing.T) {
	file := string(golden(t))
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
		_, err := parse([]byte(tt.file), merchant)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.why, err, tt.ok)
		}
		if err != nil && strings.Contains(err.Error(), merchant) {
			t.Errorf("%s: the error quotes the file: %v", tt.why, err)
		}
	}
}

func TestEqualOrdersKeepApart(t *testing.T) {
	file := string(golden(t))
	row := file[strings.Index(file, "`2026-10-09 08"):]
	row = row[:strings.Index(row, "\n")+1]
	bills, err := parse([]byte(strings.Replace(strings.Replace(file, row, row+row, 1), "`5,", "`6,", 1)), merchant)
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
}

func FuzzParse(f *testing.F) {
	file, err := os.ReadFile("testdata/tradebill.csv")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add([]byte("交易时间\n`2026\n总交易单数\n`1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		bills, err := parse(b, merchant)
		if err != nil {
			return
		}
		ids := map[string]bool{}
		for _, b := range bills {
			if b.Amount.Minor < 0 || b.ID == "" || ids[b.ID] || b.Kind == "" || b.Direction == "" {
				t.Fatalf("a row became %+v", b)
			}
			ids[b.ID] = true
		}
	})
}
