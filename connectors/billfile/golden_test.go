package billfile

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
	"jali/connectors/money"
)

// golden is what a published export holds, counted by hand and by a script of
// its own before it was written down here. The publishers replaced order
// numbers, added and removed rows and left preamble and footer as they were;
// what follows from that is listed as the file's disagreements with itself.
type golden struct {
	file        string
	format      string
	rows        int
	first, last string
	kinds       map[connectors.Kind]int
	states      map[connectors.BillState]int
	sides       map[connectors.Direction]string // count and sum per direction
	flows       map[connectors.Flow]string
	problems    []string
}

var wechatLater = golden{
	rows: 27, first: "2017-10-20 18:36:44", last: "2024-06-07 23:40:27",
	kinds: map[connectors.Kind]int{"payment": 9, "red_packet": 1, "transfer": 1, "income": 3, "investment": 4, "withdrawal": 3,
		"repayment": 1, "redemption": 2, "topup": 1, "other": 2},
	states: map[connectors.BillState]int{"booked": 27},
	sides:  map[connectors.Direction]string{"in": "7 3963.27", "out": "20 25070.64"},
	flows:  map[connectors.Flow]string{"in": "5 28.49", "out": "11 2904.53", "internal": "11 26100.89"},
}

func (g golden) from(file, format string, problems ...string) golden {
	g.file, g.format, g.problems = file, format, problems
	return g
}

var goldens = []golden{
	{
		// Four rows of 2020 and 2021, two payments and their refunds, were put
		// in beside the two of 2019 that the footer's sums still speak of; its
		// count of all rows was mended.
		file: "double-entry-generator/alipay-web-2021-with-refunds.gb18030.csv", format: "alipay_web",
		rows: 6, first: "2019-09-30 05:26:50", last: "2021-02-06 14:53:31",
		kinds:  map[connectors.Kind]int{"payment": 3, "interest": 1, "refund": 2},
		states: map[connectors.BillState]int{"booked": 5, "reversed": 1},
		sides:  map[connectors.Direction]string{"in": "3 2808.43", "out": "3 3110.00"},
		flows:  map[connectors.Flow]string{"in": "3 2808.43", "out": "3 3110.00"},
		problems: []string{"count_differs out 1 3", "sum_differs out 27.00 CNY 3110.00 CNY",
			"outside_period period 4"},
	},
	{
		// Six rows were taken out, counts overwritten with "x" and sums with
		// 1234.56 and 9876.54; rows of 2020 and of late 2021 were added.
		file: "double-entry-generator/alipay-app-2021-footer-meta.gb18030.csv", format: "alipay_app_2021",
		rows: 15, first: "2020-06-02 15:34:06", last: "2021-12-11 16:53:51",
		kinds: map[connectors.Kind]int{"payment": 6, "refund": 1, "investment": 4, "interest": 1, "redemption": 1, "income": 1,
			"transfer": 1},
		states: map[connectors.BillState]int{"booked": 14, "reversed": 1},
		sides:  map[connectors.Direction]string{"in": "5 177.41", "out": "10 3393.81"},
		flows:  map[connectors.Flow]string{"in": "4 162.01", "out": "6 321.81", "internal": "5 3087.40"},
		problems: []string{"count_differs total 21 15", "count_differs in 0 2", "sum_differs in 0.00 CNY 52.00 CNY",
			"sum_differs out 1234.56 CNY 321.81 CNY", "sum_differs other 9876.54 CNY 3197.41 CNY",
			"outside_period period 9", "claim_unreadable out", "claim_unreadable other"},
	},
	{
		// 66 rows became ten, most with other amounts and from other months.
		// The one income is still one, but now of 222228.50.
		file: "double-entry-generator/alipay-app-2023-latest.gb18030.csv", format: "alipay_app_2023",
		rows: 10, first: "2023-01-09 18:21:50", last: "2023-07-10 13:20:16",
		kinds:  map[connectors.Kind]int{"payment": 6, "refund": 2, "redemption": 1, "transfer": 1},
		states: map[connectors.BillState]int{"booked": 7, "pending": 1, "failed": 1, "reversed": 1},
		sides:  map[connectors.Direction]string{"in": "4 222393.87", "out": "6 293.64"},
		flows:  map[connectors.Flow]string{"in": "3 222294.53", "out": "5 211.64", "internal": "2 181.34"},
		problems: []string{"count_differs total 66 10", "sum_differs in 28.50 CNY 222228.50 CNY",
			"count_differs out 63 5", "sum_differs out 16.54 CNY 211.64 CNY", "count_differs other 2 4",
			"sum_differs other 16.37 CNY 247.37 CNY", "outside_period period 9"},
	},
	{
		// A catalogue of rows out of years of exports, all dated 2025, under
		// the preamble of one export of 734 rows of 2022 and 2023. Two rows of
		// 0.00 let a deposit go (解冻): they come in.
		file: "beancount-trans/alipay-all-types-2023.csv", format: "alipay_app_2023",
		rows: 138, first: "2025-01-01 08:00:00", last: "2025-08-31 12:11:19",
		kinds: map[connectors.Kind]int{"payment": 82, "investment": 9, "withdrawal": 2, "redemption": 4, "loan": 2, "repayment": 11,
			"adjustment": 4, "red_packet": 3, "topup": 2, "transfer": 5, "fee": 2, "interest": 2, "income": 10},
		states: map[connectors.BillState]int{"booked": 130, "failed": 4, "reversed": 1, "pending": 3},
		sides:  map[connectors.Direction]string{"in": "25 6452.16", "out": "113 33148.16"},
		flows:  map[connectors.Flow]string{"in": "16 2207.93", "out": "83 18902.70", "internal": "39 18489.69"},
		problems: []string{"count_differs total 734 138", "count_differs in 27 14", "sum_differs in 8489.01 CNY 2207.91 CNY",
			"count_differs out 528 84", "sum_differs out 65003.88 CNY 18952.70 CNY", "count_differs other 179 40",
			"sum_differs other 20054.44 CNY 18439.71 CNY", "outside_period period 138"},
	},
	{
		// Two rows of September 2019 with the sums of that export; 17 of other
		// years were added, 43 are still claimed.
		file: "double-entry-generator/wechat-2022-bare-quotes.csv", format: "wechat_csv",
		rows: 19, first: "2017-10-20 18:36:44", last: "2021-12-15 23:51:35",
		kinds: map[connectors.Kind]int{"payment": 5, "red_packet": 1, "transfer": 1, "income": 2, "investment": 3, "withdrawal": 3,
			"repayment": 1, "redemption": 2, "topup": 1},
		states: map[connectors.BillState]int{"booked": 19},
		sides:  map[connectors.Direction]string{"in": "5 3958.20", "out": "14 24972.50"},
		flows:  map[connectors.Flow]string{"in": "3 23.42", "out": "6 2807.62", "internal": "10 26099.66"},
		problems: []string{"count_differs total 43 19", "count_differs in 1 3", "sum_differs in 0.35 CNY 23.42 CNY",
			"count_differs out 1 6", "sum_differs out 28.16 CNY 2807.62 CNY", "count_differs other 0 10",
			"sum_differs other 0.00 CNY 26099.66 CNY", "outside_period period 17"},
	},
	// The same preamble over 27 rows, as CSV and as the two workbooks.
	wechatLater.from("double-entry-generator/wechat-csv-latest.csv", "wechat_csv", laterProblems("43")...),
	// The workbooks claim ten rows, and hold the old CSV once more as a second
	// sheet that a spreadsheet program made.
	wechatLater.from("double-entry-generator/wechat-2025-07.xlsx", "wechat_xlsx_text", append(laterProblems("10"), "sheet_ignored total 27")...),
	wechatLater.from("double-entry-generator/wechat-2026-03.xlsx", "wechat_xlsx_number", append(laterProblems("10"), "sheet_ignored total 27")...),
}

func laterProblems(claimed string) []string {
	return []string{"count_differs total " + claimed + " 27", "count_differs in 1 5", "sum_differs in 0.35 CNY 28.49 CNY",
		"count_differs out 1 11", "sum_differs out 28.16 CNY 2904.53 CNY", "count_differs other 0 11",
		"sum_differs other 0.00 CNY 26100.89 CNY", "outside_period period 25"}
}

func TestPublishedFiles(t *testing.T) {
	for _, want := range goldens {
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

// The three WeChat files that tell of the same rows give the same bills, ids
// included: whoever uploads the CSV after the workbook has nothing twice.
func TestGenerationsAgree(t *testing.T) {
	var first []connectors.Bill
	for _, name := range []string{"wechat-csv-latest.csv", "wechat-2025-07.xlsx", "wechat-2026-03.xlsx"} {
		f, err := Read(openShared(t, "double-entry-generator/"+name), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = f.Accounts[0].Bills
		}
		if diff := cmp.Diff(first, f.Accounts[0].Bills); diff != "" {
			t.Errorf("%s: -csv +this:\n%s", name, diff)
		}
	}
}

func goldenOf(file string, f *File) golden {
	g := golden{file: file, format: f.Format, rows: len(f.Accounts[0].Bills), kinds: map[connectors.Kind]int{},
		states: map[connectors.BillState]int{}, sides: map[connectors.Direction]string{}, flows: map[connectors.Flow]string{}}
	count, sums := map[string]int{}, map[string]money.Amount{}
	for _, b := range f.Accounts[0].Bills {
		at := b.At.Format("2006-01-02 15:04:05")
		if g.first == "" || at < g.first {
			g.first = at
		}
		g.last = max(g.last, at)
		g.kinds[b.Kind]++
		g.states[b.State]++
		for _, key := range []string{"d" + string(b.Direction), "f" + string(b.Flow)} {
			count[key]++
			sums[key], _ = sums[key].Add(b.Amount)
		}
	}
	for key, n := range count {
		s := fmt.Sprint(n, " ", sums[key].Value())
		if key[0] == 'd' {
			g.sides[connectors.Direction(key[1:])] = s
		} else {
			g.flows[connectors.Flow(key[1:])] = s
		}
	}
	for _, p := range f.Problems {
		g.problems = append(g.problems, told(p))
	}
	return g
}

func told(p Problem) string {
	switch p.Code {
	case "count_differs":
		return fmt.Sprint(p.Code, " ", p.Of, " ", p.ClaimedCount, " ", p.RowCount)
	case "sum_differs":
		return fmt.Sprint(p.Code, " ", p.Of, " ", p.Claimed, " ", p.Rows)
	case "claim_unreadable":
		return p.Code + " " + p.Of
	default:
		return fmt.Sprint(p.Code, " ", p.Of, " ", p.RowCount)
	}
}

// openShared finds the folder of published files beside the repository.
func openShared(t *testing.T, name string) *os.File {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the package")
		}
		dir = filepath.Dir(dir)
	}
	f, err := os.Open(filepath.Join(filepath.Dir(dir), "shared", "data", name))
	if os.IsNotExist(err) {
		t.Skip("the published files are not here; the fixtures of this package cover the same formats")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
