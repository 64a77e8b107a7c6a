package billfile

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
)

// TestRunningBalances reads tables that a person has drawn: date, clock, in,
// out, balance, currency.
func TestRunningBalances(t *testing.T) {
	const head = "date,time,in,out,balance,currency\n"
	for _, tt := range []struct {
		why, rows string
		debt      bool
		balances  string
		problems  []string
	}{
		{"old to new", "2024-05-01,,,10,90,\n2024-05-02,,5,,95,\n2024-05-04,,,5,90,\n", false,
			"05-01 100.00, 05-02 90.00, 05-03 95.00, 05-05 90.00", nil},
		{"new to old", "2024-05-04,,,5,90,\n2024-05-02,,5,,95,\n2024-05-01,,,10,90,\n", false,
			"05-01 100.00, 05-02 90.00, 05-03 95.00, 05-05 90.00", nil},
		{"a row taken out between days", "2024-05-01,,,10,90,\n2024-05-04,,,5,90,\n", false,
			"05-01 100.00, 05-02 90.00, 05-05 90.00", []string{"balance_breaks balance 1 line 3"}},
		{"and where the newest is first", "2024-05-04,,,5,90,\n2024-05-01,,,10,90,\n", false,
			"05-01 100.00, 05-02 90.00, 05-05 90.00", []string{"balance_breaks balance 1 line 2"}},
		{"a row taken out of a day", "2024-05-01,10:00,,10,90,\n2024-05-01,12:00,,5,80,\n", false,
			"", []string{"balance_breaks balance 1 line 3"}},
		{"an amount that was changed", "2024-05-01,,,10,90,\n2024-05-02,,,7,80,\n2024-05-03,,,5,75,\n", false,
			"05-01 100.00, 05-02 90.00, 05-03 80.00, 05-04 75.00", []string{"balance_breaks balance 1 line 3"}},
		{"the rows of a day in any order", "2024-05-01,,,10,75,\n2024-05-01,,,10,90,\n2024-05-01,,,5,85,\n2024-05-02,,1,,76,\n", false,
			"05-01 100.00, 05-02 75.00, 05-03 76.00", nil},
		{"days from new to old, rows of a day from old to new", "2024-05-02,09:00,1,,86,\n2024-05-02,10:00,,6,80,\n2024-05-01,09:00,,10,90,\n2024-05-01,10:00,,5,85,\n", false,
			"05-01 100.00, 05-02 85.00, 05-03 80.00", nil},
		{"a row of nothing", "2024-05-01,,,10,90,\n2024-05-02,,0,,90,\n2024-05-03,,,10,80,\n", false,
			"05-01 100.00, 05-02 90.00, 05-03 90.00, 05-04 80.00", nil},
		{"one row of nothing alone", "2024-05-01,,0,,90,\n", false, "05-01 90.00, 05-02 90.00", nil},
		{"there and back in a day", "2024-05-01,,,10,90,\n2024-05-01,,10,,100,\n2024-05-02,,,1,99,\n", false,
			"05-01 100.00, 05-02 100.00, 05-03 99.00", nil},
		{"a row without a balance is counted with the next", "2024-05-01,,,10,90,\n2024-05-02,,,5,,\n2024-05-03,,,5,80,\n", false,
			"05-01 100.00, 05-02 90.00, 05-04 80.00", nil},
		{"and beside one that has it", "2024-05-01,,,10,90,\n2024-05-02,,,5,85,\n2024-05-02,,,3,,\n2024-05-03,,,2,80,\n", false,
			"05-01 100.00, 05-02 90.00, 05-04 80.00", nil},
		{"and hides nothing", "2024-05-01,,,10,90,\n2024-05-02,,,5,,\n2024-05-03,,,5,79,\n", false,
			"05-01 100.00, 05-02 90.00, 05-04 79.00", []string{"balance_breaks balance 1 line 4"}},
		{"no balance at all", "2024-05-01,,,10,,\n2024-05-02,,,5,,\n", false, "", nil},
		{"one that cannot be read", "2024-05-01,,,10,xx,\n2024-05-02,,,5,85,\n", false,
			"05-03 85.00", []string{"claim_unreadable balance line 2"}},
		{"a debt", "2024-05-01,,,10,-110,\n2024-05-02,,60,,-50,\n", true, "05-01 100.00, 05-02 110.00, 05-03 50.00", nil},
		{"a debt that does not follow", "2024-05-01,,,10,-110,\n2024-05-02,,60,,-40,\n", true,
			"05-01 100.00, 05-02 110.00, 05-03 40.00", []string{"balance_breaks balance 1 line 3"}},
		{"two currencies, row by row", "2024-05-01,,,10,90,CNY\n2024-05-01,,,1,9,USD\n2024-05-02,,,10,80,CNY\n2024-05-02,,,1,8,USD\n", false,
			"05-01 100.00, 05-02 90.00, 05-03 80.00; 05-01 10.00, 05-02 9.00, 05-03 8.00", nil},
		{"days in no order: they are only held against each other", "2024-05-02,,,1,99,\n2024-05-01,,,1,98,\n2024-05-03,,,1,97,\n", false, "", nil},
	} {
		t.Run(tt.why, func(t *testing.T) {
			m := Mapping{Header: strings.Split(strings.TrimSpace(head), ","), Source: "河边银行", Account: "卡", Kind: connectors.Deposit, Side: connectors.Asset,
				Currency: "CNY", Date: "date", Time: "time", DateOrder: "ymd", In: "in", Out: "out", Balance: "balance", CurrencyIn: "currency"}
			if tt.debt {
				m.Kind, m.Side = connectors.CreditCard, connectors.Debt
			}
			f, err := Read(strings.NewReader(head+tt.rows), Options{Mapping: &m})
			if err != nil {
				t.Fatal(err)
			}
			var accounts []string
			for _, a := range f.Accounts {
				var told []string
				for _, b := range a.Balances {
					told = append(told, b.At.Format("01-02 ")+b.Amount.Value())
					for _, bill := range a.Bills {
						if end := bill.At; bill.DateOnly && end.Before(b.At) && end.AddDate(0, 0, 1).After(b.At) {
							t.Errorf("a bill of %v is on both sides of the balance of %v", bill.At, b.At)
						}
					}
				}
				accounts = append(accounts, strings.Join(told, ", "))
			}
			if got := strings.Join(accounts, "; "); got != tt.balances {
				t.Errorf("balances %s\nwant     %s", got, tt.balances)
			}
			var problems []string
			for _, p := range f.Problems {
				problems = append(problems, told(p)+" line "+itoa(p.Line))
			}
			if diff := cmp.Diff(tt.problems, problems); diff != "" {
				t.Errorf("problems: -want +got:\n%s", diff)
			}
		})
	}
}

// One row left out anywhere, or one amount changed, is always told.
func TestABreakIsNeverSwallowed(t *testing.T) {
	m := Mapping{Header: []string{"date", "amount", "balance"}, Source: "河边银行", Account: "卡", Kind: connectors.Deposit, Side: connectors.Asset,
		Currency: "CNY", Date: "date", DateOrder: "ymd", Amount: "amount", Minus: "out", Balance: "balance"}
	var rows []string
	balance := 1000
	for i := range 40 {
		amount := 1 + i*i%17
		balance -= amount
		rows = append(rows, "2024-05-"+pad(1+i/4)+",-"+itoa(amount)+","+itoa(balance))
	}
	read := func(rows []string) int {
		f, err := Read(strings.NewReader("date,amount,balance\n"+strings.Join(rows, "\n")+"\n"), Options{Mapping: &m})
		if err != nil {
			t.Fatal(err)
		}
		return len(f.Problems)
	}
	if n := read(rows); n != 0 {
		t.Fatalf("%d problems of a sound file", n)
	}
	for i := 1; i < len(rows)-1; i++ {
		if without := append(append([]string{}, rows[:i]...), rows[i+1:]...); read(without) == 0 {
			t.Errorf("row %d left out is not told", i)
		}
		changed := append([]string{}, rows...)
		changed[i] = strings.Replace(changed[i], ",-", ",-3", 1)
		if read(changed) == 0 {
			t.Errorf("row %d with another amount is not told", i)
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func pad(n int) string { return fmt.Sprintf("%02d", n) }
