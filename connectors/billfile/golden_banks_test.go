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
	balances      []string          // the first and the last
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
	{
		// Out of the title's January come two rows of the December before.
		file: "cmb-credit-2024.csv", format: "cmb_credit",
		accounts: []goldenAccount{{ref: "credit_card", currency: "CNY", side: "debt", first: "2023-12-29", last: "2024-01-05",
			kinds: map[connectors.Kind]int{"payment": 2, "refund": 1, "repayment": 3},
			flows: map[string]string{"out CNY": "2 8056.78", "in CNY": "1 3.90", "internal CNY": "3 376.90"}}},
	},
	{
		// Rows of one month, taken out of a longer file and not in their order.
		file: "cmb-debit-2024.csv", format: "cmb_debit",
		accounts: []goldenAccount{{ref: "deposit", currency: "CNY", side: "asset", first: "2024-01-01", last: "2024-01-27",
			kinds: map[connectors.Kind]int{"payment": 2, "income": 1, "transfer": 1, "withdrawal": 1},
			flows: map[string]string{"out CNY": "3 1013.14", "in CNY": "1 1234.00", "internal CNY": "1 1000.00"}}},
		problems: []string{"balance_breaks balance 3"},
	},
	{
		// Nine rows of a longer file under its sums, which were overwritten.
		file: "icbc-credit-2023.csv", format: "icbc_credit",
		accounts: []goldenAccount{{ref: "credit_card 1234****5678", currency: "CNY", side: "debt", first: "2023-03-20", last: "2023-05-05",
			kinds: map[connectors.Kind]int{"payment": 8, "repayment": 1},
			flows: map[string]string{"out CNY": "8 363.13", "internal CNY": "1 4621.01"}}},
		problems: []string{"sum_differs in 1234.56 CNY 4621.01 CNY", "sum_differs out 6543.21 CNY 363.13 CNY", "balance_breaks balance 5"},
	},
	{
		// Every balance is "xx,yyyy.zz" and the sums were overwritten. One
		// payment over UnionPay repays another bank's card.
		file: "icbc-debit-v2-2024.csv", format: "icbc_debit",
		accounts: []goldenAccount{{ref: "deposit 1234****9876", currency: "CNY", side: "asset", first: "2023-02-08", last: "2023-05-02",
			kinds: map[connectors.Kind]int{"payment": 2, "repayment": 2, "transfer": 3, "income": 2, "redemption": 1, "refund": 1},
			flows: map[string]string{"out CNY": "4 1771.96", "in CNY": "4 2500.16", "internal CNY": "3 2810.70"}}},
		problems: []string{"sum_differs in 1234.56 CNY 2841.74 CNY", "sum_differs out 9876.54 CNY 4241.08 CNY", "claim_unreadable balance"},
	},
	{
		file: "bocom-credit-2025.csv", format: "bocom_credit",
		accounts: []goldenAccount{{ref: "credit_card", side: "debt", first: "2025-01-10", last: "2025-01-29",
			kinds: map[connectors.Kind]int{"payment": 4, "refund": 2, "repayment": 2},
			flows: map[string]string{"out CNY": "4 73.58", "in CNY": "2 125.17", "internal CNY": "2 680.10"}}},
	},
	{
		// The balances belong to rows that are not there.
		file: "abc-debit-2025.csv", format: "abc_debit",
		accounts: []goldenAccount{{ref: "deposit", currency: "CNY", side: "asset", first: "2024-01-01 12:34:56", last: "2024-01-04",
			kinds:    map[connectors.Kind]int{"payment": 1, "transfer": 1, "repayment": 1, "interest": 1, "fee": 1},
			flows:    map[string]string{"out CNY": "1 10.00", "in CNY": "3 10000.01", "internal CNY": "1 12345.89"},
			balances: []string{"1000.00", "123.35"}}},
		problems: []string{"balance_breaks balance 3"},
	},
	{
		// A salary in yuan was put in, and one in dollars after whose balance
		// the account must have been 8211.33 below nothing.
		file: "hsbchk-debit.csv", format: "hsbc_hk_debit",
		accounts: []goldenAccount{
			{ref: "deposit HKD", currency: "HKD", side: "asset", first: "2025-03-01", last: "2025-03-24",
				kinds:    map[connectors.Kind]int{"other": 1, "withdrawal": 2, "transfer": 2, "payment": 2, "income": 1, "interest": 1},
				flows:    map[string]string{"out HKD": "4 2426.50", "in HKD": "3 13005.45", "internal HKD": "2 1100.00"},
				balances: []string{"10555.88", "3612.17"}},
			{ref: "deposit", currency: "CNY", side: "asset", first: "2025-03-12", last: "2025-03-12",
				kinds:    map[connectors.Kind]int{"income": 1},
				flows:    map[string]string{"in CNY": "1 12500.00"},
				balances: []string{"0.00", "12500.00"}},
		},
		problems: []string{"balance_breaks balance 1"},
	},
	{
		// What was bought of dollars on two days came from two of the rows in yuan.
		file: "cib-debit-cny-2026.xlsx", format: "cib_debit",
		accounts: []goldenAccount{{ref: "deposit CARD-MOCK-001 001", currency: "CNY", side: "asset", first: "2024-01-01", last: "2024-01-07",
			kinds:    map[connectors.Kind]int{"transfer": 5, "payment": 1, "interest": 1},
			flows:    map[string]string{"out CNY": "1 20.00", "in CNY": "2 10.01", "internal CNY": "4 81.00"},
			balances: []string{"0.00", "0.01"}}},
		problems: []string{"balance_breaks balance 2"},
	},
	{
		file: "cib-debit-usd-2026.xlsx", format: "cib_debit",
		accounts: []goldenAccount{{ref: "deposit CARD-MOCK-001 003 USD", currency: "USD", side: "asset", first: "2024-01-06", last: "2024-01-08",
			kinds:    map[connectors.Kind]int{"transfer": 3},
			flows:    map[string]string{"out USD": "1 70.00", "internal USD": "2 70.00"},
			balances: []string{"0.00", "0.00"}}},
	},
	{
		// One balance is of a row that was taken out.
		file: "ccb-debit-2025.xls", format: "ccb_debit",
		accounts: []goldenAccount{{ref: "deposit xxxxx*********xxxx", currency: "CNY", side: "asset", first: "2025-01-01 18:53:19", last: "2025-01-06 12:03:39",
			kinds:    map[connectors.Kind]int{"payment": 6},
			flows:    map[string]string{"out CNY": "6 703.26"},
			balances: []string{"2243.91", "1494.65"}}},
		problems: []string{"balance_breaks balance 1"},
	},
	{
		file: "citic-credit.xls", format: "citic_credit",
		accounts: []goldenAccount{{ref: "credit_card", side: "debt", first: "2024-10-20", last: "2024-11-09",
			kinds: map[connectors.Kind]int{"payment": 11, "income": 1, "repayment": 1},
			flows: map[string]string{"out CNY": "11 1098.80", "in CNY": "1 0.20", "internal CNY": "1 1.21"}}},
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
