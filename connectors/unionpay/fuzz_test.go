package unionpay

import (
	"bytes"
	"fmt"
	"testing"

	"jali/connectors"
)

func FuzzParseMessage(f *testing.F) {
	f.Add([]byte("respCode=00&respMsg=成功[0000000]&fileContent=eJw=&signature=ab+/=="))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMessage(b)
		if err == nil && (len(m) == 0 || len(m) > manyMembers) {
			t.Fatalf("%d members", len(m))
		}
		_ = m.text()
	})
}

func FuzzInflate(f *testing.F) {
	f.Add(content([]byte("PK")))
	f.Fuzz(func(t *testing.T, text string) {
		if b, err := inflate(text); err == nil && len(b) > maxZip {
			t.Fatal("more than the cap")
		}
	})
}

func FuzzOpen(f *testing.F) {
	f.Add(goldenZip(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		if bills, err := open(b, merchant, theDate); err == nil {
			sound(t, bills)
		}
	})
}

func FuzzRecords(f *testing.F) {
	f.Add(golden(f, zm), golden(f, zme))
	f.Fuzz(func(t *testing.T, pay, dis []byte) {
		var all listing
		if each(bytes.NewReader(pay), payments, func(r record) error {
			b, fee, err := payment(r, merchant, theDate)
			if err == nil && all.add(b) {
				all.add(fee)
			}
			return err
		}) == nil && each(bytes.NewReader(dis), disputes, func(r record) error {
			b, err := dispute(r, merchant, theDate)
			if err == nil {
				all.add(b)
			}
			return err
		}) == nil {
			sound(t, all.bills)
		}
	})
}

func sound(t *testing.T, bills []connectors.Bill) {
	t.Helper()
	ids := map[string]bool{}
	for _, b := range bills {
		if b.ID == "" || ids[b.ID] || b.Amount.Minor < 0 || b.Direction == "" || b.Kind == "" || b.At.IsZero() || b.At.After(theDate.Add(day)) {
			t.Fatalf("a record became %+v", b)
		}
		ids[b.ID] = true
	}
}

// BenchmarkTenThousandBills reads a day's file of ten thousand payments.
func BenchmarkTenThousandBills(b *testing.B) {
	line, _, _ := bytes.Cut(golden(b, zm), []byte("\r\n"))
	var file bytes.Buffer
	for i := range 10_000 {
		file.Write(bytes.Replace(line, []byte("792610082315304012378"), fmt.Appendf(nil, "7926100823%011d", i), 1))
		file.WriteString("\r\n")
	}
	packed := zipOf(b, map[string][]byte{zm: file.Bytes()})
	text := content(packed)
	b.ReportAllocs()
	for b.Loop() {
		opened, err := inflate(text)
		if err != nil {
			b.Fatal(err)
		}
		if bills, err := open(opened, merchant, theDate); err != nil || len(bills) != 20_000 {
			b.Fatalf("%d bills, %v", len(bills), err)
		}
	}
}
