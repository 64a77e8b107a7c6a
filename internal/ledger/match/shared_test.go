package match_test

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"jali/connectors"
	"jali/connectors/billfile"
	"jali/internal/ledger/match"
)

const sharedData = "../../../../shared/data/double-entry-generator/"

// filed reads files of one person as a ledger would hold them.
func filed(t *testing.T, names ...string) (items []match.Item) {
	t.Helper()
	for _, name := range names {
		r, err := os.Open(sharedData + name)
		if os.IsNotExist(err) {
			t.Skip("../shared/data is not there: no real file is read")
		}
		if err != nil {
			t.Fatal(err)
		}
		f, err := billfile.Read(r, billfile.Options{})
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		for n, a := range f.Accounts {
			tail := ""
			if number := a.Number.RevealString(); len(number) >= 4 {
				tail = number[len(number)-4:]
			}
			for i := range a.Bills {
				items = append(items, match.Item{ID: fmt.Sprintf("%s/%d/%02d", f.Source.ID, n, i), Account: fmt.Sprint(f.Source.ID, n), Source: f.Source.ID,
					Names: []string{f.Source.Name.ZH, f.Source.Name.EN}, Tail: tail, Kind: a.Kind, Bill: &a.Bills[i]})
			}
		}
	}
	return items
}

// found writes down links as days and amounts, sorted.
func found(items []match.Item, source string, got match.Result) (mirrors, refunds []string) {
	of := map[string]*connectors.Bill{}
	for _, it := range items {
		of[it.ID] = it.Bill
	}
	for i, j := range got.Joined {
		if b := items[i].Bill; items[i].Source == source {
			for _, id := range j.Mirrors {
				mirrors = append(mirrors, b.At.Format("01-02 15:04 ")+b.Amount.Value()+" "+string(b.Direction)+" = "+of[id].At.Format("01-02"))
			}
			if j.Refunds != "" {
				refunds = append(refunds, b.At.Format("01-02 15:04 ")+b.Amount.Value()+" of "+of[j.Refunds].Amount.Value())
			}
		}
	}
	slices.Sort(mirrors)
	slices.Sort(refunds)
	return mirrors, refunds
}

// Read by eye: nine of the card's fourteen rows are what JD tells of, and so
// they are linked. JD calls the card 1875, the bank's file 2875; JD's other card
// of that bank, 1341, and its wallet are in no file, and nor is this card's
// other business. The file's order numbers are blotted out, so that all of
// JD's are the same: what is given back follows from words, amounts and times.
func TestTwoFilesOfOnePerson(t *testing.T) {
	items := filed(t, "jd-2024.csv", "boc-credit-2025.csv")
	got := match.Join(items, nil)
	mirrors, refunds := found(items, "jd", got)
	if want := []string{
		"12-21 21:02 68.19 out = 12-21",
		"12-24 22:33 397.84 in = 12-24",
		"12-24 22:33 468.32 out = 12-24",
		"12-24 22:34 70.48 in = 12-24",
		"12-24 22:43 448.32 out = 12-24",
		"12-24 22:43 70.48 in = 12-24",
		"12-28 13:27 131.77 out = 12-28",
		"12-28 13:28 89.84 in = 12-28",
		"12-30 10:40 60.90 out = 12-30",
	}; !slices.Equal(mirrors, want) {
		t.Errorf("linked: %q\nwant %q", mirrors, want)
	}
	if want := []string{
		"12-10 23:41 233.45 of 416.87",
		"12-11 10:38 235.50 of 235.61",
		"12-24 22:33 397.84 of 468.32",
		"12-24 22:34 70.48 of 468.32",
		"12-24 22:43 70.48 of 448.32",
		"12-28 13:28 89.84 of 131.77",
	}; !slices.Equal(refunds, want) {
		t.Errorf("given back: %q\nwant %q", refunds, want)
	}
	_, card := found(items, "boc", got)
	if want := []string{
		"12-24 00:00 397.84 of 468.32",
		"12-24 00:00 70.48 of 448.32",
		"12-24 00:00 70.48 of 468.32",
		"12-28 00:00 89.84 of 131.77",
	}; !slices.Equal(card, want) {
		t.Errorf("given back to the card: %q\nwant %q", card, want)
	}
	for _, s := range got.Suggestions {
		t.Errorf("suggested: %v", s)
	}
}

// The files of different people have nothing in common.
func TestFilesOfStrangersAreNotLinked(t *testing.T) {
	items := filed(t, "meituan-2025.csv", "boc-debit-2025.csv", "boc-credit-2025.csv", "cmb-credit-2024.csv", "cmb-debit-2024.csv", "icbc-credit-2023.csv",
		"bocom-credit-2025.csv", "abc-debit-2025.csv", "ccb-debit-2025.xls", "citic-credit.xls", "wechat-csv-latest.csv", "alipay-app-2023-latest.gb18030.csv", "alipay-web-2021-with-refunds.gb18030.csv")
	for i, j := range match.Join(items, nil).Joined {
		for _, id := range j.Mirrors {
			t.Errorf("%s %s %v is with %s", items[i].ID, items[i].Bill.At, items[i].Bill.Amount, id)
		}
	}
}
