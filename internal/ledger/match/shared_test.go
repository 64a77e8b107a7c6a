package match_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/ledger/match"
)

const sharedData = "../../../../shared/data/double-entry-generator/"

func rows(t *testing.T, file, header string) [][]string {
	t.Helper()
	text, err := os.ReadFile(sharedData + file)
	if os.IsNotExist(err) {
		t.Skip("../shared/data is not there: the two real files are not read")
	}
	if err != nil {
		t.Fatal(err)
	}
	_, body, ok := strings.Cut(strings.ReplaceAll(string(text), "\t", ""), header)
	if !ok {
		t.Fatalf("%s has no %s", file, header)
	}
	r := csv.NewReader(strings.NewReader(strings.TrimSpace(body)))
	r.FieldsPerRecord = -1
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func yuan(t *testing.T, s string) money.Amount {
	t.Helper()
	a, err := money.Parse(s, "CNY")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// jdAndBOC are the two files of one person.
func jdAndBOC(t *testing.T) (items []match.Item) {
	china := time.FixedZone("", 8*3600)
	jd := match.Item{Account: "jd", Source: "jd", Names: []string{"京东"}, Kind: connectors.OtherAccount}
	for i, r := range rows(t, "jd-2024.csv", "商家订单号,备注") {
		at, err := time.ParseInLocation("2006-01-02 15:04:05", strings.TrimSpace(r[0]), china)
		if err != nil {
			t.Fatal(err)
		}
		amount, back, _ := strings.Cut(r[3], "(")
		it := jd
		it.ID = fmt.Sprintf("jd%02d", i)
		b := &connectors.Bill{ID: it.ID, At: at, Amount: yuan(t, amount), Direction: connectors.Out, Flow: connectors.FlowOut, State: connectors.Done, Kind: connectors.Payment,
			Counterparty: r[1], Description: r[2], Method: r[4], Category: r[7], Order: r[8], Merchant: r[9]}
		switch {
		case r[5] == "退款成功":
			b.Kind, b.Direction, b.Flow = connectors.Refund, connectors.In, connectors.FlowIn
		case strings.HasPrefix(back, "已全额退款"):
			b.State = connectors.Reversed
		case back != "":
			b.Note = "refunded_part"
		}
		it.Bill = b
		items = append(items, it)
	}
	boc := match.Item{Source: "boc", Names: []string{"中国银行"}, Kind: connectors.CreditCard}
	for i, r := range rows(t, "boc-credit-2025.csv", "存入,支出,币种") {
		at, err := time.ParseInLocation("2006-01-02", r[0], china)
		if err != nil {
			t.Fatal(err)
		}
		it := boc
		it.ID, it.Account, it.Tail = fmt.Sprintf("boc%02d", i), "boc"+r[2], r[2]
		b := &connectors.Bill{ID: it.ID, At: at, DateOnly: true, Direction: connectors.Out, Flow: connectors.FlowOut, State: connectors.Done, Kind: connectors.Payment, Description: r[3]}
		if r[4] != "" {
			b.Amount, b.Direction, b.Flow, b.Kind = yuan(t, r[4]), connectors.In, connectors.FlowIn, connectors.Other
		} else {
			b.Amount = yuan(t, r[5])
		}
		if r[6] != "CNY" {
			b.Amount.Currency = r[6]
		}
		it.Bill = b
		items = append(items, it)
	}
	return items
}

// Read by eye, the nine of the card's fourteen rows that JD tells of are:
//
//	2024-12-21   68.19 out
//	2024-12-24  468.32 out, 448.32 out, 397.84 in, 70.48 in, 70.48 in
//	2024-12-28  131.77 out,  89.84 in
//	2024-12-30   60.90 out
//
// JD calls the card 1875, the bank's file 2875: a second number of one
// account. JD's other card of that bank, 1341, is in no file, and nor is the
// day's other business of this one. The file's order numbers are blotted out,
// so that all are the same.
func TestTwoFilesOfOnePerson(t *testing.T) {
	items := jdAndBOC(t)
	got := match.Join(items, nil)
	of := map[string]*connectors.Bill{}
	for _, it := range items {
		of[it.ID] = it.Bill
	}
	var links, gave []string
	for i, j := range got.Joined {
		b := items[i].Bill
		if items[i].Source == "jd" && len(j.Mirrors) > 0 {
			if len(j.Mirrors) != 1 || of[j.Mirrors[0]].Amount != b.Amount {
				t.Errorf("%s %v is with %v", b.At, b.Amount, j.Mirrors)
			}
			links = append(links, b.At.Format("01-02 ")+b.Amount.Value()+" "+string(b.Direction))
			t.Logf("%s %s %s = %s, %d %%", b.At.Format("01-02 15:04"), b.Amount.Value(), b.Method, j.Mirrors[0], j.Sure)
		}
		if j.Refunds != "" {
			p := of[j.Refunds]
			gave = append(gave, b.At.Format("01-02 ")+b.Amount.Value()+" of "+p.Amount.Value())
		}
	}
	slices.Sort(links)
	want := []string{"12-21 68.19 out", "12-24 397.84 in", "12-24 448.32 out", "12-24 468.32 out", "12-24 70.48 in", "12-24 70.48 in",
		"12-28 131.77 out", "12-28 89.84 in", "12-30 60.90 out"}
	if !slices.Equal(links, want) {
		t.Errorf("linked: %q\nwant %q", links, want)
	}
	if len(got.Suggestions) > 0 {
		t.Errorf("suggested: %v", got.Suggestions)
	}
	for i, g := range gave {
		t.Log(i, g)
	}
}
