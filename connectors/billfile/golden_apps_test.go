package billfile

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/money"
)

// goldenApps are what merchants' apps have exported, counted by a script of
// its own and by eye. Nothing in them disagrees.
var goldenApps = []golden{
	{
		// JD's claimed sums are 1648.43 out and 1097.59 neither. The rows give
		// 2277.70 and 1601.52: less what came back of the four that were
		// refunded in part (629.27), of the one refunded in full (468.32), and
		// the promise of 35.61, they agree.
		file: "double-entry-generator/jd-2024.csv", format: "jd",
		rows: 26, first: "2024-12-05 22:49:55", last: "2024-12-30 17:16:02",
		kinds:  map[connectors.Kind]int{"payment": 17, "refund": 6, "adjustment": 3},
		states: map[connectors.BillState]int{"booked": 25, "reversed": 1},
		sides:  map[connectors.Direction]string{"in": "7 1097.59", "out": "19 2781.63"},
		flows:  map[connectors.Flow]string{"in": "6 1097.59", "out": "17 2746.02", "internal": "3 35.61"},
	},
	{
		// Meituan counts the repayment of 48.12 as the 23rd that went out, and
		// leaves it out of the sum of 1175.68.
		file: "double-entry-generator/meituan-2025.csv", format: "meituan",
		rows: 29, first: "2025-02-02 21:30:30", last: "2025-02-28 20:35:25",
		kinds:  map[connectors.Kind]int{"payment": 22, "refund": 6, "repayment": 1},
		states: map[connectors.BillState]int{"booked": 29},
		sides:  map[connectors.Direction]string{"in": "6 209.73", "out": "23 1223.80"},
		flows:  map[connectors.Flow]string{"in": "6 209.73", "out": "22 1175.68", "internal": "1 48.12"},
	},
}

func TestPublishedAppFiles(t *testing.T) {
	for _, want := range goldenApps {
		t.Run(filepath.Base(want.file), func(t *testing.T) {
			f, err := Read(openShared(t, want.file), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, goldenOf(want.file, f), cmp.AllowUnexported(golden{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			checkSound(t, f)
		})
	}
}

// goldenDocuments are the camt files, read by eye. They are examples whose
// balances and periods were made up one by one: what does not add up in them
// is said.
var goldenDocuments = []struct {
	file, format, source string
	accounts             []string // name, rows, sums by direction, kinds, first and last day, balances
	problems             []string
}{
	{"camt052.v8.xml", "camt052", "bank_ch_01234",
		[]string{"CH2801234000123456789 SEK rows 1 out 200000.00 SEK transfer 2007-10-18 2007-10-18"}, nil},
	{"camt053.v2.minimal.xml", "camt053", "bank_nl_vayb", // opened in EUR, closed in SEK; of 2007, its row of 2014
		[]string{"NL26VAYB8060476890 EUR rows 1 in 8.85 EUR other 2014-12-31 2014-12-31 | 2007-10-18 18.15 EUR"},
		[]string{"claim_unreadable balance", "outside_period period 1"}},
	{"camt053.v2.five.decimals.xml", "camt053", "bank_nl_vayb", // 18.150 + 8.850 is not 27.050
		[]string{"NL26VAYB8060476890 EUR rows 1 in 8.85 EUR other 2014-12-31 2014-12-31 | 2014-12-31 18.15 EUR | 2015-01-01 27.05 EUR"},
		[]string{"sum_differs balance 27.05 EUR 27.00 EUR"}},
	{"camt053.v2.all-balance-types.xml", "camt053", "bank_ch_01234",
		[]string{"CH2801234000123456789 EUR rows 1 in 8.85 EUR other 2014-12-31 2014-12-31 | 2014-12-31 1.01 EUR | 2015-01-23 4.04 EUR"},
		[]string{"sum_differs balance 4.04 EUR 9.86 EUR"}},
	{"camt053.v2.multi.statement.xml", "camt053", "bank_nl_vayb", // 18.15 + 8.85 = 27.00, and 27.00 − 7.00 = 20.00
		[]string{"NL26VAYB8060476890 EUR rows 2 in 8.85 EUR out 7.00 EUR other 2014-12-31 2014-12-31 | 2007-10-18 18.15 EUR | 2015-01-01 20.00 EUR"},
		[]string{"outside_period period 1"}},
	{"camt053.v4.xml", "camt053", "bank_nl_vayb",
		[]string{"NL26VAYB8060476890 EUR rows 1 in 8.85 EUR other 2014-12-31 2014-12-31 | 2007-10-18 18.15 EUR"},
		[]string{"claim_unreadable balance", "outside_period period 1"}},
	{"camt053.v8.xml", "camt053", "bank_nl_vayb",
		[]string{"NL26VAYB8060476890 EUR rows 1 in 8.85 EUR transfer 2014-12-31 2014-12-31 | 2007-10-18 18.15 EUR"},
		[]string{"claim_unreadable balance", "outside_period period 1"}},
	{"camt054.v4.xml", "camt054", "bank_ch_01234", // three details in CHF of one entry in SEK
		[]string{"CH2801234000123456789 SEK rows 1 out 200000.00 SEK transfer 2007-10-18 2007-10-18"}, nil},
}

func TestPublishedDocuments(t *testing.T) {
	for _, want := range goldenDocuments {
		t.Run(want.file, func(t *testing.T) {
			f, err := Read(openShared(t, "camt/"+want.file), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if f.Format != want.format || f.Source.ID != want.source {
				t.Errorf("format %s of %s, want %s of %s", f.Format, f.Source.ID, want.format, want.source)
			}
			if diff := cmp.Diff(want.accounts, accountsOf(f)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(want.problems, problemsOf(f)); diff != "" {
				t.Errorf("problems: -want +got:\n%s", diff)
			}
		})
	}
}

// accountsOf sums up each account of a file in a line.
func accountsOf(f *File) (lines []string) {
	for _, a := range f.Accounts {
		s := fmt.Sprint(a.Number.RevealString(), " ", a.Currency, " rows ", len(a.Bills))
		sums, kinds, days := map[connectors.Direction]money.Amount{}, []string{}, []string{}
		for _, b := range a.Bills {
			sums[b.Direction], _ = sums[b.Direction].Add(b.Amount)
			kinds, days = append(kinds, string(b.Kind)), append(days, b.At.Format("2006-01-02"))
		}
		for _, way := range []connectors.Direction{connectors.In, connectors.Out} {
			if sum, ok := sums[way]; ok {
				s += fmt.Sprint(" ", way, " ", sum)
			}
		}
		slices.Sort(kinds)
		slices.Sort(days)
		if len(days) > 0 {
			s += " " + strings.Join(slices.Compact(kinds), ",") + " " + days[0] + " " + days[len(days)-1]
		}
		for _, b := range a.Balances {
			s += fmt.Sprint(" | ", b.At.Format("2006-01-02"), " ", b.Amount)
		}
		lines = append(lines, s)
	}
	return lines
}
