package billfile

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/money"
)

// goldenBank is what a bank's published file holds, counted as [golden] says.
type goldenBank struct {
	file, format string
	accounts     []goldenAccount
	problems     []string
}

type goldenAccount struct {
	ref, currency string
	side          connectors.Side
	first, last   string
	kinds         map[connectors.Kind]int
	flows         map[string]string // "in CNY": count and sum
	balances      []string          // opening and closing
}

var goldenBanks = []goldenBank{
	{
		file: "boc-debit-2025.csv", format: "boc_debit",
		accounts: []goldenAccount{{ref: "deposit ****3167", currency: "CNY", side: "asset", first: "2025-08-01 08:57:00", last: "2025-08-22 17:57:17",
			kinds:    map[connectors.Kind]int{"payment": 12, "refund": 1, "transfer": 2, "income": 1, "withdrawal": 1},
			flows:    map[string]string{"out CNY": "13 9394.30", "in CNY": "3 6821.00", "internal CNY": "1 3000.00"},
			balances: []string{"2813.58", "3240.28"}}},
	},
	{
		// Two cards of one account, and one row of the bank's own without a card.
		file: "boc-credit-2025.csv", format: "boc_credit",
		accounts: []goldenAccount{{ref: "credit_card", side: "debt", first: "2024-12-13", last: "2024-12-30",
			kinds: map[connectors.Kind]int{"payment": 8, "refund": 4, "interest": 1, "repayment": 1},
			flows: map[string]string{"out CNY": "7 1228.09", "in CNY": "5 628.65", "internal CNY": "1 361.19", "out USD": "1 3.72"}}},
	},
}

func TestPublishedBankFiles(t *testing.T) {
	for _, want := range goldenBanks {
		t.Run(filepath.Base(want.file), func(t *testing.T) {
			f, err := Read(openShared(t, "double-entry-generator/"+want.file), Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := goldenBankOf(f)
			got.file = want.file
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(goldenBank{}, goldenAccount{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			checkSound(t, f)
		})
	}
}

func goldenBankOf(f *File) goldenBank {
	g := goldenBank{format: f.Format}
	for _, a := range f.Accounts {
		ga := goldenAccount{ref: a.Ref.ID.RevealString(), currency: a.Currency, side: a.Side, kinds: map[connectors.Kind]int{}, flows: map[string]string{}}
		count, sums := map[string]int{}, map[string]money.Amount{}
		for _, b := range a.Bills {
			at := b.At.Format("2006-01-02 15:04:05")
			if b.DateOnly {
				at = at[:10]
			}
			if ga.first == "" || at < ga.first {
				ga.first = at
			}
			ga.last = max(ga.last, at)
			ga.kinds[b.Kind]++
			key := string(b.Flow) + " " + b.Amount.Currency
			count[key]++
			sums[key], _ = sums[key].Add(b.Amount)
		}
		for key, n := range count {
			ga.flows[key] = fmt.Sprint(n, " ", sums[key].Value())
		}
		if n := len(a.Balances); n > 0 {
			ga.balances = []string{a.Balances[0].Amount.Value(), a.Balances[n-1].Amount.Value()}
		}
		g.accounts = append(g.accounts, ga)
	}
	for _, p := range f.Problems {
		g.problems = append(g.problems, told(p))
	}
	return g
}
