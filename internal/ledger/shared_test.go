package ledger_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"jali/connectors/billfile"
	"jali/internal/ledger"
)

// mostOther is how many in a hundred bills of real exports may be filed under
// nothing. What is left are people's names, redacted texts and shops that say
// nothing of their trade.
const mostOther = 8

// Real exports are read where they are at hand, and filed.
func TestFewRealBillsAreFiledUnderOther(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/data/*/*")
	all, other, by := 0, 0, map[string]int{}
	words := ledger.Words{}
	for _, name := range files {
		r, err := os.Open(name)
		if err != nil {
			continue
		}
		f, err := billfile.Read(r, billfile.Options{})
		r.Close()
		if err != nil {
			continue // no bill file, or none of a known form
		}
		for _, a := range f.Accounts {
			here := 0
			for _, b := range a.Bills {
				code, who := words.File("", &b)
				all++
				by[who]++
				if code == "other" && who != ledger.ByRule {
					other++
					here++
					if testing.Verbose() {
						t.Log(f.Format, b.Kind, b.RawKind, "|", b.Counterparty, "|", b.Description, "|", b.Category)
					}
				}
			}
			if here > 0 {
				t.Logf("%s: %d of %d", filepath.Base(name), here, len(a.Bills))
			}
		}
	}
	if all == 0 {
		t.Skip("no real exports are at hand")
	}
	t.Logf("%d bills, filed by %v, %d under nothing (%.1f %%)", all, by, other, 100*float64(other)/float64(all))
	if other*100 > all*mostOther {
		t.Errorf("%d of %d are filed under nothing", other, all)
	}
	if !slices.Contains(slices.Collect(maps.Keys(by)), ledger.BySource) {
		t.Error("no source's own category was of use")
	}
}
