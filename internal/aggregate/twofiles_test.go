package aggregate_test

import (
	"os"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"jali/internal/aggregate"
)

// Two files of one person, as JD and Bank of China exported them: of the
// card's fourteen rows nine are JD's payments and refunds, read by eye. The
// two refunds of 70.48 are each linked to one, and nothing else is linked.
func TestAShopAndACardOfOnePerson(t *testing.T) {
	h := newHouse(t)
	p := h.person("li")
	for _, name := range []string{"jd-2024.csv", "boc-credit-2025.csv"} {
		text, err := os.ReadFile("../../../shared/data/double-entry-generator/" + name)
		if os.IsNotExist(err) {
			t.Skip("the published files are not here; the fixtures of package match cover the same rules")
		}
		if err != nil {
			t.Fatal(err)
		}
		h.importFile(p.Person, string(text), aggregate.Taking{Accept: true})
	}
	look, err := h.Own(t.Context(), p, time.Date(2024, 12, 1, 0, 0, 0, 0, shanghai), time.Date(2025, 1, 31, 0, 0, 0, 0, shanghai))
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]aggregate.OwnBill{}
	for _, b := range look.Bills {
		of[b.ID] = b
	}
	if len(of) != 40 {
		t.Errorf("%d bills, want 26 of JD and 14 of the card", len(of))
	}
	card := ""
	for _, a := range look.Accounts {
		if a.Source.ID == "boc" {
			card = string(a.ID)
		}
	}
	var linked []string
	for _, b := range look.Bills {
		if string(b.Account) == card || len(b.Mirrors) == 0 {
			continue
		}
		if len(b.Mirrors) != 1 || string(of[b.Mirrors[0]].Account) != card || of[b.Mirrors[0]].Amount != b.Amount || of[b.Mirrors[0]].Counted == b.Counted {
			t.Errorf("%s %s of JD is linked to %q", b.At.Format(time.DateTime), b.Amount, b.Mirrors)
		}
		linked = append(linked, string(b.Direction)+" "+b.Amount.Value())
	}
	slices.Sort(linked)
	want := []string{"in 397.84", "in 70.48", "in 70.48", "in 89.84", "out 131.77", "out 448.32", "out 468.32", "out 60.90", "out 68.19"}
	if diff := gocmp.Diff(want, linked); diff != "" {
		t.Errorf("-want +linked:\n%s", diff)
	}
}
